"""Marks around words: where they go in a translation, and that none is ever lost."""

import random
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import CIPHER, examples
from translator.documents import Aligned, Format, Settings, blocks, read_document, translate_block
from translator.documents.aligned import stretch_from
from translator.hypotheses import Translation
from translator.runs import RunDirectory
from translator.text.placeholders import has_words
from translator.translation import Translator

Translate = Callable[[list[str]], list[str]]


def translated(line: str, translate: Translate) -> str:
    """A line of Markdown, translated."""
    document = read_document([line.encode()], Settings(Format.MARKDOWN, ("en", "es")))
    return "".join(translate_block(block, translate) for block in blocks(document.segments))


def aligning(source: str, translation: str, aligned: dict[int, int]) -> Translate:
    """A model that knows one text, and from which word each word of its translation comes."""
    attention = [
        [float(aligned.get(target) == word) for word, _ in enumerate(source.split())]
        for target, _ in enumerate(translation.split())
    ]

    def translate(texts: list[str]) -> list[str]:
        known = Aligned(translation, source, lambda *_: attention)
        return [known if text == source else "?" if has_words(text) else text for text in texts]

    return translate


@pytest.mark.parametrize(
    ("attention", "meant", "expected"),
    [
        ([[1, 0], [0, 1]], [False, True], (1, 1)),
        # two of three words that follow one another, and one that is far from them
        ([[1, 0], [0, 1], [0, 1], [1, 0], [1, 0], [0, 1]], [False, True], (1, 2)),
        # a word between them that looks a little elsewhere belongs to them
        ([[0, 1], [0.6, 0.4], [0, 1], [1, 0]], [False, True], (0, 2)),
        # no word looks there most; one does more than the others
        ([[1, 0], [0.6, 0.4], [0.9, 0.1]], [False, True], (1, 1)),
        # what many words look at says less about each of them
        ([[0, 1], [0.5, 0.4], [1, 0], [1, 0], [1, 0]], [False, True], (0, 1)),
        ([[0, 0]], [True, False], (0, 0)),
        ([], [], None),
    ],
)
def test_the_stretch_that_looks_most_at_some_words(
    attention: list[list[float]], meant: list[bool], expected: tuple[int, int] | None
) -> None:
    found = stretch_from(attention, meant)
    assert (found and found[:2]) == expected


@pytest.mark.parametrize(
    ("page", "sentence", "translation", "expected"),
    [
        ("H<b>2</b>O is here.", "H2O is here.", "Aquí hay H2O.", "Aquí hay H<b>2</b>O."),
        (
            "Two files<b>1</b> are here.",
            "Two files1 are here.",
            "Dos archivos1.",
            "Dos archivos<b>1</b>.",
        ),
        ("See x<b>1</b>, x<b>2</b>.", "See x1, x2.", "Vea x1, x2.", "Vea x<b>1</b>, x<b>2</b>."),
        # nothing of the other words is lost where the number is
        ("CO<b>2</b> is bad.", "CO2 is bad.", "El CO es malo.", "CO<b>2</b> is bad."),
    ],
)
def test_a_mark_within_a_word_takes_no_more_of_it(
    page: str, sentence: str, translation: str, expected: str
) -> None:
    words = {word: word for word, _ in enumerate(translation.split())}

    def translate(texts: list[str]) -> list[str]:
        [known] = aligning(sentence, translation, words)([sentence])
        return [known if text == sentence else text for text in texts]

    document = read_document([page.encode()], Settings(Format.HTML, ("en", "es")))
    found = "".join(translate_block(block, translate) for block in blocks(document.segments))
    assert found == expected


@pytest.mark.parametrize(
    ("line", "sentence", "translation", "expected"),
    [
        ("I like AT&amp;T here.", "I like AT&T here.", "Me va AT&T aquí.", "Me va AT&amp;T aquí."),
        (r"It has 5\*3 rows.", "It has 5*3 rows.", "Filas tiene 5*3.", r"Filas tiene 5\*3."),
        (
            "It has H<sub>2</sub>O here.",
            "It has H2O here.",
            "Hay aquí H2O.",
            "Hay aquí H<sub>2</sub>O.",
        ),
    ],
)
def test_a_sign_within_a_word_replaces_no_word(
    line: str, sentence: str, translation: str, expected: str
) -> None:
    words = {2: 2}  # the one with the sign
    assert translated(line, aligning(sentence, translation, words)) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("# Adding **a glossary** #", "# Añadiendo **un glosario** #"),
        ("- Files", "- Archivos"),
        ("- files", "- archivos"),  # though the model writes a capital
        ("| Files | files |", "| Archivos | archivos |"),
        ("(Files)", "(Archivos)"),
        # stretches between marks: only the first begins a text
        ("Read **English** now", "Lea **inglés** ahora"),
        ("`x.py` **English** now", "`x.py` **inglés** ahora"),
        ("Phone", "iPhone"),
    ],
)
def test_a_text_of_a_document_begins_as_its_source_does(line: str, expected: str) -> None:
    known = {
        "Adding a glossary": "añadiendo un glosario",
        "a glossary": "un glosario",
        "Files": "archivos",
        "(Files)": "(archivos)",
        "files": "Archivos",
        "Read": "lea",
        "English": "inglés",
        "now": "ahora",
        "Phone": "iPhone",
    }
    assert translated(line, lambda texts: [known.get(text, "?") for text in texts]) == expected


@pytest.mark.parametrize(
    ("page", "sentence", "translation", "expected"),
    [
        (
            "It is un<b>believable</b>.",
            "It is unbelievable.",
            "Es increíble.",
            "Es <b>increíble</b>.",
        ),
        ("Un<b>believable</b>", "Unbelievable", "Increíble", "<b>Increíble</b>"),
        ("<b>foot</b>ball", "football", "fútbol", "<b>fútbol</b>"),
    ],
)
def test_a_word_of_which_a_part_is_bold_is_bold(
    page: str, sentence: str, translation: str, expected: str
) -> None:
    last = {len(translation.split()) - 1: len(sentence.split()) - 1, 0: 0}
    document = read_document([page.encode()], Settings(Format.HTML, ("en", "es")))
    [block] = blocks(document.segments)
    assert translate_block(block, aligning(sentence, translation, last)) == expected


def test_where_no_spaces_are_most_letters_say_what_a_paragraph_is_within() -> None:
    known = {"我喜欢苹果": "Yo amo manzanas", "我": "Yo", "喜欢苹果": "Me gustan"}
    document = read_document(["我<b>喜欢苹果</b>".encode()], Settings(Format.HTML, ("zh", "es")))
    [block] = blocks(document.segments)
    found = translate_block(block, lambda texts: [known.get(text, "?") for text in texts])
    assert found == "Yo<b> amo manzanas</b>"


def test_a_capital_is_that_of_the_language() -> None:
    def translate(language: str) -> Translate:
        return lambda texts: [Aligned("iz", text, lambda *_: (), language) for text in texts]

    assert translated("# Track", translate("tr")) == "# İz"
    assert translated("# Track", translate("es")) == "# Iz"


def test_a_stretch_leaves_out_what_is_taken() -> None:
    attention = [[0, 1], [0, 1], [1, 0]]
    assert stretch_from(attention, [False, True], taken={1}) == (0, 0, 1)
    assert stretch_from(attention, [False, True], taken={0, 1, 2}) is None


@pytest.mark.parametrize(
    ("line", "translation", "aligned", "expected"),
    [
        (
            "A **template** is a file.",
            "Una plantilla es un archivo.",
            {0: 0, 1: 1, 2: 2, 3: 3, 4: 4},
            "Una **plantilla** es un archivo.",
        ),
        # marks end before the punctuation that ended behind them …
        (
            "Open the (*red*) [front door](d.html).",
            "Abra la puerta principal (roja).",
            {0: 0, 1: 1, 2: 4, 3: 3, 4: 2},
            "Abra la [puerta principal](d.html) (*roja*).",
        ),
        # … and hold what they held
        (
            "He asks: **why not?**",
            "Pregunta: ¿por qué no?",
            {0: 1, 1: 2, 2: 2, 3: 3},
            "Pregunta: **¿por qué no?**",
        ),
        # a capital and a period that only a sentence has
        ("**click** here", "Pulse aquí.", {0: 0, 1: 1}, "**pulse** aquí"),
        # code that the model has translated is put back
        (
            "then `git push` it",
            "luego empuje git lo",
            {0: 0, 1: 1, 2: 2, 3: 3},
            "luego `git push` lo",
        ),
        # … where it is plain which words it has become; else the stretches are translated
        ("then `push` it", "luego empújelo", {0: 0}, "? `push` ?"),
        # each word has one mark
        (
            "a **red** and *reddish* thing",
            "una cosa rojiza",
            {0: 0, 1: 4, 2: 3},
            "**una** cosa *rojiza*",
        ),
    ],
)
def test_marks_go_around_the_words_that_are_aligned_to_theirs(
    line: str, translation: str, aligned: dict[int, int], expected: str
) -> None:
    source = re.sub(r"\[(.*?)\]\(.*?\)|[*`]", r"\1", line)
    assert translated(line, aligning(source, translation, aligned)) == expected


words = st.sampled_from(["one", "two", "two", "three.", "(four)", "five"])
texts_with_marks = st.lists(
    st.one_of(words, st.sampled_from(["**{}**", "*{}*", "[{}](a.html)", "`{}`"]).flatmap(
        lambda mark: st.lists(words, min_size=1, max_size=3).map(" ".join).map(mark.format)
    )), min_size=1, max_size=8
).map(" ".join)  # fmt: skip
anything = st.lists(st.sampled_from(["one", "uno .", "dos.", "(tres)", "¿four?"]), min_size=1).map(
    " ".join
)


@given(texts_with_marks, anything, st.integers())
@examples(50)
def test_no_mark_is_lost_whatever_the_translation_and_its_alignment(
    line: str, translation: str, seed: int
) -> None:
    draw = random.Random(seed)

    def word_attention(source: str, translation: str) -> list[list[float]]:
        width = draw.choice([len(source.split()), 2])
        height = draw.choice([len(translation.split()), 1, 0])
        return [[draw.random() for _ in range(width)] for _ in range(height)]

    result = translated(
        line, lambda texts: [Aligned(translation, t, word_attention) for t in texts]
    )
    assert marks_of(result) == marks_of(line)
    assert codes_of(result) == codes_of(line)
    assert translated(line, lambda texts: texts) == line


def marks_of(markdown: str) -> list[str]:
    """The marks but code, each of which must be closed before another one opens; sorted."""
    pairs = re.findall(r"(\*\*|\*|\[)[^*\[\]`]*(\*\*|\*|\]\(a\.html\))", markdown)
    bare = re.sub(r"`[^`]*`", "", markdown)
    assert len(re.findall(r"\*+|\[|\]\(a\.html\)", bare)) == 2 * len(pairs)
    return sorted(map("".join, pairs))


def codes_of(markdown: str) -> list[str]:
    return sorted(re.findall(r"`[^`]*`", markdown))


def test_stretches_between_marks_are_translated_only_where_a_mark_finds_no_place() -> None:
    source = "see the red house"
    heard: list[list[str]] = []

    def hear(translate: Translate) -> Translate:
        def translate_heard(texts: list[str]) -> list[str]:
            heard.append(texts)
            return translate(texts)

        return translate_heard

    line = "see the **red** house"
    known = aligning(source, "vea la casa roja", {0: 0, 1: 1, 2: 3, 3: 2})
    assert translated(line, hear(known)) == "vea la casa **roja**"
    assert heard == [[source, "red"]]
    heard.clear()
    lost = {source: "nada", "see the": "vea la", "red": "roja", "house": "casa"}
    assert translated(line, hear(lambda texts: [lost[text] for text in texts])) == (
        "vea la **roja** casa"
    )
    assert heard == [[source, "red"], ["see the", "house"]]


@pytest.mark.parametrize(
    ("line", "known", "expected"),
    [
        (
            "Run `make` and wait.",
            {
                "Run make and wait.": "Ejecute y espere.",
                "Run {0} and wait.": "Ejecute {0} y espere.",
            },
            "Ejecute `make` y espere.",
        ),
        (  # one that is copied is a word of the sentence
            "`make` reads **all** of `a.txt` in {0}",
            {
                "make reads all of a.txt in {0}": "hace todo de a.txt en {0}",
                "{1} reads all of a.txt in {0}": "En {0} {1} lee todo a.txt",
                "all": "todo",
            },
            "En {0} `make` lee **todo** `a.txt`",
        ),
        ("Run `make`.", {"Run make.": "Ejecute make."}, "Ejecute `make`."),  # and asks no more
        ("Run `make`.", {"Run make.": "Haga.", "Run {0}.": "Ya.", "Run": "Corra"}, "Corra `make`."),
        ("`a b` or `a`", {"a b or a": "un b o un", "{0} or {1}": "{0} o {1}"}, "`a b` o `a`"),
        ("`a b`, `a`", {"a b, a": "un b, un"}, "`a b`, `a`"),  # nothing but code
    ],
)
def test_code_that_a_model_has_changed_is_a_placeholder_for_it(
    line: str, known: dict[str, str], expected: str
) -> None:
    assert translated(line, lambda texts: [known[text] for text in texts]) == expected


def test_where_no_spaces_are_phrases_are_found_and_words_are_not_aligned() -> None:
    line, source = "see the **red** house", "see the red house"
    words = {source: "看红房子", "red": "红"}
    assert translated(line, lambda texts: [words[text] for text in texts]) == "看**红**房子"
    known = Aligned("看红房子", source, lambda *_: [[0.0, 0.0, 1.0, 0.0]])
    pieces = {source: known, "red": "赤", "see the": "看", "house": "屋"}
    assert translated(line, lambda texts: [pieces[text] for text in texts]) == "看 **赤** 屋"


def test_a_text_and_its_like_keep_their_order() -> None:
    line = "a `x` and `x` and **x**"
    assert translated(line, lambda texts: [text.replace(" and", ", y") for text in texts]) == (
        "a `x`, y `x`, y **x**"
    )


def test_marks_follow_what_a_trained_model_looks_at(trained_run: RunDirectory) -> None:
    """Each word has its cipher; alone it is translated by nothing that could be found."""
    translator = Translator.from_run(trained_run.path, device="cpu")
    draw = random.Random(1)
    sentences = [draw.sample(list(CIPHER), 4) for _ in range(12)]
    right = 0
    for words, found in zip(
        sentences, translator.translate([*map(" ".join, sentences)]), strict=True
    ):
        here = draw.randrange(4)
        line, expected = (
            " ".join(f"**{word}**" if i == here else word for i, word in enumerate(each))
            for each in (words, map(CIPHER.__getitem__, words))
        )
        right += translated(line, knowing(found, translator)) == expected
    assert right >= 10


def knowing(found: Translation, translator: Translator) -> Translate:
    """What has translated one text, and can say nothing of others."""
    known = Aligned(found.text, found.source, translator.word_attention)
    return lambda texts: [known if text == found.source else "?" for text in texts]


def test_words_look_at_those_that_they_are_aligned_to(trained_run: RunDirectory) -> None:
    translator = Translator.from_run(trained_run.path, device="cpu")
    [found] = translator.translate(["ana bebe nina banana"], details=True)
    attention = translator.word_attention(found.source, found.text)
    assert tuple((max(range(4), key=row.__getitem__), n) for n, row in enumerate(attention)) == (
        found.alignment
    )
    assert [len(row) for row in attention] == [4] * len(found.text.split())
    assert translator.word_attention("ana " * 60, found.text) == []
    assert translator.word_attention(found.source, "oto " * 80) == []
    assert translator.word_attention("", "") == []
