"""Text in, text out, by a model that was really trained (on the cipher of conftest)."""

import copy
import itertools
import math
import random
import shutil
import threading
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.helpers import encoder_decoder, examples
from translator import Translator as PublicTranslator
from translator import attention_maps, explain
from translator.alignment import force_decode
from translator.config import DecodingConfig, dump_config
from translator.data import SentencePair
from translator.decoding import Beams
from translator.errors import RunError
from translator.hypotheses import Hypothesis, Round, Translation, loops, repeats, search_parts
from translator.inference import Engine, Past, batches_of_like_length
from translator.runs import RunDirectory
from translator.text.glossary import Glossary
from translator.text.parts import TextPart, split_long, whole_spans
from translator.text.placeholders import lost_numbers, lost_placeholders
from translator.text.sentences import split_sentences
from translator.tokenizer import BOS_ID, EOS_ID
from translator.translation import Translator, rules_of

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
    return [*(p.source for p in cipher_pairs[:40]), long, "ana", "zebra quux", "¿nina?", "ANA NINA"]


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


@pytest.mark.parametrize(
    "text",
    [
        *("12.50", "2024-01-05", "---", "* * *", "100%", "12:30", "😊", "...", " 5 ", "1.\n\n2."),
        *("(+34) 600 000 000", "£5", "٣٫٥", "१२", "№ 5", "♪ ♪", "👩‍👩‍👧", "½", "1–2"),
    ],
)
def test_a_text_without_a_letter_stays_as_it_is(translator: Translator, text: str) -> None:
    (translation,) = translator.translate([text], details=True)
    assert (translation.text, translation.score) == (text, 0.0)
    steps = translator.stream(text)
    assert list(steps) == []


def test_a_sentence_without_a_letter_stays_as_it_is(translator: Translator) -> None:
    text = "Ana bebe.\n12.50\nNina!\n* * *"
    first, second = translator.translate(["Ana bebe.", "Nina!"])
    [found] = translator.translate([text], details=True)
    assert found.text == f"{first.text}\n12.50\n{second.text}\n* * *"
    assert found.score == pytest.approx((first.score + second.score) / 2)
    *_, grown = translator.stream(text)
    assert grown.startswith(first.text)


@pytest.mark.parametrize(
    ("head", "tail"), [("1. ", ""), ("2.1. ", ""), ("- ", ""), ("• ", " 😊"), (">> ", " ♪")]
)
def test_what_is_around_a_sentence_stays_there(
    translator: Translator, head: str, tail: str
) -> None:
    text = f"{head}Ana bebe.{tail}\n{head}Nina"
    first, second = translator.translate(["Ana bebe.", "Nina"])
    [found] = translator.translate([text], details=True)
    assert found.text == f"{head}{first.text}{tail}\n{head}{second.text}"
    for source, target in found.alignment:
        assert source < len(text.split())
        assert target < len(found.text.split())


@pytest.mark.parametrize(
    "text",
    [
        *("Ana {name} bebe.", "Ana %s, bebe %(n)d.", "Nina {{ x }}", "Baba <%= y %> ana!"),
        *("Ana https://www.example.org/a_b?c=1 bebe.", "Nina a@example.org", "Ana 😊 bebe"),
        *("Ana 7 bebe.", "Ana 12.50 bebe 3", "ANA {n} BEBE", "Nina " * 40 + "{n} ana"),
        *("&Ana bebe", "_Nina", "<b>Ana</b> bebe"),
    ],
)
def test_placeholders_and_numbers_survive_a_translation(translator: Translator, text: str) -> None:
    [found] = translator.translate([text], details=True)
    assert lost_placeholders(text, found.text) == []
    assert lost_numbers(text, found.text) == []
    assert Counter(found.text)["{"] == Counter(text)["{"]
    [streamed] = _returned(translator.stream(text))
    assert streamed.text == found.text
    few = DecodingConfig(beam_size=1, max_length_ratio=0.1, max_length_extra=2)
    [short] = translator.translate([text], few)
    assert lost_placeholders(text, short.text) == []


def test_what_is_lost_is_searched_for_only_if_it_is_wanted(translator: Translator) -> None:
    text = "Ana {name} bebe 7 nina %(n)d."
    plain = translator.config.decoding.greedy()
    [found] = translator.translate([text], plain)
    assert lost_placeholders(text, found.text) and found.warnings == ()
    [again] = translator.translate([text], plain.model_copy(update={"recover_lost": True}))
    assert lost_placeholders(text, again.text) == []


def test_the_branches_of_a_message_are_translated(translator: Translator) -> None:
    first, second = (each.text for each in translator.translate(["ana", "nina bebe"]))
    message = "{n, plural, one {# ana} other {# nina bebe}}"
    [found] = translator.translate([message])
    assert found.text == f"{{n, plural, one {{# {first}}} other {{# {second}}}}}"


def _returned(steps: Generator[str, None, Translation]) -> Iterator[Translation]:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            yield end.value
            return


def test_what_cannot_be_found_again_is_reported(translator: Translator) -> None:
    def nothing(
        parts: Sequence[TextPart], rounds: deque[Round]
    ) -> Iterator[tuple[Sequence[int], list[list[Hypothesis]]]]:
        while rounds:
            indices, _ = rounds.popleft()
            yield indices, [[Hypothesis(oto, -1.0, -1.0)] for _ in indices]

    [oto] = map(tuple, translator.tokenizer.encode(["oto"]))
    processor = translator._processor
    [found] = search_parts(
        nothing, processor.parts(["Ana {n} bebe 7"]), DecodingConfig(), processor, lambda: ["Tom"]
    )
    assert processor.join([found.best]) == "{n} oto"
    assert found.warnings == ["the place of '{n}' was guessed", "'7' of the source is missing"]


def test_a_glossary_may_translate_what_has_no_letter(translator: Translator) -> None:
    terms, numbers = Glossary({"24/7": "sol"}), Glossary(keep=[r"\d+"])
    assert "sol" in translator.translate(["24/7"], glossary=terms)[0].text
    assert translator.translate(["12.50"], glossary=numbers)[0].text == "12.50"


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
        assert all(line == " ".join(line.split()) for line in text.split("\r\n"))


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


@torch.inference_mode()
def test_greedy_search_chooses_what_the_whole_prefix_makes_most_probable(
    translator: Translator,
) -> None:
    model, [source] = translator.model, translator.tokenizer.encode(["ana bebe nina"])
    [[found]] = translator.search([source], DecodingConfig(beam_size=1))
    ids = torch.tensor([[*source, EOS_ID]])
    target = [BOS_ID]
    while len(target) < 40 and (len(target) == 1 or target[-1] != EOS_ID):
        states = model(ids, torch.ones_like(ids), torch.tensor([target]))
        target.append(int(model.output(states)[0, -1].argmax()))
    assert (*found.tokens, EOS_ID) == tuple(target[1:])


@torch.inference_mode()
def test_the_log_probability_of_a_hypothesis_is_that_of_its_tokens(translator: Translator) -> None:
    model = translator.model
    sources = translator.tokenizer.encode(["ana bebe nina", "zebra", "abba"])
    for source, found in zip(sources, translator.search(sources), strict=True):
        ids = torch.tensor([[*source, EOS_ID]])
        target = torch.tensor([[BOS_ID, *found[0].tokens]])
        log_probs = model.output(model(ids, torch.ones_like(ids), target))[0].log_softmax(-1)
        labels = torch.tensor([*found[0].tokens, EOS_ID])
        expected = float(log_probs.gather(1, labels[:, None]).sum())
        assert found[0].log_prob == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_a_translation_keeps_to_the_length_limit(translator: Translator, beam_size: int) -> None:
    decoding = DecodingConfig(beam_size=beam_size, max_length_ratio=0.5, max_length_extra=1)
    ids = translator.tokenizer.encode(["ana", "ana bebe nina anne"])
    for source, found in zip(ids, translator.search(ids, decoding), strict=True):
        assert len(found[0].tokens) + 1 <= int(0.5 * (len(source) + 1)) + 1


def test_a_translation_keeps_to_the_least_length(translator: Translator) -> None:
    [source] = translator.tokenizer.encode(["ana bebe nina anne"])
    [[found]] = translator.search([source], DecodingConfig(beam_size=1, min_length_ratio=1.5))
    assert len(found.tokens) >= int(1.5 * len(source))


def test_a_translation_never_asks_for_more_positions_than_the_model_has(
    translator: Translator,
) -> None:
    decoding = DecodingConfig(beam_size=2, max_length_ratio=20.0, max_length_extra=1000)
    translator.translate(["ana " * 12, "🍕🍕🍕"], decoding)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("beam_size", [1, 5])
def test_neither_batch_nor_order_changes_a_bit_of_a_score(
    translator: Translator, sources: list[str], beam_size: int
) -> None:
    decoding = DecodingConfig(beam_size=beam_size, n_best=beam_size)
    together = translator.translate(sources[::-1], decoding)[::-1]
    assert together == [translator.translate([source], decoding)[0] for source in sources]


@examples(200)
@given(
    st.lists(st.integers(4, 6), max_size=6),
    st.lists(st.integers(4, 6), min_size=1, max_size=5),
    st.booleans(),
)
def test_only_its_end_may_follow_a_prefix_that_has_begun_to_loop(
    start: list[int], cycle: list[int], may_loop: bool
) -> None:
    ids = start + cycle * 12
    first = next(n for n in range(len(ids) + 1) if loops((), ids[:n]))
    [rule] = rules_of(
        [TextPart(0, (7,) * 20 if may_loop else (7,))], DecodingConfig(), torch.device("cpu")
    )
    zero, log_probs = torch.zeros(1, dtype=torch.long), torch.full((1, 8), -2.0)
    for n in (first - 1, first):
        prefix = torch.tensor(ids[:n])[None]
        beams = Beams(
            sentences=zero,
            limits=zero + 99,
            free=zero + 1,
            slots=1,
            owners=zero,
            places=zero,
            log_probs=torch.zeros(1),
            prefixes=prefix,
        )
        [found] = rule(beams, log_probs)
        only_the_end = torch.arange(8).ne(EOS_ID) & (n == first and not may_loop)
        assert torch.equal(found, log_probs[0].masked_fill(only_the_end, -math.inf))


def test_a_text_is_seen_to_grow_into_its_translation(translator: Translator) -> None:
    text = "ana bebe nina.\nBanana? ANA NINA! " + "anne " * 50 + "baba."
    decoding = translator.config.decoding.model_copy(update={"n_best": 3})
    for each in (text, "", "  ", "ana"):
        steps, seen = translator.stream(each, decoding), []
        while True:
            try:
                seen.append(next(steps))
            except StopIteration as end:
                assert end.value == translator.translate([each], decoding)[0]
                if not end.value.warnings:  # such as of a second search, which is shown at its end
                    assert len(seen) >= len(end.value.text.split())  # no two words at once
                break
    greedy = decoding.model_copy(update={"beam_size": 1, "n_best": 1})
    grown = list(translator.stream(text, greedy))
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(grown))
    assert grown[-1] == translator.translate([text], greedy)[0].text


def test_threads_that_share_a_translator_get_what_each_gets_alone(
    translator: Translator, sources: list[str]
) -> None:
    shares = [sources[start::4] for start in range(4)]
    alone = [translator.translate(share, details=True) for share in shares]
    found: dict[int, object] = {}

    def translate(index: int) -> None:
        for _ in range(3):
            found[index] = translator.translate(shares[index], details=True)

    threads = [threading.Thread(target=translate, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[index] for index in range(4)] == alone


class Counted:
    """An engine that counts: how many hypotheses each step has, and how often it encodes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.rows: list[int] = []
        self.encodes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def read(self, source: torch.Tensor) -> Past:
        self.encodes += 1
        return self._engine.read(source)

    def step(self, tokens: list[torch.Tensor], pasts: list[Past]) -> torch.Tensor:
        self.rows.append(sum(map(len, tokens)))
        return self._engine.step(tokens, pasts)


@pytest.fixture
def counted(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """The engine of the translator, which counts for this test."""
    counted = Counted(translator._engine)
    monkeypatch.setattr(translator, "_engine", counted)
    return counted


@pytest.mark.parametrize(
    "decoding",
    [
        DecodingConfig(beam_size=1),
        DecodingConfig(beam_size=5, n_best=5),
        DecodingConfig(beam_size=3, min_length_ratio=1.5, no_repeat_ngram_size=2),
        DecodingConfig(sampling=True, n_best=4),
    ],
)
@pytest.mark.parametrize("glossary", [None, Glossary({"ana": "oto"})])
def test_a_text_that_nobody_wants_any_more_leaves_the_others_alone(
    translator: Translator, counted: Counted, decoding: DecodingConfig, glossary: Glossary | None
) -> None:
    texts = ["ana bebe nina", "nina ana " * 8, "Baba ana. " * 5]
    alone = translator.translate(texts[:1], decoding, glossary=glossary)
    expected, counted.rows = counted.rows, []
    together = translator.translate(
        texts,
        decoding,
        glossary=glossary,
        wanted=lambda text: text == 0 or len(counted.rows) < 3,
    )
    assert together[:1] == alone
    assert counted.rows[2] > expected[2]
    assert counted.rows[3:] == expected[3:]  # as though nobody else had been there


def test_of_what_nobody_wants_any_more_no_job_begins(
    translator: Translator, counted: Counted
) -> None:
    text = "Ana bebe. " * 600
    translator.translate([text])
    whole, counted.encodes, counted.rows = counted.encodes, 0, []
    translator.translate([text], wanted=lambda _: len(counted.rows) < 3)
    assert len(counted.rows) == 3
    assert 1 <= counted.encodes < whole / 4


# Any text: no character is left out, surrogates and control characters neither.
any_text = st.text(st.characters(), max_size=12)


def test_any_thousand_texts_are_translated_one_for_one(translator: Translator) -> None:
    """One run of 20 times 50 texts; deadline and shrinking are left to hypothesis."""
    seen = 0

    @settings(max_examples=20, phases=[Phase.generate, Phase.shrink])
    @given(st.lists(any_text, min_size=50, max_size=50))
    def check(strange: list[str]) -> None:
        nonlocal seen
        seen += len(strange)
        greedy = DecodingConfig(beam_size=1, max_length_ratio=1.0)
        found = translator.translate(strange, greedy)
        assert [each.source for each in found] == strange
        for each in found:
            lines = (len(text.splitlines()) for text in (each.text, each.source or " "))
            assert next(lines) <= next(lines)

    check()
    assert seen >= 1000


# --- what else can be asked for -------------------------------------------------------------------


def test_alternatives_differ_and_come_best_first(translator: Translator) -> None:
    [found] = translator.translate(["ana bebe nina"], DecodingConfig(beam_size=5, n_best=5))
    scores = [each.score for each in found.alternatives]
    assert (found.alternatives[0].text, scores[0]) == (found.text, found.score)
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 5


def test_what_is_no_text_is_named(translator: Translator) -> None:
    nothing: Any = None
    number: Any = 3

    def said(function: Any, *arguments: Any) -> str:
        with pytest.raises(TypeError) as raised:
            function(*arguments)
        return str(raised.value)

    for name in ("translate", "embed"):
        function = getattr(translator, name)
        assert said(function, ["ana", nothing]) == f"{name}() takes texts, but at index 1 is None"
        assert said(function, [b"ana"]) == f"{name}() takes texts, but at index 0 is bytes"
        assert said(function, number) == f"{name}() takes a list of texts, not int"
    assert said(explain, translator, nothing) == "explain() takes a text, not None"
    assert said(attention_maps, translator, number) == "attention_maps() takes a text, not int"
    assert said(lambda: list(translator.stream(nothing))) == "stream() takes a text, not None"


def test_no_two_alternatives_are_the_same_text(translator: Translator, sources: list[str]) -> None:
    """Other pieces may spell the same text, and a cold model draws the same again and again."""
    for decoding in (
        DecodingConfig(beam_size=8, n_best=8),
        DecodingConfig(beam_size=8, n_best=3),
        DecodingConfig(sampling=True, temperature=0.01, n_best=3),
    ):
        for each in translator.translate(sources, decoding):
            found = [alternative.text for alternative in each.alternatives]
            scores = [alternative.score for alternative in each.alternatives]
            assert len(found) == len(set(found)) <= decoding.n_best
            assert scores == sorted(scores, reverse=True)
            assert (found[0], scores[0]) == (each.text, each.score)


def test_equal_alternatives_make_room_for_others(
    translator: Translator, sources: list[str]
) -> None:
    """Three are found wherever the whole beam has three different ones."""
    few, all_of_beam = (
        translator.translate(sources, DecodingConfig(beam_size=8, n_best=n)) for n in (3, 8)
    )
    for one, other in zip(few, all_of_beam, strict=True):
        assert one.alternatives == other.alternatives[:3]


def test_a_beam_grows_to_hold_all_alternatives(translator: Translator) -> None:
    [found] = translator.translate(["ana bebe nina"], DecodingConfig(beam_size=1, n_best=3))
    assert len(found.alternatives) == 3


def test_samples_come_from_the_seed_and_the_text_alone(
    translator: Translator, sources: list[str]
) -> None:
    decoding = DecodingConfig(sampling=True, temperature=3.0, n_best=3)
    found = translator.translate(sources, decoding)
    assert found == translator.translate(sources[::-1], decoding)[::-1]
    assert found[:5] == [translator.translate([source], decoding)[0] for source in sources[:5]]
    other = decoding.model_copy(update={"sampling_seed": 2})
    assert found != translator.translate(sources, other)


def test_tokens_are_those_of_the_text_and_their_log_probabilities_its_score(
    translator: Translator,
) -> None:
    decoding = DecodingConfig(length_penalty=0.0)
    [found] = translator.translate(["ana bebe nina"], decoding, details=True)
    assert found.text == "".join(t.piece for t in found.tokens[:-1]).replace("▁", " ").strip()
    assert found.tokens[-1].piece == "</s>"
    assert sum(token.log_prob for token in found.tokens) == pytest.approx(found.score, abs=1e-4)


def test_a_cipher_is_aligned_word_by_word(translator: Translator) -> None:
    [found] = translator.translate(["ana bebe nina abba"], details=True)
    words = len(found.text.split())
    assert [target for _, target in found.alignment] == list(range(words))
    assert found.pharaoh == " ".join(f"{i}-{j}" for i, j in found.alignment)
    assert {source for source, _ in found.alignment} <= set(range(4))


def test_the_alignment_of_a_long_text_counts_the_words_of_all_its_parts(
    translator: Translator, cipher_pairs: list[SentencePair]
) -> None:
    text = " ".join(pair.source for pair in cipher_pairs[:30])
    [found] = translator.translate([text], details=True)
    assert max(source for source, _ in found.alignment) > 40
    assert max(target for _, target in found.alignment) < len(found.text.split())


@pytest.mark.parametrize("beam_size", [1, 5])
def test_a_translation_begins_with_the_prefix(translator: Translator, beam_size: int) -> None:
    decoding = DecodingConfig(beam_size=beam_size)
    found = translator.translate(["ana bebe", "nina"], decoding, prefix="mar lila")
    assert all(each.text.startswith("mar lila") for each in found)


@pytest.mark.parametrize("beam_size", [1, 5])
def test_every_translation_holds_the_terms_of_its_glossary(
    translator: Translator, cipher_pairs: list[SentencePair], beam_size: int
) -> None:
    terms = {"ana": "lila mar", "bebe": "zebra", "abba": "ñandú"}
    glossary = Glossary(terms, keep=[r"\d+"])
    texts = [f"{pair.source} 4{i}" for i, pair in enumerate(cipher_pairs[:40])]
    found = translator.translate(texts, DecodingConfig(beam_size=beam_size), glossary=glossary)
    due = 0
    for each in found:
        for term in glossary.required(each.source):
            due += 1
            assert each.text.count(term) >= glossary.required(each.source).count(term)
        assert "missing" not in " ".join(each.warnings)
    assert due > 80


def test_a_glossary_changes_no_text_without_its_terms(
    translator: Translator, sources: list[str]
) -> None:
    glossary = Glossary({"nowhere": "nada"})
    assert translator.translate(sources, glossary=glossary) == translator.translate(sources)


@pytest.mark.parametrize("beam_size", [1, 5])
def test_a_term_by_itself_is_translated_by_its_target_alone(
    translator: Translator, beam_size: int
) -> None:
    glossary = Glossary({"ana": "ñandú lila"})
    found = translator.translate(
        ["ana", "Ana"], DecodingConfig(beam_size=beam_size), glossary=glossary
    )
    assert [each.text for each in found] == ["ñandú lila", "Ñandú lila"]
    assert not any(each.warnings for each in found)


def test_a_term_over_a_sentence_end_is_held(translator: Translator) -> None:
    glossary = Glossary({"ana! bebe": "lila! mar"})
    text = "Nina. Abba ana! bebe nina. Ene."
    [found] = translator.translate([text], glossary=glossary)
    assert "lila! mar" in found.text
    parts = [f"{part}" for part in whole_spans(split_sentences(text), glossary.spans(text))]
    assert len(parts) == 3


def test_what_a_translation_opens_is_closed(translator: Translator) -> None:
    beam = DecodingConfig(beam_size=4, n_best=3)
    [open_] = translator.translate(["ana bebe. Nina abba"], beam, prefix="¡oto")
    [plain] = translator.translate(["ana bebe. Nina abba"], beam, prefix="¡ oto")
    for each in open_.alternatives:
        first, _, second = each.text.partition("!")
        assert first.startswith("¡oto")
        assert "!" not in second
    assert "!" not in plain.text
    [asked] = translator.translate(["ana bebe"], prefix="¿oto", details=True)
    assert asked.text.endswith("?")
    assert "?" not in "".join(token.piece for token in asked.tokens)


def test_a_mark_is_closed_in_the_last_part_of_a_long_sentence(translator: Translator) -> None:
    [found] = translator.translate(["ana " * 60 + "bebe"], prefix="¡oto")
    assert "!" not in found.text  # whose parts cannot know


def test_a_prefix_that_repeats_itself_is_kept(translator: Translator) -> None:
    decoding = DecodingConfig(no_repeat_ngram_size=2)
    [found] = translator.translate(["ana bebe"], decoding, prefix="mar sol mar sol mar sol")
    assert found.text.startswith("mar sol mar sol mar sol")
    [found] = translator.translate(["ana bebe"], prefix="mar " * 12)
    assert found.text.startswith(("mar " * 12).strip())


def test_a_term_that_cannot_be_held_is_warned_of(translator: Translator) -> None:
    glossary = Glossary({"ana": "oto " * 60})
    [found] = translator.translate(["ana bebe"], glossary=glossary)
    assert "is missing" in " ".join(found.warnings)


def test_an_empty_translation_is_searched_again_and_said(translator: Translator) -> None:
    """A model whose end is always the most probable."""
    model = copy.deepcopy(translator.model)
    output = model.output.weight.detach().clone()
    untied = torch.nn.Linear(output.shape[1], output.shape[0])
    untied.weight = torch.nn.Parameter(output)
    untied.bias = torch.nn.Parameter(torch.zeros(len(output)))
    untied.bias.data[EOS_ID] = 100.0
    model.output = untied
    ends = Translator(translator.config, translator.tokenizer, model)
    found = ends.translate(["ana", "bebe"])
    for each in found:
        assert each.text
        assert each.warnings == ("the translation was empty; it was searched again",)


def test_a_translation_that_goes_round_is_searched_again_and_said(translator: Translator) -> None:
    """A model that hardly ever ends repeats itself until its limit."""
    model = copy.deepcopy(translator.model)
    output = torch.zeros_like(model.output.weight)
    output[10] = 1e-3
    model.output = torch.nn.Linear(output.shape[1], output.shape[0], bias=False)
    model.output.weight = torch.nn.Parameter(output)
    norm = encoder_decoder(model).decoder.norm
    assert isinstance(norm, torch.nn.LayerNorm)
    norm.weight.data.zero_()
    norm.bias.data.fill_(1.0)
    loops = Translator(translator.config, translator.tokenizer, model)
    [found] = loops.translate(["ana bebe nina"], DecodingConfig(beam_size=1))
    assert "the translation repeated itself; it was searched again" in found.warnings


def test_each_fault_is_mended_once_and_by_its_own_remedy(translator: Translator) -> None:
    """A search that goes round, then finds nothing, then goes round again, of three parts."""
    loop, nothing, good = ((5,) * 20, (), tuple(translator.tokenizer.encode(["ana"])[0]))
    finds = {0: [loop, nothing, loop], 1: [good], 2: [nothing, good]}
    asked: list[tuple[list[int], int, float]] = []

    def search(
        parts: Sequence[TextPart], rounds: deque[Round]
    ) -> Iterator[tuple[Sequence[int], list[list[Hypothesis]]]]:
        while rounds:
            indices, decoding = rounds.popleft()
            asked.append((list(indices), decoding.no_repeat_ngram_size, decoding.min_length_ratio))
            results = [[Hypothesis(finds[i].pop(0), -1.0, -1.0)] for i in indices]
            yield indices, results

    parts = translator._processor.parts(["ana", "bebe", "nina"])
    found = search_parts(search, parts, DecodingConfig(), translator._processor)
    assert asked == [([0, 1, 2], 0, 0.0), ([0], 3, 0.0), ([2], 0, 0.5), ([0], 0, 0.5)]
    assert [each.hypotheses[0].tokens for each in found] == [loop, good, good]
    assert [len(each.warnings) for each in found] == [2, 0, 1]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([5] * 9, True),
        ([5] * 8, False),  # "no no no" is no loop
        ([1, 2] * 5, True),
        ([1, 2] * 4, False),
        ([9, 8, *[1, 2, 3] * 4, 7], True),
        (list(range(50)), False),
        ([], False),
    ],
)
def test_a_loop_is_the_same_four_times_and_eight_ids_more(ids: list[int], expected: bool) -> None:
    assert repeats(ids) is expected


def test_sentences_are_translated_one_by_one_and_joined_by_their_spaces(
    translator: Translator,
) -> None:
    text = "Ana bebe.  Nina abba!"
    alone = texts(translator, ["Ana bebe.", "Nina abba!"])
    assert texts(translator, [text]) == ["  ".join(alone)]
    whole = DecodingConfig(split_sentences=False)
    [hypotheses] = translator.search(translator.tokenizer.encode([text]))
    assert (
        translator.translate([text], whole)[0].text
        == (translator.tokenizer.decode([hypotheses[0].tokens])[0])
    )


def test_bfloat16_finds_translations_that_float32_thinks_as_good(
    trained_run: RunDirectory, translator: Translator, sources: list[str]
) -> None:
    """It may find another one: which of two as good ones, rounding decides."""
    half = Translator.from_run(trained_run.path, device="cpu", precision="bfloat16")
    ids = translator.tokenizer.encode(sources[:40])
    for source, [ours, *_], [rounded, *_] in zip(
        ids, translator.search(ids), half.search(ids), strict=True
    ):
        log_probs, _ = force_decode(translator.model, source, rounded.tokens)
        assert sum(log_probs) > ours.log_prob - 0.5


# --- batches -------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(16, 200), st.integers(1, 9))
def test_batches_hold_each_sentence_once_within_the_budget(
    lengths: list[int], budget: int, most: int
) -> None:
    batches = list(batches_of_like_length(lengths, budget, most))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = len(batch) * (max(lengths[index] for index in batch) + 1)
        assert padded <= budget or len(batch) == 1
        assert len(batch) <= most


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
