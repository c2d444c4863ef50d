"""Files as they come: in which encoding, of which format, and whether they are texts at all."""

import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from translator.cli import app
from translator.documents import (
    Columns,
    Format,
    Settings,
    blocks,
    check_document,
    read_document,
    read_texts,
    translate_block,
)
from translator.errors import DataError
from translator.runs import RunDirectory

CUE = "1\r\n00:00:01,000 --> 00:00:02,000\r\nmañana\r\n"
DOCUMENTS = {  # a small document of each format, and what it is in capitals
    "lines": ("mañana\r\nuna\u0a0a\n", "MAÑANA\r\nUNA\u0a0a\n"),
    "subtitles": (CUE, CUE.replace("mañana", "MAÑANA")),
    "csv": ("id;en\n1;mañana\n", "id;en\n1;MAÑANA\n"),
    "jsonl": ('{"en": "mañana"}\n', '{"en": "MAÑANA"}\n'),
    "po": ('msgid "mañana"\nmsgstr ""\n', 'msgid "mañana"\nmsgstr "MAÑANA"\n'),
    "markdown": ("# mañana\n\n`x`\n", "# MAÑANA\n\n`x`\n"),
    "xliff": (
        "<xliff><trans-unit><source>mañana</source></trans-unit></xliff>",
        "<xliff><trans-unit><source>mañana</source><target>MAÑANA</target></trans-unit></xliff>",
    ),
}


def in_capitals(data: bytes, file_format: str, encoding: str = "") -> bytes:
    columns = Columns("en", "en") if Format(file_format).has_columns else None
    settings = Settings(Format(file_format), ("en", "es"), columns, encoding=encoding)
    document = read_document(io.BytesIO(data), settings)
    parts = [
        document.encode(translate_block(block, lambda texts: [text.upper() for text in texts]))
        for block in blocks(document.segments, 2)
    ]
    assert list(document.problems) == []
    return b"".join(parts)


# --- encodings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("file_format", DOCUMENTS)
def test_a_byte_order_mark_is_honoured_and_written_back(file_format: str, encoding: str) -> None:
    source, expected = DOCUMENTS[file_format]
    found = in_capitals(f"\ufeff{source}".encode(encoding), file_format)
    assert found == f"\ufeff{expected}".encode(encoding)


@pytest.mark.parametrize(
    ("text", "given"),
    [("mañana\n", "cp1252"), ("犬 neko\n犬\n", "shift_jis"), ("犬 neko\n", "gb18030"),
     ("犬\nneko\n", "iso2022_jp"), ("mañana\n", "utf-16"), ("mañana\n", "utf-16-be")],
)  # fmt: skip
def test_an_encoding_that_is_named_is_read_and_written(text: str, given: str) -> None:
    codec = "utf-16-le" if given == "utf-16" else given
    assert in_capitals(text.encode(codec), "lines", given).decode(codec) == text.upper()


def test_the_mark_says_which_utf_16_is_meant() -> None:
    data = "\ufeffmañana\n".encode("utf-16-be")
    assert in_capitals(data, "lines", "utf-16").decode("utf-16-be") == "\ufeffMAÑANA\n"


def test_a_sign_that_the_encoding_lacks_is_an_error() -> None:
    settings = Settings(Format.LINES, ("en", "ja"), encoding="cp1252")
    document = read_document(io.BytesIO(b"dog\n"), settings)
    with pytest.raises(DataError, match="cp1252 has no '犬'"):
        document.encode("犬\n")


@pytest.mark.parametrize("name", ["latin-one", "base64", "rot13", "undefined"])
def test_an_encoding_that_is_none_is_an_error(name: str) -> None:
    with pytest.raises(DataError, match=f"no encoding '{name}'"):
        in_capitals(b"a", "lines", name)


def test_texts_of_other_commands_have_marks_too() -> None:
    assert list(read_texts(io.BytesIO("dos\nmañanas".encode("utf-16")))) == [
        "dos",
        "mañanas",
    ]


# --- what is refused before the model is loaded ---------------------------------------------------

ZIP = b"PK\x03\x04\x0a\x00\x00\x00\x00\x00content"
REFUSED = {
    "zip": (ZIP, "a binary file", "Save it as text"),
    "pdf": (b"%PDF-1.7\n1 0 obj\n", "a binary file", "Save it as text"),
    "unknown": (b"\x7fABC\x02\x01\0\0\xff\xfe", "a binary file", "Save it as text"),
    "wide": ("My sister\n".encode("utf-16-le"), "a binary file", "--encoding utf-16-le"),
    "big": ("My sister\n".encode("utf-16-be"), "a binary file", "--encoding utf-16-be"),
    "latin": ("ab\nmañana\n".encode("cp1252"), "line 2: not UTF-8", "--encoding cp1252"),
    "mac": (b"one\rtwo\r", "carriage returns end no line", "tr '\\r' '\\n'"),
    "half": (b"\xff\xfea\0\n", "not utf-16-le", "--encoding"),
}


@pytest.mark.parametrize("file_format", [Format.LINES, Format.SUBTITLES, Format.JSONL])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_text_is_refused(tmp_path: Path, name: str, file_format: Format) -> None:
    data, message, hint = REFUSED[name]
    file = tmp_path / "in"
    file.write_bytes(data)
    with pytest.raises(DataError, match=message) as error:
        check_document(file, file_format)
    assert error.value.message.startswith(f"{file}, ")
    assert hint in error.value.hint


@pytest.mark.parametrize("given", ["cp1252", "shift_jis"])
def test_a_binary_file_is_refused_whatever_is_said_of_it(tmp_path: Path, given: str) -> None:
    file = tmp_path / "letter.txt"
    file.write_bytes(ZIP)
    with pytest.raises(DataError, match="a binary file"):
        check_document(file, Format.LINES, given)


@pytest.mark.parametrize(
    "name", ["a.pptx", "b.properties", "c.mdx", "d.rst", "e.doc", "f.xml", "g.strings", "h.md.bak"]
)
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(DataError, match=f"{name} is not known") as error:
        Format.of(Path(name))
    assert ".md, .markdown, .tsv" in error.value.hint
    assert "--format lines" in error.value.hint


# --- the command ----------------------------------------------------------------------------------


def translator(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["translate", *map(str, arguments)])


def test_the_language_of_a_run_is_an_ending_of_lines(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    for name, code in (("test.en", 0), ("test.EN-gb", 0), ("test.es", 1), ("test.ts", 1)):
        file = tmp_path / name
        file.write_text("ana bebe\n", encoding="utf-8")
        done = translator("--run", trained_run.path, "--beam-size", "1", "-i", file)
        assert (done.exit_code, done.stdout.count("\n")) == (code, 1 - code), name


@pytest.mark.parametrize("text", ["ana\0bebe\nbebe\n", "ana\n \0 \nbebe\n", "\0ana bebe"])
def test_a_file_and_stdin_are_translated_alike_though_a_nul_is_in_it(
    trained_run: RunDirectory, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "lines.txt"
    file.write_text(text, encoding="utf-8")
    command = ["translate", "--run", str(trained_run.path), "--format", "lines"]
    named = CliRunner().invoke(app, [*command, "--input", str(file)])
    piped = CliRunner().invoke(app, command, input=text)
    assert (named.exit_code, named.stdout) == (0, piped.stdout)
    assert named.stdout.count("\n") == max(1, text.count("\n"))


def test_a_last_line_without_an_end_gets_one_of_its_encoding(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    file = tmp_path / "lines.txt"
    command = ["translate", "--run", str(trained_run.path), "--input", str(file)]
    found = []
    for text in ("\ufeffana\nbebe", "\ufeffana\nbebe\n"):
        file.write_bytes(text.encode("utf-16-le"))
        found.append(CliRunner().invoke(app, command).stdout_bytes.decode("utf-16-le"))
    assert found[0] == found[1]
    assert found[0].count("\n") == 2


def test_lines_are_insisted_on(trained_run: RunDirectory, tmp_path: Path) -> None:
    file = tmp_path / "messages.properties"
    file.write_text("ana\nbebe\n", encoding="utf-8")
    done = translator("--run", trained_run.path, "-i", file)
    assert isinstance(done.exception, DataError)
    done = translator("--run", trained_run.path, "-i", file, "--format", "lines")
    assert (done.exit_code, done.stdout.count("\n")) == (0, 2)


def test_a_text_that_is_the_name_of_a_file_gets_a_hint(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    file = tmp_path / "in.txt"
    file.write_text("ana\n", encoding="utf-8")
    done = translator("--run", trained_run.path, "--json", file, "ana")
    assert f"hint: '{file}' is a file; to read it: --input {file}" in done.stderr
    assert done.stderr.count("hint:") == 1
    assert [json.loads(line)["source"] for line in done.stdout.splitlines()] == [str(file), "ana"]
