"""Subtitles as people have them: odd cues, and what frames a text stays around it."""

import io

import pytest

from translator.documents import Format, Settings, blocks, read_document, translate_block
from translator.errors import DataError


def in_capitals(text: str, problems: list[str], texts: list[str] | None = None) -> str:
    def upper(each: list[str]) -> list[str]:
        if texts is not None:
            texts.extend(each)
        return [text.upper() for text in each]

    document = read_document(io.BytesIO(text.encode()), Settings(Format.SUBTITLES, ("en", "es")))
    found = "".join(translate_block(block, upper) for block in blocks(document.segments))
    problems += document.problems
    return found


def assert_only_these_change(text: str, *words: str) -> None:
    """Each of the words is a text of its own, and all else is kept."""
    problems: list[str] = []
    texts: list[str] = []
    expected = text
    for each in words:
        assert expected.count(each) == 1, each
        expected = expected.replace(each, each.upper())
    assert in_capitals(text, problems, texts) == expected
    assert (texts, problems) == ([" ".join(each.split()) for each in words], [])


TIMES = [
    "00:00:01,000 --> 00:00:02,000",
    "00:00:01.000 --> 00:00:02.000",
    "00:00:20 --> 00:00:24",
    "0:20 --> 0:24",
    "00:20,5-->00:24,5",
    "00:00:01,000 -> 00:00:02,000",
    "00:00:01,000 – 00:00:02,000",
    "00:00:01:12 --> 00:00:02:20",
    "  00: 00: 01,000 --> 00: 00: 02,000",
    "00:00:01,000 --> 00:00:02,000 X1:40 X2:600 Y1:20 Y2:50",
    "00:01.000 --> 00:02.000 align:start position:10%,line-left",
]


@pytest.mark.parametrize("header", ["", "WEBVTT - a title\n\n"])
@pytest.mark.parametrize("times", TIMES)
def test_a_line_of_times_begins_a_cue(times: str, header: str) -> None:
    text = f"{header}1\n{times}\nwe have no time.\nnone.\n\n2\n{times}\nlove\n"
    assert_only_these_change(text, "we have no time.\nnone.", "love")
    assert_only_these_change(text.replace("\n", "\r\n"), "we have no time.\r\nnone.", "love")


@pytest.mark.parametrize(
    "text",
    [
        "1\n@\nwe\n2\n@\ngo\n3\n@\nout\n",
        "@\nwe\n@\ngo\n@\nout\n",
        "1\n\n@\n\nwe\n\n\n\n2\n@\ngo\n\n3\n\n\n@\nout",
        "\n\n1\n@\n \nwe\n\u00a0\n2.\n@\ngo\n#3\n@\nout\n\u200b\n",
        "1\r\r\n@\r\r\nwe\r\r\n\r\r\n2\r\r\n@\r\r\ngo\r\r\n\r\r\n3\r\r\n@\r\r\nout\r\r\n",
        "1\n@  we\n2\n@  go\n3\n@  out\n",
        "1\n@\nwe\n\ngo\n\n3\n@\nout\n",
    ],
)
def test_blank_lines_may_be_missing_or_too_many(text: str) -> None:
    assert_only_these_change(text.replace("@", TIMES[0]), "we", "go", "out")


SPEECHES = [
    ("[music playing]", ["music playing"]),
    ("(sighs) i am tired. [door closes]", ["sighs", "i am tired.", "door closes"]),
    ("♪ i love you ♪", ["i love you"]),
    ("♪ i love\nyou ♪", ["i love\nyou"]),
    ("# la la love #", ["la la love"]),
    ("¶ love ¶", ["love"]),
    (">> where is the library?", ["where is the library?"]),
    (">>> MARY: where?", ["where?"]),
    ("- who?\n- you!", ["who?", "you!"]),
    ("–who?\n–you!", ["who?", "you!"]),
    ("MAN #2: where\nis it?\nDR. SMITH: here.", ["where\nis it?", "here."]),
    ("[thunder]\nis it late?\n(rain)", ["thunder", "is it late?", "rain"]),
    ("i (really) love you", ["i (really) love you"]),
    ("note: it is 5:30 here", ["note: it is 5:30 here"]),
    ("{\\an8}{\\fad(1,2)}(sighs)", ["sighs"]),
    ("♪", []),
    ("[1]", []),
]


@pytest.mark.parametrize(("speech", "texts"), SPEECHES)
def test_what_frames_a_text_stays_around_it(speech: str, texts: list[str]) -> None:
    assert_only_these_change(f"1\n{TIMES[0]}\n{speech}\n", *texts)
    assert_only_these_change(f"WEBVTT\n\n{TIMES[1]}\n{speech}\n", *texts)
    line = speech.replace("\n", "\\N")
    texts = [each.replace("\n", "\\N") for each in texts]
    assert in_capitals(f"{EVENTS}{line}\n", []) == f"{EVENTS}{replaced(line, texts)}\n"


def replaced(line: str, texts: list[str]) -> str:
    for each in texts:
        line = line.replace(each, each.upper())
    return line


@pytest.mark.parametrize("tag", ["i", "b", 'font color="#ffffff"'])
def test_signs_within_tags_stay_too(tag: str) -> None:
    text = f"1\n{TIMES[0]}\n<{tag}>♪ go out ♪</{tag.split()[0]}>\n"
    assert in_capitals(text, []) == text.replace("go out", "GO OUT")


# --- WebVTT ---------------------------------------------------------------------------------------

VTT = """\
WEBVTT Kind: captions
Language: en-GB

NOTE
about the file

STYLE
::cue { color: red }

intro
00:01.000 --> 00:04.000
<v Mary>we go

NOTE between

00:04.000 --> 00:05.000
<c.loud>out</c>
"""


def test_the_header_of_webvtt_states_the_language_of_the_texts() -> None:
    expected = VTT.replace("en-GB", "es").replace("we go", "WE GO").replace("out</", "OUT</")
    problems: list[str] = []
    assert in_capitals(VTT, problems) == expected.replace("abOUT", "about")
    assert problems == []
    with pytest.raises(DataError, match="the document says 'de'"):
        in_capitals(VTT.replace("en-GB", "de"), [])


# --- SubStation Alpha -----------------------------------------------------------------------------

EVENTS = """\
[Script Info]
Title: a title
ScriptType: v4.00+

[V4+ Styles]
Style: Default,Arial,20

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,a note
Dialogue: 0,0:00:01.00,0:00:02.00,Default,mary,0,0,0,,"""


def test_the_text_of_a_dialogue_is_behind_its_fields() -> None:
    text = f"{EVENTS}yes, we\\Ngo, now\nDialogue: bad\n"
    problems: list[str] = []
    assert in_capitals(text, problems) == text.replace("yes, we\\Ngo, now", "YES, WE\\NGO, NOW")
    assert problems == ["line 12: fields are missing, the line is kept as it is"]


def test_styles_stand_around_the_translations_of_their_words() -> None:
    text = f"{EVENTS}{{\\an8}}we {{\\i1}}go{{\\i0}} out.\\Nnow{{a comment}}\r\n"
    result = in_capitals(text, [])
    assert result.endswith("{\\an8}WE {\\i1}GO{\\i0} OUT.\\NNOW{a comment}\r\n")


def test_drawings_and_karaoke_are_kept() -> None:
    text = f"{EVENTS}{{\\p1}}m 0 0 l 9 b{{\\p0}}\n"
    text += EVENTS.splitlines()[-1] + "{\\k20}lo{\\kf30}ve\n"
    problems: list[str] = []
    assert in_capitals(text, problems) == text
    assert problems == ["line 12: karaoke, the line is kept as it is"]


def test_the_older_format_has_other_fields() -> None:
    text = "[Events]\nFormat: Marked, Start, End, Text\nDialogue: Marked=0,0:0:1.0,0:0:2.0,a, b\n"
    assert in_capitals(text, []) == text.replace("a, b", "A, B")


def test_a_format_without_fields_says_nothing() -> None:
    text = EVENTS.replace("Format: Layer", "Format:\nX: Layer") + "yes\n"
    assert in_capitals(text, []) == text.replace("yes", "YES")


# --- what is passed over --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a film\n", "line 1: no cue begins here or later, the file is kept as it is"),
        ("one\ntwo\n\n1\n@\n", "lines 1, 2: belongs to no cue, the line is kept as it is"),
        (
            "1\n00:01 --> \nlove\n",
            "line 2: the times are not understood, the line is kept as it is",
        ),
        ("[Script Info]\nTitle: a\n", "line 1: there is no dialogue, the file is kept as it is"),
    ],
)
def test_what_is_passed_over_is_told(text: str, problem: str) -> None:
    problems: list[str] = []
    text = text.replace("@", TIMES[0])
    assert in_capitals(text, problems) == text.replace("love", "LOVE")
    assert problems == [problem]


def test_a_cue_may_have_any_number_of_asides() -> None:
    text = f"1\n{TIMES[0]}\n{'(a) ' * 20_000}\n"
    assert in_capitals(text, []) == text.upper()
