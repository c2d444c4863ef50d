"""Where sentences end; nothing of a text is ever lost."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.text.sentences import (
    close_marks,
    head_of,
    join_sentences,
    split_sentences,
    tail_of,
)


@pytest.mark.parametrize(
    "sentences",
    [
        ["One sentence"],
        ["He left.", "She stayed."],
        ["Why?", "Because!", "So…", "Yes."],
        ["Mr. Smith met Dr. Jones at 5 p.m. on Monday."],
        ["J. R. R. Tolkien wrote it."],
        ["It costs 3.5 dollars, i.e. little."],
        ["Am I?", "It is I.", "We are."],
        ["“Come here!” he said.", "She came."],
        ['He said "no."', "Then he left."],
        ["(It rained.)", "We stayed."],
        ["Yahoo! is a company."],
        ["¿Qué?", "¡No!", "¿Por qué no?"],
        ["Wait... what?", "Nothing."],
        ["See fig. 3 and art. 5 of vol. 2."],
        ["U.S. Steel is old."],
        ["version 1.2.3 is out.", "Get it."],
        ["هل هو هنا؟", "نعم."],
        ["یہ گھر ہے۔", "وہ آیا۔"],
        ["यह घर है।", "वह आया।"],
    ],
    ids=lambda sentences: sentences[0][:20],
)
def test_a_text_is_split_where_its_sentences_end(sentences: list[str]) -> None:
    assert [sentence for sentence, _ in split_sentences(" ".join(sentences))] == sentences


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["10 a.m. Monday is fine.", "Ok."]),
        ("en", ["5 p.m. Mr. Jones came."]),
        ("en", ["He came at 5 p.m. Monday.", "She left at 6 p.m. on Tuesday."]),
        ("en", ["He came at 5 p.m.", "Mr. Jones left."]),
        ("en", ["Ph.D. Smith left."]),
        ("en", ["J.K. Rowling wrote it."]),
        ("en", ["Use approx. 5 eggs.", "Mix."]),
        ("en", ["It is a fruit, i.e. that one."]),
        ("en", ["The answer is no.", "She left."]),
        ("en", ["He won in 1999.", "She lost."]),
        ("es", ["Vive en EE. UU. desde 1990."]),
        ("es", ["Son las 5 p. m. en punto.", "Adiós."]),
        ("es", ["D.ª Ana vino.", "Bien."]),
        ("es", ["Costó aprox. 5 euros."]),
        ("de", ["Am 3. Juli war es schön.", "Ja."]),
        ("de", ["Das ist z. B. gut.", "Ja."]),
        ("de", ["Der 2. Weltkrieg war im 20. Jahrhundert."]),
        ("de", ["Er gewann 1999.", "Sie verlor."]),
        ("fr", ["M. Dupont est là.", "Oui."]),
        ("fr", ["Mme. Dupont et MM. Durand sont là."]),
        ("pt-BR", ["O Sr. Silva e a Sra. Dias vieram.", "Sim."]),
        ("ru", ["Он родился в 1990 г. в Москве.", "Да."]),
        ("el", ["Τι είναι;", "Είναι σπίτι."]),
        ("hy", ["Սա տուն է։", "Նա եկավ։"]),
        ("am", ["ይህ ቤት ነው።", "እሱ መጣ።"]),
        ("my", ["ဒါအိမ်ပါ။", "သူလာတယ်။"]),
    ],
)
def test_each_language_has_its_own_rules(language: str, sentences: list[str]) -> None:
    text = " ".join(sentences)
    assert [sentence for sentence, _ in split_sentences(text, language)] == sentences


@pytest.mark.parametrize(
    ("line", "head"),
    [
        *(("1. First, we go.", "1. "), ("2.1. My sister.", "2.1. "), ("2) Where?", "2) ")),
        *(("a) First", "a) "), ("(3)  Third", "(3)  "), ("[1] Source", "[1] ")),
        *(("IV. Chapter", "IV. "), ("I. Chapter", "I. "), ("c. Third", "c. ")),
        *(("- Milk", "- "), ("  • Milk", "  • "), (">> Where?", ">> "), ("> > Hi", "> > ")),
        *(
            ("- [x] Done", "- [x] "),
            ("😊 Hi", "😊 "),
            (">>es<< Hi", ">>es<< "),
            ("♪ La", "♪ "),
            ("— Hola", "— "),
        ),
        *(("-5 degrees", ""), ("I am", ""), ("A. Smith came.", ""), ("3.5 tons", "")),
        *(("12.50", ""), ("1.", ""), ("…and so", ""), ('"Yes"', ""), ("100 men", ""), ("", "")),
    ],
)
def test_the_head_of_a_line_is_no_part_of_its_sentence(line: str, head: str) -> None:
    assert head_of(line, "en") == head
    assert len(split_sentences(line)) <= 1


def test_a_line_longer_than_a_window_is_cut_like_a_short_one() -> None:
    sentence = "Mr. Smith came at 5 p.m. Monday."
    assert split_sentences(" ".join([sentence] * 1000)) == [
        *[(sentence, " ")] * 999,
        (sentence, ""),
    ]
    assert split_sentences("a" * 10_000) == [("a" * 10_000, "")]


def test_a_date_is_no_head_where_ordinals_have_a_full_stop() -> None:
    assert head_of("3. Juli war schön.", "de") == ""
    assert head_of("3. Zuerst gehen wir.", "de") == "3. "


@pytest.mark.parametrize(
    ("sentence", "tail"),
    [
        *(("I love you 😊", " 😊"), ("Great!👍🏽👩‍👩‍👧", "👍🏽👩‍👩‍👧"), ("♪ La la ♪", " ♪")),
        *(("I am 5", ""), ("Yes.", ""), ("", "")),
    ],
)
def test_emoji_at_the_end_are_no_part_of_a_sentence(sentence: str, tail: str) -> None:
    assert tail_of(sentence) == tail


@pytest.mark.parametrize("sign", ["😂", "♪", "👍🏻"])
def test_emoji_that_are_no_head_and_no_tail_are_read_in_one_way(sign: str) -> None:
    text = f"{sign * 90}x"  # two ways to read each would be 2⁹⁰
    assert (head_of(text, "en"), tail_of(text)) == ("", "")


def test_sentences_without_spaces_are_split_at_their_marks() -> None:
    assert split_sentences("你好。世界！") == [("你好。", ""), ("世界！", "")]


@pytest.mark.parametrize(
    ("texts", "spaces", "joined"),
    [
        (["a", "b"], [" ", ""], "a b"),
        (["a", "", "b"], ["  ", " ", ""], "a  b"),
        (["", "b"], [" ", ""], "b"),
        (["a", ""], [" ", ""], "a"),
        (["a", "b"], ["\n", ""], "a\nb"),
        ([], [], ""),
        (["Hello.", "World!", "“Yes.”"], ["", "", ""], "Hello. World! “Yes.”"),
        (["你好。", "“世界！”", "好"], [" ", " ", ""], "你好。“世界！”好"),
        (["我们在", "家里"], [" ", ""], "我们在家里"),
        (["用 Excel", "吧"], [" ", ""], "用 Excel 吧"),
    ],
)
def test_translations_are_joined_as_their_language_is_written(
    texts: list[str], spaces: list[str], joined: str
) -> None:
    assert join_sentences(texts, spaces) == joined


def test_no_sentence_goes_over_lines() -> None:
    assert split_sentences("Shopping list\n- milk \r\n\n- bread. Yes") == [
        ("Shopping list", "\n"),
        ("- milk", " \r\n\n"),
        ("- bread.", " "),
        ("Yes", ""),
    ]


def test_a_japanese_sentence_goes_on_after_a_quotation() -> None:
    text = "「行こう。」と彼は言った。「はい！」「いいえ。」"
    assert [each for each, _ in split_sentences(text)] == [
        "「行こう。」と彼は言った。",
        "「はい！」",
        "「いいえ。」",
    ]


@given(st.text(st.sampled_from(" \tab.AB!?…'\"(1。\n"), max_size=30) | st.text(max_size=30))
def test_the_sentences_with_their_spaces_are_the_text(text: str) -> None:
    parts = split_sentences(text)
    assert "".join(sentence + space for sentence, space in parts) == text
    assert all(sentence.strip() for sentence, _ in parts[:-1])
    assert all(not space.strip() for _, space in parts)


@pytest.mark.parametrize("text", ["." * 50_000, "a." * 25_000, "a" * 50_000, " " * 50_000])
def test_a_long_strange_text_takes_no_time(text: str) -> None:
    started = time.perf_counter()
    split_sentences(text)
    assert time.perf_counter() - started < 2.0


# --- marks that open a sentence -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("¡La pizza es genial", "¡La pizza es genial!"),
        ("¡La pizza es genial.", "¡La pizza es genial!"),
        ("¡La pizza es genial…", "¡La pizza es genial…!"),
        ("¡La pizza es genial...", "¡La pizza es genial...!"),
        ("¡Gracias, Sr.", "¡Gracias, Sr.!"),
        ("¡Atención:", "¡Atención!:"),
        ("Hola, ¿cómo estás", "Hola, ¿cómo estás?"),
        ("¡Hola, ¿cómo estás?", "¡Hola, ¿cómo estás?!"),
        ("¡Hola. ¿Cómo estás?", "¡Hola! ¿Cómo estás?"),
        ("¿Qué? ¡Vale. Sí.", "¿Qué? ¡Vale! Sí."),
        ("¡¿Qué", "¡¿Qué?!"),
        ("¡¡¡Ay!", "¡¡¡Ay!!!"),
        ("«¡Hola»", "«¡Hola!»"),
        ("(«¡Hola.»)", "(«¡Hola!»)"),
        ('"¡Hola".', '"¡Hola!".'),
        ("¡Dijo «hola»", "¡Dijo «hola»!"),
        ('¡"Hola"', '¡"Hola"!'),
    ],
)
def test_an_opening_mark_is_closed_at_the_end_of_its_sentence(text: str, closed: str) -> None:
    assert close_marks(text) == closed
    assert close_marks(closed) == closed


@pytest.mark.parametrize(
    "text",
    [
        "¿Qué? ¡No!",
        "¡Qué has hecho?",
        "¿Qué has hecho!",
        "¡Para. Ven aquí!",
        "El signo ¿ abre una pregunta.",
        "Los signos «¿» y «¡».",
        "¿?",
        "¡",
        "Who? Me!",
        "¿Vienes, ¿verdad?",
        "«¿Vienes, ¿verdad?»",
        "(¡Ven, ¡por favor!)",
        "¿Vienes, ¿o no, ¿verdad?",
        "",
    ],
)
def test_what_is_closed_or_opens_nothing_stays(text: str) -> None:
    assert close_marks(text) == text


@given(st.text(st.sampled_from('¡!¿?ab.,: «»"()…\n'), max_size=20))
def test_closing_twice_is_closing_once(text: str) -> None:
    closed = close_marks(text)
    assert close_marks(closed) == closed
    assert [c for c in closed if c not in "!?."] == [c for c in text if c not in "!?."]
