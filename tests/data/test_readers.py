import bz2
import csv
import gc
import gzip
import io
import itertools
import json
import lzma
import shutil
import subprocess
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.data.site import served
from tests.helpers import ROOT, examples
from translator import files
from translator.config import Config, CorpusConfig, load_config
from translator.data import SentencePair, files_of, read_corpus, read_lines, read_pairs
from translator.data.readers.pairs import ReferencedPair, languages_in_name
from translator.documents import Format, Settings, read_document
from translator.errors import DataError

EN = ["Hello.", "“Good” night", "See you, señor\u2028tomorrow!"]
ES = ["Hola.", "Buenas noches", "¡Hasta mañana!"]
PAIRS = [SentencePair(en, es) for en, es in zip(EN, ES, strict=True)]
TSV = "".join(f"{en}\t{es}\n" for en, es in PAIRS).encode()


@pytest.fixture(autouse=True)
def dataset_cache(tmp_path, monkeypatch):
    """Keep what Hugging Face datasets converts out of the home directory."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def write(tmp_path):
    """Write a file and give its path."""

    def write(name, content):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return write


def read(path, source="en", target="es", **settings):
    return list(read_pairs(CorpusConfig(path=str(path), **settings), source, target))


def refusal(path, source="en", target="es", **settings):
    return refused(path, source, target, **settings).message


def refused(path, source, target, **settings):
    with pytest.raises(DataError) as caught:
        read(path, source, target, **settings)
    assert caught.value.hint
    return caught.value


# --- TSV files ------------------------------------------------------------------------------------


def zstd(content):
    return pyarrow.compress(content, codec="zstd", asbytes=True)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".zst": zstd,
}


@pytest.mark.parametrize("ending", PACKED)
def test_a_tsv_file_gives_its_pairs(write, ending):
    assert read(write(f"a.en-es.tsv{ending}", PACKED[ending](TSV))) == PAIRS


@pytest.mark.parametrize("ending", PACKED)
def test_the_direction_is_swapped_by_the_languages(write, ending):
    file = write(f"a.en-es.tsv{ending}", PACKED[ending](TSV))
    assert read(file, "es", "en") == [SentencePair(es, en) for en, es in PAIRS]


@pytest.mark.parametrize("header", ["en\tes", "English\tspa"])
def test_a_first_line_that_names_the_languages_is_no_pair(write, header):
    file = write("a.en-es.tsv", f"{header}\n{TSV.decode()}")
    assert read(file) == PAIRS
    assert read(file, "es", "en") == [SentencePair(es, en) for en, es in PAIRS]
    assert len(read(write("b.en-es.tsv", "es\ten\nen\tes\n"))) == 2  # no names of these columns


def test_columns_name_the_languages_of_a_tsv_file(write):
    file = write("a.tsv", "7\thola\tHans\thello\n")
    assert read(file, columns={"en": 3, "es": 1}) == [SentencePair("hello", "hola")]


def test_columns_win_over_the_name_of_the_file(write):
    file = write("a.en-es.tsv", "hola\thello\n")
    assert read(file, columns={"en": 1, "es": 0}) == [SentencePair("hello", "hola")]


def test_columns_that_nobody_asked_for_are_ignored(write):
    assert read(write("a.en-es.tsv", "a\tb\tCC BY 2.0\t#1\n")) == [SentencePair("a", "b")]


# Columns by role, as they are called in each format, beside those of a translation.
BY_ROLE = {
    "a.tsv": ("7\tlong text\tshort\n", {"source": 1, "target": 2}),
    "a.csv": (
        "article,id,summary\nlong text,7,short\n",
        {"source": "article", "target": "summary"},
    ),
    "b.csv": ("long text,7,short\n", {"source": 0, "target": 2}),
    "a.jsonl": (
        '{"article": "long text", "summary": "short"}\n',
        {"source": "article", "target": "summary"},
    ),
}
WITHIN_ONE_LANGUAGE = {  # what needs no columns
    "b.jsonl": '{"source": "long text", "target": "short"}\n',
    "a.en-en.tsv": "long text\tshort\n",
}


@pytest.mark.parametrize("languages", [("en", "en"), ("en", "es")])
@pytest.mark.parametrize("name", BY_ROLE)
def test_columns_by_role_read_sides_in_whatever_languages(write, name, languages):
    content, columns = BY_ROLE[name]
    assert read(write(name, content), *languages, columns=columns) == [("long text", "short")]


@pytest.mark.parametrize("name", WITHIN_ONE_LANGUAGE)
def test_sides_in_one_language_have_the_names_of_their_roles(write, name):
    file = write(name, WITHIN_ONE_LANGUAGE[name])
    assert read(file, "en", "en") == [("long text", "short")]


def test_two_files_are_named_by_their_columns(write, tmp_path):
    write("news.article.txt", "long text\n")
    write("news.summary.txt", "short\n")
    path = tmp_path / "news.{language}.txt"
    columns = {"source": "article", "target": "summary"}
    assert read(path, "en", "en", columns=columns) == [("long text", "short")]


def test_a_role_wins_over_a_language(write):
    file = write("a.tsv", "a\tb\tc\n")
    assert read(file, columns={"en": 0, "es": 1, "source": 2}) == [("c", "b")]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.en-es.tsv", {}),
        ("a.tsv", {"columns": {"en": 0}}),
        ("a.csv", {"columns": {"en": "x"}}),
        ("a.jsonl", {"columns": {"en": "x"}}),
    ],
)
def test_one_column_is_not_both_sides(write, name, settings):
    error = refused(write(name, '{"x": "y"}\n'), "en", "en", **settings)
    assert "source and target are the same column" in error.message
    assert "{source: …, target: …}" in error.hint


def test_carriage_returns_and_a_byte_order_mark_are_no_text(write):
    assert read(write("a.en-es.tsv", "\ufeffa\tb\r\nc\td\r\n")) == [("a", "b"), ("c", "d")]


@pytest.mark.parametrize("inside", ["\u2028", "\u2029", "\x0b", "\x0c", "\x85", "\x1e", "\ufeff"])
def test_only_a_line_feed_ends_a_line(write, inside):
    pairs = [SentencePair("x", "y"), SentencePair(f"a{inside}b", f"c{inside}d")]
    file = write("a.en-es.tsv", f"x\ty\na{inside}b\tc{inside}d\n")
    assert read(file) == pairs


def test_a_last_line_without_a_line_feed_counts(write):
    assert read(write("a.en-es.tsv", "a\tb\nc\td")) == [("a", "b"), ("c", "d")]


def test_a_blank_line_is_an_empty_pair(write):
    assert read(write("a.en-es.tsv", "a\tb\n\nc\td\n")) == [("a", "b"), ("", ""), ("c", "d")]


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_an_empty_file_has_no_pairs(write, ending):
    assert read(write(f"a.en-es.tsv{ending}", b"")) == []


def test_a_missing_column_is_told_with_file_and_line(write):
    file = write("a.en-es.tsv", "a\tb\nc d\n")
    assert refusal(file) == f"{file}, line 2: 1 column, but 2 are needed"


def test_invalid_utf8_is_told_with_file_line_and_byte(write):
    file = write("a.en-es.tsv", b"a\tb\nse\xf1or\td\n")
    assert refusal(file) == f"{file}, line 2: not UTF-8 (byte 3 of the line)"


def test_a_tsv_file_that_names_no_languages_is_refused(write):
    assert "does not say which column" in refusal(write("a.tsv", "a\tb\n"))


@pytest.mark.parametrize(
    ("name", "languages", "forward"),
    [
        ("a.en-pt-BR.tsv", ("en", "pt-BR"), True),
        ("a.en-pt-BR.tsv", ("en", "pt"), True),
        ("a.en-pt.csv", ("en", "pt-BR"), True),
        ("a.pt_BR-en.tsv", ("en", "pt-BR"), False),
        ("a.b.zh-Hans-en.tsv.gz", ("en", "zh-Hans"), False),
        ("a.sr-Latn-sr-Cyrl.tsv", ("sr-Cyrl", "sr-Latn"), False),
        ("a.EN-es.tsv", ("en", "es"), True),
    ],
)
def test_a_name_speaks_of_languages_with_regions_and_scripts(name, languages, forward):
    first, second = languages if forward else languages[::-1]
    assert languages_in_name(Path(name), languages) == (first, second)


@pytest.mark.parametrize("name", ["a.tsv", "a.en.tsv", "a.en_US.tsv", "a.old-1.tsv", "en-es.tsv"])
def test_other_names_speak_of_no_languages(name):
    assert languages_in_name(Path(name), ("en", "es")) is None


def test_a_row_of_more_fields_than_the_header_is_refused(write):
    told = refusal(write("a.csv", "en,es\nHi,Hola\nYes, Tom,Sí\n"))
    assert "line 3: 3 columns, but the first row has 2" in told
    assert read(write("b.csv", "en,es\nHi,Hola,,\n")) == [("Hi", "Hola")]


def test_a_tsv_file_of_other_languages_is_refused(write):
    assert "no column is given for 'es'" in refusal(write("a.en-de.tsv", "a\tb\n"))


@pytest.mark.parametrize("columns", [{"en": 0}, {"en": 0, "es": "spanish"}, {"en": 0, "es": -1}])
def test_a_column_of_a_tsv_file_is_a_number_from_zero(write, columns):
    error = refused(write("a.tsv", "a\tb\n"), "en", "es", columns=columns)
    assert "no column is given for 'es'" in error.message
    assert "Set columns such as {es: 0" in error.hint


def files_of_two_languages(write, english, spanish):
    """A pair in each format that says what its sides are called."""
    xml = f'source-language="{english}" target-language="{spanish}"'
    unit = "<trans-unit><source>a</source><target>b</target></trans-unit>"
    row = json.dumps({english: "a", spanish: "b"})
    file = write("a.parquet", "")
    pyarrow.parquet.write_table(pyarrow.table({english: ["a"], spanish: ["b"]}), file)
    return {
        "tsv": write(f"a.{english}-{spanish}.tsv", "a\tb\n"),
        "csv": write("a.csv", f"{english},{spanish}\na,b\n"),
        "headless": write(f"a.{english}-{spanish}.csv", "a,b\n"),
        "jsonl": write("a.jsonl", row),
        "json": write("a.json", f"[{row}]"),
        "parquet": file,
        "tmx": write("a.tmx", tmx([(english, "a"), (spanish, "b")])),
        "xliff": write("a.xliff", xliff(unit, xml)),
        "po": write("a.po", PO_HEADER.replace(": es", f": {spanish}") + 'msgid "a"\nmsgstr "b"\n'),
    }


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        (("eng_Latn", "spa_Latn"), ("en", "es")),
        (("eng", "spa"), ("en", "es")),
        (("EN", "ES"), ("en", "es")),
        (("en-US", "es_MX"), ("en", "es")),
        (("en", "es"), ("eng_Latn", "spa_Latn")),
        (("en", "es"), ("EN", "spa")),
        (("eng_Latn", "cmn_Hans"), ("en", "zh")),
        (("en", "zh_hans"), ("eng", "cmn_Hans")),
    ],
)
def test_a_language_is_known_whichever_its_tag(write, named, meant):
    for name, file in files_of_two_languages(write, *named).items():
        assert read(file, *meant) == [("a", "b")], name
        assert read(file, *meant[::-1]) == [("b", "a")], name


def test_columns_may_have_the_english_names_of_their_languages(write):
    table = write("a.csv", "Id,English,Spanish\n1,hello,hola\n")
    row = write("a.jsonl", '{"id": "1", "english": "hello", "spanish": "hola"}\n')
    for file in (table, row):
        assert read(file) == [("hello", "hola")]
        assert read(file, "es", "en") == [("hola", "hello")]


def test_columns_may_be_named_by_any_tag_of_a_language(write):
    file = write("a.tsv", "7\thola\thello\n")
    assert read(file, columns={"eng_Latn": 2, "es-MX": 1}) == [("hello", "hola")]
    file = write("a.csv", "x,y\nhello,hola\n")
    assert read(file, columns={"eng": "x", "spa": "y"}) == [("hello", "hola")]


def test_of_two_columns_in_a_language_the_exact_one_counts(write):
    content = "eng,en,es,es-MX\na,b,c,d\n"
    assert read(write("a.csv", content)) == [("b", "c")]
    with pytest.raises(DataError, match="no column 'es'"):
        read(write("b.csv", content.replace(",es,", ",es-ES,")))


def test_no_hint_declares_one_language_to_be_another(write):
    for name, file in files_of_two_languages(write, "en-US", "es").items():
        hint = refused(file, "de", "fr").hint
        assert "columns" not in hint, name
        assert "data.source_language" in hint and "es" in hint, name
        assert name == "po" or "en-US" in hint, name


def test_columns_are_the_hint_where_a_name_may_mean_the_language(write):
    files = files_of_two_languages(write, "en-US", "es-ES")
    for name, file in files.items():
        error = refused(file, "en-GB", "es-MX")
        assert "olumns" in error.hint and "data.source" not in error.hint, name
    for content in ("src,trg\na,b\n", "id,un,dos\n1,a,b\n"):
        assert "olumns" in refused(write("b.csv", content), "en", "es").hint
    assert read(write("c.csv", "id,anglais,espagnol\n1,a,b\n")) == [("a", "b")]


@pytest.mark.skipif(shutil.which("iconv") is None, reason="there is no iconv")
@pytest.mark.parametrize("name", ["a.en-es.tsv", "a.csv", "a.json"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin1"])
def test_a_file_in_another_encoding_is_read_once_what_is_advised_was_done(write, name, encoding):
    pairs = [SentencePair(f"Hello, señor {n}.", f"¡Hola, señor {n}!") for n in range(100)]
    text = WRITERS[name](pairs).decode()
    file = write(name, text.encode(encoding))
    hint = refused(file, "en", "es").hint
    command = hint.removeprefix("Convert the file, for example: ")
    converted = subprocess.run(command.split(), capture_output=True, check=True).stdout
    assert read(write(name, converted)) == pairs


def test_a_packed_file_is_unpacked_before_it_is_converted(write):
    hint = refused(
        write("a.en-es.tsv.gz", gzip.compress("é\tó\n".encode("latin1"))), "en", "es"
    ).hint
    assert hint.startswith("Unpack the file and convert it")
    assert hint.endswith("a.en-es.tsv")


# --- damaged files --------------------------------------------------------------------------------

MANY = "".join(f"{n * 7919 % 1000}\t{n * 104729 % 1000}\n" for n in range(3000)).encode()
BROKEN = {
    "truncated.gz": gzip.compress(MANY)[:-20],
    "truncated.xz": lzma.compress(MANY)[:-20],
    "wrong-checksum.gz": gzip.compress(MANY)[:-8] + bytes(8),
    "invalid-block.gz": gzip.compress(MANY)[:10] + b"\xff" * 100,
    "corrupt.xz": lzma.compress(MANY)[:99] + b"\xff" * 99 + lzma.compress(MANY)[198:],
    "truncated.bz2": bz2.compress(MANY)[:-20],
    "truncated.zst": zstd(MANY)[:-20],
    "not-packed.gz": MANY,
    "not-packed.xz": MANY,
    "not-packed.bz2": MANY,
    "not-packed.zst": MANY,
    "empty.xz": b"",
    "empty.bz2": b"",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_damaged_packed_file_is_told_with_its_line(write, name):
    stem, _, ending = name.partition(".")
    file = write(f"{stem}.en-es.tsv.{ending}", BROKEN[name])
    message = refusal(file)
    assert message.startswith(f"{file}, after line ")
    assert "damaged compressed file" in message


def test_what_can_be_read_of_a_truncated_file_comes_before_the_error(write):
    file = write("a.en-es.tsv.gz", gzip.compress(MANY)[:-20])
    pairs = []
    with pytest.raises(DataError) as caught:
        for pair in read_pairs(CorpusConfig(path=str(file)), "en", "es"):
            pairs.append(pair)
    assert f"after line {len(pairs)}:" in caught.value.message
    assert pairs[:2] == [("0", "0"), ("919", "729")]


@pytest.mark.parametrize("ending", PACKED)
def test_a_file_is_closed_when_reading_ends(write, ending):
    file = write(f"a.en-es.tsv{ending}", PACKED[ending](TSV))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read(file)
        gc.collect()
    assert [each for each in caught if str(file) in str(each.message)] == []


# --- which reader ---------------------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path):
    file = tmp_path / "nowhere.tsv"
    assert refusal(file) == f"there is no corpus {file}"


@pytest.mark.parametrize("name", ["a.docx", "a.text", "a.tsv.zip", "tsv", "a.parquet.gz", "gz"])
def test_a_format_that_the_name_does_not_tell_is_refused(write, name):
    file = write(name, TSV)
    assert refusal(file) == f"the format of {file} is not known by its name"


def test_an_unknown_embedded_corpus_is_refused():
    assert refusal("embedded:nowhere") == "there is no embedded corpus 'nowhere'"


# --- two parallel files ---------------------------------------------------------------------------


@pytest.mark.parametrize("ending", PACKED)
def test_two_parallel_files_give_their_pairs(write, tmp_path, ending):
    write(f"a.en.txt{ending}", PACKED[ending]("\n".join(EN).encode()))
    write(f"a.es.txt{ending}", PACKED[ending]("\n".join(ES).encode()))
    assert read(tmp_path / f"a.{{language}}.txt{ending}") == PAIRS


def test_the_languages_choose_among_parallel_files(write, tmp_path):
    for language in ("en", "es", "de"):
        write(f"a.{language}", f"text in {language}\n")
    assert read(tmp_path / "a.{language}", "de", "en") == [("text in de", "text in en")]


def test_the_language_may_stand_in_the_folder(tmp_path):
    for language in ("en", "es"):
        (tmp_path / language).mkdir()
        (tmp_path / language / "a").write_text(language, encoding="utf-8")
    assert read(tmp_path / "{language}" / "a") == [("en", "es")]


@pytest.mark.parametrize(("en", "es"), [("a\nb\nc\n", "d\n"), ("d\n", "a\nb\nc\n"), ("", "a\n")])
def test_unequal_parallel_files_are_told_with_both_counts(write, tmp_path, en, es):
    files = write("a.en", en), write("a.es", es)
    counts = en.count("\n"), es.count("\n")
    assert refusal(tmp_path / "a.{language}") == (
        f"{files[0]} has {counts[0]} lines, {files[1]} {counts[1]}: they are out of step"
    )


def test_a_missing_parallel_file_is_named(write, tmp_path):
    write("a.en", "a\n")
    assert refusal(tmp_path / "a.{language}") == f"there is no file {tmp_path / 'a.es'}"


def test_invalid_utf8_in_a_parallel_file_is_told_with_its_line(write, tmp_path):
    write("a.en", "a\nb\n")
    file = write("a.es", b"a\n\xff\n")
    assert refusal(tmp_path / "a.{language}").startswith(f"{file}, line 2: not UTF-8")


# --- lines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", PACKED)
def test_lines_of_a_file_come_without_their_ends(write, ending):
    file = write(f"a.txt{ending}", PACKED[ending]("\ufeffa\r\n\nb\u2028c\nd".encode()))
    assert list(read_lines(file)) == ["a", "", "b\u2028c", "d"]


def test_lines_of_a_directory_are_refused(tmp_path):
    with pytest.raises(DataError, match="is a directory"):
        list(read_lines(tmp_path))


# --- every format, by an independent writer -------------------------------------------------------


def write_tsv(pairs):
    return "".join(f"{en}\t{es}\n" for en, es in pairs).encode()


def write_csv(pairs, delimiter=","):
    rows = [["id", "es", "en"], *([n, es, en] for n, (en, es) in enumerate(pairs))]
    return "".join(
        delimiter.join('"' + str(field).replace('"', '""') + '"' for field in row) + "\r\n"
        for row in rows
    ).encode()


def write_jsonl(pairs):
    return "".join(json.dumps({"en": en, "es": es}) + "\n" for en, es in pairs).encode()


def write_json(pairs, indent=None):
    rows = [{"translation": {"en": en, "es": es}} for en, es in pairs]
    return json.dumps(rows, ensure_ascii=False, indent=indent).encode()


def tree(tag, attributes, *children):
    """An XML element of texts and elements."""
    builder = ElementTree.TreeBuilder()
    builder.start(tag, attributes)
    builder.end(tag)
    element = builder.close()
    element.extend(child for child in children if not isinstance(child, str))
    element.text = "".join(child for child in children if isinstance(child, str))
    return element


def write_tmx(pairs, encoding="utf-8"):
    units = [
        tree("tu", {}, *(tree("tuv", {"xml:lang": lang}, tree("seg", {}, text)) for lang, text in
                         (("de-DE", "?"), ("EN_us", en), ("es", es))))
        for en, es in pairs
    ]  # fmt: skip
    header = tree("header", {"srclang": "*all*"}, tree("prop", {"type": "x"}, "no text"))
    root = tree("tmx", {"version": "1.4"}, header, tree("body", {}, *units))
    return ElementTree.tostring(root, encoding=encoding, xml_declaration=True)


def write_xliff(pairs, encoding="utf-8"):
    units = [
        tree("trans-unit", {"id": "1"}, tree("source", {}, en), tree("target", {}, es))
        for en, es in pairs
    ]
    languages = {"source-language": "en", "target-language": "es-ES", "original": "x"}
    file = tree("file", languages, tree("body", {}, *units))
    return ElementTree.tostring(tree("xliff", {"version": "1.2"}, file), encoding=encoding)


def write_xliff2(pairs):
    units = [
        tree("x:unit", {"id": "1"}, tree("x:segment", {}, tree("x:source", {}, en),
                                         tree("x:target", {}, es)))
        for en, es in pairs
    ]  # fmt: skip
    root = {"xmlns:x": "urn:oasis:names:tc:xliff:document:2.0", "srcLang": "en", "trgLang": "es"}
    return ElementTree.tostring(tree("x:xliff", root, tree("x:file", {}, *units)))


def po_string(text):
    for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t")):
        text = text.replace(character, escape)
    return f'"{text}"'


PO_HEADER = 'msgid ""\nmsgstr "Language: es\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'


def write_po(pairs):
    return (
        PO_HEADER
        + "".join(
            f"#: code.c:{n}\nmsgctxt {po_string(f'context {n}')}\n"
            f'msgid ""\n{po_string(en)}\nmsgstr {po_string(es)}\n\n'
            for n, (en, es) in enumerate(pairs)
        )
    ).encode()


WRITERS = {
    "a.en-es.tsv": write_tsv,
    "a.csv": write_csv,
    "a.jsonl": write_jsonl,
    "a.json": write_json,
    "a.tmx": write_tmx,
    "a.xliff": write_xliff,
    "b.xlf": write_xliff2,
    "a.po": write_po,
}
ODD_PAIRS = [
    *PAIRS,
    SentencePair("a\u0085b\x7f", "«c» \U0001f355"),
    SentencePair('say "hi", <b> & c\\d;', "it's ¡'x'!"),
    SentencePair(" spaces stay ", "\u00a0no-break\u00a0"),
    SentencePair("untranslated", ""),
]


@pytest.mark.parametrize("ending", PACKED)
@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_its_pairs_packed_or_not(write, name, ending):
    file = write(name + ending, PACKED[ending](WRITERS[name](ODD_PAIRS)))
    assert read(file) == ODD_PAIRS
    assert read(file, "es", "en") == [(es, en) for en, es in ODD_PAIRS]


@pytest.mark.parametrize("name", WRITERS)
def test_the_format_may_be_set_where_the_name_does_not_tell_it(write, name):
    known = {"a.xliff": "xliff", "b.xlf": "xliff"}.get(name, name.rpartition(".")[2])
    settings = {"columns": {"en": 0, "es": 1}} if known == "tsv" else {}
    file = write("a.dat", WRITERS[name](ODD_PAIRS))
    assert read(file, format=known, **settings) == ODD_PAIRS


@pytest.mark.parametrize("name", WRITERS)
def test_a_byte_order_mark_is_no_text_in_any_format(write, name):
    assert read(write(name, b"\xef\xbb\xbf" + WRITERS[name](PAIRS))) == PAIRS


@pytest.mark.parametrize("name", WRITERS)
def test_no_format_needs_a_last_line_feed(write, name):
    assert read(write(name, WRITERS[name](PAIRS).rstrip(b"\r\n"))) == PAIRS


@pytest.mark.parametrize("name", WRITERS)
def test_carriage_returns_at_line_ends_are_no_text_in_any_format(write, name):
    content = WRITERS[name](PAIRS).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert read(write(name, content)) == PAIRS


@pytest.mark.parametrize("name", WRITERS)
def test_a_name_in_capitals_tells_the_format_too(write, name):
    name = name.removesuffix(Path(name).suffix) + Path(name).suffix.upper()
    columns = {"columns": {"en": 0, "es": 1}} if name.endswith("TSV") else {}
    assert read(write(name, WRITERS[name.lower()](PAIRS)), **columns) == PAIRS


@pytest.mark.parametrize("name", [*WRITERS, "a.parquet"])
def test_only_the_first_pairs_are_read_when_max_pairs_says_so(tmp_path, write, name):
    if name == "a.parquet":
        dataset({"en": EN, "es": ES}).to_parquet(tmp_path / name)
    else:
        write(name, WRITERS[name](PAIRS))
    assert [read(tmp_path / name, max_pairs=n) for n in (1, 2, 9)] == [PAIRS[:1], PAIRS[:2], PAIRS]


@pytest.mark.parametrize("name", WRITERS)
def test_what_stands_behind_the_first_pairs_is_not_even_looked_at(write, name):
    content = WRITERS[name]([*PAIRS, *[("x" * 200, "y")] * 2000]) + b"\xff rubbish"
    assert read(write(name, content), max_pairs=3) == PAIRS


@pytest.mark.parametrize("name", WRITERS)
def test_nul_bytes_are_told_or_kept_but_never_a_crash(write, name):
    content = WRITERS[name]([("a", "b"), ("cQd", "e")]).replace(b"Q", b"\0")
    try:
        first, second = read(write(name, content))
        assert (first, second[1]) == (("a", "b"), "e")
        assert second[0] in ("c\0d", "cd")  # lxml leaves it out
    except DataError as error:
        assert name in error.message


@pytest.mark.heavy
@pytest.mark.parametrize("name", WRITERS)
def test_memory_does_not_grow_with_the_file(write, name):
    pairs = [(f"{n} is a sentence " * 24, f"{n} es una frase " * 24) for n in range(5_000)]
    file = write(name, WRITERS[name](pairs))
    del pairs
    read(file, max_pairs=1)  # what the readers import is none of the file's memory
    tracemalloc.start()
    count = sum(1 for _ in read_pairs(CorpusConfig(path=str(file)), "en", "es"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 5_000
    assert peak < file.stat().st_size // 2


@pytest.mark.heavy
def test_memory_does_not_grow_with_a_parquet_file(tmp_path):
    texts = {lang: [f"{n} {lang} " * 20 for n in range(100_000)] for lang in ("en", "es")}
    file = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table(texts), file, compression="none")
    before, peak = pyarrow.total_allocated_bytes(), 0
    for number, _ in enumerate(read_pairs(CorpusConfig(path=str(file)), "en", "es")):
        if number % 1000 == 0:
            peak = max(peak, pyarrow.total_allocated_bytes() - before)
    assert 0 < peak < file.stat().st_size // 2


# --- properties -----------------------------------------------------------------------------------

XML_NEVER = "\ufffe\uffff"
PO_GUARDS = "".join(chr(n) for n in range(0xFDD0, 0xFDF0))  # noncharacters: never in a text


def texts(never, *, min_size=0):
    return st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters=never), min_size=min_size
    )


def pairs_of(never, *, min_size=0):
    """Lists of pairs with hard characters, and the first without a byte order mark."""
    side = texts(never, min_size=min_size)
    hard = st.sampled_from(list("\u2028\u2029\x85\"',;\\<&[]{}#% ñé\u200b\ufeff"))
    mixed = st.lists(hard | side, min_size=min_size).map("".join)
    pair = st.tuples(mixed, mixed).map(lambda sides: SentencePair(*sides))
    return st.lists(pair, max_size=5).filter(lambda p: not p or p[0].source[:1] != "\ufeff")


CONTROLS = "".join(map(chr, [*range(9), 11, 12, *range(14, 32)]))  # which XML does not know
PROPERTIES = {
    "a.en-es.tsv": "\t\n\r",
    "a.csv": "\0",
    "a.jsonl": "",
    "a.json": "",
    "a.tmx": CONTROLS + "\r" + XML_NEVER,
    "a.xliff": CONTROLS + "\r" + XML_NEVER,
    "b.xlf": CONTROLS + "\r" + XML_NEVER,
    "a.po": "\r" + PO_GUARDS,
}


@pytest.mark.parametrize("name", WRITERS)
@given(data=st.data())
@examples(60)
def test_what_was_written_is_read(write, name, data):
    pairs = data.draw(pairs_of(PROPERTIES[name], min_size=name == "a.po"))
    assert read(write(name, WRITERS[name](pairs))) == pairs


@given(pairs=pairs_of("\t\n\r"))
@examples(60)
def test_two_files_that_were_written_are_read(write, tmp_path, pairs):
    pairs = [pair for pair in pairs if not any(side.startswith("\ufeff") for side in pair)]
    for language, side in (("en", 0), ("es", 1)):
        write(f"a.{language}", "".join(f"{pair[side]}\n" for pair in pairs))
    assert read(tmp_path / "a.{language}") == pairs


@given(pairs=pairs_of("\0"), delimiter=st.sampled_from(",;\t"), quoting=st.sampled_from([0, 1]))
@example([SentencePair("", "\r")], ";", csv.QUOTE_ALL)  # no other delimiter can read it
@examples(60)
def test_what_the_csv_module_writes_is_read(tmp_path, pairs, delimiter, quoting):
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, quoting=quoting)
        writer.writerows([("en", "es"), *pairs])
    assert read(tmp_path / "a.csv") == pairs


@given(pairs=pairs_of(""), rows=st.integers(1, 5))
@examples(30)
def test_what_parquet_holds_is_read_whatever_its_row_groups(tmp_path, pairs, rows):
    sides = {"en": [pair.source for pair in pairs], "es": [pair.target for pair in pairs]}
    kind = pyarrow.schema([("en", pyarrow.large_string()), ("es", pyarrow.string())])
    table = pyarrow.table(sides, schema=kind)
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet", row_group_size=rows)
    assert read(tmp_path / "a.parquet") == pairs


# --- CSV ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", ["\t", ";", ","])
def test_the_delimiter_of_a_csv_file_is_found(write, delimiter):
    pairs = [SentencePair(f"{n}, hi; you\tand", 'a "b"') for n in range(200)]
    assert read(write("a.csv", write_csv(pairs, delimiter))) == pairs


def test_commas_in_a_text_are_not_taken_for_the_delimiter(write):
    file = write("a.csv", "en;es\nHello, my, dear;Hola\nHi, you;Hola, tú\n")
    assert read(file) == [("Hello, my, dear", "Hola"), ("Hi, you", "Hola, tú")]


def test_a_quoted_field_holds_line_feeds_even_across_the_lines_that_tell_the_delimiter(write):
    long = "\n".join(map(str, range(150)))
    pairs = [SentencePair("a\nb", 'c "d"\n'), SentencePair(long, "x\r\ny")]
    assert read(write("a.csv", write_csv(pairs, ";"))) == pairs


def test_a_csv_file_without_header_has_numbered_columns(write):
    file = write("a.csv", "x,hola,hello\ny,tú,you\n")
    assert read(file, columns={"en": 2, "es": 1}) == [("hello", "hola"), ("you", "tú")]


def test_a_csv_file_without_header_may_be_named_by_its_columns(write):
    content = "hello,hola\nyou,tú\n"
    assert read(write("a.en-es.csv", content)) == [("hello", "hola"), ("you", "tú")]
    assert read(write("b.en-es.csv", "es,en\n" + content)) == [("hola", "hello"), ("tú", "you")]


def test_blank_lines_of_a_csv_file_are_no_rows(write):
    assert read(write("a.csv", "en,es\n\na,b\n\n\nc,d\n\n")) == [("a", "b"), ("c", "d")]


def test_words_that_look_like_missing_values_or_numbers_stay_words(write):
    file = write("a.csv", "en,es\nNone,Ninguno\nnull,nulo\nhi,\n1984,1984\n2024-01-01,NaN\n")
    assert read(file) == [
        ("None", "Ninguno"), ("null", "nulo"), ("hi", ""), ("1984", "1984"), ("2024-01-01", "NaN"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("en,es\na,b\nc\n", "line 3: 1 column, but 2 are needed"),
        ('en,es\n"a\nb",c\n"d,e\nf,g\n', "line 4: unexpected end of data"),
        ('en,es\n"a"b,c\n', "line 2: ',' expected after '\"'"),
        (f'en,es\na,b\n"{"x," * 99999}\n', "line 3: unexpected end of data"),
        ("en,es\na\rb,c\n", "line 2: a carriage return within a field"),
        ("en,fr\na,b\n", "has no column 'es', only en, fr"),
        (b"en,es\na,\xff\n", "line 2: not UTF-8 (byte 3 of the line)"),
    ],
)
def test_a_broken_csv_file_is_told_with_the_line_where_the_row_starts(write, content, message):
    assert message in refusal(write("a.csv", content))


# --- JSON -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "way_out"),
    [
        ({"id": 1, "data": {"en": "a", "es": "b"}}, '{"en": "…", "es": "…"}; null'),
        (["a", "b"], '{"en": "…", "es": "…"}; null'),
        ({"en": "a"}, '{"en": "…", "es": "…"}; null'),
        ({"first": "a", "second": "b"}, "columns: {en: …, es: …}"),
    ],
)
def test_columns_are_named_as_a_way_out_only_where_they_are_one(write, row, way_out):
    assert way_out in refused(write("a.jsonl", json.dumps(row)), "en", "es").hint


@pytest.mark.parametrize("indent", [None, 0, 4])
def test_an_array_of_json_is_read_however_it_is_broken_into_lines(write, indent):
    pairs = [SentencePair(f"{n} [,] " * 30, "}{" * n) for n in range(500)]  # several blocks
    assert read(write("a.json", write_json(pairs, indent))) == pairs


def test_json_objects_may_follow_one_another_without_an_array(write):
    assert read(write("a.json", write_jsonl(PAIRS))) == PAIRS
    spread = "".join(json.dumps({"es": es, "en": en}, indent=2) for en, es in PAIRS)
    assert read(write("b.json", spread)) == PAIRS


def test_blank_lines_between_json_lines_are_no_rows(write):
    assert read(write("a.jsonl", '\n{"en": "a", "es": "b"}\n \n')) == [("a", "b")]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_null_is_an_empty_text(write, name):
    file = write(name, '{"en": "a", "es": null}\n{"en": null, "es": "b"}\n')
    assert read(file) == [("a", ""), ("", "b")]


GOOD = '{"en": "a", "es": "b"}\n'


@pytest.mark.parametrize(
    ("row", "fragment"),
    [
        ('{"en": "a", "fr": "b"}', "no text for 'en' and 'es', but en: str, fr: str"),
        ('{"en": 1, "es": "b"}', "no text for 'en' and 'es', but en: int, es: str"),
        ('{"translation": {"en": "a", "fr": "b"}}', "no text for 'en'"),
        ('{"translation": null}', "but row: NoneType"),
        ('{"translation": "a"}', "no text for 'en'"),
        ('{"en"', "broken JSON (Expecting ':' delimiter)"),
        ("[" * 9999, "broken JSON"),
        ('["a", "b"]', "no text for 'en' and 'es', but row: list"),
        ("7", "but row: int"),
        ("9" * 5000, "broken JSON (Exceeds the limit"),
        ('{"en": "\\ud800", "es": "b"}', "half of a surrogate pair"),
    ],
)
def test_a_row_of_json_that_holds_no_pair_is_told_with_its_line(write, row, fragment):
    file = write("a.jsonl", GOOD * 2 + row)
    assert refusal(file).startswith(f"{file}, line 3: {fragment}"[: len(str(file)) + 9])
    assert fragment in refusal(file)
    array = write("a.json", f"[{GOOD}, {GOOD}, {row}]")
    assert f"{array}, row 3: " in refusal(array)


@pytest.mark.parametrize("content", ["[" + GOOD, "[" + GOOD + ",", GOOD + "]", f"[{GOOD}] x"])
def test_an_array_that_is_not_closed_or_goes_on_is_broken(write, content):
    assert "row 2: broken JSON" in refusal(write("a.json", content))


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_list_of_references_is_a_pair_of_the_first_that_knows_them_all(write, name):
    rows = [
        {"article": "long text", "summaries": ["short", " ", "brief"]},
        {"article": "other text", "summaries": ["one"]},
        {"article": "without any", "summaries": []},
    ]
    text = json.dumps(rows) if name == "a.json" else "".join(f"{json.dumps(r)}\n" for r in rows)
    columns = {"source": "article", "target": "summaries"}
    pairs = read(write(name, text), "en", "en", columns=columns)
    assert pairs == [("long text", "short"), ("other text", "one"), ("without any", "")]
    assert isinstance(pairs[0], ReferencedPair)
    assert pairs[0].references == ("short", "brief")
    assert not any(isinstance(pair, ReferencedPair) for pair in pairs[1:])


@pytest.mark.parametrize(("name", "place"), [("a.jsonl", "line 2"), ("a.json", "row 2")])
@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"en": "a", "es": ["b", 3]}, "'es' is a list, and number 2 of it is no text but int"),
        ({"en": "a", "es": [None]}, "'es' is a list, and number 1 of it is no text but NoneType"),
        ({"en": ["a"], "es": "b"}, "no text for 'en' and 'es', but en: list, es: str"),
    ],
)
def test_a_list_that_is_not_of_references_is_told_with_its_place(write, name, place, row, fault):
    rows = [{"en": "a", "es": ["b", "c"]}, row]
    text = json.dumps(rows) if name == "a.json" else "".join(f"{json.dumps(r)}\n" for r in rows)
    file = write(name, text)
    assert refusal(file) == f"{file}, {place}: {fault}"


@pytest.mark.parametrize(("name", "place"), [("a.jsonl", "line 2"), ("a.json", "after row")])
def test_json_that_is_not_utf8_is_told_with_its_place(write, name, place):
    message = refusal(write(name, GOOD.encode() + b'{"en": "a\xff", "es": "b"}\n'))
    assert f"{name}, {place}" in message
    assert "not UTF-8" in message


# --- Parquet --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "fragment"),
    [
        ({"en": ["a"], "fr": ["b"]}, "has no column 'es', only en, fr"),
        ({"en": ["a"], "es": [1]}, "column 'es' holds int64, no text"),
        ({"en": [b"a"], "es": ["b"]}, "column 'en' holds binary, no text"),
        ({"translation": ["a"]}, "column 'translation' holds string, no texts"),
        ({"translation": [{"en": "a"}]}, "has no column 'es', only en"),
    ],
)
def test_a_parquet_file_without_texts_is_refused(tmp_path, columns, fragment):
    file = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
    assert refusal(file).startswith(str(file))
    assert fragment in refusal(file)


def test_two_columns_of_one_name_are_refused(tmp_path):
    file = tmp_path / "a.parquet"
    texts = [pyarrow.array([text]) for text in ("a", "b", "c")]
    pyarrow.parquet.write_table(pyarrow.table(texts, names=["en", "es", "es"]), file)
    assert refusal(file).startswith(f"{file} has several columns 'es'")


def test_a_missing_text_of_a_parquet_file_is_empty(tmp_path):
    rows = [{"en": "a", "es": None}, None, {"en": None, "es": "b"}]
    pyarrow.parquet.write_table(pyarrow.table({"translation": rows}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == [("a", ""), ("", ""), ("", "b")]


def test_repeated_texts_that_parquet_keeps_in_a_dictionary_are_read(tmp_path):
    column = pyarrow.array(["a", "b", "a"]).dictionary_encode()
    table = pyarrow.table({"en": column, "es": column})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == [("a", "a"), ("b", "b"), ("a", "a")]


def test_a_damaged_parquet_file_is_told(tmp_path, write):
    file = tmp_path / "a.parquet"
    texts = {"en": [f"{n * 7919}" for n in range(9000)], "es": ["x"] * 9000}
    pyarrow.parquet.write_table(pyarrow.table(texts), file, compression="zstd")
    content = file.read_bytes()
    for broken in (b"rubbish", content[:-99], content[:9000] + bytes(2000) + content[11_000:]):
        assert "cannot be read as Parquet" in refusal(write("a.parquet", broken))


# --- TMX ------------------------------------------------------------------------------------------


def tmx(*units, declaration=""):
    """A TMX file; a unit is a list of (language, what stands in the segment)."""
    body = "".join(
        "<tu>"
        + "".join(f'<tuv xml:lang="{lang}"><seg>{text}</seg></tuv>\n' for lang, text in unit)
        + "</tu>"
        for unit in units
    )
    return f'{declaration}<tmx version="1.4"><header/><body>{body}</body></tmx>'


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["en", "es"], ("0", "1")),
        (["EN", "Es"], ("0", "1")),
        (["en-US", "es_ES"], ("0", "1")),
        (["en-US", "en", "es-MX", "es-ES"], ("1", "2")),
        (["en-GB", "en-US", "es-419"], ("0", "2")),
        (["en", "en", "es"], ("0", "2")),
        (["fr", "es"], ("", "1")),
        (["en", "ens"], ("0", "")),
        ([], ("", "")),
    ],
)
def test_the_languages_of_a_unit_are_found_in_their_variants(write, tags, expected):
    unit = [(tag, str(number)) for number, tag in enumerate(tags)]
    file = write("a.tmx", tmx(unit, [("en", "x"), ("es", "y")]))
    assert read(file) == [expected, ("x", "y")]


def test_a_variant_may_be_asked_for(write):
    file = write("a.tmx", tmx([("en-US", "color"), ("en-GB", "colour"), ("es", "color")]))
    assert read(file, columns={"en": "en_gb"}) == [("colour", "color")]


def test_a_language_may_stand_in_the_attribute_of_old_files(write):
    assert read(write("a.tmx", tmx([("en", "a"), ("es", "b")]).replace("xml:", ""))) == [("a", "b")]


@pytest.mark.parametrize(
    ("segment", "text"),
    [
        ('<bpt i="1">&lt;b&gt;</bpt>Press<ept i="1">&lt;/b&gt;</ept> it', "Press it"),
        ("one<ph>&lt;br/&gt;</ph>two<ph/>, three<ph/>", "one two, three"),
        ('a <hi type="x">very <hi>big</hi></hi> one', "a very big one"),
        ("see<it pos='begin'>{1}</it> <ut>{\\b}</ut>this", "see this"),
        ("no<bpt>x<sub>alt text</sub></bpt>te", "note"),
        ("1 &lt; 2 &amp; &#x20AC;<![CDATA[ <x> ]]>", "1 < 2 & € <x> "),
        ("<unknown>stays</unknown>", "stays"),
        ("<!-- no --> text<?no text?>", " text"),
        ("", ""),
    ],
)
def test_inline_tags_of_a_segment_are_removed(write, segment, text):
    assert read(write("a.tmx", tmx([("en", segment), ("es", "x")]))) == [(text, "x")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_a_tmx_file_is_read_in_the_encoding_that_it_declares(write, encoding):
    assert read(write("a.tmx", write_tmx([("né", "«sí»")] * 9, encoding))) == [("né", "«sí»")] * 9


def test_a_document_type_is_no_harm(write):
    declaration = '<?xml version="1.0"?><!DOCTYPE tmx SYSTEM "tmx14.dtd">'
    file = write("a.tmx", tmx([("en", "a"), ("es", "b")], declaration=declaration))
    assert read(file) == [("a", "b")]


def test_a_language_that_a_tmx_file_never_speaks_is_told(write):
    file = write("a.tmx", tmx([("de", "a"), ("en-US", "b")]))
    assert refusal(file) == f"{file} has no text in 'es', only in de, en-US"


LAUGHS = "".join(
    f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9)
)  # ten to the ninth times the first
BOMBS = {
    "laughs": f'<!DOCTYPE tmx [<!ENTITY a0 "ha">{LAUGHS}]>',
    "quadratic": f'<!DOCTYPE tmx [<!ENTITY a9 "{"ha" * 50_000}">]>',
    "external file": '<!DOCTYPE tmx [<!ENTITY a9 SYSTEM "file://{secret}">]>',
    "external network": '<!DOCTYPE tmx [<!ENTITY a9 SYSTEM "http://localhost:9/x">]>',
    "parameter": '<!DOCTYPE tmx [<!ENTITY % a SYSTEM "file://{secret}"> %a;]>',
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("where", ["text", "attribute"])
def test_a_declared_entity_is_refused_before_it_does_anything(write, bomb, where):
    secret = write("secret", "the secret")
    declaration = BOMBS[bomb].replace("{secret}", str(secret))
    entity = "" if bomb == "parameter" else "&a9;"
    unit = [("en", entity), ("es", "x")] if where == "text" else [(f"en{entity}", "x"), ("es", "x")]
    message = refusal(write("a.tmx", tmx(unit, declaration=declaration)))
    assert "a.tmx, line 1: " in message
    assert "entity" in message
    assert "secret" not in message.replace(str(secret), "")


def test_an_entity_that_an_external_document_type_may_declare_is_no_lost_text(write):
    declaration = '<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n'
    file = write("a.tmx", tmx([("en", "a&nbsp;b"), ("es", "x")], declaration=declaration))
    assert refusal(file) == f"{file}, line 2: the entity 'nbsp' is declared or used"


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ("", "line 1: broken XML (no element found)"),
        ("\n\n<tmx><body><tu></body></tmx>", "line 3: broken XML (Opening and ending tag mismatch"),
        ("<tmx>\n<body>\n", "line 3: broken XML (Premature end of data in tag body line 2)"),
        ("<html>\n</html>", "line 1: <html> is not the root of a tmx file"),
        (
            b"<tmx>\n<body>\xff</body></tmx>",
            "line 2: broken XML (Invalid bytes in character encoding",
        ),
        ("<tmx>\n&nbsp;</tmx>", "line 2: the entity 'nbsp' is declared or used"),
        ("<tmx><tu>" + "<hi>" * 300, "broken XML (Excessive depth in document"),
        ('<?xml version="1.0" encoding="klingon"?><tmx/>', "Unsupported encoding: klingon"),
    ],
)
def test_broken_xml_is_told_with_its_line(write, content, fragment):
    file = write("a.tmx", content)
    assert refusal(file).startswith(f"{file}, line ")
    assert fragment in refusal(file)


@pytest.mark.parametrize("encoding", ["shift_jis", "gb18030", "big5", "euc-jp"])
def test_an_encoding_of_several_bytes_is_read(write, encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + tmx([("en", "犬"), ("es", "b")])
    assert read(write("a.tmx", text.encode(encoding))) == [("犬", "b")]


@pytest.mark.parametrize("sign", ["&#x1;", "\x01", "&#31;"])
def test_a_sign_that_xml_forbids_does_not_end_a_file(write, sign):
    second = [("en", "c"), ("es", "d")]
    assert read(write("a.tmx", tmx([("en", f"a{sign}"), ("es", "b")], second))) == [
        ("a", "b"),
        ("c", "d"),
    ]
    body = f"<trans-unit><source>{sign}a</source><target>b</target></trans-unit>" * 2
    assert read(write("a.xliff", xliff(body))) == [("a", "b")] * 2


@pytest.mark.parametrize("state", ['state="new"', 'mq:status="NotStarted"', 'state="initial"'])
def test_what_translate_fills_is_no_translation_to_learn_from(write, state):
    unit = f'<trans-unit xmlns:mq="MQXliff" {state}><source>a</source><target>b</target>'
    text = xliff(
        f"{unit}</trans-unit><trans-unit><source>c</source><target>d</target></trans-unit>"
    )
    assert read(write("a.xliff", text)) == [("a", ""), ("c", "d")]
    settings = Settings(Format.XLIFF, ("en", "es"))
    segments = read_document(io.BytesIO(text.encode()), settings).segments
    assert [text for segment in segments for text in segment.texts] == ["a"]


@pytest.mark.heavy
@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_cut_packed_tmx_file_is_damaged(write, ending):
    content = write_tmx([(f"{n * 7919}", f"{n * 104729}") for n in range(9000)])
    file = write(f"a.tmx{ending}", PACKED[ending](content)[:-100])
    assert "damaged compressed file" in refusal(file)


# --- XLIFF ----------------------------------------------------------------------------------------


def xliff(body, languages='source-language="en" target-language="es"'):
    return (
        '<xliff xmlns="urn:oasis:names:tc:xliff:document:1.2" version="1.2">\n'
        f"<file {languages}><body>{body}</body></file></xliff>"
    )


def test_only_source_and_target_of_a_unit_are_its_texts(write):
    unit = (
        "<trans-unit><source>one<x/>two <g>bold</g></source>"
        "<seg-source><mrk>no</mrk></seg-source>"
        '<target><g>dos</g><ph id="1">%s</ph> <mrk>tres</mrk></target>'
        "<note>no</note><alt-trans><source>no</source><target>no</target></alt-trans></trans-unit>"
    )
    assert read(write("a.xliff", xliff(unit))) == [("one two bold", "dos tres")]


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("<target>b</target>", "b"),
        ('<target state="translated">b</target>', "b"),
        ('<target state="needs-translation">a</target>', ""),
        ('<target state="new">a</target>', ""),
        ("<target/>", ""),
        ("", ""),
    ],
)
def test_a_target_that_is_not_translated_is_empty(write, target, text):
    unit = f"<trans-unit><source>a</source>{target}</trans-unit>"
    assert read(write("a.xliff", xliff(unit))) == [("a", text)]


def test_each_file_within_an_xliff_file_has_its_own_direction(write):
    unit = "<trans-unit><source>{}</source><target>{}</target></trans-unit>"
    there = f'<file source-language="en" target-language="es">{unit.format("a", "b")}</file>'
    back = f'<file source-language="es-MX">{unit.format("c", "d")}</file>'
    assert read(write("a.xliff", f"<xliff>{there}{back}</xliff>")) == [("a", "b"), ("d", "c")]


def test_an_xliff_file_of_other_languages_is_refused_unless_columns_say_better(write):
    unit = "<trans-unit><source>a</source><target>b</target></trans-unit>"
    file = write("a.xliff", xliff(unit, 'source-language="en" target-language="fr"'))
    assert refusal(file) == (
        f"{file} does not say that it is in 'en' and 'es', but source: en, target: fr"
    )
    assert read(file, columns={"en": "target", "es": "source"}) == [("b", "a")]
    assert "source: en" in refusal(file, columns={"en": "text", "es": "source"})


def test_an_entity_in_an_xliff_file_is_refused(write):
    content = '<!DOCTYPE xliff [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + xliff("&x;")
    assert "the entity 'x'" in refusal(write("a.xliff", content))


# --- gettext --------------------------------------------------------------------------------------

PO_MESSAGES = r"""
#. a comment
#: main.c:12
msgid "Hello, \"%s\"!\n"
msgstr ""
"¡Hola, "
"«%s»!\n"

#, fuzzy, c-format
#| msgid "Close"
msgid "Closed"
msgstr "Cerrar"

msgctxt "menu"
msgid "Open"
msgstr "Abrir"
msgid "Untranslated"
msgstr ""

msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d fichero"
msgstr[1] "%d ficheros"

#~ msgid "Obsolete"
#~ msgstr "Obsoleto"
"""
PO = PO_HEADER + PO_MESSAGES
PO_LINES = PO.count("\n")


def test_the_messages_of_a_po_file_are_its_pairs(write):
    assert read(write("a.po", PO)) == [
        ('Hello, "%s"!\n', "¡Hola, «%s»!\n"),
        ("Closed", ""),
        ("Open", "Abrir"),
        ("Untranslated", ""),
        ("%d file", "%d fichero"),
        ("%d files", "%d ficheros"),
    ]


@pytest.mark.parametrize(
    ("forms", "expected"),
    [
        (["x"], [("files", "x")]),  # as Japanese
        (["x", "y", "z"], [("file", "x"), ("files", "z")]),  # as Polish
        ([""], [("files", "")]),
    ],
)
def test_the_plural_of_a_message_is_paired_with_the_last_form(write, forms, expected):
    lines = "".join(f'msgstr[{n}] "{form}"\n' for n, form in enumerate(forms))
    content = PO_HEADER + 'msgid "file"\nmsgid_plural "files"\n' + lines
    assert read(write("a.po", content)) == expected


def test_the_header_says_which_form_is_for_one(write):
    forms = "nplurals=6; plural=n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 ? 3 : 4;"
    header = PO_HEADER.rstrip("\n") + f'\n"Plural-Forms: {forms}\\n"\n\n'
    lines = "".join(f'msgstr[{n}] "form {n}"\n' for n in range(6))
    content = header + 'msgid "file"\nmsgid_plural "files"\n' + lines
    assert read(write("a.po", content)) == [("file", "form 1"), ("files", "form 4")]


def test_a_long_po_file_is_the_same_in_pieces(write, monkeypatch):
    import translator.data.readers.po

    file = write("a.po", PO + PO.partition("\n\n")[2] * 20)
    whole = read(file)
    for lines in (1, 2, 3, 7, 50):
        monkeypatch.setattr(translator.data.readers.po, "_LINES", lines)
        assert read(file) == whole
    assert len(whole) == 21 * 6


def test_a_po_file_says_its_language_or_columns_do(write):
    content = PO_HEADER.replace("Language: es", "Language: ") + 'msgid "a"\nmsgstr "b"\n'
    file = write("a.po", content)
    assert "does not say that it is in 'en' and 'es', but no language" in refusal(file)
    assert read(file, columns={"en": "msgid", "es": "msgstr"}) == [("a", "b")]
    assert read(file, columns={"es": "msgid", "en": "msgstr"}) == [("b", "a")]
    assert "msgstr: es" in refusal(write("b.po", PO), "en", "fr")


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        (PO + "rubbish\n", f"line {PO_LINES + 1}: broken PO file"),
        (PO_HEADER + 'msgid "a"\nmsgstr "say "hi""\n', "line 6: broken PO file (unescaped double"),
        (PO + 'msgstr "x"\n', f"line {PO_LINES + 1}: broken PO file"),
        (PO_HEADER + 'msgid "a house\nmsgstr "una casa"\n', "line 5: broken PO file (a string "),
        (PO_HEADER + 'msgid "a"\nmsgstr ""\n"una casa\\"\n', "line 7: broken PO file (a string "),
        (PO.encode() + b"# \xff\n", f"line {PO_LINES + 1}: not UTF-8"),
    ],
)
def test_a_broken_po_file_is_told_with_its_line(write, monkeypatch, content, fragment):
    import translator.data.readers.po

    monkeypatch.setattr(translator.data.readers.po, "_LINES", 5)  # the line counts across pieces
    assert fragment in refusal(write("a.po", content))


def test_brackets_in_the_name_of_a_file_stand_for_themselves(write):
    """Else another file would say whether what was prepared of this one still holds."""
    write("a1.en-es.tsv", "c\td\n")
    file = write("a[1].en-es.tsv", "a\tb\n")
    assert read(file) == [("a", "b")]
    assert files_of(CorpusConfig(path=str(file)), ("en", "es")) == [file]


@pytest.mark.parametrize("ending", [".gz", ".xz", ".bz2", ".zst"])
@pytest.mark.parametrize("name", ["a.en-es.tsv", "a.csv", "a.json"])
def test_a_packed_file_whose_name_hides_it_is_told(write, name, ending):
    packs: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstd}
    packs |= {".xz": lzma.compress, ".bz2": bz2.compress}
    error = refused(write(name, packs[ending](b"a\tb\n" * 99)), "en", "es")
    assert "not UTF-8" in error.message
    assert error.hint == f"It is packed: name it {name}{ending}."


# --- lines that do not end ------------------------------------------------------------------------


def test_a_file_without_line_feeds_does_not_fill_the_memory(write, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_LINE", 1000)
    file = write("a.en-es.tsv", "a\tb\n" + "c\td\r" * 1000)
    assert refusal(file) == f"{file}, line 2: longer than 1,000 bytes"
    assert read(write("b.en-es.tsv", f"{'x' * 490}\t{'y' * 490}\n")) == [("x" * 490, "y" * 490)]


def test_a_file_in_utf16_is_told_how_to_convert(write):
    with pytest.raises(DataError) as caught:
        read(write("a.en-es.tsv", "a\tb\n".encode("utf-16")))
    assert "-f utf-16" in caught.value.hint


# --- many files -----------------------------------------------------------------------------------


@pytest.fixture
def shards(tmp_path):
    """Three shards of a pair each, in a folder; 10 sorts before 9."""
    folder = tmp_path / "shards"
    folder.mkdir()
    for number in (9, 10, 11):
        (folder / f"{number}.en-es.tsv.gz").write_bytes(gzip.compress(b"%d\tx\n" % number))
    return folder


SHARDS = [("10", "x"), ("11", "x"), ("9", "x")]


def test_a_folder_is_its_files_in_the_order_of_their_names(shards):
    (shards / ".hidden").write_text("rubbish", encoding="utf-8")
    (shards / "_SUCCESS").write_text("", encoding="utf-8")
    assert read(shards) == SHARDS


def test_a_glob_is_its_files_in_the_order_of_their_names(shards):
    assert read(shards / "*.gz") == SHARDS
    assert read(shards / "1?.en-es.tsv.gz") == SHARDS[:2]
    assert read(shards.parent / "**" / "[!1]*.gz") == SHARDS[2:]


def test_a_relative_glob_is_relative_to_where_one_is(shards, monkeypatch):
    monkeypatch.chdir(shards.parent)
    assert read("shards/*.gz") == read("./shards/*") == read("shards") == SHARDS


def test_the_first_pairs_of_shards_are_counted_over_all_of_them(shards):
    assert read(shards, max_pairs=2) == SHARDS[:2]


def test_a_name_that_looks_like_a_glob_is_a_file_if_there_is_one(write):
    assert read(write("a[1].en-es.tsv", "a\tb\n")) == [("a", "b")]


@pytest.mark.parametrize("form", ["*.tsv", "nowhere/*", "[9].tsv"])
def test_a_glob_that_matches_nothing_is_refused(shards, form):
    assert refusal(shards / form) == f"no file matches {shards / form}"


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "set").mkdir()
    assert refusal(tmp_path / "set") == f"the folder {tmp_path / 'set'} holds no files"


def test_shards_of_two_formats_are_refused(shards):
    (shards / "a.csv").write_text("en,es\n", encoding="utf-8")
    assert refusal(shards) == f"{shards} mixes formats: 10.en-es.tsv.gz is tsv, a.csv is csv"


def test_a_folder_that_holds_something_else_is_refused(shards):
    (shards / "README.md").write_text("x", encoding="utf-8")
    error = refused(shards, "en", "es")
    assert f"the folder {shards} holds README.md, of no format that is" in error.message
    assert f"such as {shards}/*.tsv" in error.hint
    (shards / "README.md").unlink()
    (shards / "more").mkdir()
    assert "holds another folder, more" in refusal(shards)


def test_a_folder_of_several_splits_is_refused_lest_one_learns_what_one_tests_on(tmp_path):
    for name in ("train-0.en-es.tsv", "train-1.en-es.tsv", "news.test.en-es.tsv"):
        (tmp_path / name).write_text(f"{name}\tx\n", encoding="utf-8")
    assert "holds several splits: test, train" in refusal(tmp_path)
    assert len(read(tmp_path / "train-*")) == 2


@pytest.mark.parametrize(
    "pattern",
    ["*.{language}.txt", "**/*.{language}.txt", "[ab].{language}.???", "./?.{language}.txt"],
)
def test_pairs_of_files_are_matched_by_name(write, tmp_path, monkeypatch, pattern):
    for name in "ab":
        for language in ("en", "es"):
            write(f"{name}.{language}.txt", f"{name} in {language}\n")
    monkeypatch.chdir(tmp_path)
    assert read(pattern) == [("a in en", "a in es"), ("b in en", "b in es")]


def test_the_language_may_stand_in_the_folder_and_the_name_of_a_glob(tmp_path):
    for language, name in itertools.product(("en", "es"), ("men.1", "den.2")):
        folder = tmp_path / language
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.{language}").write_text(f"{name} {language}", encoding="utf-8")
    pairs = [("den.2 en", "den.2 es"), ("men.1 en", "men.1 es")]
    assert read(tmp_path / "{language}" / "*.{language}") == pairs
    assert read(tmp_path / "{language}" / "*.{language}", "es", "en") == [p[::-1] for p in pairs]


@pytest.mark.parametrize(("lonely", "missing"), [("b.en", "b.es"), ("b.es", "b.en")])
def test_a_missing_partner_is_named(write, tmp_path, lonely, missing):
    write("a.en", "a\n")
    write("a.es", "b\n")
    write(lonely, "c\n")
    message = refusal(tmp_path / "?.{language}")
    assert message == f"there is no {tmp_path / missing} beside {tmp_path / lonely}"


def test_the_example_of_a_mix_is_read_as_it_says(write, tmp_path, monkeypatch):
    pair = [("hello", "hola")]
    contents = {
        "everyday.en-es.tsv": write_tsv(pair),
        "news/01.en.gz": gzip.compress(b"hello\n"),
        "news/01.es.gz": gzip.compress(b"hola\n"),
        "crawl/1.tsv.zst": zstd(b"0.9\twww\thello\thola\n"),
        "memory.tmx": tmx([("en-US", "hi"), ("en-GB", "hello"), ("es-ES", "hola")]).encode(),
        "jobs/7.xliff": write_xliff(pair),
        "program/es.po": write_po(pair),
        "phrases.csv": b"English;Spanish\nhello;hola\n",
        "talks.jsonl.xz": lzma.compress(write_jsonl(pair)),
    }
    monkeypatch.chdir(tmp_path)
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(name, content)
    dataset({"en": ["hello"], "es": ["hola"]}).to_parquet("books.parquet")
    config = load_config(ROOT / "configs" / "mixed.yaml")
    *corpora, of_opus, of_the_hub = config.data.train
    assert [list(read_pairs(corpus, "en", "es")) for corpus in corpora] == [pair] * 9
    monkeypatch.setenv("TRANSLATOR_CACHE", str(tmp_path / "cache"))
    with served() as site:
        monkeypatch.setenv("TRANSLATOR_OPUS", site.address)
        site.put_opus("Books", "v1", pair)
        assert list(read_pairs(of_opus, "en", "es")) == pair
    assert (of_the_hub.kind, of_the_hub.streaming) == ("dataset", True)


# --- Hugging Face datasets ------------------------------------------------------------------------


def dataset(columns):
    import datasets

    return datasets.Dataset.from_dict(columns)


STORED = {
    "languages": ({"id": [1, 2, 3], "en": EN, "es": ES}, {}),
    "translation": ({"translation": [{"en": en, "es": es} for en, es in PAIRS]}, {}),
    "named": ({"english": EN, "spanish": ES}, {"columns": {"en": "english", "es": "spanish"}}),
}


@pytest.mark.parametrize("layout", STORED)
@pytest.mark.parametrize("form", ["parquet", "jsonl", "json", "csv", "folder", "split"])
def test_what_datasets_writes_is_read(tmp_path, layout, form):
    import datasets

    columns, settings = STORED[layout]
    path = tmp_path / f"data.{form}"
    match form:
        case "parquet":
            dataset(columns).to_parquet(path)
        case "jsonl":
            dataset(columns).to_json(path)
        case "json":
            dataset(columns).to_json(path, lines=False)
        case "csv" if layout == "translation":
            pytest.skip("a field of CSV holds no mapping")
        case "csv":
            dataset(columns).to_csv(path)
        case "folder":
            dataset(columns).save_to_disk(path)
        case "split":
            datasets.DatasetDict(train=dataset(columns)).save_to_disk(path)
    assert read(path, **settings) == PAIRS
    assert read(path, "es", "en", **settings) == [(es, en) for en, es in PAIRS]


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
@pytest.mark.parametrize("layout", ["languages", "translation"])
@pytest.mark.parametrize("streaming", [False, True])
def test_a_folder_for_datasets_is_streamed_or_converted_first(tmp_path, form, layout, streaming):
    import datasets

    if (form, layout) == ("csv", "translation"):
        pytest.skip("a field of CSV holds no mapping")
    folder = tmp_path / "set"
    folder.mkdir()
    for split, size in (("train", 3), ("test", 1)):
        part = dataset(STORED[layout][0]).select(range(size))
        getattr(part, {"parquet": "to_parquet", "jsonl": "to_json", "csv": "to_csv"}[form])(
            folder / f"{split}-0.{form}"
        )
    settings = {"format": "dataset", "streaming": streaming}
    assert read(folder, **settings) == PAIRS
    assert read(folder, split="test", **settings) == PAIRS[:1]
    converted = list(Path(datasets.config.HF_DATASETS_CACHE).rglob("*.arrow"))
    assert (converted == []) == streaming


def test_the_split_is_chosen(tmp_path):
    import datasets

    splits = {name: dataset({"en": [name], "es": ["x"]}) for name in ("train", "validation")}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "set")
    assert read(tmp_path / "set", split="validation") == [("validation", "x")]


def test_a_split_that_is_not_there_is_refused(tmp_path):
    import datasets

    datasets.DatasetDict(train=dataset({"en": EN, "es": ES})).save_to_disk(tmp_path / "set")
    assert "(split dev)" in refusal(tmp_path / "set", split="dev")


@pytest.mark.parametrize("streaming", [False, True])
def test_a_dataset_without_texts_is_refused(tmp_path, streaming):
    (tmp_path / "set").mkdir()
    settings = {"format": "dataset", "streaming": streaming}
    assert "cannot load" in refusal(tmp_path / "set", **settings)
    dataset({"en": EN, "fr": ES}).to_parquet(tmp_path / "set" / "train.parquet")
    assert "has no column 'es', only en, fr" in refusal(tmp_path / "set", **settings)


# --- single texts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "columns"),
    [
        ("a.txt", "uno\ndos\n", None),
        ("a.tsv", "x\tuno\ny\tdos\n", {"text": 1}),
        ("a.csv", "n,story\n1,uno\n2,dos\n", {"text": "story"}),
        ("a.jsonl", '{"story": "uno"}\n{"story": "dos"}\n', {"text": "story"}),
    ],
)
def test_a_single_text_is_both_sides_of_its_pair(write, name, content, columns):
    corpus = CorpusConfig(path=str(write(name, content)), columns=columns)
    assert corpus.of_texts
    assert list(read_pairs(corpus, "en", "es")) == [("uno", "uno"), ("dos", "dos")]


def test_each_side_of_a_pair_is_a_text_where_texts_are_learned(write):
    corpus = {"path": str(write("a.en-es.tsv", "one\tuno\nsame\tsame\n"))}
    training = {"objective": "denoise"}
    config = Config.model_validate({"data": {"train": corpus}, "training": training})
    found = list(read_corpus(config.data.train[0], config))
    assert found == [(text, text) for text in ("one", "uno", "same")]


@pytest.mark.parametrize(
    ("languages", "commands"),
    [
        (("en", "es"), "--set data.source_language=de --set data.target_language=fr"),
        (("fr", "es"), "--set data.source_language=fr --set data.target_language=de"),
        (("en", "de"), "--set data.source_language=fr --set data.target_language=de"),
    ],
)
def test_a_file_of_other_languages_says_how_to_train_on_it(write, languages, commands):
    for name, content in (("a.de-fr.tsv", "a\tb\n"), ("a.jsonl", '{"de": "a", "fr": "b"}\n')):
        assert refused(write(name, content), *languages).hint.endswith(commands)


def test_the_files_of_a_corpus_are_all_that_it_is_read_from(tmp_path: Path) -> None:
    for name in ("a.en", "a.es", "folder/b.tsv", "folder/deep/c.tsv", "d1.tsv", "d2.tsv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def names(path: str) -> list[str]:
        found = files_of(CorpusConfig(path=f"{tmp_path}/{path}"), ("en", "es"))
        return [each.relative_to(tmp_path).as_posix() for each in found]

    assert names("a.{language}") == ["a.en", "a.es"]
    assert names("folder") == ["folder/b.tsv", "folder/deep/c.tsv"]
    assert names("d*.tsv") == ["d1.tsv", "d2.tsv"]
    assert names("none.tsv") == ["none.tsv"]
    [embedded] = files_of(CorpusConfig(path="embedded:valid"), ("en", "es"))
    assert embedded.is_file()
