"""The numbers of an explanation are those that the model computes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.commands import run_command
from tests.visualization.test_visualization import Links
from translator import attention_maps, explain
from translator.alignment import force_decode
from translator.errors import DataError
from translator.model import Attention, build_model
from translator.runs import RunDirectory
from translator.translation import Translator
from translator.visualization.attention import END, START
from translator.visualization.explanation import explanation_page

SENTENCE, TRANSLATION = "ana bebe nina banana", "oto tita rosa"
HEADS = 4
KINDS = {
    "encoder_decoder": ["encoder_self_attention", "decoder_self_attention", "cross_attention"],
    "decoder_only": ["self_attention"],
    "encoder_only": ["encoder_self_attention"],
    "language_model": ["decoder_self_attention"],
}


@pytest.fixture(scope="module")
def made(trained_run: RunDirectory) -> Callable[..., Translator]:
    """Untrained translators of two layers and four heads, of any architecture."""
    trained = Translator.from_run(trained_run.path, device="cpu")

    def make(architecture: str, **model: Any) -> Translator:
        objective = "language_model" if architecture == "language_model" else "translate"
        shape: dict[str, Any] = {"encoder_layers": 2, "decoder_layers": 2, "num_heads": HEADS}
        shape["architecture"] = architecture.replace("language_model", "decoder_only")
        if objective == "language_model":
            shape["prefix_attention"] = "causal"
        config = trained.config.model_copy(
            update={
                "model": trained.config.model.model_copy(update=shape | model),
                "training": trained.config.training.model_copy(update={"objective": objective}),
            }
        )
        torch.manual_seed(5)
        network = build_model(config.model, trained.tokenizer.vocabulary_size)
        return Translator(config, trained.tokenizer, network)

    return make


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("architecture", list(KINDS))
def test_all_heads_together_are_what_each_module_computes(
    made: Callable[..., Translator], architecture: str, norm: str
) -> None:
    translator = made(architecture, norm=norm)
    outputs: list[tuple[Attention, torch.Tensor]] = []
    begun: dict[Any, torch.Tensor] = {}
    put_out: dict[Any, torch.Tensor] = {}
    inputs: list[np.ndarray[Any, Any]] = []

    def keep(module: Any, arguments: Any, output: torch.Tensor) -> None:
        outputs.append((module, output[0]))

    def keep_states(layer: Any, arguments: Any, output: torch.Tensor) -> None:
        begun[layer], put_out[layer] = arguments[0][0], output[0]

    stacks = [each for each in (translator.model.encoder, translator.model.decoder) if each]
    layers = [list(stack.layers)[1] for stack in stacks]
    modules = [m for layer in layers for m in layer.modules() if isinstance(m, Attention)]
    hooks = [module.register_forward_hook(keep) for module in modules]
    hooks += [layer.register_forward_hook(keep_states) for layer in layers]
    hooks += [
        stack.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0][0].numpy()))
        for stack in stacks
    ]
    found = [explain(translator, SENTENCE, TRANSLATION, layer=1, head=n) for n in range(HEADS)]
    for hook in hooks:
        hook.remove()
    assert list(found[0].heads) == KINDS[architecture]
    for embedded, read in zip(found[0].embedded.values(), inputs, strict=False):
        np.testing.assert_allclose(embedded.states, read, rtol=1e-6)
    for kind, (module, output) in zip(KINDS[architecture], outputs, strict=False):
        results = np.concatenate([each.heads[kind].result for each in found], axis=1)
        expected = module.out_proj(torch.from_numpy(results))
        torch.testing.assert_close(expected, output)
        np.testing.assert_array_equal(found[0].all_heads[kind].mixed, output)
    for layer in layers:  # what attention adds to, and what is made of that
        x = begun[layer]
        for kind, (module, output) in zip(KINDS[architecture], outputs, strict=False):
            if module in [*layer.modules()]:
                made_of_it = found[0].all_heads[kind]
                is_last = kind == "cross_attention" or not hasattr(layer, "cross_attention")
                assert (made_of_it.put_out is not None) == is_last
                residual: Any = (
                    layer.cross_attention_residual
                    if kind == "cross_attention"
                    else layer.self_attention_residual
                )
                with torch.inference_mode():
                    x = x + output if norm == "pre" else residual.norm(x + output)
                np.testing.assert_allclose(made_of_it.added, x, atol=1e-6)
                assert len(found[0].steps(kind)) == 8 + is_last
        np.testing.assert_array_equal(made_of_it.put_out, put_out[layer])


@pytest.mark.parametrize("architecture", list(KINDS))
def test_its_weights_are_those_of_the_maps(
    made: Callable[..., Translator], architecture: str
) -> None:
    translator = made(architecture)
    found = explain(translator, SENTENCE, TRANSLATION, layer=1, head=2)
    maps = attention_maps(translator, SENTENCE, TRANSLATION)
    assert set(found.heads) == set(maps.kinds)
    for kind, head in found.heads.items():
        assert np.array_equal(head.weights, maps.kinds[kind].weights[1, 2])
        assert head.asked == maps.kinds[kind].keys
        root = np.sqrt(head.queries.shape[1])
        seen = np.isfinite(head.scores)
        np.testing.assert_allclose(
            head.scores[seen], (head.queries @ head.keys.T / root)[seen], atol=1e-6
        )
        np.testing.assert_allclose(head.result, head.weights @ head.values, atol=1e-6)
        assert seen.all() == ("encoder" in kind or kind == "cross_attention")


def test_the_next_tokens_have_the_probabilities_of_the_translation(
    trained_run: RunDirectory,
) -> None:
    translator = Translator.from_run(trained_run.path, device="cpu")
    found = explain(translator, "ana nabe")
    assert found.translation == "oto sisi"
    [ids] = translator.tokenizer.target.encode([found.translation])
    [source] = translator.tokenizer.encode(["ana nabe"])
    log_probs, _ = force_decode(translator.model, source, ids)
    written = [*translator.tokenizer.target.pieces(ids), END]
    assert [choice.after for choice in found.next_tokens] == [START, *written[:-1]]
    assert [choice.likeliest[0][0] for choice in found.next_tokens] == written
    np.testing.assert_allclose(
        [choice.likeliest[0][1] for choice in found.next_tokens], np.exp(log_probs), rtol=1e-5
    )


@pytest.mark.parametrize("architecture", list(KINDS))
def test_a_decoder_goes_on_and_an_encoder_alone_fills_in(
    made: Callable[..., Translator], architecture: str
) -> None:
    translator = made(architecture)
    found = explain(translator, SENTENCE, TRANSLATION)
    page = explanation_page(found)
    alone = architecture == "encoder_only"
    assert found.writes_on != alone
    assert ("Framed is the token that" in page) != alone
    marked = [choice.written is not None for choice in found.next_tokens]
    assert marked == [not alone] * len(marked)
    assert found.outcome == ("The token in each place" if alone else "The next token")
    assert f'<h2>{found.outcome}</h2>\n<p class="quiet">{found.outcome_origin}</p>' in page
    word = "at" if alone else "after"
    tokens = [choice.after for choice in found.next_tokens]
    rows = [f'<th scope="row">{word} {token}</th>' for token in tokens]
    assert [row in page for row in rows] == [True] * len(rows)
    if alone:  # every token that is read, with what the model fills in there
        assert tokens == list(found.embedded["encoder"].tokens)
        ids = torch.tensor([found.embedded["encoder"].ids])
        states = translator.model(ids, torch.ones_like(ids))
        likely = translator.model.output(states[0]).softmax(dim=-1).max(dim=-1).values
        np.testing.assert_allclose(
            [choice.likeliest[0][1] for choice in found.next_tokens], likely.detach(), rtol=1e-5
        )


def test_the_written_token_is_marked_and_shown_however_unlikely_it_is(
    made: Callable[..., Translator],
) -> None:
    translator = made("encoder_decoder")
    found = explain(translator, SENTENCE, TRANSLATION)  # which an untrained model finds unlikely
    [source], [ids] = map(translator.tokenizer.encode, ([SENTENCE], [TRANSLATION]))
    log_probs, _ = force_decode(translator.model, source, ids)
    written = [choice.likeliest[choice.written or 0] for choice in found.next_tokens]
    assert [token for token, _ in written] == [*translator.tokenizer.target.pieces(ids), END]
    np.testing.assert_allclose([p for _, p in written], np.exp(log_probs), rtol=1e-5)
    assert all(len(each.likeliest) == 3 + (each.written == 3) for each in found.next_tokens)
    page = explanation_page(found)
    assert page.count('class="more written"') == len(written)
    assert f"<h1><bdi>{found.source}</bdi> → <bdi>{found.translation}</bdi></h1>" in page


def test_what_cannot_be_explained_is_refused(made: Callable[..., Translator]) -> None:
    translator = made("encoder_decoder", decoder_layers=1)
    assert list(explain(translator, "ana", layer=1).heads) == ["encoder_self_attention"]
    for layer, head, absent in (
        (2, 0, "layer 3"),
        (0, 4, "head 5"),
        (2, 4, "layer 3 and no head 5"),
    ):
        with pytest.raises(DataError, match=f"there is no {absent} in this model") as error:
            explain(translator, "ana", layer=layer, head=head)
        assert error.value.hint == "Layers: 2 of the encoder, 1 of the decoder; heads: 4."
    with pytest.raises(DataError, match="there is no layer 3 in this model") as error:
        explain(made("encoder_only"), "ana", layer=2)
    assert error.value.hint == "Layers: 2 of the encoder; heads: 4."
    with pytest.raises(DataError, match="no text"):
        explain(translator, " ")
    with pytest.raises(DataError, match="no text"):
        explain(made("encoder_only"), " ")
    with pytest.raises(DataError, match=r"translation has .* looks at \d\d at once"):
        explain(made("decoder_only"), "ana bebe nina", "oto " * 60)  # both in one sequence
    seeing = translator.config.model.model_copy(update={"source": "image"})
    translator.config = translator.config.model_copy(update={"model": seeing})
    with pytest.raises(DataError, match="only texts"):
        explain(translator, "ana.png")


def test_the_command_shows_the_numbers_and_writes_the_page(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    words = ("explain", "ana bebe", "--run", trained_run.path)
    done = run_command(*words)
    assert done.returncode == 0, done
    found = explain(Translator.from_run(trained_run.path, device="cpu"), "ana bebe")
    assert done.stdout.startswith("ana bebe  →  oto tita\n\nWhat the encoder reads\n")
    for row in (found.heads["encoder_self_attention"].weights, found.embedded["encoder"].states):
        assert all(f"{value:.3f}" in done.stdout for value in row[0, :6])
    assert "In brackets: the token that was written" in done.stdout
    tokens = [choice.likeliest[choice.written or 0] for choice in found.next_tokens]
    brackets = [f"[{token} {probability:.3f}]" for token, probability in tokens]
    assert [each in done.stdout for each in brackets] == [True] * len(brackets)
    assert "What the decoder reads" not in done.stdout and "A row is named by" not in done.stdout
    encoding = found.all_heads["encoder_self_attention"]
    assert encoding.put_out is not None
    assert all(f"{value:.3f}" in done.stdout for value in encoding.put_out[-1, :6])
    done = run_command(*words, "--attention", "cross", "--head", "2")
    assert "What the decoder reads" in done.stdout and "head 2" in done.stdout
    assert "A row is named by the token that is read; " in done.stdout
    done = run_command(*words, "--html", tmp_path / "new" / "page.html")
    assert done.stdout == f"{tmp_path / 'new' / 'page.html'}\n"
    page = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert page == explanation_page(found)
    assert Links(page).found == [] and "<script" not in page
    for head in found.heads.values():
        assert all(f">{value:.3f}</td>" in page for value in head.values[-1])
    for layer in found.all_heads.values():
        assert all(f">{value:.3f}</td>" in page for value in layer.added[-1])
