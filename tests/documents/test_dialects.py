"""Markdown beyond CommonMark: the lines that mark blocks stay lines of their own."""

import io
from typing import Any

import pytest

from translator.documents import Format, Settings, blocks, read_document, translate_block
from translator.errors import DataError


def in_capitals(text: str, texts: list[str] | None = None, **how: Any) -> str:
    def upper(each: list[str]) -> list[str]:
        if texts is not None:
            texts.extend(each)
        return [text.upper() for text in each]

    settings = Settings(Format.MARKDOWN, ("en", "es"), **how)
    document = read_document(io.BytesIO(text.encode()), settings)
    found = "".join(translate_block(block, upper) for block in blocks(document.segments))
    assert list(document.problems) == []
    return found


def assert_only_these_change(text: str, *words: str, **how: Any) -> None:
    """Each of the words is a text of its own, and all else is kept."""
    texts: list[str] = []
    expected = text
    for each in words:
        assert expected.count(each) == 1, each
        expected = expected.replace(each, each.upper())
    assert in_capitals(text, texts, **how) == expected
    assert texts == [" ".join(each.replace("\n> ", "\n").split()) for each in words]


@pytest.mark.parametrize("indent", ["", "> ", "- ", "  "])
@pytest.mark.parametrize(
    ("opening", "title", "closing"),
    [
        (":::note[Important]", "Important", ":::"),
        (":::tip[Look here]{.wide}", "Look here", ":::"),
        ("::: warning Be careful", "Be careful", ":::"),
        ("::: details Click me {open}", "Click me", ":::"),
        ("::::{admonition} The title", "The title", "::::"),
        (":::note", "", ":::"),
        ("::: {.warning #x}", "", ":::"),
        ("/// details | My sister", "My sister", "///"),
        ("/// note", "", "///"),
        ("```{warning} The title", "The title", "```"),
        ("````{note}", "", "````"),
        ("{{< notice >}}", "", "{{< /notice >}}"),
        ("{{% notice tip %}}", "", "{{% /notice %}}"),
        ("{% hint style='info' %}", "", "{% endhint %}"),
        ("--8<-- 'a.md'", "", "{: .important }"),
        ("(the-target)=", "", "{#anchor}"),
    ],
)
def test_lines_that_mark_a_block_stay_around_its_text(
    opening: str, title: str, closing: str, indent: str
) -> None:
    more = indent.replace("-", " ")
    text = f"{indent}{opening}\n{more}we go\n{more}home\n{more}{closing}\n"
    texts = [title] * bool(title) + [f"we go\n{more}home"]
    expected = text
    for each in texts:
        expected = expected.replace(each, each.upper())
    heard: list[str] = []
    assert in_capitals(text, heard) == expected
    assert heard == [title] * bool(title) + ["we go home"]
    assert_only_these_change(f"a text\n{opening}\n", "a text", *[title] * bool(title))


@pytest.mark.parametrize(
    "opening",
    ["!!! note", "!!! note inline end", "??? tip", "???+ my-own", '!!! danger big "@"',
     '??? tip "@"', '=== "@"', '===! "@"'],
)  # fmt: skip
def test_what_is_indented_below_an_admonition_is_prose_and_code_more_so(opening: str) -> None:
    title = ["the title"] if "@" in opening else []
    opening = opening.replace("@", "the title")
    inside = "    we go\n    home\n\n        x = code\n\n    out\n"
    text = f"{opening}\n\n{inside}\nafter\n\n    y = code\n"
    assert_only_these_change(text, *title, "we go\n    home", "out", "after")
    inner = "\n".join(f"    {line}" if line else "" for line in text.split("\n")[:-1])
    words = [*title, "we go\n        home", "out", "after"]
    assert_only_these_change(f"- item\n\n{inner}\n", "item", *words)


def test_alerts_have_a_line_of_their_own() -> None:
    assert_only_these_change("> [!NOTE]\n> we go\n> home\n", "we go\n> home")
    assert_only_these_change("> [!tip]- the title\n> we go\n", "the title", "we go")


def test_a_directive_has_options_and_code_is_code() -> None:
    assert_only_these_change("```{note}\n:class: wide\n\nwe go\n```\n\nout\n", "we go", "out")
    assert_only_these_change(":::{tip}\n:name: a\n:class: wide\nwe go\n:::\n", "we go")
    assert_only_these_change("```{code-block} py\n:name: a\nx = y\n```\nout\n", "out")
    assert_only_these_change("```py\n:::note\n```\nout\n", "out")


def test_a_footnote_has_lines_and_paragraphs() -> None:
    text = "[^a]: we go\n    home\n\n    a list\n\n        x = code\n[^b]:\n    two\n\nout\n"
    assert_only_these_change(text, "we go\n    home", "a list", "two", "out")


def test_a_front_matter_without_an_end_is_told() -> None:
    text = "---\n# A heading\n\nWords.\n"
    document = read_document(io.BytesIO(text.encode()), Settings(Format.MARKDOWN, ("en", "es")))
    assert "".join(each.put_back(str.upper) for each in document.segments) == text
    [problem] = document.problems
    assert problem == "line 1: the front matter has no end, the file is kept as it is"


def test_terms_and_definitions_are_texts_of_their_own() -> None:
    text = "one term\nanother\n:   what it\n    means\n: and more\n\n    second paragraph\n\nout\n"
    assert_only_these_change(
        text, "one term", "another", "what it\n    means", "and more", "second paragraph", "out"
    )


@pytest.mark.parametrize(
    "mark",
    ["{ref}`the target <a b>`", "`x`{.py}", "me.too@example.org", "{{ name }}", "https://a.b/c_d"],
)
def test_what_stands_for_itself_stays_in_its_sentence(mark: str) -> None:
    line = f"see {mark} there\n"
    assert in_capitals(line).replace(mark.upper(), mark) == line.upper().replace(mark.upper(), mark)
    assert mark in in_capitals(line)


@pytest.mark.parametrize(
    "text", ["![a](b.png){ width=30 } c\n", "[a](b){.button} c\n", "==a== c\n", "[[A|b]] c\n"]
)
def test_attributes_and_links_are_kept(text: str) -> None:
    expected = text.replace("a]", "A]").replace(" c", " C").replace("==a", "==A")
    assert in_capitals(text) == expected


def test_an_abbreviation_is_explained_in_the_other_language() -> None:
    assert_only_these_change("*[HTML]: markup of pages\n", "markup of pages")


def test_hard_breaks_stay_where_they_are() -> None:
    assert_only_these_change("one  \ntwo\\\nthree<br>\n", "one", "two", "three")


# --- front matter ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("title: the house", "title: THE HOUSE"),
        ('description: "it is: big"', 'description: "IT IS: BIG"'),
        ("title: 'it''s big'", "title: 'IT''S BIG'"),
        ('Title = "the house"', 'Title = "THE HOUSE"'),
        ("title: >-", "title: >-"),
        ("title: 42", "title: 42"),
        ("subtitle: the house", "subtitle: the house"),
        ('title: "a \\"b\\""', 'title: "a \\"b\\""'),
    ],
)
def test_title_and_description_are_translated_when_asked(line: str, expected: str) -> None:
    text = f"---\n{line}\nlang: 'es'\n---\n\n`x`\n"
    source = text.replace("es'", "en-GB'")
    assert in_capitals(source) == text
    assert in_capitals(source, front_matter=True) == text.replace(line, expected)


def test_a_value_is_quoted_where_it_has_to_be() -> None:
    settings = Settings(Format.MARKDOWN, ("en", "es"), front_matter=True)
    document = read_document(io.BytesIO(b"---\ntitle: big\n---\n"), settings)
    (block,) = blocks(document.segments)
    result = translate_block(block, lambda _: ['a: "b"'])
    assert result == '---\ntitle: "a: \\"b\\""\n---\n'


def test_a_language_of_many_parts_is_read_in_one_way() -> None:
    text = f"---\nlang: en{'_a' * 90}!\n---\n\nTEXT\n"  # two ways for each would be 2⁹⁰
    assert in_capitals(text) == text


def test_the_language_of_the_front_matter_is_compared() -> None:
    text = "---\nlang: de\n---\nText\n"
    with pytest.raises(DataError, match="front matter: the document says 'de'"):
        in_capitals(text)
    assert in_capitals(text, force=True) == text.replace("Text", "TEXT")
