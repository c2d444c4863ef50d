"""The other transformers, really trained on the cipher: what is promised of one holds for all."""

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.helpers import CIPHER, draw_cipher_pairs, tiny_config
from translator.alignment import force_decode
from translator.config import Config, ModelConfig
from translator.data import Batch
from translator.data.layouts import Sequences
from translator.errors import DataError, RunError
from translator.functional import IGNORE_INDEX, cross_entropy_sum
from translator.generation import LanguageModel
from translator.model import build_model
from translator.runs import RunDirectory
from translator.server.app import create_app
from translator.training import (
    Finished,
    Plan,
    StepDone,
    Validated,
    WorkingWeights,
    loss_sum,
    train,
)
from translator.training.loss import _asked
from translator.translation import Translator
from translator.visualization.attention import (
    AttentionMap,
    attention_arrays,
    attention_maps,
    attention_page,
)

DECODER = {"architecture": "decoder_only", "decoder_layers": 2, "max_positions": 128}


def learned(folder: Path, **sections: Any) -> RunDirectory:
    """A tiny run with changed settings."""
    run, _ = trained(folder, **sections)
    return run


def cipher_file(folder: Path) -> Path:
    """The pairs of the cipher as a file in a folder."""
    corpus = folder / "cipher.en-es.tsv"
    lines = [f"{pair.source}\t{pair.target}\n" for pair in draw_cipher_pairs()]
    corpus.write_text("".join(lines), encoding="utf-8", newline="\n")
    return corpus


def trained(folder: Path, **sections: Any) -> tuple[RunDirectory, list[Any]]:
    values = tiny_config(cipher_file(folder)).model_dump(exclude_unset=True)
    name = sections.pop("name", "tiny")
    for section, changes in sections.items():
        values[section] = {**values.get(section, {}), **changes}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        events = list(train(Config.model_validate({**values, "name": name})))
    return RunDirectory(folder / "runs" / str(name)), events


@pytest.fixture(scope="module", params=["bidirectional", "causal"])
def decoder_run(request: pytest.FixtureRequest, tmp_path_factory: Any) -> RunDirectory:
    folder = tmp_path_factory.mktemp(request.param)
    longer = {"max_steps": 600, "validate_every_steps": 600}  # the cipher is harder for a prefix
    return learned(folder, model={**DECODER, "prefix_attention": request.param}, training=longer)


@pytest.fixture(scope="module")
def decoder(decoder_run: RunDirectory) -> Translator:
    return Translator.from_run(decoder_run.path, device="cpu")


SENTENCES = [
    "ana bebe nina banana",
    "baba ene benne",
    "anne nabe abba ana bebe",
    "nina",
    "",
    "ANA BEBE",
    "ene. anne nabe. ana!",
]


def test_a_decoder_alone_translates(decoder: Translator) -> None:
    found = [each.text for each in decoder.translate(SENTENCES[:3])]
    expected = [" ".join(CIPHER[word] for word in text.split()) for text in SENTENCES[:3]]
    right = sum(
        a == b
        for one, other in zip(found, expected, strict=True)
        for a, b in zip(one.split(), other.split(), strict=False)
    )
    assert right >= 9, found  # of 12 words


def test_as_many_lines_come_out_and_the_same_ones_in_any_company(decoder: Translator) -> None:
    together = [each.text for each in decoder.translate(SENTENCES)]
    assert len(together) == len(SENTENCES) and together[4] == ""
    alone = [decoder.translate([text])[0].text for text in SENTENCES]
    backwards = [each.text for each in decoder.translate(SENTENCES[::-1])][::-1]
    small = decoder.config.decoding.model_copy(update={"tokens_per_batch": 16})
    assert together == alone == backwards == [t.text for t in decoder.translate(SENTENCES, small)]


def test_its_score_is_that_of_one_pass_over_the_whole_sequence(decoder: Translator) -> None:
    for each in decoder.translate(SENTENCES[:3], details=True):
        [ids] = decoder.tokenizer.encode([each.source])
        [[best, *_]] = decoder.search([ids])
        log_probs, attention = force_decode(decoder.model, ids, best.tokens)
        assert sum(log_probs) == pytest.approx(best.log_prob, abs=1e-3)
        assert attention.shape == (len(best.tokens), len(ids) + 1)
        assert [token.log_prob for token in each.tokens] == pytest.approx(log_probs, abs=1e-4)
        assert each.alignment


def test_a_stream_gives_what_translate_gives(decoder: Translator) -> None:
    steps = decoder.stream(SENTENCES[-1])
    while True:
        try:
            next(steps)
        except StopIteration as end:
            assert end.value == decoder.translate([SENTENCES[-1]])[0]
            break


def test_its_one_kind_of_attention_can_be_looked_at(decoder: Translator) -> None:
    maps = attention_maps(decoder, SENTENCES[0])
    assert list(maps.kinds) == ["self_attention"]
    weights = maps.self_attention.weights
    assert weights.shape[-1] == len(maps.self_attention.keys)
    torch.testing.assert_close(torch.from_numpy(weights).sum(-1), torch.ones(weights.shape[:-1]))
    read = len(maps.source_attention.keys)
    future = weights[:, :, :read, :read][:, :, *torch.triu_indices(read, read, 1)]
    bidirectional = decoder.config.model.prefix_attention == "bidirectional"
    assert (future.max() > 0) == bidirectional
    assert weights[:, :, :read, read:].max() == 0  # no token of the source sees the target


def test_killed_training_of_a_decoder_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    short = {"max_steps": 24, "checkpoint_every_steps": 8, "validate_every_steps": 12}
    runs = {}
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
        settings = {"model": DECODER, "training": short}
        if name == "parts":
            values = tiny_config(cipher_file(tmp_path / name)).model_dump(exclude_unset=True)
            values["model"] |= DECODER
            values["training"] |= short
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(tmp_path / name)
                for event in train(Config.model_validate(values)):
                    if getattr(event, "step", 0) == 13 and not isinstance(event, Plan):
                        break  # between two checkpoints
        runs[name] = learned(tmp_path / name, **settings)
    whole, parts = (run.path / "model.safetensors" for run in runs.values())
    assert whole.read_bytes() == parts.read_bytes()


# --- objectives -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def texts(tmp_path_factory: Any) -> Path:
    """A file of single texts in both languages of the cipher."""
    file: Path = tmp_path_factory.mktemp("texts") / "texts.txt"
    lines = [side for pair in draw_cipher_pairs() for side in pair]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    return file


def losses(events: list[Any]) -> list[float]:
    return [event.scores["loss"] for event in events if isinstance(event, Validated)]


def test_a_language_model_learns_texts_and_goes_on_with_them(tmp_path: Path, texts: Path) -> None:
    run, events = trained(
        tmp_path,
        data={"train": {"path": str(texts)}},
        model=DECODER,
        training={"objective": "language_model", "max_steps": 120, "validate_every_steps": 40},
    )
    assert losses(events)[-1] < losses(events)[0]
    model = LanguageModel.from_run(run.path, device="cpu")
    text = model.generate("ana bebe", max_tokens=12)
    assert text.startswith("ana bebe") and text == model.generate("ana bebe", max_tokens=12)
    known = {*CIPHER, *CIPHER.values()}
    words = model.generate("", max_tokens=30).split()
    assert words and sum(word in known for word in words) >= len(words) / 2
    tokens = {"source_tokens", "decoder_input_tokens", "target_tokens"}
    looks = one_kind(run, "decoder_self_attention", tokens).weights
    assert np.triu(looks, 1).max() == 0  # at what was written, and nothing later
    greedy = model.config.decoding.greedy()
    [ids] = model.tokenizer.encode(["ana bebe"])
    with pytest.raises(RunError, match="objective is language_model"):
        Translator.from_run(run.path).translate(["ana"])
    assert model.generate("ana bebe", greedy, max_tokens=5) == _uncached(model, run, ids, 5)


def one_kind(run: RunDirectory, kind: str, tokens: set[str]) -> AttentionMap:
    """The one kind of attention of a run that learned texts, in all that is drawn of it."""
    maps = attention_maps(Translator.from_run(run.path, device="cpu"), "ana bebe")
    assert list(maps.kinds) == [kind] and not maps.translation
    assert kind in attention_page(maps)
    with np.load(io.BytesIO(attention_arrays(maps))) as arrays:
        assert tokens | {kind, "source", "translation"} == set(arrays.files)
    with pytest.raises(DataError, match="this model has no"):
        maps.source_attention.view()
    return maps.kinds[kind]


def _uncached(model: LanguageModel, run: RunDirectory, ids: list[int], count: int) -> str:
    """The most probable tokens, each from a pass over all before it."""
    transformer = run.read_trained("cpu").model.eval()
    written = [2, *ids]
    with torch.inference_mode():
        for _ in range(count):
            states = transformer(torch.tensor([written]))
            following = int(transformer.output(states[0, -1]).argmax())
            if following == 3:
                break
            written.append(following)
    return model.tokenizer.decode([written])[0]


def test_what_denoising_has_learned_is_taken_into_translation(tmp_path: Path, texts: Path) -> None:
    noisy, events = trained(
        tmp_path,
        name="noisy",
        data={"train": {"path": str(texts)}},
        training={"objective": "denoise", "max_steps": 60, "validate_every_steps": 30},
    )
    assert losses(events)[-1] < losses(events)[0]
    start = {"start_from": str(noisy.path), "max_steps": 40, "validate_every_steps": 20}
    run, events = trained(tmp_path, name="after", training=start)
    [plan] = [event for event in events if isinstance(event, Plan)]
    assert plan.taken == f"source embedding, encoder, decoder of {noisy.path}; new: nothing"
    assert isinstance(events[-1], Finished) and not events[-1].changes
    assert [event.step for event in events if isinstance(event, Validated)] == [20, 40]
    fresh, fresh_events = trained(tmp_path, name="fresh", training={**start, "start_from": None})
    assert losses(events)[-1] < losses(fresh_events)[-1]
    assert run.read_config().training.learning_rate == fresh.read_config().training.learning_rate


def test_a_run_of_another_objective_goes_on_where_its_start_is_no_more(
    tmp_path: Path, texts: Path
) -> None:
    denoise = {"objective": "denoise", "max_steps": 4, "validate_every_steps": 4}
    start, _ = trained(
        tmp_path, name="start", data={"train": {"path": str(texts)}}, training=denoise
    )
    values = tiny_config(cipher_file(tmp_path)).model_dump(exclude_unset=True)
    settings = {"start_from": str(start.path), "max_steps": 6, "checkpoint_every_steps": 2}
    config = Config.model_validate({**values, "name": "after", "training": settings})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        next(event for event in train(config) if isinstance(event, StepDone) and event.step == 5)
        shutil.rmtree(start.path)
        plan, *_, finished = train(config)
    assert isinstance(plan, Plan) and plan.first_step == 4
    assert isinstance(finished, Finished) and finished.completed


def test_denoising_goes_on_from_denoising(tmp_path: Path, texts: Path) -> None:
    denoise = {"objective": "denoise", "max_steps": 10, "validate_every_steps": 10}
    data = {"train": {"path": str(texts)}}
    first, _ = trained(tmp_path, name="first", data=data, training=denoise)
    start = {**denoise, "start_from": str(first.path)}
    run, events = trained(tmp_path, name="second", data=data, training=start)
    assert [event.step for event in events if isinstance(event, Validated)] == [0, 10]
    assert run.read_config().training.best_metric == "loss"
    assert run.read_config().training.learning_rate == first.read_config().training.learning_rate
    assert isinstance(events[-1], Finished) and events[-1].completed and not events[-1].changes


def test_the_encoder_of_a_masked_model_reads_for_a_new_decoder(tmp_path: Path, texts: Path) -> None:
    masked, events = trained(
        tmp_path,
        name="masked",
        data={"train": {"path": str(texts)}},
        model={"architecture": "encoder_only"},
        training={"objective": "masked", "max_steps": 60, "validate_every_steps": 30},
    )
    assert losses(events)[-1] < losses(events)[0]
    reader = Translator.from_run(masked.path, device="cpu")
    for translate in (reader.translate, lambda texts: create_app(reader)):
        with pytest.raises(RunError, match="objective is masked"):
            translate(["ana"])
    assert np.linalg.norm(reader.embed(["ana bebe", ""]), axis=1) == pytest.approx([1, 0])
    looks = one_kind(masked, "encoder_self_attention", {"source_tokens"}).weights
    assert np.triu(looks, 1).max() > 0
    _, events = trained(
        tmp_path,
        name="after",
        model={"architecture": "encoder_decoder"},
        training={"start_from": str(masked.path), "max_steps": 20},
    )
    [plan] = [event for event in events if isinstance(event, Plan)]
    assert plan.taken == f"source embedding, encoder of {masked.path}; new: decoder"
    before = masked.read_trained("cpu").model.state_dict()
    assert "encoder.norm.weight" in before


def test_both_sides_of_pairs_are_texts_to_denoise(tmp_path: Path) -> None:
    _, events = trained(tmp_path, training={"objective": "denoise", "max_steps": 2})
    [plan] = [event for event in events if isinstance(event, Plan)]
    counts = plan.counts["train"]
    assert counts.read == counts.kept + sum(counts.dropped.values())
    pairs = list(draw_cipher_pairs())
    sides = {text for pair in pairs for text in pair}
    held_out = plan.counts["valid"].kept * 2  # and as many to test on
    assert len(sides) - 2 * held_out <= counts.kept <= len(sides)


# --- the loss -------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.3, 0.74, 0.9])
def test_positions_that_ask_nothing_are_left_out_of_the_loss(share: float) -> None:
    torch.manual_seed(1)
    states = torch.randn(2000, 8, requires_grad=True)
    labels = torch.randint(0, 20, (2000,)).masked_fill(torch.rand(2000) > share, IGNORE_INDEX)
    weight = torch.randn(20, 8)
    chosen = _asked(labels)
    assert (chosen is None) == (int((labels != IGNORE_INDEX).sum()) > 1500)
    rows = torch.arange(2000) if chosen is None else chosen
    assert len(rows) % 128 == 0 or chosen is None
    whole, part = (
        cross_entropy_sum(states[each], weight, labels[each], 0.1) for each in (slice(None), rows)
    )
    torch.testing.assert_close(part, whole)
    gradients = [torch.autograd.grad(loss, states, retain_graph=True)[0] for loss in (whole, part)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("architecture", ["encoder_decoder", "decoder_only", "encoder_only"])
def test_both_passes_ask_nothing_of_the_host(architecture: str) -> None:
    """On `meta`, where no tensor has numbers, what would wait for a GPU fails."""
    layers = {"encoder_layers": 1, "decoder_layers": 1}
    shape = {"architecture": architecture, "d_model": 16, "num_heads": 2, "d_ff": 32, **layers}
    model = build_model(ModelConfig.model_validate(shape), 50).to("meta")
    weights = WorkingWeights(model, torch.bfloat16)
    half = Sequences(torch.full((16, 64), 5), torch.ones(16, 64, dtype=torch.long))
    labels = torch.full((16 * 64,), 5)
    labels[100:] = IGNORE_INDEX  # so few that they are picked out
    has_encoder, has_decoder = model.encoder is not None, model.decoder is not None
    batch = Batch(half if has_encoder else None, half if has_decoder else None, labels.view(16, 64))
    weights.train()
    loss = loss_sum(weights.model, batch, 0.1)
    loss.backward()
    weights.collect_gradients()
    assert loss.device.type == weights.gradients.device.type == "meta"
