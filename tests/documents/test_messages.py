"""Messages in JSON and YAML: only strings change, as json and PyYAML read the files."""

import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tests.helpers import examples, translated_document
from translator.errors import DataError


def upper(texts: list[str]) -> list[str]:
    return [text.upper() for text in texts]


def translated(content: str, file_format: str, translate: Any = upper) -> str:
    return translated_document(content, file_format, translate).decode()


JSON = """\
{
  // a comment: "kept"
  "greeting": "Hello, {{name}}!",
  "nested": {"deep": ["one", 2, true, null, "two\\nlines"], "empty": "" },
  "items_one": "{{count}} item",  "items_other":"{{count}} items",
  "plural": "one apple | {n} apples", "link": "See <a href=\\"/x\\">this</a>", /* kept */
  "escaped": "caf\\u00e9 \\/ tea"
}
"""

UPPER_JSON = """\
{
  // a comment: "kept"
  "greeting": "HELLO, {{name}}!",
  "nested": {"deep": ["ONE", 2, true, null, "TWO\\nLINES"], "empty": "" },
  "items_one": "{{count}} ITEM",  "items_other":"{{count}} ITEMS",
  "plural": "ONE APPLE | {n} APPLES", "link": "SEE <a href=\\"/x\\">THIS</a>", /* kept */
  "escaped": "CAF\\u00c9 / TEA"
}
"""

YAML = """\
# a comment
en:
  hello: Hello %{name}   # kept
  quoted: "Two\\twords"
  single: 'It''s here'
  items: &items
    one: "%{count} item"
    other: '%{count} items'
  again: *items
  flag: yes
  number: 12.50
  "no": no way: really
  lines: |-
    First line.
      Indented line.

    Third line.
  folded: >
    These words are
    one paragraph.

    And these another.
  # kept, too
  list: [one, "two", 3]
  colon: ready
"""

UPPER_YAML = """\
# a comment
es:
  hello: HELLO %{name}   # kept
  quoted: "TWO\\tWORDS"
  single: 'IT''S HERE'
  items: &items
    one: "%{count} ITEM"
    other: '%{count} ITEMS'
  again: *items
  flag: yes
  number: 12.50
  "no": no way: really
  lines: |-
    FIRST LINE.
      INDENTED LINE.

    THIRD LINE.
  folded: >
    THESE WORDS ARE
    ONE PARAGRAPH.

    AND THESE ANOTHER.
  # kept, too
  list: [ONE, "TWO", 3]
  colon: READY
""".replace('"no": no way: really', '"no": NO WAY')
YAML = YAML.replace('"no": no way: really', '"no": no way')


def test_only_the_strings_of_json_change() -> None:
    assert translated(JSON, "json") == UPPER_JSON
    assert translated(JSON, "json", lambda texts: texts) == JSON


def test_only_the_strings_of_yaml_change() -> None:
    assert translated(YAML, "yaml") == UPPER_YAML
    same = translated(YAML, "yaml", lambda texts: texts)
    assert same == YAML.replace("en:\n", "es:\n")


@pytest.mark.parametrize(
    ("content", "file_format"),
    [
        ('{"a": "{n, plural, one {# <b>@</b> @} other {<i>@</i>\\n@}}"}', "json"),
        ("a: |\n  {n, plural,\n    one {# @}\n    other {@ <b>@</b>\n      @}}\n", "yaml"),
        ("<p>@ <b>{n, plural, =0 {@} other {<i>{{ n }}</i> @}}</b> @</p>", "html"),
    ],
)
def test_what_chooses_between_the_branches_of_a_message_stays(
    content: str, file_format: str
) -> None:
    result = translated(content.replace("@", "word"), file_format)
    assert result == content.replace("@", "WORD")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (  # Chrome's: what describes a message is for its translators
            '{"a": {"message": "One $USER$", "description": "kept", "placeholders": '
            '{"user": {"content": "$1", "example": "kept"}}}}',
            '{"a": {"message": "ONE $USER$", "description": "kept", "placeholders": '
            '{"user": {"content": "$1", "example": "kept"}}}}',
        ),
        (  # Flutter's
            '{"@@locale": "en", "title": "One", "@title": {"description": "kept"}}',
            '{"@@locale": "es", "title": "ONE", "@title": {"description": "kept"}}',
        ),
        (  # any other
            '{"title": "One", "message": "Two", "description": "Three"}',
            '{"title": "ONE", "message": "TWO", "description": "THREE"}',
        ),
        ('{"en-US": {"id": "One"}}', '{"es": {"id": "ONE"}}'),
        ('{"en": "One", "de": "Two"}', '{"en": "ONE", "de": "TWO"}'),
        ('["one", {"a": "two"}]', '["ONE", {"a": "TWO"}]'),
        ('["a <1>one</1> <0/>"]', '["A <1>ONE</1> <0/>"]'),  # React's
        ('"one"', '"ONE"'),
    ],
)
def test_what_a_file_says_of_itself_and_of_its_messages(source: str, expected: str) -> None:
    assert translated(source, "json") == expected
    assert yaml.safe_load(translated(source, "yaml")) == json.loads(expected)


@pytest.mark.parametrize(
    "text", ["a: b", "no", "# x", "- x", "it's", "12", "a #b", "[x]", "", "é\n"]
)
@pytest.mark.parametrize("source", ["k: word", "k: [word, x]", "k: 'word'", 'k: "word"', "- word"])
def test_a_translation_is_quoted_where_yaml_would_read_another_thing(
    source: str, text: str
) -> None:
    found = yaml.safe_load(translated(source, "yaml", lambda texts: [text] * len(texts)))
    value = found["k"] if isinstance(found, dict) else found
    assert (value[0] if isinstance(value, list) else value).strip() == text.strip()


@pytest.mark.parametrize(
    ("content", "file_format", "message"),
    [
        ('{\n"a": "b",\n}', "json", "line 3: no JSON"),
        ("", "json", "line 1: no JSON"),
        ("[" * 100_000, "json", "nested too deeply"),
        ("a:\n  - b\n c: d", "yaml", "line 3: no YAML"),
        ("a: *b", "yaml", "line 1: no YAML"),
        ("[" * 5_000, "yaml", "nested too deeply|no YAML"),
        ("a: b\nc: \x07", "yaml", "line 2: no YAML"),
        ("a: \x00", "yaml", "no YAML"),
        ('a: "\\U00110000"', "yaml", "no YAML"),
    ],
)
def test_a_broken_file_of_messages_is_told_by_its_line(
    content: str, file_format: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        translated(content, file_format)


def test_a_number_of_json_may_be_of_any_length() -> None:
    number = "1" * 5000
    assert translated(f'{{"a": {number}, "b": "c"}}', "json") == f'{{"a": {number}, "b": "C"}}'


def test_a_key_of_yaml_that_is_made_of_aliases_is_no_bomb() -> None:
    layers = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    text = "\n".join(["a0: &a0 [b]", *layers, "? *a11", ": c", ""])  # 9¹¹ times b
    assert translated(text, "yaml") == text.replace("[b]", "[B]").replace(": c", ": C")


texts = st.text(st.sampled_from("abñ \n\t\\\"%s<>{}&:'#-|[]é,!*"), max_size=12)
values = st.recursive(
    texts | st.none() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def shape(value: Any) -> Any:
    """A value without its strings, and all words of these in one."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return "".join(value.split()).casefold() if isinstance(value, str) else value


def swap(texts: list[str]) -> list[str]:
    return [text.swapcase() for text in texts]


@examples(200)
@given(values, st.booleans(), st.sampled_from([None, 2]))
@example({"a": "b\\"}, False, None)
def test_another_reader_of_json_finds_the_same_file(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    content = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert translated(content, "json", lambda texts: texts) == content
    assert shape(json.loads(translated(content, "json", swap))) == shape(value)


@examples(200)
@given(values, st.sampled_from([None, "'", '"', "|", ">"]), st.booleans())
def test_another_reader_of_yaml_finds_the_same_file(value: Any, style: Any, flow: bool) -> None:
    content = yaml.safe_dump(
        value, default_style=style, default_flow_style=flow, allow_unicode=True
    )
    assert translated(content, "yaml", lambda texts: texts) == content
    assert shape(yaml.safe_load(translated(content, "yaml", swap))) == shape(
        yaml.safe_load(content)
    )
    assert len(re.findall("^#", content)) == 0
