"""Tags of languages however they are written, scripts, and the guess of a language."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from translator.text.languages import (
    LanguageIdentifier,
    are_alike,
    guess_language,
    is_code,
    is_language,
    name_of,
    primary,
    scripts_of,
    standard,
    with_capital,
    with_small_letter,
    with_territory,
)

# --- tags -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("eng", "en"),
        ("eng_Latn", "en"),
        ("en-US", "en-US"),
        ("en_us", "en-US"),
        ("en_GB.UTF-8", "en-GB"),
        ("es_MX", "es-MX"),
        ("es-419", "es-419"),
        ("spa_Latn", "es"),
        ("deu", "de"),
        ("ger", "de"),
        ("fra_Latn", "fr"),
        ("cmn", "zh"),
        ("cmn_Hans", "zh-Hans"),
        ("zho_Hant", "zh-Hant"),
        ("ZH_cn", "zh-CN"),
        ("jpn_Jpan", "ja"),
        ("kor_Hang", "ko-Hang"),
        ("arb_Arab", "ar"),
        ("pes", "fa"),
        ("zsm", "ms"),
        ("ekk", "et"),
        ("swh_Latn", "sw"),
        ("iw", "he"),
        ("sr@latin", "sr-Latn"),
        ("sr_Cyrl", "sr-Cyrl"),
        ("ca@valencia", "ca-valencia"),
        ("ca_ES.UTF-8@valencia", "ca-ES-valencia"),
        ("nob", "nb"),
        ("tlh", "tlh"),
        ("source", "source"),
        ("english", "english"),
        ("", ""),
        ("x", "x"),
    ],
)
def test_a_tag_is_made_the_shortest_of_its_meaning(tag, expected):
    assert standard(tag) == expected
    assert standard(expected) == expected


@given(
    st.one_of(st.text(max_size=12), st.from_regex(r"[A-Za-z]{1,9}([-_@.][A-Za-z0-9]{1,9}){0,3}"))
)
@example(f"en{'-abcde' * 2000}")  # langcodes reads one subtag within the other
def test_no_name_is_too_odd_to_be_asked_about(name):
    assert standard(standard(name)) == standard(name)
    assert is_language(name, name)
    assert primary(name) == primary(standard(name))
    scripts_of(name), is_code(name), name_of(name)


@pytest.mark.parametrize(
    ("tag", "language", "expected"),
    [
        ("en-US", "en", True),
        ("EN_us", "eng_Latn", True),
        ("en", "en-US", False),
        ("spa", "es", True),
        ("cmn_Hant", "zh", True),
        ("zh", "zh-Hant", False),
        ("nb", "no", True),
        ("no", "nob", True),
        ("nn", "no", False),
        ("est", "es", False),
        ("sr@latin", "sr", True),
        ("sr-Latn", "sr-Cyrl", False),
        ("english", "en", False),
    ],
)
def test_a_tag_is_a_language_or_a_variant_of_it(tag, language, expected):
    assert is_language(tag, language) is expected
    assert are_alike(language, tag) is (expected or is_language(language, tag))


@pytest.mark.parametrize("name", ["en", "eng", "eng_Latn", "es-MX", "pt_BR", "cmn", "nb"])
def test_codes_of_languages_are_seen(name):
    assert is_code(name)


@pytest.mark.parametrize("name", ["source", "target", "text", "key", "src", "tgt", "ref", "", "0"])
def test_names_that_are_no_codes_are_seen(name):
    assert not is_code(name)


def test_a_language_has_a_name_whichever_its_tag():
    assert [name_of(tag) for tag in ("en", "spa_Latn", "zh-TW", "nb", "tlh")] == [
        "English",
        "Spanish",
        "Chinese",
        "Norwegian",
        "tlh",
    ]


# --- scripts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "scripts"),
    [
        ("en", "Latn"),
        ("eng_Latn", "Latn"),
        ("pt-BR", "Latn"),
        ("ru", "Cyrl"),
        ("bul", "Cyrl"),
        ("ell", "Grek"),
        ("hye_Armn", "Armn"),
        ("ydd", "Hebr"),
        ("arz", "Arab"),
        ("ckb", "Arab"),
        ("pes", "Arab"),
        ("npi", "Deva"),
        ("asm", "Beng"),
        ("pan_Guru", "Guru"),
        ("ory", "Orya"),
        ("tam", "Taml"),
        ("sin", "Sinh"),
        ("khm", "Khmr"),
        ("lao", "Laoo"),
        ("mya", "Mymr"),
        ("bod", "Tibt"),
        ("kat", "Geor"),
        ("tir", "Ethi"),
        ("sat", "Olck"),
        ("swh", "Latn"),
        ("yor", "Latn"),
        ("cmn", "Hani"),
        ("yue", "Hani"),
        ("jpn", "Hira Kana Hani"),
        ("kor", "Hang Hani"),
        ("sr", "Cyrl Latn"),
        ("sr-Latn", "Latn"),
        ("srp_Cyrl", "Cyrl"),
        ("uzn_Latn", "Latn"),
        ("kmr", "Latn Arab"),
        ("tlh", ""),
        ("und", ""),
        ("source", ""),
    ],
)
def test_the_scripts_of_a_language_are_known(language, scripts):
    assert scripts_of(language) == tuple(scripts.split())


# --- guesses --------------------------------------------------------------------------------------

TEXTS = {
    "en": "The children were playing in the garden when it began to rain.",
    "es": "Los niños jugaban en el jardín cuando empezó a llover.",
    "fr": "Les enfants jouaient dans le jardin quand il a commencé à pleuvoir.",
    "de": "Die Kinder spielten im Garten, als es zu regnen anfing.",
    "it": "I bambini giocavano in giardino quando ha cominciato a piovere.",
    "pt": "As crianças brincavam no jardim quando começou a chover.",
    "nl": "De kinderen speelden in de tuin toen het begon te regenen.",
    "sv": "Barnen lekte i trädgården när det började regna.",
    "no": "Barna lekte i hagen da det begynte å regne, og de løp inn i huset.",
    "fi": "Lapset leikkivät puutarhassa, kun alkoi sataa.",
    "pl": "Dzieci bawiły się w ogrodzie, kiedy zaczęło padać.",
    "cs": "Děti si hrály na zahradě, když začalo pršet.",
    "hu": "A gyerekek a kertben játszottak, amikor elkezdett esni az eső.",
    "ro": "Copiii se jucau în grădină când a început să plouă.",
    "tr": "Yağmur başladığında çocuklar bahçede oynuyordu.",
    "el": "Τα παιδιά έπαιζαν στον κήπο όταν άρχισε να βρέχει.",
    "ru": "Дети играли в саду, когда начался дождь.",
    "uk": "Діти гралися в саду, коли почався дощ.",
    "he": "הילדים שיחקו בגינה כשהתחיל לרדת גשם.",
    "ar": "كان الأطفال يلعبون في الحديقة عندما بدأ المطر.",
    "fa": "بچه‌ها در باغ بازی می‌کردند که باران شروع شد.",
    "hi": "जब बारिश शुरू हुई तब बच्चे बगीचे में खेल रहे थे।",
    "th": "เด็กๆ กำลังเล่นอยู่ในสวนเมื่อฝนเริ่มตก",
    "ja": "雨が降り始めたとき、子供たちは庭で遊んでいました。",
    "ko": "비가 내리기 시작했을 때 아이들은 정원에서 놀고 있었다.",
    "zh": "开始下雨的时候，孩子们正在花园里玩。",
    "vi": "Bọn trẻ đang chơi trong vườn thì trời bắt đầu mưa.",
    "id": "Pemerintah Indonesia mengumumkan bahwa harga bahan bakar akan naik.",
}


@pytest.mark.parametrize("language", TEXTS)
def test_the_language_of_a_text_is_guessed(language):
    assert primary(guess_language([TEXTS[language]]) or "") == language


def test_most_of_the_text_counts_and_a_mixture_is_no_language():
    assert guess_language([TEXTS["en"]] * 9 + [TEXTS["de"]]) == "en"
    assert guess_language(TEXTS.values()) is None


@pytest.mark.parametrize("texts", [[], [""], ["1998", "xyzzy"], ["\n", "?!"]])
def test_no_language_is_guessed_of_nothing(texts):
    assert guess_language(texts) is None


@pytest.mark.parametrize(
    ("language", "tags"),
    [
        ("en", ["eng_Latn", "en-US", "EN"]),
        ("zh", ["cmn", "cmn_Hans", "zh-TW", "zho_Hant"]),
        ("no", ["nb", "nob_Latn", "no"]),
        ("ar", ["arb", "ar-EG"]),
        ("fa", ["pes_Arab"]),
        ("he", ["iw", "heb"]),
        ("id", ["ind"]),
        ("de", ["deu", "de-CH"]),
    ],
)
def test_a_text_is_in_its_language_whichever_its_tag(language, tags):
    identifier = LanguageIdentifier()
    for tag in tags:
        assert not identifier.is_other(TEXTS[language], tag)
        assert identifier.is_other(TEXTS["es"], tag)
        assert identifier.knows(tag)


def test_of_a_language_that_cannot_be_identified_nothing_is_another():
    identifier = LanguageIdentifier()
    assert not identifier.knows("hau_Latn")
    assert not identifier.is_other("Yaran suna wasa a cikin lambu lokacin da aka fara ruwa.", "ha")


def test_labels_of_wikipedia_are_read_as_such():
    assert LanguageIdentifier().knows("gsw")  # fastText calls it als
    assert primary("als") == "sq"


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        *(("es", "es-ES"), ("pt_BR", "pt-BR"), ("zh-Hant", "zh-Hant-TW"), ("en-001", "en-001")),
        *(("eo", "eo"), ("cipher", "cipher"), ("xx", "xx")),  # no territory is likely
    ],
)
def test_a_territory_is_added_where_one_is_likely(language: str, expected: str) -> None:
    assert with_territory(language) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("añadiendo un glosario", "es", "Añadiendo un glosario"),
        ("¿¡cómo!?", "es", "¿¡Cómo!?"),
        ("« (ver) »", "fr", "« (Ver) »"),
        ("e-mail", "es", "E-mail"),
        ("l'eau", "fr", "L'eau"),
        ("ılık su", "tr", "Ilık su"),
        ("iz ve ad", "tr", "İz ve ad"),
        ("iz", "es", "Iz"),
        ("ǆep", "hr", "ǅep"),
        ("ßa", "de", "ßa"),  # no one letter is its capital
        ("ალბათ", "ka", "ალბათ"),  # whose sentences begin in small letters
        ("我是", "zh", "我是"),
        ("iPhone", "es", "iPhone"),
        ("e.txt se abre", "es", "e.txt se abre"),
        ("make() falla", "es", "make() falla"),
        ("h264 ok", "es", "h264 ok"),
        ("{name} ok", "es", "{name} ok"),
        ("https://a.org", "es", "https://a.org"),
        ("3 casas", "es", "3 casas"),
        ("Ya", "es", "Ya"),
        ("", "es", ""),
        ("¿", "es", "¿"),
    ],
)
def test_the_first_word_gets_a_capital_if_it_is_letters_alone(
    text: str, language: str, expected: str
) -> None:
    assert with_capital(text, language) == expected
    if expected != text:
        assert with_small_letter(expected, language) == text
