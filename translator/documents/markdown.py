"""Markdown: headings, paragraphs, list items, quotes, table cells and alternative texts are prose.

Code, link targets, HTML tags, front matter, formulas, footnote labels and all marks are kept. The
document is read line by line (CommonMark with the tables, footnotes, task lists and formulas of
GitHub, definition lists, and the blocks of `dialects`); where a line could be read in two ways, the
one that changes less is taken.
"""

import re
from collections.abc import Iterable, Iterator

from translator.documents.dialects import BlockLine, block_line, directive_fence, is_option
from translator.documents.direction import Direction
from translator.documents.front_matter import front_matter_line
from translator.documents.markup import TAGS, marked
from translator.documents.segments import Line, Problems, Segment, join, verbatim, wrapped
from translator.documents.text import split_line
from translator.text.placeholders import has_words

_CONTAINERS = re.compile(  # quotes, list items and their tasks
    r"(?:[ \t]*(?:>|[-+*:](?=[ \t])|\d{1,9}[.)](?=[ \t])))*[ \t]*(?:\[[ xX]\][ \t]+)?"
)
_BLANK_BEFORE = re.compile(r"(?:[ \t>]*\r(?!\n))+")  # lines that end with a carriage return alone
_LIST_ITEM = re.compile(r"(?:[-+*:]|\d{1,9}[.)])[ \t]")
_TERM_ENDS = re.compile(r":[ \t]")  # what is before it is defined
_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_HEADING = re.compile(r"#{1,6}[ \t]+")
_HEADING_END = re.compile(r"(?<![ \t])(?:[ \t]+#+)?(?:[ \t]*\{[^{}]*\})?$")
_DEFINITION = re.compile(r"\[(?!\^)[^\]]+\]:")  # of a link's target
_FOOTNOTE = re.compile(r"\[\^[^\]]+\]:[ \t]*")
_ABBREVIATION = re.compile(r"\*\[[^\]]+\]:[ \t]*")
_RULED = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?\s*$")  # under a header
_HTML = re.compile(  # of a block: a tag of one, or any tag that is alone on its line
    r"</?(?:address|article|aside|blockquote|body|center|d[dlt]|details|dialog|div|fieldset"
    r"|fig(?:caption|ure)|footer|form|h[1-6]|head|header|hr|html|li|link|main|menu|nav|ol|opt(?:group"
    r"|ion)|p|picture|section|source|summary|table|t(?:body|d|foot|h|head|itle|r)|ul)(?:[\s/>]|$)"
    r"|</?[A-Za-z][^<>]*>\s*$",
    re.IGNORECASE,
)
_RAW_HTML = re.compile(r"<(?:!--|\?|!\[CDATA\[|(script|style|pre|textarea)\b)", re.IGNORECASE)
_RAW_HTML_ENDS = {"<!--": "-->", "<?": r"\?>", "<![cdata[": r"\]\]>"}  # else a closing tag
_FORMULA = re.compile(r"\$\$(?!.*\$\$)")  # on lines of its own
_HARD_BREAK = re.compile(
    r"(  |(?<!\\)(?:\\\\)*(?P<slash>\\)|<br\s*/?>[ \t]*)\r?\n?$", re.IGNORECASE
)
_FRONT_MATTER = ("---", "+++")
_MARKS = re.compile(
    r"(?P<role_stands>\{[\w:+-]+\}(?P<role>`+).+?(?P=role)(?!`))"
    r"|(?P<code_stands>(?P<ticks>(?<!`)`+(?!`))(?:.*?[^`])(?P=ticks)(?!`)(?:\{[^{}]*\})?)"
    r"|(?P<escape_stands>\\[!-/:-@\[-`{-~])"
    r"|(?P<formula_stands>\$\$.+?\$\$|(?<![\w$])\$(?=\S)[^$]*(?<=\S)\$(?![\w$]))"
    r"|(?P<address_stands><[A-Za-z][\w+.-]*:[^<>\s]*>|<[^<>\s@]+@[^<>\s]+>)"
    r"|(?P<literal_stands><(?P<literal>code|kbd|math|pre|samp|script|style|svg|textarea)\b[^<>]*>"
    r"(?:(?!<(?P=literal)\b)[\s\S])*?</(?P=literal)>)"
    rf"|{TAGS}"
    r"|(?P<template_stands>\{\{(?:(?!\{\{).)*?\}\}|\{%(?:(?!\{%).)*?%\}"
    r"|\{:?[ \t]*[#.][^{}]*\}|\{[^{}]*=[^{}]*\})"
    r"|(?P<wiki_stands>!?\[\[[^\[\]]*\]\])"
    r"|(?P<url_stands>(?:https?://|www\.)[^\s<>()\[\]]*[^\s<>()\[\].,;:!?'\"*_])"
    r"|(?P<mail_stands>(?<![\w.+-])[\w.+-]++@\w[\w-]*+(?:\.\w[\w-]*+)+)"
    r"|(?P<entity_stands>&(?:\#\d+|\#[xX][0-9a-fA-F]+|\w+);)"
    r"|(?P<link_opens>!?\[(?=(?:[^\[\]]|!?\[[^\[\]]*\](?:\([^()]*\))?)*+\](?:\(|\[[^\]])))"
    r"|(?P<target_closes>(?:\]\((?:[^()\\]|\\.|\([^()]*\))*\)|\]\[[^\]]+\])(?:\{[^{}]*\})?)"
    r"|(?P<label_stands>!?\[[^\[\]]*\](?:\[\])?)"
    r"|(?P<emoji_stands>(?<!\w):[a-z0-9_+-]+:(?!\w))"
    r"|(?P<emphasis_toggles>(?<!\s)\*+|\*+(?!\s)|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)|~~|==)"
)
_HTML_MARKS = re.compile(rf"(?P<line_stands>[ \t]*\n[ \t]*)|{_MARKS.pattern}")


def markdown_segments(
    lines: Iterable[str], problems: Problems, direction: Direction, *, front_matter: bool = False
) -> Iterator[Segment]:
    """Segments of a Markdown document; the lines of a paragraph are one text.

    With `front_matter` its title and description are translated too. DataError where it says that
    it is in another language.
    """
    reader = _Reader(direction, front_matter)
    for line in lines:
        yield from reader.read(line)
    if reader.in_front_matter:
        problems.add("the front matter has no end, the file is kept as it is", 1)
    yield from reader.end_paragraph()


class _Reader:
    """The state between two lines: what is open, and the paragraph so far."""

    def __init__(self, direction: Direction, front_matter: bool) -> None:
        self._direction, self._translates_front_matter = direction, front_matter
        self.in_front_matter = False
        self._fences: list[str] = []  # of the directives that are open
        self._options = False  # whether an option of a directive may follow
        self._paragraph: list[Line] = []
        self._quotes = 0  # the depth of the paragraph in block quotes
        self._items = [0]  # the columns where the texts of the open list items begin
        self._verbatim: re.Pattern[str] | None = None  # what ends the code or comment that is open
        self._verbatim_column = 0
        self._html = False
        self._table = False
        self._first = True

    def read(self, line: str) -> Iterator[Segment]:
        first, self._first = self._first, False
        if first and line.rstrip() in _FRONT_MATTER:
            self._verbatim = re.compile(rf"^(?:{re.escape(line.rstrip())}|\.\.\.)[ \t]*$")
            self.in_front_matter = True
            yield verbatim(line)
        elif self._verbatim:
            yield from self._read_verbatim(line)
        elif not line.strip(" \t\r\n>"):
            yield from self.end_paragraph()
            self._table = False
            yield verbatim(line)
        elif blank := _BLANK_BEFORE.match(line):
            yield from self.read(blank[0])
            yield from self.read(line[blank.end() :])
        elif self._html:
            self._paragraph.append(Line("", line, ""))
        else:
            yield from self._read_block(line)

    def end_paragraph(self) -> Iterator[Segment]:
        """What is open ends here."""
        if self._paragraph and self._html:
            yield marked("".join(line.text for line in self._paragraph), _HTML_MARKS, _escape)
        elif self._paragraph:
            yield wrapped(self._paragraph, _words, _may_begin_line)
        self._paragraph, self._html = [], False

    def _read_verbatim(self, line: str) -> Iterator[Segment]:
        assert self._verbatim
        inner = line.lstrip(" \t>")
        if self._verbatim.search(inner.rstrip("\r\n")):
            self._verbatim, self.in_front_matter = None, False
        elif self.in_front_matter:
            translated = self._translates_front_matter
            yield front_matter_line(line, self._direction, translated=translated)
            return
        elif line.strip() and _column(line[: len(line) - len(inner)]) < self._verbatim_column:
            self._verbatim = None  # its list item or quote has ended
            yield from self._read_block(line)
            return
        yield verbatim(line)

    def _read_block(self, line: str) -> Iterator[Segment]:
        before = _containers(line)
        body = line[len(before) :]
        is_item = bool(_LIST_ITEM.search(before))
        indent = _column(line[: len(line) - len(line.lstrip(" \t>"))])
        if not self._paragraph:
            self._items = [column for column in self._items if column <= indent] or [0]
            if indent >= self._items[-1] + 4:
                yield verbatim(line)  # indented code
                return
        if _TERM_ENDS.search(before) and not self._in_definition():  # each line before is a term
            yield from (wrapped([term], _words, _may_begin_line) for term in self._paragraph)
            self._paragraph = []
        if is_item or before.count(">") > self._quotes or not self._paragraph:
            yield from self.end_paragraph()
            self._quotes = before.count(">")
        if is_item:
            self._table = False
            self._items = [c for c in self._items if c <= indent] or [0]
            self._items.append(_column(before))
        yield from self._read_body(line, before, body)

    def _in_definition(self) -> bool:
        return bool(self._paragraph) and bool(_TERM_ENDS.search(self._paragraph[0].before))

    def _read_body(self, line: str, before: str, body: str) -> Iterator[Segment]:
        """A line by what its `body` begins; `before` are the marks of its quotes and items."""
        options, self._options = self._options, False
        if self._paragraph and _is_ruled(body):
            yield from self._begin_table(line)
        elif options and is_option(body):
            self._options = True
            yield verbatim(line)
        elif self._fences and body.strip() == self._fences[-1]:
            yield from self.end_paragraph()
            self._fences.pop()
            yield verbatim(line)
        elif directive := directive_fence(body):
            self._fences.append(directive[0])
            yield from self._mark_block(before, directive[1])
        elif block := block_line(body):
            yield from self._mark_block(before, block)
        elif opening := _opening(body):
            yield from self.end_paragraph()
            self._begin_verbatim(*opening, before)
            yield verbatim(line)
        elif not has_words(body) or _DEFINITION.match(body):
            yield from self.end_paragraph()
            yield verbatim(line)
        elif footnote := _FOOTNOTE.match(body):
            yield from self.end_paragraph()
            self._table = False
            self._begin_indented(before)
            if words := body[footnote.end() :].strip():
                yield from self._read_paragraph(line, before + footnote[0], words)
            else:
                yield verbatim(line)
        elif heading := _HEADING.match(body) or _ABBREVIATION.match(body):
            yield from self.end_paragraph()
            self._table = False
            yield _heading(line, before + heading[0])
        elif self._table or body.startswith("|"):
            yield from self.end_paragraph()
            yield join([verbatim(before), _row(body)])
        else:
            yield from self._read_paragraph(line, before, body)

    def _mark_block(self, before: str, block: BlockLine) -> Iterator[Segment]:
        """A line that marks a block; what is indented below an admonition is no code."""
        yield from self.end_paragraph()
        self._table, self._options = False, True
        if block.is_indented:
            self._begin_indented(before)
        yield join([verbatim(before + block.before), _inline(block.title), verbatim(block.after)])

    def _begin_indented(self, before: str) -> None:
        """What belongs to a block that begins here is indented by four columns."""
        column = _column(before)
        self._items = [c for c in self._items if c <= column] or [0]
        self._items.append(column + 4)

    def _begin_table(self, rule: str) -> Iterator[Segment]:
        """The last line of the paragraph was a header: the `rule` under it says so."""
        header = self._paragraph.pop()
        yield from self.end_paragraph()
        self._table = True
        yield join([verbatim(header.before), _row(header.text), verbatim(header.after)])
        yield verbatim(rule)

    def _begin_verbatim(self, opening: re.Match[str], end: re.Pattern[str], before: str) -> None:
        if end.search(opening.string, opening.end()):
            return  # it ends on its line
        self._verbatim = end
        self._verbatim_column = 0
        if opening.re is _FENCE:  # code ends where its quote or list item does
            inside = _column(before)
            self._verbatim_column = inside if before.strip() else min(self._items[-1], inside)

    def _read_paragraph(self, line: str, before: str, body: str) -> Iterator[Segment]:
        """A line that begins a paragraph or a block of HTML, or goes on with one."""
        if not self._paragraph and _HTML.match(body):
            self._html = True
            self._paragraph.append(Line("", line, ""))
            return
        part, hard_break = split_line(line, before), _HARD_BREAK.search(line)
        if hard_break and hard_break["slash"] and part.text.endswith("\\"):
            part = Line(part.before, part.text[:-1], "\\" + part.after)
        self._paragraph.append(part)
        if hard_break:
            yield from self.end_paragraph()


def _opening(body: str) -> tuple[re.Match[str], re.Pattern[str]] | None:
    """The mark that opens code, a formula or raw HTML, if one does, and what ends it."""
    if fence := _FENCE.match(body):
        mark = fence[1] or fence[2]
        return fence, re.compile(rf"^{mark[0]}{{{len(mark)},}}[ \t]*$")
    if formula := _FORMULA.match(body):
        return formula, re.compile(r"\$\$\s*$")
    if raw := _RAW_HTML.match(body):
        end = _RAW_HTML_ENDS.get(raw[0].lower(), f"</{raw[1]}>")
        return raw, re.compile(end, re.IGNORECASE)
    return None


def _containers(line: str) -> str:
    match = _CONTAINERS.match(line)
    assert match
    return match[0]


def _column(before: str) -> int:
    return len(before.expandtabs(4))


def _is_ruled(body: str) -> bool:
    return "|" in body and bool(_RULED.match(body))


def _may_begin_line(words: str) -> bool:
    """Whether words at the beginning of a line go on with a paragraph and begin nothing else."""
    begins_block = _containers(words) or _HEADING.match(words) or words.startswith("|")
    return has_words(words) and not begins_block


def _escape(translation: str, source: str) -> str:
    """Characters that mean something in Markdown and were not in the source lose their meaning."""
    return re.sub(r"[\\`*_<>|\[\]]", lambda m: m[0] if m[0] in source else "\\" + m[0], translation)


def _inline(text: str) -> Segment:
    return marked(text, _MARKS, _escape)


def _words(text: str) -> Segment:
    """The words of a paragraph, which begin no item and no heading, whatever a model writes."""
    return _inline(text).map(_without_block)


def _without_block(text: str) -> str:
    begins_block = _containers(text).strip() or _HEADING.match(text)
    return re.sub(r"(?=[^\w\s])", r"\\", text, count=1) if begins_block else text


def _heading(line: str, before: str) -> Segment:
    text = line[len(before) :]
    end = _HEADING_END.search(text.rstrip())
    assert end
    words, rest = text[: end.start()], text[end.start() :]
    return join([verbatim(before), _inline(words), verbatim(rest)])


def _row(row: str) -> Segment:
    """A row of a table: each cell is a text."""
    cells = re.split(r"(?<!\\)(\|)", row)
    return join(verbatim(cell) if i % 2 else _inline(cell) for i, cell in enumerate(cells))
