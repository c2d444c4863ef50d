"""Word and OpenDocument: only texts change, as python-docx, odfpy and lxml read the files."""

import io
import random
import re
import zipfile
from collections.abc import Callable
from typing import Any

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from odf import style
from odf import text as odf_text
from odf.draw import Frame, TextBox
from odf.office import Annotation
from odf.opendocument import OpenDocumentText, load
from odf.table import Table, TableCell, TableRow

from tests.helpers import examples, translated_document
from translator.documents import DocumentJob, Format, Settings, read_document, translate_block
from translator.documents.direction import Direction
from translator.documents.odt import odt_segments
from translator.errors import DataError

Translate = Callable[[list[str]], list[str]]
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def upper(texts: list[str]) -> list[str]:
    return [text.upper() for text in texts]


def spanish(texts: list[str]) -> list[str]:
    words = {"The": "La", "the": "la", "red house": "casa roja", "red": "roja", "house": "casa"}
    words |= {"is old": "es vieja", "old": "vieja"}
    pattern = re.compile("|".join(rf"\b{word}\b" for word in words))
    return [pattern.sub(lambda match: words[match[0]], text) for text in texts]


def translated(data: bytes, file_format: str, translate: Translate = upper) -> bytes:
    return translated_document(data, file_format, translate)


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}


# --- Word -----------------------------------------------------------------------------------------


def saved(document: Any) -> bytes:
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def word(*paragraphs: str) -> bytes:
    """A document whose body is these paragraphs, in XML."""
    document = docx.Document()
    section = document.element.body[-1]
    for content in paragraphs:
        section.addprevious(parse_xml(f"<w:p {nsdecls('w', 'r')}>{content}</w:p>"))
    return saved(document)


def checked_as_spanish(data: bytes) -> dict[str, bytes]:
    """The parts of a document, whose styles say that its words are Spanish."""
    parts = members(data)
    english, spanish = b'<w:lang w:val="en-US"', b'<w:lang w:val="es-ES"'
    assert english in parts["word/styles.xml"]
    return parts | {"word/styles.xml": parts["word/styles.xml"].replace(english, spanish)}


def body(data: bytes) -> list[str]:
    """The content of each paragraph of the body as it stands in the file."""
    found = re.findall(r"<w:p(?: [^>]*)?>(.*?)</w:p>", members(data)["word/document.xml"].decode())
    return [re.sub(r' xmlns:\w+="[^"]*"', "", each) for each in found]


def run(text: str, format_: str = "", preserve: str = ' xml:space="preserve"') -> str:
    properties = f"<w:rPr><w:{format_}/></w:rPr>" if format_ else ""
    return f"<w:r>{properties}<w:t{preserve}>{text}</w:t></w:r>"


def field(code: str, result: str) -> str:
    mark = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'.format
    instruction = f'<w:r><w:instrText xml:space="preserve"> {code} </w:instrText></w:r>'
    return mark("begin") + instruction + mark("separate") + result + mark("end")


RUBY = f"<w:r><w:ruby><w:rt>{run('red')}</w:rt><w:rubyBase>{{}}</w:rubyBase></w:ruby></w:r>"


@pytest.fixture(scope="module")
def report() -> bytes:
    """A document as people write them, with tracked changes and a comment."""
    document = docx.Document()
    document.core_properties.title = "Kept title"
    document.add_heading("The heading")
    paragraph = document.add_paragraph("The ")
    paragraph.add_run("red").bold = True
    commented = paragraph.add_run(" house is old.")
    document.add_comment(commented, text="A kept comment", author="Ana")
    document.add_paragraph("One item", style="List Bullet")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "A cell", "42"
    table.cell(0, 1).add_table(1, 1).cell(0, 0).text = "An inner cell"
    document.sections[0].header.paragraphs[0].text = "The header"
    document.sections[0].footer.paragraphs[0].text = "The footer"
    tracked = (
        f'<w:p {nsdecls("w")}><w:r><w:t xml:space="preserve">It is </w:t></w:r>'
        '<w:del w:id="8" w:author="Ana" w:date="2024-01-01T00:00:00Z"><w:r>'
        '<w:delText xml:space="preserve">Kept deletion </w:delText></w:r></w:del>'
        '<w:ins w:id="9" w:author="Ana" w:date="2024-01-01T00:00:00Z"><w:r><w:t>very new</w:t>'
        "</w:r></w:ins><w:r><w:t>.</w:t></w:r></w:p>"
    )
    document.element.body[-1].addprevious(parse_xml(tracked))
    return saved(document)


def test_all_but_the_texts_of_a_word_document_is_kept(report: bytes) -> None:
    before, after = members(report), members(translated(report, "docx"))
    assert list(before) == list(after)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        *("word/document.xml", "word/header1.xml", "word/footer1.xml"),
        "word/styles.xml",  # the language that words are checked in
    }
    found = docx.Document(io.BytesIO(translated(report, "docx")))
    assert [p.text for p in found.paragraphs] == [
        "THE HEADING",
        "THE RED HOUSE IS OLD.",
        "ONE ITEM",
        "IT IS .",  # python-docx reads no inserted text
    ]
    assert [r.text for r in found.paragraphs[1].runs if r.bold] == ["RED"]
    cell = found.tables[0].cell(0, 1)
    assert (found.tables[0].cell(0, 0).text, cell.text.strip()) == ("A CELL", "42")
    assert cell.tables[0].cell(0, 0).text == "AN INNER CELL"
    assert found.sections[0].header.paragraphs[0].text == "THE HEADER"
    assert found.sections[0].footer.paragraphs[0].text == "THE FOOTER"
    assert [comment.text for comment in found.comments] == ["A kept comment"]


def test_tracked_changes_and_comments_of_word_survive(report: bytes) -> None:
    root = etree.fromstring(members(translated(report, "docx"))["word/document.xml"])
    [inserted], [deleted] = root.findall(f".//{W}ins"), root.findall(f".//{W}del")
    assert "".join(inserted.itertext()) == "VERY NEW"
    assert "".join(deleted.itertext()) == "Kept deletion "
    names = ("commentRangeStart", "commentRangeEnd", "commentReference")
    assert [len(root.findall(f".//{W}{name}")) for name in names] == [1, 1, 1]
    order = [etree.QName(each).localname for each in root.iter() if isinstance(each.tag, str)]
    assert [name for name in order if name in names] == list(names)


def test_where_no_text_changes_every_part_of_a_word_document_is_the_same(report: bytes) -> None:
    assert members(translated(report, "docx", lambda texts: texts)) == checked_as_spanish(report)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (  # a format follows its words
            run("The ") + run("red", "b") + run(" house"),
            run("La casa ") + run("roja", "b"),
        ),
        (  # runs that look alike are one, whatever Word has noted between them
            run("The re") + '<w:proofErr w:type="spellStart"/>' + run("d hou") + run("se"),
            run("La casa") + '<w:proofErr w:type="spellStart"/>' + run(" roja"),
        ),
        (  # so does a link, with its formats inside
            run("The ")
            + f'<w:hyperlink r:id="rId4">{run("red", "i")}</w:hyperlink>'
            + run(" house"),
            run("La casa ") + f'<w:hyperlink r:id="rId4">{run("roja", "i")}</w:hyperlink>',
        ),
        (  # a link that is a field, too
            run("The ") + field('HYPERLINK "http://a.b"', run("red", "u")) + run(" house"),
            run("La casa ") + field('HYPERLINK "http://a.b"', run("roja", "u")),
        ),
        (  # a field that is computed stands
            run("house ") + field("PAGE", run("3")) + run(" is old"),
            run("casa ") + field("PAGE", run("3")) + run(" es vieja"),
        ),
        (  # tabs and breaks stay between what they are between
            run("The house") + "<w:r><w:tab/></w:r><w:r><w:br/></w:r>" + run("is old"),
            run("La casa") + "<w:r><w:tab/></w:r><w:r><w:br/></w:r>" + run("es vieja"),
        ),
        (run("12.50", preserve=""), run("12.50", preserve="")),
        ("<w:pPr><w:jc w:val='right'/></w:pPr>", '<w:pPr><w:jc w:val="right"/></w:pPr>'),
        (  # a footnote stays at its word
            run("The house") + '<w:r><w:footnoteReference w:id="2"/></w:r>' + run(", is old"),
            run("La casa") + '<w:r><w:footnoteReference w:id="2"/></w:r>' + run(", es vieja"),
        ),
        (  # a control that is filled in
            f"<w:sdt><w:sdtPr/><w:sdtContent>{run('house', 'b')}</w:sdtContent></w:sdt>",
            f"<w:sdt><w:sdtPr/><w:sdtContent>{run('casa', 'b')}</w:sdtContent></w:sdt>",
        ),
        (run("red &amp; house &lt;"), run("roja &amp; casa &lt;")),
        (  # how a word is pronounced stays, and its word is one of the sentence
            run("The ") + RUBY.format(run("red")) + run(" house"),
            run("La casa ") + RUBY.format(run("roja")),
        ),
    ],
)
def test_what_is_around_words_of_word_follows_them(source: str, expected: str) -> None:
    def translate(texts: list[str]) -> list[str]:
        swapped = [re.sub(r"red( ?)house", r"red house", text) for text in texts]
        return spanish(swapped)

    assert body(translated(word(source), "docx", translate)) == [expected]


def test_a_text_box_in_a_paragraph_of_word_is_translated_where_it_is() -> None:
    box = (
        "<w:r><w:pict><v:textbox xmlns:v='urn:schemas-microsoft-com:vml'><w:txbxContent><w:p>"
        f"{run('in the box')}</w:p></w:txbxContent></v:textbox></w:pict></w:r>"
    )
    data = translated(word(run("Before it") + box + run(" and after")), "docx")
    root = etree.fromstring(members(data)["word/document.xml"])
    assert "".join(root.find(f".//{W}txbxContent").itertext()) == "IN THE BOX"
    assert "".join(root.itertext()).strip() in (
        "BEFORE ITIN THE BOX AND AFTER",
        "BEFOREIN THE BOX IT AND AFTER",
    )


def test_a_word_document_is_checked_in_its_new_language() -> None:
    format_ = '<w:r><w:rPr><w:lang w:eastAsia="ja-JP" w:val="{}"/></w:rPr><w:t>Word</w:t></w:r>'
    before = [format_.format(language) for language in ("en-GB", "en", "fr-FR")]
    after = [format_.format(language) for language in ("es-ES", "es-ES", "fr-FR")]
    assert body(translated(word(*before), "docx", lambda texts: texts)) == after


# --- OpenDocument ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def letter() -> bytes:
    document = OpenDocumentText()
    bold = style.Style(name="Bold", family="text")
    document.automaticstyles.addElement(bold)
    layout = style.PageLayout(name="Layout")
    document.automaticstyles.addElement(layout)
    master = style.MasterPage(name="Standard", pagelayoutname=layout)
    document.masterstyles.addElement(master)
    header = style.Header()
    master.addElement(header)
    header.addElement(odf_text.P(text="The header"))
    document.text.addElement(odf_text.H(outlinelevel=1, text="The heading"))
    paragraph = odf_text.P(text="The ")
    paragraph.addElement(odf_text.Span(stylename=bold, text="red"))
    paragraph.addText(" house is old")
    note = odf_text.Note(noteclass="footnote", id="n1")
    note.addElement(odf_text.NoteCitation(text="1"))
    note_body = odf_text.NoteBody()
    note_body.addElement(odf_text.P(text="In the note"))
    note.addElement(note_body)
    paragraph.addElement(note)
    comment = Annotation()
    comment.addElement(odf_text.P(text="A kept comment"))
    paragraph.addText(". See ")
    paragraph.addElement(comment)
    paragraph.addElement(odf_text.A(href="http://a.b/", text="the page"))
    paragraph.addElement(odf_text.LineBreak())
    paragraph.addText("On page ")
    paragraph.addElement(odf_text.PageNumber(text="7"))
    document.text.addElement(paragraph)
    table = Table(name="T")
    row, cell = TableRow(), TableCell()
    cell.addElement(odf_text.P(text="A cell"))
    frame, box = Frame(), TextBox()
    box.addElement(odf_text.P(text="In a box"))
    frame.addElement(box)
    framed = odf_text.P()
    framed.addElement(frame)
    cell.addElement(framed)
    row.addElement(cell)
    table.addElement(row)
    document.text.addElement(table)
    stream = io.BytesIO()
    document.write(stream)
    return stream.getvalue()


def test_only_the_texts_of_an_opendocument_change(letter: bytes) -> None:
    before, after = members(letter), members(translated(letter, "odt"))
    assert list(before) == list(after)
    assert {n for n in before if before[n] != after[n]} == {"content.xml", "styles.xml"}
    assert members(translated(letter, "odt", lambda texts: texts)) == before
    old, new = (etree.fromstring(each["content.xml"]) for each in (before, after))
    assert [e.tag for e in old.iter()] == [e.tag for e in new.iter()]
    assert [dict(e.attrib) for e in old.iter()] == [dict(e.attrib) for e in new.iter()]
    texts = ["".join(e.itertext()) for e in new.iter("{*}p", "{*}h", "{*}span", "{*}a")]
    paragraph = "THE RED HOUSE IS OLD1IN THE NOTE. SEE A kept commentTHE PAGEON PAGE 7"
    assert texts == [
        *("THE HEADING", paragraph, "RED", "IN THE NOTE", "A kept comment", "THE PAGE"),
        *("A CELL", "IN A BOX", "IN A BOX"),
    ]
    found = load(io.BytesIO(translated(letter, "odt")))
    assert "THE HEADER" in str(found.masterstyles)
    with zipfile.ZipFile(io.BytesIO(translated(letter, "odt"))) as file:
        first = file.infolist()[0]
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)


@pytest.mark.parametrize(
    ("stated", "target", "expected"),
    [
        ('fo:language="en" fo:country="GB"', "es", 'fo:language="es" fo:country="ES"'),
        ('fo:language="en" fo:country="GB"', "es-MX", 'fo:language="es" fo:country="MX"'),
        ('fo:language="en" fo:country="GB"', "eo", 'fo:language="eo" fo:country="none"'),
        ('fo:language="en" fo:color="#000"', "es", 'fo:language="es" fo:color="#000"'),
        ('fo:language="fr" fo:country="FR"', "es", 'fo:language="fr" fo:country="FR"'),
        ('fo:language="zxx" fo:country="none"', "es", 'fo:language="zxx" fo:country="none"'),
    ],
)
def test_an_opendocument_is_checked_in_its_new_language(
    stated: str, target: str, expected: str
) -> None:
    xml = '<style:text-properties xmlns:style="s" xmlns:fo="f" {} style:language-asian="en"/>'
    segments = odt_segments(xml.format(stated).encode(), Direction("en", target))
    assert "".join(each.put_back(str) for each in segments) == xml.format(expected)


def test_how_a_word_of_an_opendocument_is_pronounced_stays() -> None:
    namespace = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
    ruby = "<t:ruby><t:ruby-base>{}</t:ruby-base><t:ruby-text>red</t:ruby-text></t:ruby>"
    xml = f'<t:p xmlns:t="{namespace}">{{}}</t:p>'
    source = xml.format(f"The {ruby.format('red')} house").encode()
    found = translate_block([*odt_segments(source, Direction("en", "es"))], spanish)
    assert found == xml.format(f"La casa {ruby.format('roja')}")


# --- both -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["docx", "odt"])
def test_what_is_no_document_of_the_kind_is_refused(file_format: str) -> None:
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    for data in (b"", b"plain words\n", b"PK\x03\x04" + bytes(100), empty.getvalue()):
        with pytest.raises(DataError, match=r"no (Word|OpenDocument)") as error:
            translated(data, file_format)
        assert "without a password" in error.value.hint


@pytest.mark.parametrize("content", ["<w:p", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "\xff"])
def test_a_damaged_part_is_named(report: bytes, content: str) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("word/document.xml", content.encode("latin-1"))
    with pytest.raises(DataError):
        translated(stream.getvalue(), "docx")


@pytest.mark.parametrize("file_format", ["docx", "odt"])
def test_a_spoiled_document_is_translated_or_refused_with_a_sentence(
    report: bytes, letter: bytes, file_format: str
) -> None:
    draw, whole = random.Random(5), report if file_format == "docx" else letter
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(draw.choice([1, 3, 30])):
            data[draw.randrange(len(data))] = draw.randrange(256)
        cut = data[: draw.randrange(len(data))] if draw.random() < 0.2 else data
        try:
            translated(bytes(cut), file_format)
        except DataError:
            refused += 1
    assert refused > 15


@pytest.mark.parametrize("texts_at_once", [1, 2, 100])
def test_a_job_of_a_document_in_a_zip_goes_on_and_may_be_shared(
    report: bytes, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, texts_at_once: int
) -> None:
    monkeypatch.setattr("translator.documents.job._CHARACTERS_AT_ONCE", texts_at_once)
    expected = translated(report, "docx")

    def work(job: DocumentJob, fail_at: str = "", *, resume: bool = False) -> bool:
        def translate(texts: list[str]) -> list[str]:
            if fail_at in texts:
                raise KeyboardInterrupt
            return upper(texts)

        job.begin(resume=resume)
        document = read_document(io.BytesIO(report), Settings(Format.DOCX, ("en", "es")))
        for _ in job.translate(document.segments, translate, document.encode):
            pass
        return job.finish(document.pack)

    job = DocumentJob(tmp_path / "out.docx", {"model": "1"})
    with pytest.raises(KeyboardInterrupt):
        work(job, "A cell")
    assert work(job, resume=True)
    assert job.output.read_bytes() == expected
    jobs = [DocumentJob(tmp_path / "two.docx", {"model": "1"}, rank, 2) for rank in range(2)]
    assert [work(each) for each in jobs] == [False, True]
    assert (tmp_path / "two.docx").read_bytes() == expected
    assert len(list(tmp_path.iterdir())) == 2


# --- whatever the document ------------------------------------------------------------------------

word_pieces = st.recursive(
    st.one_of(
        st.builds(
            run,
            st.text(st.sampled_from("ab cd.,7 "), min_size=1, max_size=6),
            st.sampled_from(["", "b", "i"]),
        ),
        st.sampled_from(
            [
                *("<w:r><w:tab/></w:r>", "<w:r><w:br/></w:r>", '<w:proofErr w:type="spellStart"/>'),
                '<w:r><w:footnoteReference w:id="2"/></w:r>',
                "<w:r><w:t>one</w:t><w:noBreakHyphen/><w:t>two</w:t></w:r>",
                '<w:del w:id="8"><w:r><w:delText>gone</w:delText></w:r></w:del>',
                field("PAGE", run("3", "b")),
                field('HYPERLINK "http://a.b"', run("link ", "i") + run("text")),
                '<w:r><w:fldChar w:fldCharType="end"/></w:r>',
            ]
        ),
    ),
    lambda inner: st.builds(
        lambda tag, parts: f"<w:{tag}>{''.join(parts)}</w:{tag.split()[0]}>",
        st.sampled_from(['hyperlink w:anchor="x"', 'ins w:id="9"', "smartTag"]),
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)


def letters(data: bytes) -> list[tuple[str, ...]]:
    """Each letter of the body with what is around it: its format, and the elements of the line."""
    found: list[tuple[str, ...]] = []
    root = etree.fromstring(members(data)["word/document.xml"])
    for text in root.iter(f"{W}t"):
        around = [etree.QName(each).localname for each in text.iterancestors()]
        formats = [etree.QName(each).localname for each in text.getparent().iterfind(f"{W}rPr/*")]
        letters = [c for c in (text.text or "").casefold() if c.isalnum()]
        found += [(c, *formats, *around) for c in letters]
    return found


def marks(data: bytes) -> list[str]:
    root = etree.fromstring(members(data)["word/document.xml"])
    names = "tab br proofErr footnoteReference delText fldChar instrText".split()
    return [name for e in root.iter() if (name := etree.QName(e).localname) in names]


@examples(150)
@given(st.lists(word_pieces, max_size=7).map("".join))
def test_each_letter_of_word_keeps_what_is_around_it(content: str) -> None:
    data = word(content)
    assert members(translated(data, "docx", lambda texts: texts)) == checked_as_spanish(data)
    found = translated(data, "docx", lambda texts: [text.swapcase() for text in texts])
    assert letters(found) == letters(data)
    assert sorted(marks(found)) == sorted(marks(data))
