"""Documents: only the prose changes, the line count never, and a killed job goes on exactly."""

import csv
import io
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import polib
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree
from markdown_it import MarkdownIt

from tests.commands import started_as
from tests.helpers import ROOT, ended, examples
from translator.cli.translate import Options, _fingerprint
from translator.documents import (
    Columns,
    DocumentJob,
    Format,
    Settings,
    blocks,
    read_document,
    translate_block,
)
from translator.documents.segments import Line, wrapped
from translator.errors import DataError
from translator.runs import RunDirectory
from translator.translation import Translator


def identity(texts: list[str]) -> list[str]:
    return texts


def upper(texts: list[str]) -> list[str]:
    return [text.upper() for text in texts]


def spanish(texts: list[str]) -> list[str]:
    """A tiny dictionary: words change their length and their place."""
    words = {"the red house": "la casa roja", "red": "rojo", "the house": "la casa", "is": "es"}
    words |= {"the": "el", "big": "muy grande", "click here": "pulse aquí"}
    phrases = re.compile("|".join(rf"\b{phrase}\b" for phrase in words))
    return [phrases.sub(lambda match: words[match[0]], text) for text in texts]


def settings_of(file_format: str, column: str = "", into: str = "", **more: Any) -> Settings:
    columns = Columns(column, into or column) if column else None
    return Settings(Format(file_format), ("en", "es"), columns, **more)


def translated(
    content: str | bytes, how: Settings, translate=upper, problems: list[str] | None = None
) -> str:
    data = content.encode() if isinstance(content, str) else content
    document = read_document(io.BytesIO(data), how)
    parts = [translate_block(block, translate) for block in blocks(document.segments, 3)]
    result = b"".join(document.encode(part) for part in parts)
    if problems is not None:
        problems += document.problems
    return result.decode(document.encoding)


def assert_round_trip(content: str, how: Settings) -> None:
    assert translated(content, how, identity) == content


# --- lines and paragraphs -------------------------------------------------------------------------

LINE_ENDS = [
    "\n",
    "\r",
    "\v",
    "\f",
    "\x1c",
    "\x85",
    "\u2028",
    "\u2029",
    "\0",
    "\ufeff",
    "\t",
]
any_text = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from([*LINE_ENDS, "\n", " "]))
)


@given(any_text)
@example("\ufeffBOM\r\n\r\nlone\rCR\n\n  spaces around \t\nno line end")
def test_lines_and_paragraphs_come_back_as_they_were(text: str) -> None:
    assert_round_trip(text, settings_of("lines"))
    assert_round_trip(text, settings_of("paragraphs"))


@given(any_text, st.sampled_from(LINE_ENDS))
def test_a_translation_with_line_ends_breaks_no_count(text: str, end: str) -> None:
    broken = translated(text, settings_of("lines"), lambda texts: [f"a{end}b\n"] * len(texts))
    assert broken.count("\n") == text.count("\n")


def test_bytes_that_are_no_utf8_are_told_with_their_line() -> None:
    with pytest.raises(DataError, match=r"line 2: not UTF-8 \(byte 2 of the line\)") as error:
        translated(b"ana\na\xff\xfe b\nnina\n", settings_of("lines"))
    assert "--encoding cp1252" in error.value.hint


def test_a_paragraph_of_many_lines_takes_no_square_of_them() -> None:
    assert_round_trip("to be\n" * 30_000, settings_of("paragraphs"))


def test_a_paragraph_is_one_text_and_keeps_its_lines_and_indentation() -> None:
    text = "  The first line\n    and the second.\n\nAnother.\n"
    seen: list[str] = []

    def see(texts: list[str]) -> list[str]:
        seen.extend(texts)
        return texts

    translated(text, settings_of("paragraphs"), see)
    assert seen == ["The first line and the second.", "Another."]
    doubled = translated(text, settings_of("paragraphs"), lambda texts: [f"{t} {t}" for t in texts])
    first = "  The first line and the second.\n    The first line and the second.\n\n"
    assert doubled == first + "Another. Another.\n"


@given(st.lists(st.text("ab ", min_size=1).filter(str.strip), min_size=1), st.text("ab  "))
def test_broken_lines_hold_the_words_of_the_translation(lines: list[str], found: str) -> None:
    split = [Line("> ", " ".join(line.split()), "\n") for line in lines]
    segment = wrapped(split)
    result = segment.put_back(lambda _: found)
    assert result.replace("\n> ", " ") == f"> {found}\n"
    assert segment.put_back(str) == "".join(map("".join, split))


# --- Markdown -------------------------------------------------------------------------------------

MARKDOWN = """\
---
title: "kept"
---
# A heading {#anchor}

Some **bold words**, a [link to it](http://a.b/c_d "title"), `code here` and
a second line with <b class="x">tags</b> &amp; an ![image text](i.png).\\
After a hard break, a https://bare.url/path and a [label] and $x_i$ math.

Setext heading
==============

* an item
  goes on
    1. nested *item*

       its paragraph

           indented code

- [x] a task

> a quote
> of two lines

```python
code = "untouched"
```

    indented code

| Name | What is it |
|:-----|-----------:|
| cell | `x` y \\| z |

<div align="center">
  <p>In HTML</p>
</div>

<!-- a comment
of two lines -->

A note[^1].

[^1]: The note.
[label]: http://a.b/c
"""

UPPER_MARKDOWN = """\
---
title: "kept"
---
# A HEADING {#anchor}

SOME **BOLD WORDS**, A [LINK TO IT](http://a.b/c_d "title"), `code here` AND
A SECOND LINE WITH <b class="x">TAGS</b> &amp; AN ![IMAGE TEXT](i.png).\\
AFTER A HARD BREAK, A https://bare.url/path AND A [label] AND $x_i$ MATH.

SETEXT HEADING
==============

* AN ITEM
  GOES ON
    1. NESTED *ITEM*

       ITS PARAGRAPH

           indented code

- [x] A TASK

> A QUOTE
> OF TWO LINES

```python
code = "untouched"
```

    indented code

| NAME | WHAT IS IT |
|:-----|-----------:|
| CELL | `x` Y \\| Z |

<div align="center">
  <p>IN HTML</p>
</div>

<!-- a comment
of two lines -->

A NOTE[^1].

[^1]: THE NOTE.
[label]: http://a.b/c
"""

markdown_pieces = st.sampled_from(
    """# ;## ;- ;* ;1. ;> ;```;~~~;    ;\t;  \n;\n;\n\n;`;``;*;**;_;[;](x);];![;][a];[a]:;\\;&amp;
    ;<b>;</b>;<div>;</div>;<!--;-->;$;$$;~~;http://a.b;---;===;{#x};[^1];[^1]:;:smile:;\r\n;. ; A;
     b.;word;Two words;ñ;+ ;- [ ] ;\u2028;\ufeff;|;| a | b |\n;|---|---|\n""".split(";")
)


@examples(400)
@given(st.lists(st.one_of(markdown_pieces, st.text(max_size=3)), max_size=30).map("".join))
@example(MARKDOWN)
@example("a b\n\x85| c | d |\n\x0b- e f\n")
@example("a **un**believable un\n*b*\n[foo\nbar]: x\n**Note!** Note\n")
@example("- a b c\n \r > d e\nf\n\r\r# g h\n")
def test_markdown_comes_back_as_it_was(text: str) -> None:
    assert_round_trip(text, settings_of("markdown"))


@pytest.mark.parametrize("links", ["![y](z) ", "[y](z) "])
def test_many_links_behind_an_open_bracket_are_read(links: str) -> None:
    text = f"From [0 to {links * 60}and on\n"  # two ways to read each would be 2⁶⁰
    expected = f"FROM [0 TO {links.replace('y', 'Y') * 60}AND ON\n"
    assert translated(text, settings_of("markdown"), upper) == expected


def test_only_the_prose_of_markdown_changes() -> None:
    assert translated(MARKDOWN, settings_of("markdown")) == UPPER_MARKDOWN


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "translator/corpus/README.md"])
def test_another_reader_of_markdown_finds_the_same_structure(name: str) -> None:
    """Code, targets and nesting are compared as markdown-it finds them, before and after."""
    source = (ROOT / name).read_text(encoding="utf-8")
    result = translated(
        source, settings_of("markdown"), lambda texts: [t.swapcase() for t in texts]
    )
    assert result != source
    assert structure(result) == structure(source)
    assert sorted(codes(result)) == sorted(codes(source))


def structure(markdown: str) -> list[object]:
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    verbatim = ("fence", "code_block", "html_block")
    return [
        (t.type, t.tag, t.level, t.markup, t.info, t.content if t.type in verbatim[:2] else "")
        for t in tokens
    ]


def codes(markdown: str) -> Iterator[str]:
    """Code, and the targets of links and images, in the lines of prose."""
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        for child in token.children or []:
            if child.type == "code_inline":
                yield child.content
            yield from (str(child.attrs[a]) for a in ("href", "src") if a in child.attrs)


def test_marks_go_around_the_translation_of_their_text_wherever_it_stands() -> None:
    line = "See [the house](h.html): **the red** thing, `x = 1` is *big*.\n"
    expected = "See [la casa](h.html): **el rojo** thing, `x = 1` es *muy grande*.\n"
    assert translated(line, settings_of("markdown"), spanish) == expected


def test_marks_move_with_their_words() -> None:
    def swap(texts: list[str]) -> list[str]:
        return [{"red house": "casa roja", "red": "Roja."}.get(text, text) for text in texts]

    assert translated("**red** house\n", settings_of("markdown"), swap) == "casa **roja**\n"


def test_sentences_with_marks_end_where_sentences_without_do() -> None:
    heard: list[str] = []

    def hear(texts: list[str]) -> list[str]:
        heard.extend(texts)
        return texts

    sentences = [
        "Ask Mr. **Smith** or `a. B.` now.",
        "*Then* go, e.g. **to** him.",
        "He is **in.**",
    ]
    line = " ".join([*sentences, "Do.\n"])
    assert translated(line, settings_of("markdown"), hear) == line
    assert {re.sub(r"[*`]", "", sentence) for sentence in sentences} <= set(heard)


def test_formulas_on_lines_of_their_own_and_code_tags_are_kept() -> None:
    text = (
        "the sum\n$$\nE = mc^2 + \\int_a^b f(x) dx\n$$\nis $$a$$ so\n\n"
        "> $$ a\n> b $$\n\nrun <code>git status</code> or\n<kbd class='k'>Ctrl</kbd> now\n"
    )
    expected = text
    for prose in ("the sum", "is ", " so", "run ", " or\n", " now"):
        expected = expected.replace(prose, prose.upper())
    assert translated(text, settings_of("markdown")) == expected


def test_a_mark_without_a_place_keeps_its_text() -> None:
    def forget(texts: list[str]) -> list[str]:
        return ["???" if len(text) > 12 else text.upper() for text in texts]

    line = "run `make test` twice or **more**\n"
    assert (
        translated(line, settings_of("markdown"), forget) == "RUN `make test` TWICE OR **MORE**\n"
    )


def test_a_translation_brings_no_marks_of_its_own() -> None:
    result = translated("| one |\n", settings_of("markdown"), lambda texts: ["a | *b*"])
    assert result == "| a \\| \\*b\\* |\n"


@pytest.mark.parametrize("mark", ["- ", "1. ", "2) ", "+ ", "# "])
def test_a_translation_begins_no_list_and_no_heading(mark: str) -> None:
    source = "one two\nthree\n\n> four\n"
    result = translated(source, settings_of("markdown"), lambda ts: [mark + t for t in ts])
    assert structure(result) == structure(source)


def test_code_in_tags_is_read_with_its_sentence_and_kept_in_a_block_of_html() -> None:
    texts: list[str] = []

    def heard(asked: list[str]) -> list[str]:
        texts.extend(asked)
        return upper(asked)

    block = "<td>@ <pre>\nrun it\n</pre><!-- a\nb --> <svg><text>a</text></svg></td>\n"
    source = f"{block}\nUse <kbd>Ctrl</kbd> here.\n"
    expected = f"{block}\nUSE <kbd>Ctrl</kbd> HERE.\n".replace("@", "TEXT")
    assert translated(source.replace("@", "text"), settings_of("markdown"), heard) == expected
    assert texts == ["text", "Use Ctrl here."]


def test_a_broken_line_begins_no_list() -> None:
    text = "one two three\nfour five six\n"
    result = translated(text, settings_of("markdown"), lambda texts: ["aaaa bbb 1. - dd eeee"])
    assert MarkdownIt().parse(result)[0].type == "paragraph_open"
    assert "list" not in str(structure(result))


# --- tables ---------------------------------------------------------------------------------------

cells = st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r"), max_size=8)
rows = st.lists(st.lists(cells, min_size=1, max_size=4), max_size=6)


@given(rows, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_tsv_comes_back_as_it_was_and_only_one_column_changes(
    table: list[list[str]], end: str, ended: bool
) -> None:
    text = end.join("\t".join(row) for row in table) + end * ended
    assert_round_trip(text, settings_of("tsv", "1"))
    old = [line.split("\t") for line in text.removeprefix("\ufeff").split("\n")]
    changed = translated(text, settings_of("tsv", "1"), lambda texts: ["\tX\n"] * len(texts))
    new = [line.split("\t") for line in changed.removeprefix("\ufeff").split("\n")]
    for before, after in zip(old, new, strict=True):
        assert len(before) == len(after)
        assert before[:1] + before[2:] == after[:1] + after[2:]
        ragged = len(before) < 2 or any(before[len(old[0]) :])
        assert ragged or not before[1].strip() or " X " in after[1]


csv_cells = st.text(st.sampled_from('ab ,;"\n\r\tñ'), max_size=6)


@given(
    st.lists(st.lists(csv_cells, min_size=2, max_size=2), max_size=5),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_csv_comes_back_as_it_was_and_only_one_column_changes(
    table: list[list[str]], quoting: Literal[0, 1]
) -> None:
    stream = io.StringIO()
    csv.writer(stream, quoting=quoting).writerows([["name, really", "text"], *table])
    assert_round_trip(stream.getvalue(), settings_of("csv", "text"))
    result = translated(stream.getvalue(), settings_of("csv", "text"))
    found = list(csv.reader(io.StringIO(result, newline="")))
    lines = [
        "".join(
            p if re.fullmatch(r"\r\n|\n|\r", p) else p.upper() for p in re.split("(\r\n|\n|\r)", b)
        )
        for _, b in table
    ]
    assert found == [
        ["name, really", "text"],
        *([a, b] for (a, _), b in zip(table, lines, strict=True)),
    ]


def test_a_bare_carriage_return_in_a_cell_stays() -> None:
    assert_round_trip("id,text\n1,a\rb\n2,c\n", settings_of("csv", "text"))


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ('id,text,n\n1,5" pipe,foo\n2,6" pipe,bar\n', "text", ['5" PIPE', '6" PIPE']),
        ('1,"a; b; c"\n2,"d; e; f"\n', "1", ['"A; B; C"', '"D; E; F"']),
        ('1;"a, b, c"\n2;d\n', "1", ['"A, B, C"', ";D"]),
        ('id,text\n1,"a ""b"",\nc"\n2,d\n', "text", ['"A ""B"",\nC"', ",D"]),
        ('\ufeff"id, no",text\n1,d\n', "text", [",D"]),
    ],
)
def test_quotes_matter_where_a_cell_begins(text: str, column: str, expected: list[str]) -> None:
    problems: list[str] = []
    result = translated(text, settings_of("csv", column), problems=problems)
    assert all(cell in result for cell in expected)
    assert result.lower() == text.lower()
    assert not problems


def test_a_new_column_is_added_behind_the_last() -> None:
    tsv = "en\tnote\none\ta\ntwo\tb\n"
    assert translated(tsv, settings_of("tsv", "en", "es")) == (
        "en\tnote\tes\none\ta\tONE\ntwo\tb\tTWO\n"
    )
    assert translated(tsv, settings_of("tsv", "en", "note")) == "en\tnote\none\tONE\ntwo\tTWO\n"
    assert translated("one\ttwo\r\n", settings_of("tsv", "0", "3")) == "one\ttwo\t\tONE\r\n"
    semicolons = 'en;note\n"a;b";c\n'
    assert translated(semicolons, settings_of("csv", "en", "es")) == 'en;note;es\n"a;b";c;"A;B"\n'


def test_a_column_that_is_not_there_is_told() -> None:
    with pytest.raises(DataError, match="no column 'fr'") as error:
        translated("en\tes\na\tb\n", settings_of("tsv", "fr"))
    assert "It has: en, es." in error.value.hint
    problems: list[str] = []
    assert translated("a\tb\nc\n\nd\te\n", settings_of("tsv", "1"), upper, problems) == (
        "a\tB\nc\n\nd\tE\n"
    )
    assert problems == ["line 2: no column 1, the row is kept as it is"]
    with pytest.raises(DataError, match="line 2: the quoted cell has no end"):
        translated('a,b\n"' + "x" * 2**20 + "\ny\n", settings_of("csv", "a"))
    with pytest.raises(DataError, match="line 2: the quoted cell has no end"):
        translated('a,b\n"x,y\nz,w\n', settings_of("csv", "b"))


@pytest.mark.parametrize("file_format", ["csv", "tsv"])
@pytest.mark.parametrize("column", ["a", "0"])
def test_an_empty_table_stays_empty(file_format: str, column: str) -> None:
    assert translated("", settings_of(file_format, column)) == ""


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=4,
)


@given(
    st.lists(st.dictionaries(st.sampled_from(["text", "a", 'b"\\']), json_values)),
    st.booleans(),
    st.sampled_from([(",", ":"), (" , ", " : ")]),
)
def test_json_lines_come_back_as_they_were_and_only_one_key_changes(
    objects: list[dict[str, object]], ascii_only: bool, separators: tuple[str, str]
) -> None:
    objects = [{"text": None}, *objects]  # where no line has the key, there is an error
    lines = [json.dumps(o, ensure_ascii=ascii_only, separators=separators) + "\n" for o in objects]
    text = "".join(lines).encode("utf-8", "replace").decode()
    assert_round_trip(text, settings_of("jsonl", "text"))
    result = translated(text, settings_of("jsonl", "text"), lambda texts: ['«\n"»'] * len(texts))
    for before, after in zip(text.split("\n")[:-1], result.split("\n")[:-1], strict=True):
        old, new = json.loads(before), json.loads(after)
        text_before, text_after = old.pop("text", None), new.pop("text", None)
        assert repr(old) == repr(new)
        if isinstance(text_before, str) and text_before.strip():
            assert '« "»' in text_after


def test_a_key_of_json_lines_that_holds_no_text_is_told() -> None:
    text = '{"text": ["a b"]}\n{"text": null}\n{"text": {"en": "a b"}}\n{"text": "a"}\n'
    problems: list[str] = []
    result = translated(text, settings_of("jsonl", "text"), upper, problems)
    assert result == text.replace('"a"', '"A"')
    assert problems == ["lines 1, 3: 'text' is no text, the line is kept as it is"]


def test_json_lines_keep_numbers_and_order_and_take_a_new_key() -> None:
    text = '{"id": 1.0e5, "text": "caf\\u00e9\\nhere", "n": 12345678901234567890}\n'
    text += '\nno json\n[1]\n{"x":1}\n'
    problems: list[str] = []
    result = translated(text, settings_of("jsonl", "text", "es"), upper, problems)
    assert result == (
        '{"id": 1.0e5, "text": "caf\\u00e9\\nhere", "n": 12345678901234567890, '
        '"es": "CAF\\u00c9\\nHERE"}\n\nno json\n[1]\n{"x":1}\n'
    )
    assert problems == [
        "lines 3, 4: no JSON object, the line is kept as it is",
        "line 5: no key 'text', the line is kept as it is",
    ]


# --- subtitles ------------------------------------------------------------------------------------

SRT = """\
1
00:00:01,000 --> 00:00:03,500
the house is
very big

2
00:00:04,000 --> 00:00:06,000 X1:1 X2:2
- the <i>red</i> one?
- {\\an8}the house.

3
00:00:07,000 --> 00:00:08,000
42
"""
VTT = """\
WEBVTT the title

NOTE the note is kept

STYLE
::cue { color: red }

intro
00:01.000 --> 00:04.000 align:start
<v Mary>the house &amp; the garden</v>
"""


def test_a_cue_is_one_text_broken_again_and_all_else_is_kept() -> None:
    result = translated(SRT, settings_of("subtitles"), spanish)
    expected = SRT.replace("the house is\nvery big", "la casa es very\nmuy grande")
    expected = expected.replace("- the <i>red</i> one", "- el <i>rojo</i> one")
    assert result == expected.replace("the house.", "la casa.")
    vtt = translated(VTT, settings_of("subtitles"), spanish)
    assert vtt == VTT.replace("the house &amp; the", "la casa &amp; el")


def test_a_line_of_a_cue_is_never_broken_so_that_it_begins_another() -> None:
    cue = "00:01.000 --> 00:02.000\naaaaaaaaaaaaaaa bbbbbbbbbbbbbb\ncccccccccccc --> dddddddd\n"
    words = "AAAAA BBBBBBB CCCCCCCCCCCCCC 0:05.0 --> 0:06.0 EEEEE"
    times, speech = translated(cue, settings_of("subtitles"), lambda _: [words]).split("\n", 1)
    assert (times, speech.split()) == ("00:01.000 --> 00:02.000", words.split())
    assert "\n0:05.0 --> 0:06.0" not in speech


@pytest.mark.parametrize("number", ["", "2\n"])
def test_a_cue_begins_without_a_blank_line_too(number: str) -> None:
    first = "1\n00:00:01,000 --> 00:00:03,500\nthe house\n"
    second = f"{number}00:00:04,000 --> 00:00:06,000\nthe house\n"
    whole = translated(f"{first}\n{second}", settings_of("subtitles"), spanish)
    result = translated(first + second, settings_of("subtitles"), spanish)
    assert result == whole.replace("\n\n", "\n")
    assert result.count("la casa") == 2


subtitle_pieces = st.sampled_from(
    "1\n|\n|00:00:01,000 --> 00:00:02,000\n|01:02.003 --> 01:03.004 line:0\n|- |-->|<i>|</i>"
    "|{\\an8}|WEBVTT\n|one |two\n| three\r\n|\r\n|&lt;|<v Bob>".split("|")
)


@given(st.lists(st.one_of(subtitle_pieces, st.text(max_size=3)), max_size=25).map("".join))
@example("00:00:01,000 --> 00:00:02,000\n- \r\none two\n")
@example(SRT)
@example(VTT)
def test_subtitles_come_back_as_they_were_and_keep_their_times(text: str) -> None:
    assert_round_trip(text, settings_of("subtitles"))
    times = [line for line in text.split("\n") if re.match(r"\s*\d+:.*-->", line)]
    result = translated(text, settings_of("subtitles"))
    assert all(line in result for line in times)


# --- catalogues -----------------------------------------------------------------------------------

PO = """\
# The header
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

#. for a button
#: main.c:10
msgctxt "menu"
msgid "Open \\"%s\\" in\\t<b>red</b>\\n"
"now"
msgstr ""

#, fuzzy
msgid "kept"
msgstr "se queda"

#, c-format
msgid "%d file"
msgid_plural "%d files of %(name)s"
msgstr[0] ""
msgstr[1] ""

#~ msgid "old"
#~ msgstr ""
"""


def test_a_catalogue_is_filled_in_and_all_else_is_kept() -> None:
    result = translated(PO, settings_of("po"))
    untouched = [line for line in PO.split("\n") if not line.startswith("msgstr")]
    assert [line for line in result.split("\n") if line in untouched] == untouched
    old, new = polib.pofile(PO), polib.pofile(result)
    assert [entry.msgid for entry in new] == [entry.msgid for entry in old]
    assert new[0].msgstr == 'OPEN "%s" IN\t<b>RED</b>\nNOW'
    assert new[1].msgstr == "se queda"
    assert new[2].msgstr_plural == {0: "%d FILE", 1: "%d FILES OF %(name)s"}
    assert translated(result, settings_of("po")) == result


def test_translations_in_a_catalogue_are_replaced_when_asked() -> None:
    replaced = translated(PO, settings_of("po", overwrite=True))
    assert polib.pofile(replaced)[1].msgstr == "KEPT"


messages = st.text(st.sampled_from("abñ \n\t\\\"%s<>{}&:'\r\v"), min_size=1, max_size=20)


@given(st.lists(messages, unique=True, max_size=4))
def test_another_reader_of_catalogues_finds_the_translations(texts: list[str]) -> None:
    catalogue = polib.POFile()
    catalogue.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
    catalogue.extend(polib.POEntry(msgid=text) for text in texts)
    result = translated(str(catalogue), settings_of("po"), identity)
    assert [entry.msgstr for entry in polib.pofile(result)] == texts
    assert translated(result, settings_of("po", overwrite=True), identity).split() == result.split()


def test_bytes_that_a_catalogue_spells_are_read_and_codes_of_terminals_are_kept() -> None:
    source = r'msgid "\033[1mbig ni\303\261o\x1b[0m \\033"' + '\nmsgstr ""\n'
    entry = polib.pofile(translated(source, settings_of("po")))[0]
    assert entry.msgstr == "\x1b[1mBIG NIÑO\x1b[0m \\033"


@pytest.mark.parametrize("charset", ["CHARSET", "us-ascii"])
def test_a_catalogue_in_ascii_is_in_utf8_once_it_is_translated(charset: str) -> None:
    result = translated(PO.replace("UTF-8", charset), settings_of("po"))
    assert result == translated(PO, settings_of("po"))
    lower = PO.replace("UTF-8", "utf-8")
    assert translated(lower, settings_of("po")) == result.replace("UTF-8", "utf-8")


def test_a_catalogue_in_another_encoding_is_refused() -> None:
    with pytest.raises(DataError, match="ISO-8859-1") as error:
        translated(PO.replace("UTF-8", "ISO-8859-1"), settings_of("po"))
    assert "msgconv" in error.value.hint


# --- exchange formats -----------------------------------------------------------------------------

XLIFF = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- kept -->
<xliff version='1.2' xmlns="urn:oasis:names:tc:xliff:document:1.2">
  <file source-language="en" target-language="es"><body>
    <trans-unit id="1" resname='a > b'>
      @
    </trans-unit>
  </body></file></xliff>
"""
TMX = """\
<?xml version="1.0"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="en" segtype="sentence"/><body>
  <tu>
    <tuv xml:lang="en-US"><seg>the <bpt i='1'>&lt;b></bpt>red<ept i='1'>&lt;/b></ept> one</seg>
    </tuv>
  </tu>
  <tu><tuv xml:lang="EN"><seg>kept</seg></tuv><tuv xml:lang="es-MX"><seg>se queda</seg></tuv></tu>
  <tu><tuv xml:lang="fr"><seg>rien</seg></tuv></tu>
</body></tmx>
"""


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        (
            'the house is <g id="1">big</g> &amp; <x id="2" equiv-text="a > b"/>%s',
            "",
            '\n      <target>la casa es <g id="1">muy grande</g> &amp; '
            '<x id="2" equiv-text="a > b"/>%s</target>',
        ),
        (
            "the red one",
            '<target state="new"/>',
            '<target state="needs-review-translation">el rojo one</target>',
        ),
        (
            "<![CDATA[the <b> house]]>",
            "<target></target>",
            "<target>el &lt;b&gt; house</target>",
        ),
        (
            '<ph id="1">the</ph>the house<ph id="2">{}</ph>',
            "<target> </target>",
            '<target><ph id="1">the</ph>la casa<ph id="2">{}</ph></target>',
        ),
        ("42 &lt; 43", "", "\n      <target>42 &lt; 43</target>"),
    ],
)
def test_an_xliff_target_is_filled_in_and_every_other_byte_is_kept(
    source: str, old: str, new: str
) -> None:
    source = f"<source>{source}</source>"
    result = translated(XLIFF.replace("@", source + old), settings_of("xliff"), spanish)
    assert result == XLIFF.replace("@", source + new)
    assert etree.fromstring(result.encode()).find(".//{*}target") is not None
    assert translated(result, settings_of("xliff"), upper) == result


@pytest.mark.parametrize(
    "unit",
    [
        "<source>red</source><target>se queda</target>",
        "<alt-trans><source>red</source><target/></alt-trans>",
        '<trans-unit translate="no"><source>red</source></trans-unit>',
    ],
)
def test_what_is_translated_or_not_to_be_stays(unit: str) -> None:
    assert translated(XLIFF.replace("@", unit), settings_of("xliff"), upper) == XLIFF.replace(
        "@", unit
    )


def test_a_tag_over_several_lines_stays_whole() -> None:
    tag = '<x id="NAME" equiv-text="{{\n  name | foo\n}}"/>'
    unit = f"<source>hello {tag}, welcome\nbig house</source>"
    result = translated(XLIFF.replace("@", unit), settings_of("xliff"))
    assert f"<target>HELLO {tag}, WELCOME\nBIG HOUSE</target>" in result
    catalogue = 'msgid "see <a href=\\"x\\"\\n"\n"class=\\"y\\">this</a>"\nmsgstr ""\n'
    tag = '<a href=\\"x\\"\\n"\n"class=\\"y\\">'
    assert f'"SEE {tag}THIS</a>"' in translated(catalogue, settings_of("po"))


def test_the_header_says_which_plural_form_is_the_singular() -> None:
    header = (
        'msgid ""\nmsgstr "Plural-Forms: nplurals=3; "\n"plural=n==0 ? 0 : n==1 ? 1 : 2;\\n"\n\n'
    )
    forms = "".join(f'msgstr[{n}] ""\n' for n in range(3))
    result = translated(f'{header}msgid "one"\nmsgid_plural "all"\n{forms}', settings_of("po"))
    assert result.endswith('msgstr[0] "ALL"\nmsgstr[1] "ONE"\nmsgstr[2] "ALL"\n')


def test_an_only_plural_form_stands_for_any_number() -> None:
    entry = 'msgid "one file"\nmsgid_plural "%d files"\nmsgstr[0] ""\n'
    assert 'msgstr[0] "%d FILES"' in translated(entry, settings_of("po"))


def test_xliff_translations_are_replaced_when_asked() -> None:
    unit = "<source>red</source><target>se queda</target>"
    replaced = translated(XLIFF.replace("@", unit), settings_of("xliff", overwrite=True), upper)
    assert replaced == XLIFF.replace("@", unit.replace("se queda", "RED"))


def test_xliff_2_has_segments() -> None:
    text = (
        '<xliff version="2.0" srcLang="en" trgLang="es"><file id="f"><unit id="1"><segment>'
        "<source>red</source>"
        '</segment><segment><source>big</source></segment></unit><unit id="2" translate="no">'
        "<segment><source>red</source></segment></unit></file></xliff>"
    )
    expected = text.replace(
        "<source>red</source></segment><seg",
        "<source>red</source><target>rojo</target></segment><seg",
    ).replace("<source>big</source>", "<source>big</source><target>muy grande</target>")
    assert translated(text, settings_of("xliff"), spanish) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_a_tmx_unit_gets_the_variant_that_it_lacks_in_its_encoding(encoding: str) -> None:
    text = TMX.replace('"1.0"?', f'"1.0" encoding="{encoding.removesuffix("-sig")}"?')
    problems: list[str] = []
    result = translated(
        text.encode(encoding), settings_of("tmx"), lambda texts: [f"ñ→{t}" for t in texts], problems
    )
    tree = etree.fromstring(result.removeprefix("\ufeff").encode(encoding))
    variants = tree.findall(".//tu[1]/tuv")
    assert [v.get("{http://www.w3.org/XML/1998/namespace}lang") for v in variants] == [
        "en-US",
        "es",
    ]
    assert "".join(variants[1].find("seg").itertext()) == "ñ→the <b>ñ→red</b> ñ→one"
    assert result.count("se queda") == 1
    assert problems == ["line 9: no text in en, the unit is kept as it is"]
    added = re.search(r'\n    <tuv xml:lang="es">.*?</tuv>', result)
    assert added and result.removeprefix("\ufeff").replace(added[0], "") == text


def test_a_tmx_unit_has_variants_of_languages_with_regions() -> None:
    text = TMX.replace('"es-MX"', '"pt_BR"')
    how = Settings(Format("tmx"), ("en", "pt-BR"), None)
    result = translated(text, how, spanish)
    assert result.count('<tuv xml:lang="pt-BR">') == result.count("se queda") == 1
    backwards = Settings(Format("tmx"), ("pt-BR", "en"), None, overwrite=True)
    assert "<seg>SE QUEDA</seg>" in translated(text, backwards)


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ('<!DOCTYPE x [<!ENTITY a "boom"><!ENTITY b "&a;&a;">]>', "the entity 'a' is declared"),
        ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>', "the entity 'a' is declared"),
        ('<!DOCTYPE x [<!ENTITY % a SYSTEM "http://h/x">%a;]>', "the entity 'a' is declared"),
        ("<xliff>", "broken XML"),
        ("<tmx><open/></tmx>", "line 1: the document is <tmx>, not <xliff>"),
    ],
)
def test_xml_that_may_be_an_attack_or_is_broken_is_refused(declaration: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        translated(declaration + "<x/>", settings_of("xliff"))


xml_pieces = st.sampled_from(
    "<g id='1'>|</g>|<x id='2'/>|<ph id='3'>a b</ph>|&amp;|&lt;|%s|{0}|the house|. The|red|\n  "
    "|<!-- c -->|<![CDATA[<z>]]>|\r\n".split("|")
)


@given(st.lists(xml_pieces, max_size=8), st.sampled_from(["<target/>", "<target></target>", ""]))
def test_a_target_by_the_identity_says_what_the_source_says(pieces: list[str], target: str) -> None:
    text = f"<xliff><trans-unit><source>{''.join(pieces)}</source>{target}</trans-unit></xliff>"
    try:
        etree.fromstring(text)
    except etree.XMLSyntaxError:
        return
    result = translated(text, settings_of("xliff"), identity)
    source, filled = etree.fromstring(result.encode())[0]
    assert [e.tag for e in source.iter()][1:] == [e.tag for e in filled.iter()][1:]
    assert "".join(source.itertext()) == "".join(filled.itertext())


# --- through a real model -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(trained_run: RunDirectory):
    """The tiny trained model as a function from texts to texts, by greedy search."""
    translator = Translator.from_run(trained_run.path, device="cpu")
    greedy = translator.config.decoding.model_copy(update={"beam_size": 1})
    return lambda texts: [found.text for found in translator.translate(texts, greedy)]


@examples(40)
@given(st.lists(any_text.map(str.encode), max_size=80))
@example([b"\0", "\u2028\x85\v\f\x1c".encode(), b"a\rb", b"\r", b"\xf4\x8f\xbf\xbf", b""])
def test_whatever_the_lines_as_many_come_out_as_went_in(model, lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    result = translated(data, settings_of("lines"), model).encode()
    assert result.count(b"\n") == data.count(b"\n")
    for before, after in zip(data.split(b"\n"), result.split(b"\n"), strict=True):
        if not before.decode().strip():
            assert after == before


# --- jobs -----------------------------------------------------------------------------------------

TEXT = "".join(f"line {number}\n" for number in range(10))
MODEL = {"model": "1"}


def run_job(job: DocumentJob, *, resume: bool = False, fail_at: str = "", text: str = TEXT) -> bool:
    """Translate a text into the job's output in blocks of a text each; fail at a certain one."""

    def translate(texts: list[str]) -> list[str]:
        if fail_at in texts:
            raise KeyboardInterrupt
        return upper(texts)

    job.begin(resume=resume)
    document = read_document(io.BytesIO(text.encode()), settings_of("lines"))
    for _ in job.translate(document.segments, translate, document.encode):
        pass
    return job.finish()


@pytest.fixture
def one_text_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("translator.documents.job._CHARACTERS_AT_ONCE", 1)


@pytest.mark.usefixtures("one_text_a_block")
@pytest.mark.parametrize("stop", range(10))
def test_a_job_goes_on_wherever_it_was_stopped(tmp_path: Path, stop: int) -> None:
    job = DocumentJob(tmp_path / "out.txt", MODEL)
    with pytest.raises(KeyboardInterrupt):
        run_job(job, fail_at=f"line {stop}")
    assert not job.output.exists()
    assert job.begin(resume=True) == stop
    assert run_job(job, resume=True)
    assert job.output.read_text(encoding="utf-8") == TEXT.upper()
    assert list(tmp_path.iterdir()) == [job.output]


@pytest.mark.usefixtures("one_text_a_block")
def test_what_a_kill_left_half_written_is_dropped(tmp_path: Path) -> None:
    """The files are cut at every byte, as a kill between or within two writes leaves them."""
    job = DocumentJob(tmp_path / "out.txt", MODEL)
    text = "a\nb\nc\n"
    with pytest.raises(KeyboardInterrupt):
        run_job(job, fail_at="c", text=text)
    part = job.partial_output(0)
    written, journal = part.file.read_bytes(), part.journal.read_bytes()
    for length in range(len(journal) + 1):
        part.file.write_bytes(written + b"half a bl")
        part.journal.write_bytes(journal[:length])
        assert run_job(job, resume=True, text=text), length
        assert job.output.read_text(encoding="utf-8") == text.upper(), length


@pytest.mark.usefixtures("one_text_a_block")
def test_the_journal_never_tells_of_more_than_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = DocumentJob(tmp_path / "out.txt", MODEL)
    told: list[int] = []
    sync = os.fsync

    def look(descriptor: int) -> None:
        sync(descriptor)
        told.append(len(job.partial_output(0).read()[1]))  # raises when the journal is ahead

    monkeypatch.setattr(os, "fsync", look)
    run_job(job, text="a\nb\nc\n")
    assert told == [0, 0, 1, 1, 2, 2, 3, 3]  # the header; each block and its line; the end


@pytest.mark.usefixtures("one_text_a_block")
def test_a_job_of_something_else_is_not_gone_on_with(tmp_path: Path) -> None:
    job = DocumentJob(tmp_path / "out.txt", {"model": "1", "input": "a"})
    with pytest.raises(KeyboardInterrupt):
        run_job(job, fail_at="line 5")
    for other, message in (
        (DocumentJob(job.output, {"model": "2", "input": "a"}), "with another model$"),
        (DocumentJob(job.output, {"model": "2", "input": "b"}), "another model and another input"),
        (DocumentJob(job.output, job.fingerprint, 1, 2), "another number of processes"),
    ):
        with pytest.raises(DataError, match=message):
            other.begin(resume=True)
    assert job.begin(resume=False) == 5, "the same job goes on in any case"
    job.partial_output(0).file.write_bytes(b"")
    with pytest.raises(DataError, match="shorter than its journal"):
        job.begin(resume=True)
    assert run_job(DocumentJob(job.output, {"model": "2"})), "without resume it begins anew"
    assert job.output.read_text(encoding="utf-8") == TEXT.upper()


@pytest.mark.usefixtures("one_text_a_block")
@pytest.mark.parametrize("text", [TEXT, "", "a\n"])
def test_whoever_finishes_last_joins_the_parts(tmp_path: Path, text: str) -> None:
    output = tmp_path / "[out] *.txt"
    output.write_text("an older output", encoding="utf-8")
    jobs = [DocumentJob(output, MODEL, rank, 3) for rank in range(3)]
    assert [run_job(jobs[rank], text=text) for rank in (2, 0)] == [False, False]
    assert output.read_text(encoding="utf-8") == "an older output"
    assert run_job(jobs[1], text=text)
    assert output.read_text(encoding="utf-8") == text.upper()
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.usefixtures("one_text_a_block")
def test_a_process_that_failed_goes_on_and_the_others_wait_for_nothing(tmp_path: Path) -> None:
    jobs = [DocumentJob(tmp_path / "out.txt", MODEL, rank, 2) for rank in range(2)]
    assert not run_job(jobs[0])
    with pytest.raises(KeyboardInterrupt):
        run_job(jobs[1], fail_at="line 7")
    assert not run_job(jobs[0], resume=True), "its part is complete, that of the other is not"
    assert run_job(jobs[1], resume=True)
    assert jobs[0].output.read_text(encoding="utf-8") == TEXT.upper()


def test_two_processes_do_not_write_the_same_output(tmp_path: Path) -> None:
    job = DocumentJob(tmp_path / "out.txt", MODEL)
    with job.locked():
        with pytest.raises(DataError, match="another process is writing"), job.locked():
            pass
        assert run_job(job)
    assert list(tmp_path.iterdir()) == [job.output]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.SRT", Format.SUBTITLES),
        ("A.MD", Format.MARKDOWN),
        ("a.Tmx.GZ", Format.TMX),
        ("a.txt", Format.LINES),
    ],
)
def test_the_ending_of_a_name_tells_the_format_in_any_case(name: str, expected: Format) -> None:
    assert Format.of(Path(name)) is expected


def test_a_text_that_occurs_twice_is_translated_once() -> None:
    asked: list[list[str]] = []
    document = read_document(io.BytesIO(b"a\nb\na\n"), settings_of("lines"))
    (block,) = blocks(document.segments)

    def translate(texts: list[str]) -> list[str]:
        asked.append(texts)
        return upper(texts)

    assert translate_block(block, translate) == "A\nB\nA\n"
    assert asked == [["a", "b"]]


def test_the_memory_of_a_long_document_is_that_of_a_block() -> None:
    lines = itertools.count()
    document = read_document((b"line %d\n" % number for number in lines), settings_of("lines"))
    assert len(next(blocks(document.segments))) == next(lines) == 2048


# --- the command ----------------------------------------------------------------------------------

WORDS = "ana bebe nina banana baba ene benne anne nabe abba".split()


def command(*arguments: str | Path) -> list[str]:
    return [*started_as(), "translate", "--beam-size", "1", *map(str, arguments)]


@pytest.fixture(scope="module")
def big(model, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A file of three blocks, and its translation by one uninterrupted process: this one."""
    draw = random.Random(2)
    lines = [" ".join(draw.choices(WORDS, k=draw.randint(1, 4))) for _ in range(4900)]
    lines[100:103] = ["", "  ana\r", "\u2028 nina \x85"]
    source = tmp_path_factory.mktemp("big") / "big.txt"
    source.write_bytes("\n".join(lines).encode() + b"\n")
    with source.open("rb") as stream:
        segments = read_document(stream, settings_of("lines")).segments
        parts = [translate_block(block, model) for block in blocks(segments)]
    assert len(parts) == 3
    return source, "".join(parts).encode()


def test_whatever_changes_the_output_makes_it_another_job(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    run = RunDirectory(tmp_path / "run")
    shutil.copytree(trained_run.path, run.path)
    glossary, document = tmp_path / "glossary.tsv", tmp_path / "document.tsv"
    for file in (glossary, document):
        file.write_text("ana\tmar\n", encoding="utf-8")
    usual = Options(glossary=(glossary,))
    columns = settings_of("tsv", "0")

    def fingerprint(asked: Options = usual, how: Settings = columns) -> str:
        return repr(_fingerprint(run, asked.decoding(run), asked, document, how))

    found = [fingerprint()]
    assert fingerprint() == found[0]
    found += [
        fingerprint(replace(usual, **change))
        for change in (
            {"beam_size": 3},
            {"overrides": ("decoding.length_penalty=0.1",)},
            {"prefix": "mar"},
            {"glossary": ()},
            {"keep": ("ana",)},
            {"n_best": 2},
            {"as_json": True},
        )
    ]
    found += [
        fingerprint(how=how)
        for how in (
            settings_of("tsv", "0", "1"),
            settings_of("csv", "0"),
            replace(columns, languages=("en", "fr")),
            replace(columns, overwrite=True),
        )
    ]
    for file in (document, glossary, run.config_file, run.tokenizer_file, run.model_file):
        file.write_bytes(file.read_bytes() + b"\n")
        found.append(fingerprint())
    assert len(set(found)) == len(found) == 17


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_a_pipe_is_translated_into_a_file(trained_run: RunDirectory, tmp_path: Path) -> None:
    output = tmp_path / "out.txt"
    arguments = command("--run", trained_run.path, "--input", "/dev/stdin", "--output", output)
    done = subprocess.run(arguments, input=b"ana\nbebe\n", capture_output=True, check=True)
    assert len(output.read_bytes().splitlines()) == 2, done.stderr
    again = subprocess.run([*arguments, "--resume"], input=b"ana\n", capture_output=True)
    assert again.returncode == 2
    assert b"a pipe is read once" in again.stderr


@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_bytes(
    big: tuple[Path, bytes], trained_run: RunDirectory, tmp_path: Path
) -> None:
    source, expected = big
    output = tmp_path / "out.txt"
    journal = output.with_name("out.txt.partial.journal")
    arguments = command("--run", trained_run.path, "-i", source, "-o", output, "--resume")
    for done, number in ((1, signal.SIGKILL), (2, signal.SIGTERM)):
        started = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
        with ended(started) as process:
            until = time.monotonic() + 60
            while not (journal.exists() and journal.read_bytes().count(b"\n") > done):
                assert process.poll() is None and time.monotonic() < until, process.communicate()
                time.sleep(0.002)
            process.send_signal(number)
            _, messages = process.communicate(timeout=60)
        assert not output.exists()
    assert process.returncode == 128 + signal.SIGTERM
    assert "the same command with --resume goes on from there" in messages
    last = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True)
    assert output.read_bytes() == expected
    assert list(tmp_path.iterdir()) == [output]
    assert "warning" not in last.stderr


@pytest.mark.slow
def test_processes_share_a_document_and_join_it_to_the_same_bytes(
    big: tuple[Path, bytes], trained_run: RunDirectory, tmp_path: Path
) -> None:
    """Two processes that are started by hand, and three that torchrun starts."""
    source, expected = big
    arguments = command("--run", trained_run.path, "-i", source, "-o")
    with ExitStack() as stack:
        for rank in range(2):
            place = {**os.environ, "RANK": str(rank), "WORLD_SIZE": "2"}
            started = subprocess.Popen([*arguments, tmp_path / "two.txt"], env=place)
            stack.callback(stack.enter_context(ended(started)).wait, timeout=120)
    launcher = ["torch.distributed.run", "--nproc-per-node=3", "--standalone", "--no-python", "--"]
    torchrun = [sys.executable, "-m", *launcher, *arguments, str(tmp_path / "three.txt")]
    with ended(subprocess.Popen(torchrun, stderr=subprocess.PIPE, text=True)) as process:
        _, messages = process.communicate(timeout=120)
    assert process.returncode == 0, messages
    for name in ("two.txt", "three.txt"):
        assert (tmp_path / name).read_bytes() == expected
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.slow
def test_what_cannot_be_is_said_before_the_model_is_loaded(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    table = tmp_path / "table.tsv"
    table.write_text("en\tes\nana\t\n", encoding="utf-8")
    refused: tuple[tuple[list[str | Path], str, dict[str, str]], ...] = (
        (["-i", table], "needs --column", {}),
        (["-i", table, "--format", "lines", "--column", "en"], "has no columns", {}),
        (["-i", table, "--column", "en", "-o", table], "the same file as --input", {}),
        (["-i", table, "--column", "en"], "needs --input and --output", {"WORLD_SIZE": "2"}),
    )
    for arguments, message, environment in refused:
        done = subprocess.run(
            command("--run", trained_run.path / "no", *arguments),
            env={**os.environ, "COLUMNS": "200", **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2, done
        assert message in done.stderr


# --- nesting --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file_format", "unit"), [("tmx", "tu"), ("xliff", "trans-unit")])
def test_endless_nesting_is_an_error_that_names_file_and_line(file_format: str, unit: str) -> None:
    content = f"<{file_format}>\n" + f"<{unit}>\n" * 100_000
    document = read_document(io.BytesIO(content.encode()), settings_of(file_format), "deep.xml")
    with pytest.raises(DataError, match=r"deep\.xml, line 101: more than 100 elements within"):
        list(document.segments)


def test_units_without_a_source_are_told_by_their_lines() -> None:
    unit = '<tu>\n<tuv xml:lang="es"><seg>a</seg></tuv></tu>\n'
    problems: list[str] = []
    good = unit.replace('"es"', '"en"')
    text = "<tmx><body>\n" + unit * 3 + good + "</body></tmx>"
    translated(text, settings_of("tmx"), problems=problems)
    assert problems == ["lines 2, 4, 6: no text in en, the unit is kept as it is"]
