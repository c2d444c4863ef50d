"""Which terms a translation must hold: found as words, in their case, the longest first."""

import unicodedata
from pathlib import Path

import pytest

from translator.errors import DataError
from translator.text.glossary import Glossary

TERMS = {
    "house": "mansión",
    "White House": "Casa Blanca",
    "US": "EE. UU.",
    "machine learning": "aprendizaje automático",
    "C++": "C más más",
    "苹果": "manzana",
    "apple派": "tarta",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The house is old.", ["mansión"]),
        ("House of cards", ["mansión"]),
        ("HOUSE", ["mansión"]),
        ("houses and lighthouse", []),
        ("the White House", ["Casa Blanca"]),
        ("the white house", ["mansión"]),  # not the name
        ("house, house!", ["mansión", "mansión"]),
        ("they told us; US law", ["EE. UU."]),
        ("machine  learning", ["aprendizaje automático"]),
        ("Machine\tlearning", ["aprendizaje automático"]),
        ("I write C++.", ["C más más"]),
        ("我喜欢苹果。", ["manzana"]),  # no spaces part the words
        ("two apple派吃", ["tarta"]),
        ("pineapple派", []),
        ("", []),
    ],
)
def test_a_source_term_requires_its_target_term(text: str, expected: list[str]) -> None:
    assert Glossary(TERMS).required(text) == expected


def test_only_the_terms_that_may_be_in_a_text_are_looked_for() -> None:
    others = {f"house {n} of cards": "castillo" for n in range(1000)}
    others |= {f"{n}x": "equis" for n in range(1000)}
    glossary = Glossary({**others, **TERMS})
    text = "The HOUSE 7 of cards is an old house: ΟΔΟΣ, 苹果."
    assert glossary.required(text) == ["castillo", "mansión", "manzana"]
    assert len(glossary._terms_near("7x 苹果")) == 2
    assert Glossary({"οδος": "calle"}).required(text) == ["calle"]


@pytest.mark.parametrize(
    ("keep", "text", "expected"),
    [
        ([r"\{\w+\}"], "Hi {name}, the house of {owner}", ["{name}", "{owner}", "mansión"]),
        ([r"https?://\S+"], "see http://house.org/house now", ["http://house.org/house"]),
        (["Acme", "Acme Corp"], "Acme Corp", ["Acme"]),  # in the order that they are given
    ],
)
def test_kept_spans_win_over_terms(keep: list[str], text: str, expected: list[str]) -> None:
    assert Glossary(TERMS, keep).required(text) == expected


def test_terms_and_patterns_are_composed_as_text_is() -> None:
    terms, keep = {"café": "한국어"}, ["crème"]
    decomposed = {
        unicodedata.normalize("NFD", s): unicodedata.normalize("NFD", t) for s, t in terms.items()
    }
    glossary = Glossary(decomposed, [unicodedata.normalize("NFD", each) for each in keep])
    assert glossary.required("A café, crème") == Glossary(terms, keep).required("A café, crème")
    assert glossary.required("A café, crème") == ["crème", "한국어"]


def test_an_empty_glossary_is_false_and_requires_nothing() -> None:
    assert not Glossary()
    assert Glossary({"a": "b"})
    assert Glossary(keep=["x"])
    assert Glossary().required("the house") == []


def test_a_file_has_a_term_a_line(tmp_path: Path) -> None:
    file = tmp_path / "terms.tsv"
    file.write_bytes("\ufeff# comment\n\nhouse\tmansión\r\n  dog \t perro\n".encode())
    assert Glossary.read(file).required("house dog") == ["mansión", "perro"]
    assert not Glossary.read(None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"house mansion\n", "line 1"),
        (b"house\tmansion\nhouse\t\n", "line 2"),
        (b"a\tb\tc\n", "line 1"),
        (b"\xff\xfe\n", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_glossary_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "terms.tsv"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message) as raised:
        Glossary.read(file)
    assert "UTF-8" not in message or "iconv" in (raised.value.hint or "")


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.tsv"):
        Glossary.read(tmp_path / "nothing.tsv")


@pytest.mark.parametrize(("pattern", "message"), [("(", "regular expression"), ("x*", "nothing")])
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Glossary(keep=[pattern])


@pytest.mark.parametrize("terms", [{"": "x"}, {"x": "  "}])
def test_a_blank_term_is_refused(terms: dict[str, str]) -> None:
    with pytest.raises(DataError, match="blank"):
        Glossary(terms)


def test_spans_tell_where_the_terms_stand() -> None:
    glossary = Glossary({"Yahoo! Finance": "Yahoo! Finanzas"}, [r'"[^"]+"'])
    text = 'See "A. B." in Yahoo! Finance today.'
    assert [text[start:end] for start, end in glossary.spans(text)] == ['"A. B."', "Yahoo! Finance"]


@pytest.mark.parametrize(
    ("text", "has_small"),
    [
        ("House of cards", True),
        ("Machine  Learning now", True),
        ("house of cards", False),
        ("The House", False),
        ("White House", False),  # a name of the glossary
        ("HOUSE", False),
        ("House", True),
        ("", False),
    ],
)
def test_a_capital_that_the_glossary_has_not_is_of_the_place(text: str, has_small: bool) -> None:
    assert Glossary(TERMS).has_small(text, 0) == has_small
    assert not Glossary(TERMS, keep=[r"\w+"]).has_small(text, 0)


TBX = """<?xml version="1.0"?><tbx xmlns="urn:iso:std:iso:30042:ed-2"><text><body>
<conceptEntry><langSec xml:lang="en-US"><termSec><term>hard  disk</term></termSec></langSec>
<langSec xml:lang="es"><termSec><term>disco duro</term></termSec>
<termSec><term>disco rígido</term></termSec></langSec></conceptEntry>
<conceptEntry><langSec xml:lang="en"><termSec><term>alone</term></termSec></langSec></conceptEntry>
</body></text></tbx>"""
OLD_TBX = """<martif type="TBX"><text><body><termEntry>
<langSet xml:lang="es"><tig><term>disco duro</term></tig></langSet>
<langSet xml:lang="en"><tig><term>hard disk</term></tig></langSet>
</termEntry></body></text></martif>"""
TMX = """<tmx version="1.4"><header srclang="en"/><body><tu><tuv xml:lang="en"><seg>hard disk</seg>
</tuv><tuv xml:lang="es-ES"><seg>disco <ph/>duro</seg></tuv></tu></body></tmx>"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "hard disk,disco duro\n"),
        ("t.csv", '"hard disk";"disco duro"\n\n'),
        ("t.csv", "es,en\ndisco duro,hard disk\n"),
        ("t.csv", "Source,Target\nhard disk,disco duro\n"),
        ("t.csv", "English,Spanish\nhard disk,disco duro\n"),
        ("t.csv", "Row,Spanish,English\n1,disco duro,hard disk\n"),
        ("t.tsv", "English\tSpanish\nhard disk\tdisco duro\n"),
        ("t.tsv", "target\tsource\ndisco duro\thard disk\n"),
        ("t.tbx", TBX),
        ("t.tbx", OLD_TBX),
        ("t.tmx", TMX),
        (
            "t.tmx",
            TMX.replace("disco", '<bpt i="1">&lt;b&gt;</bpt>disco<ept i="1">&lt;/b&gt;</ept>'),
        ),
        ("t.tsv", "hard disk\tdisco duro\u2028\n"),  # which ends a line for some
    ],
)
def test_terms_are_read_from_what_others_write(tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    glossary = Glossary.read(file, languages=("en", "es"))
    assert glossary.terms == {"hard disk": "disco duro"}


def test_terms_in_other_languages_are_missing(tmp_path: Path) -> None:
    file = tmp_path / "t.tbx"
    file.write_text(TBX, encoding="utf-8")
    glossary = Glossary.read(file, languages=("en", "fr"))
    assert not glossary
    assert glossary.warnings == [
        f"no term of {file} is in both en and fr: its languages are en, en-US, es"
    ]
    assert not Glossary.read(file, languages=("en", "es")).warnings


def test_terms_with_several_targets_are_named_and_the_first_counts(tmp_path: Path) -> None:
    file = tmp_path / "t.tsv"
    lines = ["hard disk\tdisco duro", "house\tcasa", "hard  disk\tdisco rígido", "house\tcasa"]
    file.write_text("\n".join(lines), encoding="utf-8")
    glossary = Glossary.read(file, languages=("en", "es"))
    assert glossary.terms == {"hard disk": "disco duro", "house": "casa"}
    assert glossary.warnings == [
        f"{file}: of several targets the first counts: hard disk (disco duro, disco rígido)"
    ]


ENGLISH, SPANISH = (
    ["library", "pizza", "glass", "hard disk", "the heart"],
    ["biblioteca", "pizza", "vaso", "disco duro", "el corazón"],
)


@pytest.mark.parametrize("name", ["t.tsv", "t.csv"])
def test_columns_in_each_others_place_are_told_and_mended_as_advised(
    tmp_path: Path, name: str
) -> None:
    file, mark = tmp_path / name, "\t" if name == "t.tsv" else ","
    lines = [f"{spanish}{mark}{english}" for english, spanish in zip(ENGLISH, SPANISH, strict=True)]
    file.write_text("\n".join(lines), encoding="utf-8")
    [warning] = Glossary.read(file, languages=("en", "es")).warnings
    assert warning == (
        f"{file}: its first column looks like es and its second like en, so no term will be found: "
        "exchange them, or put es and en into a first row"
    )
    file.write_text("\n".join([f"es{mark}en", *lines]), encoding="utf-8")
    mended = Glossary.read(file, languages=("en", "es"))
    assert mended.terms == dict(zip(ENGLISH, SPANISH, strict=True))
    assert mended.warnings == []
    assert Glossary.read(file, languages=("es", "en")).warnings == []


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("t.json", b'{"library": "archivo"}', "JSON is not read"),
        ("t.tsv", b"library,archivo\n", "Its columns are separated by ',': name it t.csv."),
        ("t.tsv", b"library;archivo\n", "Its columns are separated by ';': name it t.csv."),
        ("t.tsv", b"library archivo\n", "Write one term a line: the source, one tab, the target"),
        ("t.tsv", b"PK\x03\x04\xff", "Save it as text, such as CSV"),
    ],
)
def test_a_file_that_is_no_glossary_is_answered_with_what_helps(
    tmp_path: Path, name: str, content: bytes, hint: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        Glossary.read(file)
    assert caught.value.hint.startswith(hint)
    if "name it" in hint:
        assert Glossary.read(file.rename(tmp_path / "t.csv")).terms == {"library": "archivo"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.tsv", "# to be filled\n", "t.tsv has no term"),
        ("t.csv", "English,Spanish\n", "t.csv has no term"),
        ("t.tmx", "<tmx><body/></tmx>", "t.tmx has no term"),
        ("t.csv", "a,b\nonly\n", "row 2: not a source term"),
        (
            "t.csv",
            'a,b\n"c,' + 200_000 * "d",
            "(row|line) 2: ",
        ),  # by the limit of csv, or as a term
        ("t.tbx", "<tbx", "broken XML"),
    ],
)
def test_broken_glossaries_of_others_are_told(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        Glossary.read(file, languages=("en", "es"))
    with pytest.raises(DataError, match="which of its languages"):
        Glossary.read(tmp_path / "t.tmx")
    with pytest.raises(DataError, match="cannot read"):
        Glossary.read(tmp_path / "none.tbx", languages=("en", "es"))
