"""Mojibake: what was read in a wrong encoding comes back, and what only looks like it stays."""

import pytest

from translator.data.characters import Scan
from translator.data.mending import is_broken, mend

TEXTS = [
    "I don’t know what you’re talking about.",
    "He said “no” – twice — and left…",
    "It costs 5 € or £4 a kilo.",
    "Good morning 😀",
    "Mañana comeré jamón en el café.",
    "¿Cómo está la señora?",
    "L’été dernier, à Noël, où étais-tu ?",
    "Não há pão na estação.",
    "Größe über München, Straße",
    "Perché no? È così.",
    "Når kommer du på besøg?",
    "Håll dig på gatan, år efter år",
    "Ääni kuuluu täältä",
    "Příliš žluťoučký kůň úpěl ďábelské ódy",
    "Zażółć gęślą jaźń",
    "Árvíztűrő tükörfúrógép",
    "Îți mulțumesc, să ne vedem",
    "Teşekkür ederim, iyi günler",
    "Šiandien gražus oras",
    "Tôi không biết tiếng Việt",
    "Привет, как дела?",
    "Дякую, їх немає",
    "Καλημέρα σας, τι κάνετε;",
    "שלום עולם",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "สวัสดีชาวโลก",
    "你好，世界",
    "こんにちは世界",
    "안녕하세요 세계",
]


def windows_1252(text: str) -> str:
    """UTF-8 read as browsers read Latin-1: the bytes that Windows-1252 lacks stay themselves."""
    return "".join(
        bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in text.encode("utf-8")
    )


@pytest.mark.parametrize("text", TEXTS)
def test_utf8_that_was_read_as_a_western_encoding_comes_back(text):
    latin_1, once = text.encode().decode("latin-1"), windows_1252(text)
    for spoiled in (latin_1, once, windows_1252(once)):
        assert mend(spoiled) == (text, {"mojibake mended"})
        assert Scan([spoiled], "en").odd == [0]  # so that it is looked at


@pytest.mark.parametrize(
    ("spoiled", "text"),
    [
        ("donâ\x80\x99t", "don’t"),  # once kept as donât
        ("don\x92t \x93stop\x94", "don’t “stop”"),
        ("\x80 5 \x96 10", "€ 5 – 10"),
        ("voilÃ le travail", "voilà le travail"),
        ("Ã la carte", "à la carte"),
        ("20Â°C", "20°C"),
        ("Â Hola", "Hola"),
        ("NÂº 5", "Nº 5"),
        ("GRÃ–SSE", "GRÖSSE"),
        ("CÃ”TÃ‰", "CÔTÉ"),
        ("Â«GNOMEÂ»", "«GNOME»"),
        ("ÃŽle", "Île"),
        ("LUNEDÃŒ", "LUNEDÌ"),
        ("Ã…r 2000", "År 2000"),
        ("NÃ¥r?", "Når?"),
        ("â€œLo dijoâ€ y â€œse fueâ€.", "“Lo dijo” y “se fue”."),
        ("espaÃ±a y España", "españa y España"),
        ("РџСЂРёРІРµС‚", "Привет"),  # Windows-1251
        ("donвЂ™t", "don’t"),
        ("doesnâ€™t &amp; wonâ€™t", "doesn’t & won’t"),
        ("MaĂ±ana por la maĂ±ana", "Mañana por la mañana"),  # Windows-1250
        ("don‚Äôt", "don’t"),  # Mac OS Roman
        ("caf√©", "café"),
        ("caf├⌐", "café"),
        ("ï»¿Hola", "Hola"),
        ("SeÃƒÂ±or", "Señor"),
    ],
)
def test_mojibake_as_it_is_met_is_mended(spoiled, text):
    assert mend(spoiled)[0] == text
    assert mend(text) == (text, set())
    assert Scan([spoiled], "en").odd == [0]


@pytest.mark.parametrize(
    "text",
    [
        *TEXTS,
        "SÃO PAULO",
        "MANHÃ — MANHÃ",
        "AMANHÃ—",
        "MANHÃ–",
        "IRMÃ”",
        "IRMÃ…",
        "«IRMû",
        "«SE CAYÓ»",
        "«…SE CAYÓ»",
        "CAFÉ™ y CAFÉ®",
        "Château d’Â",
        "TÔI ĐÃ ĂN CƠM.",
        "PŘIBLÍŽÍŠ",
        "Hôtel «à côté»",
        "—¿Qué? —¡Nada!…",
        "“¿Cómo?” ‘É’",
        "‚Así‘, „so“",
        "2 × 3 = 6 ± 1, 5 °C, 10 µm, ½, 3²",
        "© 2020 Company™, Art. 5 § 2 Abs. 1",
        "ÅÄÖ åäö",
        "ÁÉÍÓÚ ÀÈÌÒÙ ÂÊÎÔÛ",
        "Đặng Thị Ngọc Thịnh",
        "С—",
        "┌─┐│x│└─┘",
        "√2 ≈ 1.41",
    ],
)
def test_a_sound_text_stays_as_it_is(text):
    assert mend(text) == (text, set())


def test_a_capital_before_a_no_break_space_is_a_letter():
    assert mend("XÃ\u00a0HỘI") == ("XÃ HỘI", {"normalised"})


@pytest.mark.parametrize("text", ["â€ofrece", "â€�", "Ma\ufffdana"])
def test_what_is_lost_is_called_broken(text):
    assert is_broken(mend(text)[0])


def test_a_line_break_of_its_own_is_a_space_and_no_ellipsis():
    assert mend("a\x85b") == ("a b", {"normalised"})
    assert mend("cafÃ©\x85") == ("café…", {"mojibake mended"})
