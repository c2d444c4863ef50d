"""Text in, text out, by a model that was really trained (on the cipher of conftest)."""

import random
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from translator import Translator as PublicTranslator
from translator.config import DecodingConfig, dump_config
from translator.data import SentencePair
from translator.decoding import beam_search, greedy_search
from translator.errors import RunError
from translator.runs import RunDirectory
from translator.tokenizer import BOS_ID, EOS_ID, PAD_ID
from translator.translation import (
    ModelStepper,
    Translator,
    _batches_of_like_length,
    search,
    split_long,
)

STRANGE = {
    "emoji": "🍕 👩‍👩‍👧 🏳️‍🌈",
    "Chinese": "你好,世界。",
    "right to left": "مرحبا שלום",
    "5,000 characters": "ana bebe " * 555 + "nina.",
    "5,000 characters without a space": "x" * 5000,
    "1,500 emoji without a space": "🍕" * 1500,
    "NUL": "ana\0bebe",
    "only NUL": "\0",
    "line ends": "ana\r\nbebe\u2028nina",
    "a control token": "<s> ana </s> <pad>",
}


@pytest.fixture(scope="module")
def translator(trained_run: RunDirectory) -> Translator:
    return Translator.from_run(trained_run.path, device="cpu")


@pytest.fixture(scope="module")
def sources(cipher_pairs: list[SentencePair]) -> list[str]:
    """Sentences of many lengths, one longer than the model can see, some of unknown letters."""
    long = " ".join(pair.source for pair in cipher_pairs[:30])
    return [*(pair.source for pair in cipher_pairs[:40]), long, "ana", "zebra quux", "¿nina?"]


def texts(translator: Translator, sources: list[str], **changes: object) -> list[str]:
    decoding = translator.config.decoding.model_copy(update=changes)
    return [translation.text for translation in translator.translate(sources, decoding)]


# --- one for one ----------------------------------------------------------------------------------


def test_a_trained_model_has_learned_its_cipher(
    translator: Translator, cipher_pairs: list[SentencePair]
) -> None:
    found = texts(translator, [pair.source for pair in cipher_pairs])
    right = sum(text == pair.target for text, pair in zip(found, cipher_pairs, strict=True))
    assert right >= 0.9 * len(cipher_pairs)


def test_every_text_gets_its_translation_in_order(
    translator: Translator, sources: list[str]
) -> None:
    assert [each.source for each in translator.translate(sources)] == sources


def test_no_text_gets_no_translation(translator: Translator) -> None:
    assert translator.translate([]) == []


@pytest.mark.parametrize("blank", ["", " ", "\t  \n", "\u3000", "\u200b"])
def test_a_blank_text_stays_as_it_is(translator: Translator, blank: str) -> None:
    (translation,) = translator.translate([blank])
    assert (translation.text, translation.score) == (blank, 0.0)


def test_blank_texts_between_others_change_no_translation(translator: Translator) -> None:
    alone = texts(translator, ["ana bebe", "nina"])
    assert texts(translator, ["", "ana bebe", " ", "nina", ""]) == ["", alone[0], " ", alone[1], ""]


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("beam_size", [1, 2])
def test_a_strange_text_gets_some_translation(
    translator: Translator, text: str, beam_size: int
) -> None:
    assert len(texts(translator, [text, "ana bebe"], beam_size=beam_size)) == 2


def test_a_translation_of_many_parts_has_no_stray_spaces(translator: Translator) -> None:
    for text in texts(translator, list(STRANGE.values()), beam_size=1):
        assert text == " ".join(text.split())


def test_a_long_text_gets_the_translations_of_its_parts(
    translator: Translator, cipher_pairs: list[SentencePair]
) -> None:
    text = " ".join(pair.source for pair in cipher_pairs[:30])
    (ids,) = translator.tokenizer.encode([text])
    limit = translator.config.data.max_tokens_per_sentence
    parts = list(split_long(ids, translator.tokenizer.pieces(ids), limit))
    assert len(parts) > 1
    assert texts(translator, [text]) == [
        " ".join(texts(translator, translator.tokenizer.decode(parts)))
    ]


def test_a_score_is_a_log_probability_over_a_penalty(translator: Translator) -> None:
    assert all(each.score < 0.0 for each in translator.translate(["ana bebe", "zebra quux"]))


def test_the_package_offers_the_translator_at_its_top() -> None:
    assert PublicTranslator is Translator


# --- what must not change a translation -----------------------------------------------------------


@pytest.mark.parametrize("beam_size", [1, 5])
@pytest.mark.parametrize("tokens_per_batch", [16, 64, 100_000])
def test_the_batch_size_changes_no_translation(
    translator: Translator, sources: list[str], beam_size: int, tokens_per_batch: int
) -> None:
    usual = texts(translator, sources, beam_size=beam_size)
    assert texts(translator, sources, beam_size=beam_size, tokens_per_batch=tokens_per_batch) == (
        usual
    )


@pytest.mark.parametrize("beam_size", [1, 5])
def test_the_order_of_the_texts_changes_no_translation(
    translator: Translator, sources: list[str], beam_size: int
) -> None:
    order = random.Random(1).sample(range(len(sources)), len(sources))
    usual = texts(translator, sources, beam_size=beam_size, tokens_per_batch=64)
    shuffled = texts(
        translator, [sources[i] for i in order], beam_size=beam_size, tokens_per_batch=64
    )
    assert shuffled == [usual[i] for i in order]


def test_greedy_search_is_a_beam_of_one(translator: Translator, sources: list[str]) -> None:
    ids = [[*each[:40], EOS_ID] for each in translator.tokenizer.encode(sources)]
    limits = torch.full((len(ids),), 50)
    width = max(len(each) for each in ids)
    padded = torch.tensor([[*each, *[PAD_ID] * (width - len(each))] for each in ids])
    with torch.inference_mode():
        steppers = [ModelStepper(translator.model, padded) for _ in range(2)]
    greedy = greedy_search(steppers[0], limits, bos=BOS_ID, eos=EOS_ID, penalty=1.0)
    beam = beam_search(steppers[1], limits, bos=BOS_ID, eos=EOS_ID, beam_size=1, penalty=1.0)
    assert [each[0].tokens for each in beam] == [each.tokens for each in greedy]


@torch.inference_mode()
def test_greedy_search_chooses_what_the_whole_prefix_makes_most_probable(
    translator: Translator,
) -> None:
    model, cpu = translator.model, torch.device("cpu")
    source = [*translator.tokenizer.encode(["ana bebe nina"])[0], EOS_ID]
    (found,) = search(model, [source], DecodingConfig(beam_size=1), cpu)
    ids = torch.tensor([source])
    target = [BOS_ID]
    while len(target) < 40 and (len(target) == 1 or target[-1] != EOS_ID):
        states = model(ids, torch.ones_like(ids), torch.tensor([target]))
        target.append(int(model.output(states)[0, -1].argmax()))
    assert (*found.tokens, EOS_ID) == tuple(target[1:])


@torch.inference_mode()
def test_the_log_probability_of_a_hypothesis_is_that_of_its_tokens(translator: Translator) -> None:
    model, cpu = translator.model, torch.device("cpu")
    sources = [
        [*ids, EOS_ID] for ids in translator.tokenizer.encode(["ana bebe nina", "zebra", "abba"])
    ]
    for source, found in zip(sources, search(model, sources, DecodingConfig(), cpu), strict=True):
        ids, target = torch.tensor([source]), torch.tensor([[BOS_ID, *found.tokens]])
        log_probs = model.output(model(ids, torch.ones_like(ids), target))[0].log_softmax(-1)
        labels = torch.tensor([*found.tokens, EOS_ID])
        expected = float(log_probs.gather(1, labels[:, None]).sum())
        assert found.log_prob == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_a_translation_keeps_to_the_length_limit(translator: Translator, beam_size: int) -> None:
    decoding = DecodingConfig(beam_size=beam_size, max_length_ratio=0.5, max_length_extra=1)
    ids = [[*each, EOS_ID] for each in translator.tokenizer.encode(["ana", "ana bebe nina anne"])]
    for source, found in zip(
        ids, search(translator.model, ids, decoding, torch.device("cpu")), strict=True
    ):
        assert len(found.tokens) + 1 <= int(0.5 * len(source)) + 1


def test_a_translation_never_asks_for_more_positions_than_the_model_has(
    translator: Translator,
) -> None:
    decoding = DecodingConfig(beam_size=2, max_length_ratio=20.0, max_length_extra=1000)
    translator.translate(["ana " * 12, "🍕🍕🍕"], decoding)


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 3))
@torch.inference_mode()
def test_a_stepper_that_is_reordered_equals_fresh_steppers(
    translator: Translator, seed: int, sentences: int, slots: int
) -> None:
    draw = random.Random(seed)
    size = translator.tokenizer.vocabulary_size
    source = torch.tensor(
        [
            [draw.randrange(4, size) for _ in range(n)] + [PAD_ID] * (5 - n)
            for n in draw.choices(range(1, 6), k=sentences)
        ]
    )
    stepper = ModelStepper(translator.model, source)
    hypotheses: list[tuple[int, list[int]]] = [(sentence, []) for sentence in range(sentences)]
    for _ in range(4):
        tokens = [draw.randrange(4, size) for _ in hypotheses]
        for (_, prefix), token in zip(hypotheses, tokens, strict=True):
            prefix.append(token)
        found = stepper.step(torch.tensor(tokens))
        for row, (sentence, prefix) in enumerate(hypotheses):
            fresh = ModelStepper(translator.model, source[sentence : sentence + 1])
            for token in prefix:
                expected = fresh.step(torch.tensor([token]))
            torch.testing.assert_close(found[row], expected[0], rtol=1e-4, atol=1e-4)
        alive = sorted({sentence for sentence, _ in hypotheses})
        kept = sorted(draw.sample(alive, draw.randint(1, len(alive))))
        rows = [
            draw.choice([row for row, (owner, _) in enumerate(hypotheses) if owner == sentence])
            for sentence in kept
            for _ in range(slots)
        ]
        stepper.reorder(torch.tensor(rows))
        hypotheses = [(hypotheses[row][0], [*hypotheses[row][1]]) for row in rows]


# --- long texts -----------------------------------------------------------------------------------

pieces = st.lists(
    st.sampled_from(["▁", "▁a", "b", ".", "▁.", ",", "…", "<0xF0>", "▁c;", "?"]), max_size=60
)
limits = st.integers(2, 20)


@given(pieces, limits)
def test_the_parts_of_a_long_text_join_to_the_whole(pieces: list[str], limit: int) -> None:
    ids = list(range(len(pieces)))
    assert [i for part in split_long(ids, pieces, limit) for i in part] == ids


@given(pieces, limits)
def test_no_part_is_empty_or_over_the_limit(pieces: list[str], limit: int) -> None:
    parts = split_long(list(range(len(pieces))), pieces, limit)
    assert all(1 <= len(part) <= limit for part in parts)


@given(pieces, limits)
def test_a_text_within_the_limit_is_one_part(pieces: list[str], limit: int) -> None:
    ids = list(range(min(len(pieces), limit)))
    assert list(split_long(ids, pieces[:limit], limit)) == [ids] * bool(ids)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("▁a . ▁b ▁c ▁d", 4, ["▁a . ▁b ▁c", "▁d"]),  # a sentence end before the half is too early
        ("▁a ▁b . ▁c ▁d", 4, ["▁a ▁b .", "▁c ▁d"]),
        ("▁a ▁b . ▁c , ▁d ▁e", 6, ["▁a ▁b . ▁c ,", "▁d ▁e"]),
        ("▁a ▁b ▁c . ▁d , ▁e ▁f", 6, ["▁a ▁b ▁c .", "▁d , ▁e ▁f"]),  # rather than at the comma
        ("▁a ▁b c d e", 4, ["▁a ▁b c d", "e"]),
        ("▁a ▁b ▁c d e", 4, ["▁a ▁b ▁c d", "e"]),
        ("▁a b ▁c ▁d e", 4, ["▁a b ▁c", "▁d e"]),
        ("a b c d e", 2, ["a b", "c d", "e"]),
    ],
)
def test_a_long_text_is_cut_at_the_best_place(text: str, limit: int, expected: list[str]) -> None:
    words = text.split()
    parts = split_long(list(range(len(words))), words, limit)
    assert [" ".join(words[i] for i in part) for part in parts] == expected


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(16, 200))
def test_batches_hold_each_sentence_once_within_the_budget(lengths: list[int], budget: int) -> None:
    sentences = [[5] * length for length in lengths]
    batches = list(_batches_of_like_length(sentences, budget))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = len(batch) * (max(lengths[index] for index in batch) + 1)
        assert padded <= budget or len(batch) == 1


# --- runs that cannot translate -------------------------------------------------------------------


@pytest.fixture
def copied_run(trained_run: RunDirectory, tmp_path: Path) -> RunDirectory:
    """The three files that translate, alone in another place."""
    copy = RunDirectory(tmp_path / "copy")
    copy.path.mkdir()
    for file in (trained_run.config_file, trained_run.tokenizer_file, trained_run.model_file):
        shutil.copy(file, copy.path)
    return copy


def test_three_files_are_enough_to_translate(
    translator: Translator, copied_run: RunDirectory, sources: list[str]
) -> None:
    copied = Translator.from_run(str(copied_run.path), device="cpu")
    assert texts(copied, sources, beam_size=1) == texts(translator, sources, beam_size=1)


@pytest.mark.parametrize(
    "change",
    [{"d_ff": 128}, {"encoder_layers": 2}, {"norm": "post"}, {"tie_embeddings": False}],
    ids=str,
)
def test_a_model_of_another_shape_than_its_configuration_is_refused(
    copied_run: RunDirectory, change: dict[str, object]
) -> None:
    config = copied_run.read_config()
    model = config.model.model_copy(update=change)
    other = dump_config(config.model_copy(update={"model": model}))
    copied_run.config_file.write_text(other, encoding="utf-8")
    with pytest.raises(RunError, match="does not have the shape"):
        Translator.from_run(copied_run.path)


def test_a_damaged_model_is_refused(copied_run: RunDirectory) -> None:
    copied_run.model_file.write_bytes(copied_run.model_file.read_bytes()[:-100])
    with pytest.raises(RunError, match="damaged"):
        Translator.from_run(copied_run.path)


def test_a_run_without_a_model_is_refused(copied_run: RunDirectory) -> None:
    copied_run.model_file.unlink()
    with pytest.raises(RunError, match=r"holds no model\.safetensors"):
        Translator.from_run(copied_run.path)
