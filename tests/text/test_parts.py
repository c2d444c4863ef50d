"""Texts as parts and back, by the tokenizer of the trained cipher."""

import unicodedata
from collections import deque
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.config import DecodingConfig
from translator.hypotheses import Hypothesis, Round, copied_words
from translator.runs import RunDirectory
from translator.text.glossary import Glossary
from translator.text.parts import TextPart, TextProcessor, split_long
from translator.text.sentences import split_sentences


@pytest.fixture(scope="module")
def processor(trained_run: RunDirectory) -> TextProcessor:
    return TextProcessor(trained_run.read_config(), trained_run.read_tokenizer())


# --- parts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", [True, False])
def test_what_the_parts_say_is_the_text(processor: TextProcessor, split: bool) -> None:
    """The languages of the cipher share a tokenizer, so the source is its own translation."""
    text = "Ana bebe.  Nina abba!\nBaba " + "ana " * 80 + "nina. ANA NINA"
    parts = processor.parts(["", text, " "], split=split)
    assert {part.text for part in parts} == {1}
    joined = processor.join((part, part.ids) for part in parts)
    assert joined.split() == text.split()
    assert ("\n" in joined) == split


def test_what_is_longer_than_any_word_is_copied(processor: TextProcessor) -> None:
    run, stack = "x1y" * 50, "a" + "\u0301" * 500
    assert processor.parts([run, stack, f"({run})."]) == []  # such a text stays as it is
    text = f"Ana bebe  ({run}), nina.\n{stack} abba"
    parts = processor.parts([text])
    assert [part.sentence for part in parts if not part.is_kept] == ["Ana bebe", "nina.", "abba"]
    joined = processor.join((part, part.ids) for part in parts)
    assert joined == unicodedata.normalize("NFC", text)
    assert len(processor.parts([f"{run}\n"], keep=False)) > 1


def test_who_does_not_translate_sees_what_is_kept(processor: TextProcessor) -> None:
    texts = ["12.50", "Ana. 5"]
    assert {part.text for part in processor.parts(texts)} == {1}
    assert {part.text for part in processor.parts(texts, keep=False)} == {0, 1}


def test_the_parts_of_a_sentence_know_it_and_that_it_goes_on(processor: TextProcessor) -> None:
    text = "Ana bebe. Nina " + "ana " * 80 + "nina."
    sentences = [sentence for sentence, _ in split_sentences(text)]
    parts = processor.parts([text])
    assert len(parts) > 2
    assert [part.sentence for part in parts if not part.goes_on] == sentences
    assert {part.sentence for part in parts if part.goes_on} == {sentences[1]}


def test_capitals_come_back_unless_a_prefix_forbids_them(processor: TextProcessor) -> None:
    [loud] = processor.parts(["ANA NINA BEBE"])
    assert processor.text(loud, loud.ids) == "ANA NINA BEBE"
    [quiet] = processor.parts(["ANA NINA BEBE"], prefix="oto")
    assert (loud.in_capitals, quiet.in_capitals) == (True, False)
    [fitting] = processor.parts(["ANA NINA BEBE"], prefix="OTO")
    assert fitting.in_capitals
    assert processor.text(fitting, fitting.prefix) == "OTO"


def test_the_first_part_of_each_text_begins_with_the_prefix(processor: TextProcessor) -> None:
    parts = processor.parts(["Ana. Nina.", "", "Bebe. Abba."], prefix="oto")
    assert [(part.text, bool(part.prefix)) for part in parts] == [
        *((0, True), (0, False)),
        *((2, True), (2, False)),
    ]


def test_each_part_holds_the_terms_of_what_it_says(processor: TextProcessor) -> None:
    glossary = Glossary({"bebe": "mar", "ana! nina": "sol"})
    text = "Ana. bebe bebe! Ana! Nina abba. " + "ana " * 80 + "bebe."
    parts = processor.parts([text], glossary=glossary)
    found = [part.required for part in parts if part.required]
    assert found == [("mar", "mar"), ("sol",), ("mar",)]
    assert parts[-1].required == ("mar",)  # and no piece of the sentence before it
    assert processor.missing_terms(parts[-1], "el mar") == []
    assert processor.missing_terms(parts[-1], "el sol") == ["mar"]
    assert parts[-1].required_tokens == sum(map(len, parts[-1].terms)) > 0


def test_a_term_at_the_beginning_is_read_with_a_small_letter(processor: TextProcessor) -> None:
    glossary = Glossary({"bebe": "mar", "Ana": "Oto"})
    for text, read in (("Bebe nina.", "bebe nina."), ("(Bebe) nina", "(bebe) nina")):
        [part], [small] = (processor.parts([each], glossary=glossary) for each in (text, read))
        assert (part.ids, part.required) == (small.ids, small.required)
        assert processor.text(part, part.ids) == text
        assert processor.text(small, small.ids) == read
        assert processor.missing_terms(part, "Mar nina") == []
        assert processor.missing_terms(part, "Nina") == ["mar"]
    for text in ("Ana nina.", "BEBE NINA.", "Nina bebe."):
        assert processor.parts([text], glossary=glossary)[0].ids == processor.parts([text])[0].ids


def test_what_is_a_term_and_nothing_else_has_no_other_translation(processor: TextProcessor) -> None:
    glossary = Glossary({"bebe": "mar", "bebe nina": "sol"})
    texts = ["bebe", "Bebe nina", "bebe bebe", "bebe.", "nina"]
    parts = processor.parts(texts, glossary=glossary)
    assert [part.is_term for part in parts] == [True, True, False, False, False]


def test_a_term_touches_the_mark_that_opens_before_it(processor: TextProcessor) -> None:
    [part] = processor.parts(["bebe bebe"], glossary=Glossary({"bebe": "mar"}))
    for written, shown in (
        ("ana ( mar)", "ana (mar)"),
        ('" mar" ana', '"mar" ana'),
        ('"ana" mar', '"ana" mar'),
        ("¿ mar?", "¿mar?"),
        ("( ana)", "( ana)"),
    ):
        [ids] = processor._tokenizer.target.encode([written])
        assert processor.text(part, ids) == shown


def test_nobody_waits_for_a_part_that_is_not_wanted() -> None:
    assert TextPart(0, ()).is_wanted
    assert not TextPart(0, (), wanted=lambda: False).is_wanted


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
        ("a b c 。 d e", 5, ["a b c 。", "d e"]),
        ("a b c ， d 。 e", 6, ["a b c ， d 。", "e"]),
        ("a b c ， d e f", 6, ["a b c ，", "d e f"]),
        ("▁a ▁b ؟ ▁c ▁d", 4, ["▁a ▁b ؟", "▁c ▁d"]),
        ("a b c <0xE2> <0x82> <0xAC>", 4, ["a b c", "<0xE2> <0x82> <0xAC>"]),
        ("<0xE2> <0x82> <0xAC> " * 3, 4, ["<0xE2> <0x82> <0xAC>"] * 3),
    ],
)
def test_a_long_text_is_cut_at_the_best_place(text: str, limit: int, expected: list[str]) -> None:
    words = text.split()
    parts = split_long(list(range(len(words))), words, limit)
    assert [" ".join(words[i] for i in part) for part in parts] == expected


def test_a_name_is_no_word_in_small_letters(trained_run: RunDirectory) -> None:
    """Stand-ins are looked for in whatever case: Spanish `con` would be taken for one."""
    processor = TextProcessor(trained_run.read_config(), trained_run.read_tokenizer())
    processor.__dict__["_pieces"] = ["▁Con", "▁con", "▁Tom", "tom", "Ana", "▁NATO", "▁Boston"]
    assert processor.names == ["Tom", "Boston"]


def test_what_stands_in_capitals_hides_no_capitals(trained_run: RunDirectory) -> None:
    tokenizer = trained_run.read_tokenizer()
    processor = TextProcessor(trained_run.read_config(), tokenizer)
    [part] = processor.parts(["ANA {X} BEBE"])
    searched = processor.constrained(part, ["Supongamos"])
    assert searched.stand_ins == (("Supongamos", "{X}"),)
    assert tokenizer.decode([part.ids, searched.ids])[1].split()[::2] == ["Ana", "bebe"]


def test_of_a_broken_model_no_word_is_copied(trained_run: RunDirectory) -> None:
    processor = TextProcessor(trained_run.read_config(), trained_run.read_tokenizer())

    def search(
        parts: Sequence[TextPart], rounds: deque[Round]
    ) -> Iterator[tuple[Sequence[int], list[list[Hypothesis]]]]:
        yield range(len(parts)), [[] for _ in parts]

    processor.__dict__["names"] = ["Ana"]
    assert copied_words(search, DecodingConfig(), processor) == []
