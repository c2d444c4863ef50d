"""XLIFF, TMX and PO as tools write them: segments, states, and the languages that they state."""
# ruff: noqa: E501 (a unit is easier to read on one line)

import io
import re
from typing import Any

import pytest
from lxml import etree

from translator.documents import Format, Settings, blocks, read_document, translate_block
from translator.errors import DataError


def in_capitals(text: str, file_format: str, problems: list[str] | None = None, **how: Any) -> str:
    settings = Settings(Format(file_format), how.pop("languages", ("en", "es")), None, **how)
    document = read_document(io.BytesIO(text.encode()), settings)
    found = "".join(
        translate_block(block, lambda texts: [each.upper() for each in texts])
        for block in blocks(document.segments)
    )
    if problems is not None:
        problems += document.problems
    return found


def xliff(units: str, languages: str = 'source-language="en-US" target-language="es-ES"') -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<xliff version="1.2" xmlns='
        '"urn:oasis:names:tc:xliff:document:1.2" xmlns:sdl="http://sdl.com/FileTypes/SdlXliff/1.0" '
        f'xmlns:mq="MQXliff">\n<file {languages} datatype="x" original="a"><body>\n{units}\n'
        "</body></file></xliff>\n"
    )


# --- segments -------------------------------------------------------------------------------------

SOURCE = "<source>I am tired. We go.</source>"
SEGMENTED = (
    '<seg-source><mrk mtype="seg" mid="1">I am tired.</mrk> <mrk mtype="seg" mid="2">We <g id="3">'
    "go</g>.</mrk></seg-source>"
)
FILLED = (
    '<mrk mtype="seg" mid="1">I AM TIRED.</mrk> <mrk mtype="seg" mid="2">WE <g id="3">GO</g>.</mrk>'
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"<target>{FILLED}</target>"),
        ("<target/>", f"<target>{FILLED}</target>"),
        ("<target> </target>", f"<target>{FILLED}</target>"),
        (
            '<target><mrk mtype="seg" mid="1"/> <mrk mtype="seg" mid="2"></mrk></target>',
            f"<target>{FILLED}</target>",
        ),
        (
            '<target><g id="9"><mrk mtype="seg" mid="2"/>\n <mrk mid="1" mtype="seg" /></g></target>',
            '<target><g id="9"><mrk mtype="seg" mid="2">WE <g id="3">GO</g>.</mrk>\n '
            '<mrk mid="1" mtype="seg" >I AM TIRED.</mrk></g></target>',
        ),
        (
            '<target><mrk mtype="seg" mid="1">Estoy cansado.</mrk> <mrk mtype="seg" mid="2"/></target>',
            '<target><mrk mtype="seg" mid="1">Estoy cansado.</mrk> <mrk mtype="seg" mid="2">WE '
            '<g id="3">GO</g>.</mrk></target>',
        ),
        (
            '<target><mrk mtype="seg" mid="1">Ya.</mrk><mrk mtype="seg" mid="7"/></target>',
            '<target><mrk mtype="seg" mid="1">Ya.</mrk><mrk mtype="seg" mid="7"/></target>',
        ),
        (f'<target state="needs-translation">{SEGMENTED[12:-13]}</target>',
         f'<target state="needs-review-translation">{FILLED}</target>'),
    ],
)  # fmt: skip
def test_each_empty_segment_gets_the_translation_of_its_source(before: str, after: str) -> None:
    unit = f'<trans-unit id="t">{SOURCE}{SEGMENTED}@</trans-unit>'
    result = in_capitals(xliff(unit.replace("@", before)), "xliff")
    assert result == xliff(unit.replace("@", after))
    assert etree.fromstring(result.encode()).find(".//{*}target") is not None
    assert in_capitals(result, "xliff") == result


def test_the_branches_of_a_message_of_angular_are_translated() -> None:
    x = '<x id="INTERPOLATION" equiv-text="{{n}}"/>'
    source = f"{{VAR_PLURAL, plural, =0 {{now}} other {{{x} ago by {{V, select, a {{him}}}}}}}}"
    unit = f'<trans-unit id="1"><source>{source}</source></trans-unit>'
    target = f"{{VAR_PLURAL, plural, =0 {{NOW}} other {{{x} AGO BY {{V, select, a {{HIM}}}}}}}}"
    assert f"<target>{target}</target>" in in_capitals(xliff(unit), "xliff")


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ('<bpt id="1">&lt;b></bpt>', '<ept id="1">&lt;/b></ept>'),
        ('<bpt id="1" ctype="bold"/>', '<ept id="1"/>'),
        ('<bx id="1"/>', '<ex id="1"/>'),
        ('<sc id="1" dataRef="d"/>', '<ec startRef="1"/>'),
        ('<g id="1">', "</g>"),
    ],
)
def test_a_sentence_with_codes_around_some_words_is_one_text(begin: str, end: str) -> None:
    unit = f'<trans-unit id="1"><source>We {begin}really{end} go.</source></trans-unit>'
    settings = Settings(Format.XLIFF, ("en", "es"))
    document = read_document(io.BytesIO(xliff(unit).encode()), settings)
    assert [text for each in document.segments for text in each.texts] == [
        "We really go.",
        "really",
    ]
    assert f"<target>WE {begin}REALLY{end} GO.</target>" in in_capitals(xliff(unit), "xliff")


@pytest.mark.parametrize("said", ['mtype="protected"', 'id="1" translate="no"'])
def test_words_that_are_not_to_be_translated_stay(said: str) -> None:
    marked = f"Ask <mrk {said}>Mr. Doe &amp; Co</mrk> about it."
    unit = f'<trans-unit id="1"><source>{marked}</source></trans-unit>'
    assert f"<target>ASK {marked[4:-10]} ABOUT IT.</target>" in in_capitals(xliff(unit), "xliff")


def test_a_segment_is_translated_by_itself() -> None:
    """Where one was cut in the middle of a sentence, the other half is not looked at."""
    texts: list[str] = []

    def hear(each: list[str]) -> list[str]:
        texts.extend(each)
        return each

    unit = f'<trans-unit id="t">{SOURCE}{SEGMENTED}</trans-unit>'
    settings = Settings(Format.XLIFF, ("en", "es"))
    document = read_document(io.BytesIO(xliff(unit).encode()), settings)
    for block in blocks(document.segments):
        translate_block(block, hear)
    assert texts[:2] == ["I am tired.", "We go."]


def test_trados_and_memoq_are_told_which_segments_were_filled() -> None:
    defs = (
        '<sdl:seg-defs><sdl:seg id="1" percent="0"/><sdl:seg id="2" conf="ApprovedTranslation"/>'
        "</sdl:seg-defs>"
    )
    target = '<target><mrk mtype="seg" mid="1"/> <mrk mtype="seg" mid="2">Vamos.</mrk></target>'
    unit = f'<trans-unit id="t" mq:status="NotStarted">{SOURCE}{SEGMENTED}@{defs}</trans-unit>'
    only = in_capitals(xliff(unit.replace("@", target).replace("NotStarted", "Edited")), "xliff")
    assert '<sdl:seg id="1" conf="Draft" percent="0"/>' in only
    assert 'id="2" conf="ApprovedTranslation"' in only
    assert ">Vamos.<" in only and ">I AM TIRED.<" in only
    assert 'mq:status="Pretranslated"' in only
    whole = in_capitals(xliff(unit.replace("@", target)), "xliff")
    assert "Vamos" not in whole and whole.count('conf="Draft"') == 2


# --- states ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (
            '<trans-unit id="1"><source>go</source><target state="needs-translation">go</target>',
            '<trans-unit id="1"><source>go</source><target state="needs-review-translation">GO</target>',
        ),
        (
            '<trans-unit id="1"><source>go</source><target xml:lang="es" state = \'new\' />',
            '<trans-unit id="1"><source>go</source><target xml:lang="es" state = '
            "'needs-review-translation' >GO</target>",
        ),
        (
            '<trans-unit id="1" approved="yes"><source>go</source><target state="final"> </target>',
            '<trans-unit id="1" approved="no"><source>go</source>'
            '<target state="needs-review-translation">GO</target>',
        ),
        (
            '<trans-unit id="1" approved="yes"><source>go</source><target state="final">Va</target>',
            '<trans-unit id="1" approved="yes"><source>go</source><target state="final">Va</target>',
        ),
    ],
)
def test_a_target_that_waits_is_filled_and_its_state_moves_on(unit: str, expected: str) -> None:
    result = in_capitals(xliff(f"{unit}</trans-unit>"), "xliff")
    assert result == xliff(f"{expected}</trans-unit>")
    assert in_capitals(result, "xliff") == result


def test_replaced_translations_wait_for_a_review() -> None:
    unit = '<trans-unit id="1" approved="yes"><source>go</source><target state="final">Va</target>'
    result = in_capitals(xliff(f"{unit}</trans-unit>"), "xliff", overwrite=True)
    expected = unit.replace("yes", "no").replace("final", "needs-review-translation")
    assert result == xliff(expected.replace("Va", "GO") + "</trans-unit>")


VERSION_2 = (
    '<xliff version="2.0" srcLang="en" trgLang="es"><file id="f"><unit id="1"><segment state="@">'
    "<source>go</source><target>@</target></segment></unit></file></xliff>"
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("initial", "go"), ("translated", "GO")),
        (("reviewed", "Va"), ("reviewed", "Va")),
        (("final", ""), ("translated", "GO")),
    ],
)
def test_the_state_of_version_2_is_that_of_a_segment(
    before: tuple[str, str], after: tuple[str, str]
) -> None:
    pieces = VERSION_2.replace("@", "%s")
    assert in_capitals(pieces % before, "xliff") == pieces % after


# --- languages ------------------------------------------------------------------------------------

STATED = {
    "xliff": (xliff("", 'source-language="de" target-language="fr"'), "line 3, source-language"),
    "xliff into": (xliff("", 'source-language="en" target-language="fr"'), "target-language"),
    "xliff 2": ('<xliff version="2.0" srcLang="de"/>', "line 1, srcLang"),
    "xliff 2 into": ('<xliff version="2.0" srcLang="en" trgLang="fr"/>', "line 1, trgLang"),
    "po": ('msgid ""\nmsgstr ""\n"Language: fr\\n"\n\nmsgid "a"\nmsgstr ""\n', "line 3, Language"),
    "po from": (
        'msgid ""\nmsgstr ""\n"X-Source-Language: de_AT\\n"\n',
        "line 3, X-Source-Language",
    ),
}


@pytest.mark.parametrize("name", STATED)
def test_a_document_of_other_languages_is_refused(name: str) -> None:
    text, place = STATED[name]
    with pytest.raises(
        DataError, match=rf"{place}: the document says '(de|fr|de_AT)', but"
    ) as error:
        in_capitals(text, name.split()[0])
    assert "--force" in error.value.hint
    in_capitals(text, name.split()[0], force=True)


@pytest.mark.parametrize(
    "text",
    [
        xliff("", 'source-language="EN_us" target-language="es-MX"'),
        xliff("", 'source-language="en" target-language="und"'),
        '<xliff version="2.0" srcLang="en-GB" trgLang="es-419"/>',
        '<xliff version="1.2"><file/></xliff>',
    ],
)
def test_regions_are_no_other_language(text: str) -> None:
    assert in_capitals(text, "xliff") == text


def test_a_header_without_a_language_states_none() -> None:
    text = 'msgid ""\nmsgstr ""\n"Language: \\n"\n\nmsgid "Language: fr"\nmsgstr ""\n'
    expected = 'msgid "Language: fr"\nmsgstr "LANGUAGE: FR"'
    for language, written in (("es", "es"), ("pt-BR", "pt_BR")):  # it gets that of its messages
        found = in_capitals(text, "po", languages=("en", language))
        assert expected in found
        assert found.startswith(f'msgid ""\nmsgstr ""\n"Language: {written}\\n"\n\n')


def test_the_language_of_the_targets_is_added() -> None:
    angular = (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<xliff version="2.0" xmlns='
        '"urn:oasis:names:tc:xliff:document:2.0" srcLang="en-US">\n  <file id="ngi18n"/>\n</xliff>\n'
    )
    result = in_capitals(angular, "xliff", languages=("en", "pt-BR"))
    assert result == angular.replace('"en-US"', '"en-US" trgLang="pt-BR"')
    two = xliff("", "source-language='en'\n id='é'").replace(
        "</xliff>", "<file source-language='en'/></xliff>"
    )
    added = in_capitals(two, "xliff")
    assert re.sub(' target-language="es"', "", added) == two
    assert [e.get("target-language") for e in etree.fromstring(added.encode())] == ["es", "es"]


def test_a_memory_without_the_language_of_the_run_is_refused() -> None:
    text = (
        '<tmx><body><tu><tuv xml:lang="de"><seg>a</seg></tuv><tuv xml:lang="fr"/></tu></body></tmx>'
    )
    with pytest.raises(DataError, match="no text in 'en', only in de, fr"):
        in_capitals(text, "tmx")


# --- what is no character of XML ------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["&#x1;", "&#0;", "&#x1F;", "&#55296;", "\x01", "\x0b"])
def test_a_sign_that_xml_forbids_does_not_end_a_file(sign: str) -> None:
    unit = (
        f"<trans-unit><source>a{sign}b &#xe9;</source></trans-unit><trans-unit><source>c</source>"
    )
    result = in_capitals(xliff(f"{unit}</trans-unit>"), "xliff")
    assert sign in result
    assert result.count("<target>") == 2
    assert "<target>C</target>" in result
    targets = re.findall("<target>.*?</target>", result)
    assert all(etree.fromstring(target) is not None for target in targets)
    assert targets[0].endswith("B É</target>")
