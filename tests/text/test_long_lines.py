"""What takes the square of a line's length as time? Nothing: lines may be as long as they like."""

import gc
import json
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.config import CleaningConfig, CorpusConfig
from translator.data import Cleaner, SentencePair, bare_text, read_pairs
from translator.data.characters import normalize
from translator.data.mending import mend, tags
from translator.documents import Columns, Format, Settings, read_document
from translator.documents.direction import Direction
from translator.documents.xliff import xliff_segments
from translator.text.glossary import Glossary
from translator.text.parts import whole_spans
from translator.text.placeholders import placeholders
from translator.text.sentences import join_sentences, split_sentences

SHORT, LONG = 5000, 80_000
FLOOR = 0.005  # seconds: below it the clock says nothing


def seconds(work: Callable[[str], Any], text: str) -> float:
    gc.disable()  # which looks at all objects of all tests
    started = time.process_time()
    work(text)
    taken = time.process_time() - started
    gc.enable()
    return taken


def clean(text: str) -> None:
    cleaner = Cleaner(CleaningConfig(), "en", "es")
    cleaner.judge_chunk([SentencePair(f"a {text} b", text)])


def split_and_join(text: str) -> None:
    parts = split_sentences(text)
    assert join_sentences([part for part, _ in parts], [space for _, space in parts]) == text


def keep_spans_whole(text: str) -> None:
    glossary = Glossary({"a": "b"})
    list(whole_spans(split_sentences(text), glossary.spans(text)))


def fill_xliff(text: str) -> None:
    direction = Direction("en", "es")
    list(xliff_segments(f"<xliff><file>{text}</file></xliff>", direction, overwrite=False))


def translate_csv(text: str) -> None:
    columns = Columns("0", "0")
    settings = Settings(Format.CSV, ("en", "es"), columns)
    list(read_document([line + b"\n" for line in text.encode().split(b"\n")], settings).segments)


def translate_markdown(text: str) -> None:
    list(read_document([text.encode()], Settings(Format.MARKDOWN, ("en", "es"))).segments)


def translate_subtitles(text: str) -> None:
    list(read_document([text.encode()], Settings(Format.SUBTITLES, ("en", "es"))).segments)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("work", "unit"),
    [
        (lambda text: split_and_join(text * 4), "Hi. "),
        (lambda text: split_and_join(text * 4), "。」"),
        (keep_spans_whole, "a b. "),
        (mend, "\u0301\u0323"),
        (mend, "Ã© "),
        (mend, "â€"),
        (mend, "é\x92 â\x80\x99"),
        (mend, "Â "),
        (mend, "Ã\u00a0"),
        (mend, "ГўВЂВ™"),
        (mend, "&amp;"),
        (lambda text: mend("&" + text), "amp;"),
        (lambda text: mend("&" + text), "#38;"),
        (bare_text, "\u0301\u0323"),
        (tags, "<!--"),
        (clean, "😀"),
        (clean, "7"),
        (clean, " "),
        (lambda text: clean(f"www. {text} / <"), "x"),
        (lambda text: clean(f"www. {text}"), "@"),
        (lambda text: fill_xliff(text * 4), "<trans-unit><source>a</source></trans-unit>\n"),
        (lambda text: translate_csv('"' + text + '"'), "a\n"),
        (lambda text: translate_markdown("*a* x" + text + "y *b*"), " "),
        (lambda text: translate_markdown(text + "x"), "`a` "),
        (lambda text: translate_markdown(f"x {text}"), "a."),
        (lambda text: translate_markdown(f"x {text}"), "{{< "),
        (lambda text: translate_markdown(f"x {text}"), "<!-- "),
        (lambda text: translate_markdown(f"x {text}"), "<code> "),
        (lambda text: translate_markdown(f"# x{text}y"), "\u00a0"),
        *((placeholders, unit) for unit in ("{{ ", "<% ", "[% ", "<!-- ", '<a b="', "a-b.")),
        (lambda text: translate_subtitles(f"1:0 --> 1:1\n{text}"), "[a] "),
    ],
)
def test_time_grows_with_the_length_and_not_with_its_square(
    work: Callable[[str], Any], unit: str
) -> None:
    """Sixteen times the length is 256 times the time where it is the square."""
    short, long = (unit * (length // len(unit)) for length in (SHORT, LONG))
    work(short)  # what is compiled once
    before = max(FLOOR, min(seconds(work, short) for _ in range(3)))
    assert seconds(work, long) < 100 * before


@given(st.text(st.sampled_from("ae\u0301\u0323\u0344\u00e9\u1e69\u0f73\u3099か")))
def test_sorting_the_marks_before_changes_no_normalisation(text: str) -> None:
    long = text * 400
    for form in ("NFC", "NFKC", "NFKD"):
        assert normalize(form, long) == unicodedata.normalize(form, long)


@pytest.mark.parametrize("times", [1, 2, 5])
@pytest.mark.parametrize("entity", ["amp", "#38", "#x26", "AMP"])
def test_what_was_escaped_several_times_is_unescaped_at_one_go(times: int, entity: str) -> None:
    assert mend("&" + f"{entity};" * times + "lt;b")[0] == "<b"


def test_a_field_may_be_long_and_a_cell_may_have_many_lines(tmp_path: Path) -> None:
    text = 'say "hi", ' * 30_000 + "\n" + "more\n" * 1000
    file = tmp_path / "long.csv"
    quoted = '"' + text.replace('"', '""') + '"'
    file.write_text(f"en,es\n{quoted},corto\nshort,{quoted}\n", encoding="utf-8", newline="")
    corpus = CorpusConfig(path=str(file))
    assert list(read_pairs(corpus, "en", "es")) == [(text, "corto"), ("short", text)]
    settings = Settings(Format.CSV, ("en", "es"), Columns("en", "en"))
    with file.open("rb") as stream:
        segments = list(read_document(stream, settings).segments)
    assert "".join(each.put_back(str) for each in segments) == file.read_bytes().decode()
    assert [len(each.texts) for each in segments] == [0, 1001, 1]


def test_a_key_of_half_a_surrogate_is_named_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "half.jsonl"
    rows = [{"en": "a", "es": "b"}, {"\ud800": "a", "es": "b"}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(Exception, match=r"half\.jsonl, line 2: .*\\ud800") as raised:
        list(read_pairs(CorpusConfig(path=str(file)), "en", "es"))
    str(raised.value).encode()
