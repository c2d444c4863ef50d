"""HTML: its texts change and nothing else, as html5lib reads the pages before and after."""

import re
from typing import Any

import html5lib
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.helpers import examples, translated_document
from translator.errors import DataError

PAGE = """\
<!DOCTYPE html>
<html lang="en"><head>
<meta charset="utf-8"><title>Tea &amp; coffee</title>
<meta name="description" content='Where "tea" is made'>
<meta name="theme-color" content="123">
<style>p > b { content: "The <b>style</b>" }</style>
<script>if (a < b && c) document.write("<p>The script</p>");</script>
</head>
<body>
<!-- a comment: <p>kept</p> -->
<nav><ul><li><a href="/?a=1&b=2" title="to the start">Home</a><li>All our teas</ul></nav>
<p class=first>
  The <b>green tea</b> is <a href="g.html">very <em>good</em> here</a>.
  Use <code>brew --hot</code>&nbsp;now.<br>
  Caf&eacute; open.
</p>
<img src=a.png alt="a cup"><input placeholder=Search name=q value="kept">
<pre>pre   kept</pre>
<table><tr><td>One<td>42</table>
<p translate="no">Kept words <b>and more</b>.</p>
<p>The <span class="notranslate">Brand Name</span> and <kbd>Ctrl</kbd> again.</p>
<textarea>kept</textarea><svg><title>kept</title><text>kept</text></svg>
<?php if ($a->b) { echo "kept"; } ?>
</body></html>
"""

UPPER_PAGE = """\
<!DOCTYPE html>
<html lang="es"><head>
<meta charset="utf-8"><title>TEA &amp; COFFEE</title>
<meta name="description" content='WHERE "TEA" IS MADE'>
<meta name="theme-color" content="123">
<style>p > b { content: "The <b>style</b>" }</style>
<script>if (a < b && c) document.write("<p>The script</p>");</script>
</head>
<body>
<!-- a comment: <p>kept</p> -->
<nav><ul><li><a href="/?a=1&b=2" title="TO THE START">HOME</a><li>ALL OUR TEAS</ul></nav>
<p class=first>
  THE <b>GREEN TEA</b> IS <a href="g.html">VERY <em>GOOD</em> HERE</a>. \
USE <code>brew --hot</code>&nbsp;NOW.<br>
  CAFÉ OPEN.
</p>
<img src=a.png alt="A CUP"><input placeholder="SEARCH" name=q value="kept">
<pre>pre   kept</pre>
<table><tr><td>ONE<td>42</table>
<p translate="no">Kept words <b>and more</b>.</p>
<p>THE <span class="notranslate">Brand Name</span> AND <kbd>Ctrl</kbd> AGAIN.</p>
<textarea>kept</textarea><svg><title>kept</title><text>kept</text></svg>
<?php if ($a->b) { echo "kept"; } ?>
</body></html>
"""


def upper(texts: list[str]) -> list[str]:
    return [text.upper() for text in texts]


def page(content: str | bytes, translate: Any = upper) -> str:
    return translated_document(content, "html", translate).decode()


def test_only_the_texts_of_a_page_change() -> None:
    assert page(PAGE) == UPPER_PAGE


def test_elements_go_around_the_translation_of_their_text_wherever_it_stands() -> None:
    words = {"The red house": "La casa roja", "red": "roja", "The": "La", "house": "casa"}
    found = page("<p>The <a href=r>red</a> house</p>", lambda texts: [words[t] for t in texts])
    assert found == "<p>La casa <a href=r>roja</a></p>"


def test_elements_go_around_most_of_a_translation_that_differs_in_the_sentence() -> None:
    words = {
        "Tom has a red car here": "Tom tiene un coche rojo aquí",
        "a red car": "El coche rojo.",
    }
    found = page(
        "<p>Tom has <b>a red car</b> here</p>", lambda texts: [words.get(t, t) for t in texts]
    )
    assert found == "<p>Tom tiene un <b>coche rojo</b> aquí</p>"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        # what is not read goes to the same end of a sentence, beside its element, or in proportion
        ("One two<img src=a>. Three.", "A B<img src=a>. C."),
        ("<!-- a -->One two three", "<!-- a -->A B C"),
        ("One <b>two</b><img src=a> three", "A <b>B</b><img src=a> C"),
        ("One two <img src=a>three", "A B <img src=a>C"),
        ("One <b> </b>two <i class=i></i> three", "A <b> </b>B <i class=i></i> C"),
        (
            "One <ruby>two<rp>(</rp><rt>ann</rt><rp>)</rp></ruby> three",
            "A <ruby>B<rp>(</rp><rt>ann</rt><rp>)</rp></ruby> C",
        ),
        # texts without words, and elements that do not end here
        ("One <sup>2</sup> two", "A <sup>2</sup> B"),
        ("One <b>two</i> three", "A <b>B</i> C"),
        ("<b>One <i>two</b> three</i>", "<b>A <i>B</b> C</i>"),
        ("One <b>two<p>three</b>", "A <b>B<p>C</b>"),
        ("two < three &lt;b> three &copy; &amp;amp;", "B &lt; C &lt;b&gt; C © &amp;amp;"),
    ],
)
def test_marks_stay_with_what_is_beside_them(source: str, expected: str) -> None:
    words = {"one": "A", "two": "B", "three": "C"}

    def translate(texts: list[str]) -> list[str]:
        return [re.sub("one|two|three", lambda m: words[m[0].lower()], t, flags=2) for t in texts]

    assert re.sub(" +", " ", page(source, translate)) == expected


def test_code_of_a_template_is_no_html_and_stays() -> None:
    source = '<p title="{{ a && 1 > 0 }} & @">{% if 2 > 1 && 1 < 2 %}@ &lt; {{ 3 &lt; 4 }}</p>'
    result = page(
        source.replace("@", "one"), lambda texts: [t.replace("one", "uno") for t in texts]
    )
    assert result == source.replace("& @", "&amp; @").replace("@", "uno")
    tag = page("<p>&#123;{ &lt;b&gt; }} one</p>")
    assert tag == "<p>{{ &lt;B&gt; }} ONE</p>"


def test_a_page_is_read_and_written_in_the_encoding_that_it_states() -> None:
    text = '<meta charset="iso-8859-1"><p>caf\xe9</p>'
    result = translated_document(text.encode("latin-1"), "html", lambda _: ["té → café"])
    assert result == b'<meta charset="iso-8859-1"><p>t\xe9 &#8594; caf\xe9</p>'
    marked = "\ufeff<p>one</p>"
    for encoding in ("utf-8", "utf-16-le"):
        found = translated_document(marked.encode(encoding), "html", upper)
        assert found.decode(encoding) == "\ufeff<p>ONE</p>"
    with pytest.raises(DataError, match="no text in utf-8") as error:
        page(b"<p>caf\xe9</p>")
    assert "charset" in error.value.hint
    declared = '<?xml version="1.0" encoding="iso-8859-2"?><p>ład</p>'.encode("iso-8859-2")
    assert translated_document(declared, "html", upper).decode("iso-8859-2").endswith("<p>ŁAD</p>")
    with pytest.raises(DataError, match="no text in undefined"):  # a codec that always refuses
        page(b'<meta charset="undefined"><p>one</p>')


@pytest.mark.parametrize(
    ("declared", "meant", "text"),
    [
        ("iso-8859-1", "cp1252", "“it’s”"),
        ("gb2312", "gb18030", "镕"),
        ("Shift_JIS", "cp932", "①"),
        ("euc-kr", "cp949", "똠"),
    ],
)
def test_a_declared_encoding_is_the_larger_one_that_browsers_take_it_for(
    declared: str, meant: str, text: str
) -> None:
    source = f'<meta charset="{declared}"><p>{text} one</p>'
    result = translated_document(source.encode(meant), "html", upper)
    assert result == source.replace("one", "ONE").replace("it’s", "IT’S").encode(meant)


def test_a_byte_that_the_larger_encoding_lacks_is_read_as_declared() -> None:
    stray = b'<meta charset="iso-8859-1"><p>\x81 one</p>'
    assert translated_document(stray, "html", upper) == stray.replace(b"one", b"ONE")


# --- as another reader sees it --------------------------------------------------------------------

WITH_TEXT = {"alt", "title", "placeholder", "content"}


def outline(source: str) -> tuple[list[Any], str]:
    """Tags with their attributes, kept contents and comments; and all other text, blanks aside."""
    structure: list[Any] = []
    texts: list[str] = []

    def walk(node: Any, kept: bool) -> None:
        if not isinstance(node.tag, str):
            structure.append(("comment", node.text))
        else:
            name = node.tag.rpartition("}")[2]
            kept = kept or name in ("script", "style", "code", "pre", "textarea", "svg")
            attributes = {key: v for key, v in node.attrib.items() if kept or key not in WITH_TEXT}
            texts.extend(v for key, v in node.attrib.items() if not kept and key in WITH_TEXT)
            structure.append((name, attributes, node.text if kept else ""))
            texts.append("" if kept else node.text or "")
        for child in node:
            walk(child, kept)
            (structure if kept else texts).append(child.tail or "")

    walk(html5lib.parse(source, namespaceHTMLElements=False), kept=False)
    return structure, "".join("".join(texts).split()).lower()


def test_another_reader_finds_the_same_structure() -> None:
    assert outline(page(PAGE)) == outline(PAGE.replace('lang="en"', 'lang="es"'))


pieces = st.sampled_from(
    """<p>|</p>|<b>|</b>|<i class="x">|</i>|<a href='y' title="Some title">|</a>|<br>|<br/>\n
    |<img alt=word>|<!-- note -->|<code>|</code>|<script>|</script>|<svg>|</svg>|<li>|<td>
    |<div translate=no>|</div>|<span class="a notranslate">|</span>|&amp;|&eacute;|&nbsp;| < |>|One
    |two |. Then |7| %s |{x}|<|</|<!|<?|<x|"|'|=|<input placeholder='Say it'>|<textarea>|</textarea>
    |<title>|</title>|\ufdd0|<pre>|</pre>|<sup>2</sup>|<i></i>|<u> </u>|\r\n""".split("|")
)


@examples(400)
@given(st.lists(pieces, max_size=25).map("".join))
@example(PAGE)
@example("<a>see <i>this</i> page</a>")
@example("<script>a</scripty>b")
def test_a_page_comes_back_as_it_was_where_no_text_changes(source: str) -> None:
    said = source.replace('<html lang="en">', '<html lang="es">')
    assert page(source, lambda texts: texts) == said


well_formed = st.recursive(
    st.sampled_from(
        """One |two|. Then| x| 7 |<br>|<img src=a alt='Text'>|<!--c-->|<u> </u>|<code>a b</code>
        |<script>x('<b>')</script>|&amp;|<i class=i></i>|&#233;|%s""".split("|")
    ),
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag} id=x>{''.join(parts)}</{tag}>",
        st.sampled_from(["p", "b", "a", "div", "span", "li"]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)


@examples(300)
@given(st.lists(well_formed, max_size=6).map("".join))
def test_another_reader_finds_the_same_structure_of_any_page(source: str) -> None:
    structure, text = outline(source)
    found, changed = outline(page(source, lambda texts: [t.swapcase() for t in texts]))
    assert (found, changed) == (structure, text)


def test_a_page_that_says_another_language_is_refused() -> None:
    with pytest.raises(DataError, match="the document says 'de'"):
        page('<html lang="de"><p>eins')


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ('<html lang="en-GB" xml:lang=en>', '<html lang="es" xml:lang=es>'),
        ("<HTML LANG='EN_us' dir=ltr>", "<HTML LANG='es' dir=ltr>"),
        ("<html lang='' class=en>", "<html lang='' class=en>"),
        (
            '<meta http-equiv="Content-Language" content="en">',
            '<meta http-equiv="Content-Language" content="es">',
        ),
        (
            "<meta property='og:locale' content='en_US'>",
            "<meta property='og:locale' content='es_ES'>",
        ),
        ('<meta name="generator" content="en">',) * 2,
        ('<p lang="fr">',) * 2,  # of another language than the page
        ('<p><a href="/en" hreflang="en" lang="en">',) * 2,  # its words are what leads there
        ('<html lang="en" translate="no">',) * 2,
    ],
)
def test_a_page_says_its_new_language(tag: str, expected: str) -> None:
    assert page(f"{tag}7") == f"{expected}7"
