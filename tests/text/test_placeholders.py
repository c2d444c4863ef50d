"""What is no language in a text stays; the branches of a message are texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.text.messages import message_stretches
from translator.text.placeholders import (
    has_words,
    lost_numbers,
    lost_placeholders,
    numbers,
    placeholders,
    put_back,
    split_placeholders,
    with_accelerator,
    with_stand_ins,
    without_accelerator,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Products %from% - %to% from %total%.", ["%from%", "%to%", "%total%"]),
        ("%(n)d of %1$s and %s, %d%% %@ %.2f", ["%(n)d", "%1$s", "%s", "%d", "%%", "%@", "%.2f"]),
        ("{0} {name!r:>10} ${x} %{x} $HOME", ["{0}", "{name!r:>10}", "${x}", "%{x}", "$HOME"]),
        ("{{ width }} wide, {{ site.name }}", ["{{ width }}", "{{ site.name }}"]),
        ("Hello <%= student_name %>, how", ["<%= student_name %>"]),
        ("Tom &amp; Ana &#39;s", ["&amp;", "&#39;"]),
        ("See https://www.example.org/a_b?c=1.", ["https://www.example.org/a_b?c=1"]),
        ("(see www.example.org/x).", ["www.example.org/x"]),
        ("Write to maria.lopez@example.org.", ["maria.lopez@example.org"]),
        (
            r"/usr/bin/x ~/a/b ./x C:\Temp\x a.txt",
            ["/usr/bin/x", "~/a/b", "./x", r"C:\Temp\x", "a.txt"],
        ),
        ("HTTPS://X.ORG/A, WWW.X.ORG, README.TXT", ["HTTPS://X.ORG/A", "WWW.X.ORG", "README.TXT"]),
        ("It has ended.Log in", []),
        ("/usr/bin, /usr/lib/. Or /usr/a-.", ["/usr/bin", "/usr/lib/", "/usr/a-"]),
        ("@maria and #tag and :name", ["@maria", "#tag", ":name"]),
        ("I 😊 you 👩‍👩‍👧 1️⃣", ["😊", "👩‍👩‍👧", "1️⃣"]),
        ("<b>Hi</b><br/>", ["<b>", "</b>", "<br/>"]),
        ("<0>Hi</0> <12/> 1 <2", ["<0>", "</0>", "<12/>"]),
        ("%a, %-d %b %Y%H:%M", ["%a", "%-d", "%b", "%Y", "%H", "%M"]),
        ("$USER$ and $USER", ["$USER$", "$USER"]),
        (f"An {'xy' * 60}, {'x' * 100}", ["xy" * 60]),  # no word has more than 100 letters
        ("e" + "\u0301" * 200 + " á", ["e" + "\u0301" * 200]),
        ("中文" * 100 + "สวัสดี" * 50 + "a," * 100 + "." * 200, []),
        (">>es<< a >>pt-BR<< b en<< c << d cout<<x.", [">>es<<", ">>pt-BR<<", "en<<"]),
        ("100% sure, 50% of it, 5%, 5%Cotton.", []),
        ("he/she and/or km/h 5/6 #5 $5 AT&T R&D a < b > c", []),
        ("Note: this. Mr. Smith, e.g. U.S. Steel No.5", []),
    ],
)
def test_placeholders_of_all_kinds_are_found(text: str, found: list[str]) -> None:
    assert placeholders(text) == found
    assert "".join(each for each, _ in split_placeholders(text)) == text


@pytest.mark.parametrize(
    "text", ["%s", "{name}: 5", "https://x.org/a", "@ana #fun", "a@b.org", "%B %d, %Y", "😊"]
)
def test_placeholders_are_no_words(text: str) -> None:
    assert not has_words(text)
    assert has_words(text + " and")


def test_numbers_are_those_of_the_prose() -> None:
    assert numbers("At 7:30 on 2024-01-05 {5} 1,000.5 (٣) 3rd B2B 20kg 1990s %1$s") == [
        *("7:30", "2024-01-05", "1,000.5", "٣")
    ]


@pytest.mark.parametrize(
    ("source", "translation", "lost"),
    [
        ("1,000.5 on 2024-01-05 at 7:30", "1.000,5 el 05/01/2024 a las 7.30", []),
        ("7 apples", "siete manzanas", ["7"]),
        ("12.50 dollars", "12.05 dólares", ["12.50"]),
        ("12.50 dollars", "1250 dólares", ["12.50"]),
        ("12.50 dollars", "12,50 dólares", []),
        ("1,250 or 10,000 or 2,000,000", "1250 o 10 000 o 2.000.000", ["10,000"]),
        ("1,250.75 and 0.500", "1.250,75 y 0,500", []),
        ("1,250.75 and 0.500", "125.075 y 500", ["1,250.75", "0.500"]),
        ("192.168.0.1, version 1.2.3", "192.168.0.1, versión 1.2.3", []),
        ("on 2024-01-05", "el 5-1-2024", []),
        ("5 and 5", "5", ["5"]),
        ("the 3rd of 20", "el tercero de 20", []),
    ],
)
def test_a_number_is_lost_if_its_value_is(source: str, translation: str, lost: list[str]) -> None:
    assert lost_numbers(source, translation) == lost


@pytest.mark.parametrize(
    ("source", "translation", "lost"),
    [
        ("{a} %s", "%s y {a}", []),
        ("{a} %s", "{ a } %s", ["{a}"]),
        ("{a}", "{a} {a}", ["{a}"]),
        ("%d%%", "%d %%", []),
        ("Hi", "{a}", []),
    ],
)
def test_a_placeholder_is_lost_unless_it_stands_as_often(
    source: str, translation: str, lost: list[str]
) -> None:
    assert lost_placeholders(source, translation) == lost


def test_words_stand_for_placeholders_and_give_way_again() -> None:
    source = "Mary, visit <b>https://x.org</b> and {name}."
    written, pairs = with_stand_ins(source, ["Mary", "Tom", "Boston"])
    assert written == "Mary, visit Tom and Boston."
    assert put_back("Mary, visita Boston y a Tom.", pairs, source) == (
        "Mary, visita <b>{name} y</b> a https://x.org."
    )


def test_a_word_is_kept_from_what_its_placeholder_touches() -> None:
    source = "It is {n}px wide, {a}{b}."
    written, pairs = with_stand_ins(source, ["Tom", "Mary", "Boston"])
    assert written == "It is Tom px wide, Mary Boston."
    assert put_back("打开Tom文件、Mary Boston", pairs, source) == "打开{n}文件、{a} {b}"


def test_what_has_no_place_gets_that_of_the_source() -> None:
    assert put_back("Tienes mensajes.", [], "You have {n} new messages.") == "Tienes {n} mensajes."


def test_a_placeholder_that_is_a_part_of_another_has_a_place_of_its_own() -> None:
    source = "Copy a.txt to data.txt now."
    assert put_back("Copia ahora (data.txt).", [], source) == "Copia a.txt ahora (data.txt)."
    assert put_back("Usa a o.", [], "Use {x} or ${x}") == "Usa {x} a ${x} o."


@given(
    st.lists(st.sampled_from(["{a}", "%s", "http://x.org", "@ana", "😊", "we", "go."])), st.text()
)
def test_after_all_every_placeholder_stands_there_once(words: list[str], translation: str) -> None:
    source = " ".join(words)
    _, pairs = with_stand_ins(source, ["Tom", "Mary"])
    assert lost_placeholders(source, put_back(translation, pairs, source)) == []


@pytest.mark.parametrize(
    ("text", "bare", "sign"),
    [
        *(("&Open the file", "Open the file", "&"), ("_Close", "Close", "_")),
        *(("E&xit", "Exit", "&"), ("Save &As…", "Save As…", "&")),
        *(("AT&T", "AT&T", ""), ("R&D", "R&D", ""), ("Tom & Ana", "Tom & Ana", "")),
        *(("&amp; so", "&amp; so", ""), ("_so_", "_so_", ""), ("a_b", "a_b", "")),
    ],
)
def test_the_sign_of_a_key_is_no_letter(text: str, bare: str, sign: str) -> None:
    assert without_accelerator(text) == (bare, sign)


def test_the_sign_of_a_key_goes_before_the_first_letter() -> None:
    assert with_accelerator("¡Abrir!", "&") == "¡&Abrir!"


@pytest.mark.parametrize(
    ("message", "texts"),
    [
        ("{n, plural, one {# file} other {# files}}", ["# file", "# files"]),
        ("You have {n, plural, =0 {no file}one {a file}}.", ["You have", "no file", "a file"]),
        (
            "{g, select, male {He has {n, plural, one {a dog} other {dogs}}} other {They}}",
            ["He has", "a dog", "dogs", "They"],
        ),
        ("{name} has {n}", []),
        ("{n, plural, one {#} other {#}}", [""]),
        ("{n, plural, one {# file}", []),
        ("{n, plural, one {# file} other", []),
        (f"{'{n, plural, one {' * 1500}x{'}}' * 1500}", []),
    ],
)
def test_the_branches_of_a_message_are_texts(message: str, texts: list[str]) -> None:
    stretches = message_stretches(message)
    assert [each.text for each in stretches] == texts
    assert not stretches or "".join(map("".join, stretches)) == message


@given(st.text(st.sampled_from("{},ab #")) | st.text())
def test_the_stretches_of_any_message_are_the_message(text: str) -> None:
    for message in (text, "{n, plural, one {" + text + "} other {x}}"):
        stretches = message_stretches(message)
        assert not stretches or "".join(map("".join, stretches)) == message
