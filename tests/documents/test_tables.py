"""Tables and JSON lines as people have them: delimiters, surplus columns, nested keys."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from translator.config import CorpusConfig
from translator.data import read_pairs
from translator.documents import Columns, Format, Settings, blocks, read_document, translate_block
from translator.errors import DataError
from translator.files import open_bytes


def in_capitals(text: str, file_format: str, column: str, into: str = "") -> tuple[str, list[str]]:
    columns = Columns(column, into or column)
    settings = Settings(Format(file_format), ("en", "es"), columns)
    document = read_document(io.BytesIO(text.encode()), settings)
    found = "".join(
        translate_block(block, lambda texts: [each.upper() for each in texts])
        for block in blocks(document.segments)
    )
    return found, list(document.problems)


@pytest.mark.parametrize("delimiter", ["\t", ";", ","])
def test_training_and_translating_find_the_same_delimiter(tmp_path: Path, delimiter: str) -> None:
    rows = [["en", "es"], ["a, b; c", "x\ty"], ['say "hi"', "z"], ["d", "two\nlines"]]
    file = tmp_path / "table.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    pairs = list(read_pairs(CorpusConfig(path=str(file)), "en", "es"))
    assert [list(pair) for pair in pairs] == rows[1:]
    result, problems = in_capitals(file.read_bytes().decode(), "csv", "en")
    found = list(csv.reader(io.StringIO(result, newline=""), delimiter=delimiter))
    assert found == [rows[0], *([source.upper(), target] for source, target in rows[1:])]
    assert problems == []


@pytest.mark.parametrize("text", ["en\nhello\n", 'en\n"hello, you"\nbye\n', 'en\n"a\tb"\n'])
def test_a_table_of_one_column_has_a_delimiter_too(text: str) -> None:
    result, problems = in_capitals(text, "csv", "en")
    assert (result, problems) == (text[:3] + text[3:].upper(), [])


@pytest.mark.parametrize("ending", [".gz", ".xz", ".bz2", ".zst"])
def test_what_trains_packed_is_translated_packed(tmp_path: Path, ending: str) -> None:
    import bz2
    import gzip
    import lzma

    import pyarrow

    packs: dict[str, Callable[[bytes], bytes]] = {
        ".gz": gzip.compress,
        ".xz": lzma.compress,
        ".bz2": bz2.compress,
        ".zst": lambda data: pyarrow.compress(data, codec="zstd", asbytes=True),
    }
    file = tmp_path / f"in.tsv{ending}"
    file.write_bytes(packs[ending](b"hello\thola\n" * 100))
    assert Format.of(file) is Format.TSV
    with open_bytes(file) as stream:
        document = read_document(stream, Settings(Format.TSV, ("en", "es"), Columns("0", "0")))
        assert sum(len(segment.texts) for segment in document.segments) == 100
    for data in (file.read_bytes()[:-9], b"hello\n"):
        file.write_bytes(data)
        for file_format in (Format.LINES, Format.XLIFF):
            with open_bytes(file) as stream, pytest.raises(DataError, match="damaged compressed"):
                document = read_document(stream, Settings(file_format, ("en", "es")))
                list(document.segments)


# --- surplus columns ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file_format", "delimiter"), [("tsv", "\t"), ("csv", ","), ("csv", ";"), ("csv", "\t")]
)
def test_a_row_with_surplus_columns_is_kept_and_told(file_format: str, delimiter: str) -> None:
    text = "en|es\na|\nb|c|d\ne|f|\ng|h\n".replace("|", delimiter)
    for column, into, name in (("en", "es", "en|es\n"), ("0", "1", "EN|EN\n")):
        result, problems = in_capitals(text, file_format, column, into)
        head = name if column == "en" else "en|EN\n"
        assert result == (head + "a|A\nb|c|d\ne|E|\ng|G\n").replace("|", delimiter)
        assert problems == ["line 3: more columns than the first row, the row is kept as it is"]


@pytest.mark.parametrize(("ending", "text"), [("tsv", "a\tb\nc\td\te\n"), ("csv", "a,b\nc,d,e\n")])
def test_training_refuses_surplus_columns(tmp_path: Path, ending: str, text: str) -> None:
    file = tmp_path / f"x.{ending}"
    file.write_text(text, encoding="utf-8")
    corpus = CorpusConfig(path=str(file), columns={"en": 0, "es": 1})
    with pytest.raises(DataError, match="line 2: 3 columns, but the first"):
        list(read_pairs(corpus, "en", "es"))
    file.write_text(text.replace("e\n", "\n"), encoding="utf-8")
    assert len(list(read_pairs(corpus, "en", "es"))) == 2


@pytest.mark.parametrize("ending", ["tsv", "csv", "po", "jsonl"])
def test_training_refuses_a_file_without_line_feeds(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"x.en-es.{ending}"
    file.write_bytes(b"en\tes\rc\td\r")
    with pytest.raises(DataError, match="carriage returns end no line") as error:
        list(read_pairs(CorpusConfig(path=str(file)), "en", "es"))
    assert "tr '\\r' '\\n'" in error.value.hint


# --- JSON lines -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "into", "expected"),
    [
        ('{"t": {"en": "a"}}', "t.es", '{"t": {"en": "a", "es": "A"}}'),
        ('{"t": {"en": "a", "es": null}, "n": 1}', "t.es", '{"t": {"en": "a", "es": "A"}, "n": 1}'),
        ('{"t": {"en": "a"}, "u": {}}', "u.es", '{"t": {"en": "a"}, "u": {"es": "A"}}'),
        ('{"t": {"en": "a"}}', "u.v.es", '{"t": {"en": "a"}, "u": {"v": {"es": "A"}}}'),
        ('{"t": {"en": "a"}}', "es", '{"t": {"en": "a"}, "es": "A"}'),
        ('{"t.en": "a", "t": {"en": "b"}}', "es", '{"t.en": "a", "t": {"en": "b"}, "es": "A"}'),
        ('{"t.en": "a"}', "t.es", '{"t.en": "a", "t.es": "A"}'),
        (' {"t": {"en": "\\u00e9"}} ', "t.en", ' {"t": {"en": "\\u00c9"}} '),
        ('{"t": {"en": 5}}', "t.es", '{"t": {"en": 5}}'),
    ],
)
def test_a_key_may_be_in_an_object_in_the_object(line: str, into: str, expected: str) -> None:
    assert in_capitals(f"{line}\n", "jsonl", "t.en", into) == (f"{expected}\n", [])
    json.loads(expected)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('{"id": 1, "translation": {"en": "a"}}\n{"x": 1}\n', "The first has: id, translation."),
        ('{"t": "a"}\n', "The first has: t."),
        ('[{"t": {"en": "a"}}]\n', "Each line must be a JSON object."),
    ],
)
def test_a_key_that_no_line_has_is_an_error(text: str, hint: str) -> None:
    with pytest.raises(DataError, match=r"no line has the key 't\.en'") as error:
        in_capitals(text, "jsonl", "t.en")
    assert error.value.hint == hint


def test_a_key_that_some_lines_lack_is_told() -> None:
    text = '{"t": {"en": "a"}}\n{"t": "b"}\n\n{"t": {"en": "c"}} x\n'
    result, problems = in_capitals(text, "jsonl", "t.en")
    assert result == text.replace('"a"', '"A"')
    assert problems == [
        "line 2: no key 't.en', the line is kept as it is",
        "line 4: no JSON object, the line is kept as it is",
    ]
    assert in_capitals("\n\n", "jsonl", "t.en") == ("\n\n", [])
