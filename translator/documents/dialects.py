"""What Markdown has beyond CommonMark and GitHub: lines by which its dialects mark blocks.

Directives (Docusaurus, VuePress, Pandoc, MyST), admonitions and tabs (MkDocs), blocks and snippets
(PyMdown), alerts (GitHub, Obsidian), attribute lists (kramdown), targets (MyST), short codes (Hugo,
Jekyll). Such a line is never part of a paragraph; of its words only a title is prose.
"""

import re
from typing import NamedTuple

_ATTRIBUTES = r"(?:[ \t]*\{[^{}]*\})?[ \t]*"
_ADMONITION = r"[!?]{3}\+?[ \t]+[\w-]+(?:[ \t]+(?:inline|end))*"
_TAB = r"={3}[!+]?"
_PROSE_DIRECTIVES = (
    "admonition|attention|caution|danger|dropdown|epigraph|error|hint|important|margin|note|seealso"
    "|sidebar|tip|topic|warning|versionadded|versionchanged|deprecated"
)
_TITLED = [  # what marks the block, its title, and what closes the mark
    re.compile(pattern)
    for pattern in (
        r"(:{2,}[ \t]*[\w-]+\[)([^\[\]]*)(\].*)",
        rf"(:{{3,}}[ \t]*(?:\{{[^{{}}]*\}}|[\w-]+)[ \t]+)([^\s{{].*?)({_ATTRIBUTES})",
        r"([!?]{3}\+?[ \t]+[\w-][\w -]*\")([^\"]*)(\"[ \t]*)",
        rf"({_TAB}[ \t]+\")([^\"]*)(\"[ \t]*)",
        r"(/{3,}[ \t]*[\w-]+[ \t]*\|[ \t]*)(.*?)([ \t]*)",
        r"(\[![\w-]+\][+-]?[ \t]+)(.+?)([ \t]*)",
    )
]
_UNTITLED = re.compile(
    r":{3,}.*|::[\w-]+[\[{].*"
    rf"|{_ADMONITION}[ \t]*"
    r"|/{3,}(?:[ \t]*[\w-]+)?[ \t]*"
    r"|\[![\w-]+\][+-]?[ \t]*"
    r"|-{1,}8<-{1,}.*"
    r"|\{:?[ \t]*[#.%][^{}]*\}[ \t]*|\{:[^{}]*\}[ \t]*"
    r"|\([\w.:-]+\)=[ \t]*"
    r"|\{\{[<%](?:(?!\{\{).)*[%>]\}\}[ \t]*|\{%(?:(?!\{%).)*%\}[ \t]*|\{\{(?:(?!\{\{).)*\}\}[ \t]*"
    r"|\+\+\+[ \t]+\{.*"
)
_INDENTED = re.compile(rf"{_ADMONITION}|{_TAB}[ \t]+\"")
_DIRECTIVE_FENCE = re.compile(rf"(`{{3,}}|~{{3,}})\{{({_PROSE_DIRECTIVES})\}}[ \t]*(.*)")
_OPTION = re.compile(r":[\w-]+:(?:[ \t].*)?")


class BlockLine(NamedTuple):
    """A line that marks a block: its title, what stands around that, and what comes after it."""

    before: str
    title: str
    after: str
    is_indented: bool  # what belongs to the block


def block_line(body: str) -> BlockLine | None:
    """What a line is made of that marks a block, without the quotes and items around it."""
    text = body.rstrip("\r\n")
    is_indented = bool(_INDENTED.match(text))
    for pattern in _TITLED:
        if titled := pattern.fullmatch(text):
            return BlockLine(titled[1], titled[2], titled[3] + body[len(text) :], is_indented)
    return BlockLine(body, "", "", is_indented) if _UNTITLED.fullmatch(text) else None


def directive_fence(body: str) -> tuple[str, BlockLine] | None:
    """The fence of a directive of MyST that holds prose, not code, and its line."""
    opening = _DIRECTIVE_FENCE.match(body)
    if not opening:
        return None
    start, end = opening.span(3)
    return opening[1], BlockLine(body[:start], body[start:end], body[end:], is_indented=False)


def is_option(body: str) -> bool:
    """Whether a line may be an option of the directive before it."""
    return bool(_OPTION.fullmatch(body.strip()))
