"""Text in capitals, by tokenizers that have and have not seen any."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.config import DecodingConfig, TokenizerConfig
from translator.data import SentencePair
from translator.evaluation import EvaluationSet
from translator.export.comparison import sample_of
from translator.hypotheses import Translation
from translator.runs import RunDirectory
from translator.text.capitals import encode_sentences, likely_cases, sentence_case
from translator.text.glossary import Glossary
from translator.tokenizer import Tokenizer
from translator.translation import Translator
from translator.visualization.attention import attention_maps

SENTENCES = [
    f"{who} {does} the {what} of NATO."
    for who in ("We", "They", "All people", "Tom and I")
    for does in ("love", "open", "close", "paint")
    for what in ("door", "window", "kitchen", "garden", "stone")
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(SENTENCES, TokenizerConfig(algorithm="bpe", vocabulary_size=1000))


@pytest.fixture(scope="module")
def translator(trained_run: RunDirectory) -> Translator:
    return Translator.from_run(trained_run.path, device="cpu")


def translated(translator: Translator, *texts: str, **asked: object) -> list[Translation]:
    greedy = DecodingConfig(beam_size=1)
    return translator.translate(texts, greedy, **asked)  # type: ignore[arg-type]


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("capitals", "likely"),
    [
        ("WE OPEN THE DOOR.", "We open the door."),
        ("ALL PEOPLE  OF NATO LOVE TOM", "All people of NATO love Tom"),
        ("«WINDOW»", "«Window»"),
        ("5 WINDOWS", "5 windows"),
        ("- WINDOWS", "- Windows"),
        ("THEY", "They"),
        ("NATO", "NATO"),
        ("", ""),
        ("...", "..."),
    ],
)
def test_each_word_is_read_in_the_case_that_the_tokenizer_knows(
    tokenizer: Tokenizer, capitals: str, likely: str
) -> None:
    assert likely_cases(tokenizer, [capitals, "WE", capitals], "en") == [likely, "We", likely]


def test_a_turkish_i_keeps_its_dot() -> None:
    sentences = [f"{who} ışık ile {what} ister" for who in "ab" for what in ("ısı", "iz", "kız")]
    tokenizer = Tokenizer.train(sentences * 9, TokenizerConfig(vocabulary_size=300))
    assert likely_cases(tokenizer, ["A IŞIK İLE ISI İSTER"], "tr") == ["A ışık ile ısı ister"]


def test_a_greek_word_ends_in_its_own_sigma() -> None:
    tokenizer = Tokenizer.train(["Ας πάμε", "Ως εδώ"] * 9, TokenizerConfig(vocabulary_size=300))
    assert likely_cases(tokenizer, ["ΑΣ ΠΆΜΕ"], "el") == ["Ας πάμε"]


@pytest.mark.parametrize(
    "text",
    [
        "我在IBM工作。",
        "나는 TV를 봤다",
        "אני עובד ב-IBM",
        "10 °C",
        "5 A",
        "I",
        "US",
        "PDF.",
        "WE am",
        "1ª",
    ],
)
def test_this_is_no_sentence_in_capitals(tokenizer: Tokenizer, text: str) -> None:
    assert encode_sentences(tokenizer, [text], "en") == (tokenizer.encode([text]), [False])


def test_a_letter_without_a_piece_is_avoided() -> None:
    """It would be spelled in bytes."""
    sentences = ["Kuwait is near", "Iran is far", "Iraq is near"] * 9
    tokenizer = Tokenizer.train(sentences, TokenizerConfig(vocabulary_size=310))
    assert likely_cases(tokenizer, ["IN KUWAIT", "FAR IS IRAN"], "en") == [
        "In Kuwait",
        "Far is Iran",
    ]


def test_capitals_are_read_as_small_letters_are(tokenizer: Tokenizer) -> None:
    sentences = ["WE PAINT THE WINDOW.", "We paint the window.", "THEY  OPEN"]
    ids, in_capitals = encode_sentences(tokenizer, sentences, "en")
    assert ids == tokenizer.encode([sentences[1], sentences[1], "They open"])
    assert in_capitals == [True, False, True]


def test_an_acronym_stays(tokenizer: Tokenizer) -> None:
    assert encode_sentences(tokenizer, ["NATO", " NATO. "], "en") == (
        tokenizer.encode(["NATO", "NATO."]),
        [False, False],
    )


def test_a_tokenizer_of_capitals_reads_capitals() -> None:
    sentences = [sentence.upper() for sentence in SENTENCES]
    tokenizer = Tokenizer.train(sentences, TokenizerConfig(algorithm="bpe", vocabulary_size=1000))
    assert encode_sentences(tokenizer, sentences, "en") == (
        tokenizer.encode(sentences),
        [False] * len(sentences),
    )


@given(st.lists(st.text(max_size=20), max_size=5))
def test_only_capitals_and_headings_are_read_in_other_letters(
    tokenizer: Tokenizer, texts: list[str]
) -> None:
    ids, in_capitals = encode_sentences(tokenizer, texts, "en")
    for text, found, capitals, plain in zip(
        texts, ids, in_capitals, tokenizer.encode(texts), strict=True
    ):
        begins = [word[0] for word in re.findall(r"[^\W\d_]+", text)]
        if capitals:
            assert sum(map(str.isupper, text)) >= 0.75 * sum(map(str.isalpha, text))
        elif sum(map(str.isupper, begins[1:])) < 2:
            assert found == plain


@pytest.mark.parametrize(
    ("mixed", "likely"),
    [
        ("THE iPHONE OF TOM", "The iPHONE of Tom"),
        ("McDONALD'S LOVE STONE", "McDONALD'S love stone"),
        ("WE LOVE 3 kg OF STONE", "We love 3 kg of stone"),
    ],
)
def test_a_small_letter_inside_a_word_or_a_unit_is_kept_in_capitals(
    tokenizer: Tokenizer, mixed: str, likely: str
) -> None:
    assert encode_sentences(tokenizer, [mixed], "en") == (tokenizer.encode([likely]), [True])


@pytest.mark.parametrize("text", ["NATO, UNESCO and UNICEF", "USA or CANADA", "WE love NATO, TOM"])
def test_a_small_word_between_capitals_makes_them_prose(tokenizer: Tokenizer, text: str) -> None:
    assert encode_sentences(tokenizer, [text], "en") == (tokenizer.encode([text]), [False])


def test_of_two_cases_with_as_many_pieces_it_is_the_likelier() -> None:
    """`i` is an Italian word: so the tokenizer has a piece for it, as for the English `I`."""
    sentences = ["I know that I can", "So I know Tom", "tom and mary", "i vini", "So I can"] * 9
    tokenizer = Tokenizer.train(sentences, TokenizerConfig(algorithm="bpe", vocabulary_size=330))
    assert {"▁i", "▁I"} <= {*tokenizer.pieces(range(tokenizer.vocabulary_size))}
    assert likely_cases(tokenizer, ["SO I KNOW I CAN"], "en") == ["So I know I can"]


# --- headings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "read"),
    [
        ("We Open The Kitchen Door of NATO", "We open the kitchen door of NATO"),
        ("5 Windows Close The Garden?", "5 windows close the garden?"),
        ("«All People» Love  The Garden-Door", "«All people» love the garden-door"),
        ("People Love Tom And Paint Stone", "People love Tom and paint stone"),
        ("They Paint The iPhone's Window", "They paint the iPhone's window"),
    ],
)
def test_a_heading_in_title_case_is_read_as_a_sentence(
    tokenizer: Tokenizer, heading: str, read: str
) -> None:
    assert encode_sentences(tokenizer, [heading], "en") == (tokenizer.encode([read]), [False])


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("We love Tom", "en"),
        ("Tom And I", "en"),
        ("Tom and I love the Garden Door", "en"),
        ("The Window of Kitchen", "en"),
        ("Zoltán Bartók, György Kodály", "en"),
        ("Tom Open Ferenc Molnár", "en"),
        ("我 Open The Kitchen Door", "en"),
        ("Open The Kitchen Door 我", "en"),
        ("We Open The Kitchen Door", "de"),
        ("We Open The Kitchen Door", "de-AT"),
        ("We Open The Kitchen Door of Stone", "es"),
    ],
)
def test_this_is_no_heading(tokenizer: Tokenizer, text: str, language: str) -> None:
    assert encode_sentences(tokenizer, [text], language) == (tokenizer.encode([text]), [False])


def test_a_tokenizer_of_headings_reads_headings() -> None:
    sentences = [" ".join(map(str.capitalize, sentence.split())) for sentence in SENTENCES]
    tokenizer = Tokenizer.train(sentences, TokenizerConfig(algorithm="bpe", vocabulary_size=1000))
    read, _ = encode_sentences(tokenizer, sentences, "en")
    assert read == tokenizer.encode(sentences)


# --- translating ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shouted(cipher_pairs: list[SentencePair]) -> list[str]:
    return [pair.source.upper() for pair in cipher_pairs[:20]]


def test_the_translation_of_capitals_is_that_of_small_letters_in_capitals(
    translator: Translator, shouted: list[str]
) -> None:
    likely = likely_cases(translator.tokenizer, shouted, "en")
    loud, quiet = ([each.text for each in translated(translator, *t)] for t in (shouted, likely))
    assert loud == [text.upper() for text in quiet]
    assert loud != quiet


def test_the_translation_of_a_heading_is_that_of_the_sentence(translator: Translator) -> None:
    heading = "Ana Bebe Nina Banana. Ana bebe."
    [read] = sentence_case(translator.tokenizer, ["Ana Bebe Nina Banana."], "en")
    assert read == "Ana bebe nina banana."
    loud, quiet = translated(translator, heading, f"{read} Ana bebe.", details=True)
    assert (loud.text, loud.tokens, loud.alignment) == (quiet.text, quiet.tokens, quiet.alignment)
    assert loud.source == heading


def test_only_the_sentence_in_capitals_is_translated_into_capitals(translator: Translator) -> None:
    [one], [other], [both] = (
        translated(translator, text) for text in ("ANA BEBE.", "Ana nina.", "ANA BEBE. Ana nina.")
    )
    assert both.text == f"{one.text} {other.text}"
    assert one.text.isupper()
    assert not other.text.isupper()


def test_required_terms_come_in_capitals_too(translator: Translator) -> None:
    [found] = translated(translator, "ANA BEBE NINA", glossary=Glossary({"bebe": "quux"}))
    assert "QUUX" in found.text
    assert not found.warnings


def test_a_prefix_is_kept_as_it_is_given(translator: Translator) -> None:
    for prefix, in_capitals in (("abba", False), ("ABBA", True)):
        [found] = translated(translator, "ANA BEBE NINA. BEBE ANA.", prefix=prefix)
        assert found.text.startswith(prefix)
        assert (found.text.isupper(), found.text[10:].islower()) == (in_capitals, not in_capitals)


def test_terms_are_found_in_the_parts_of_a_long_sentence(translator: Translator) -> None:
    glossary = Glossary({"BEBE": "quux"}, keep=[r"\{[A-Z]+\}"])
    [found] = translated(translator, "ANA " * 60 + "BEBE {NINA} NINA", glossary=glossary)
    assert "QUUX" in found.text
    assert "{NINA}" in found.text


def test_words_in_capitals_are_aligned_as_small_ones_are(translator: Translator) -> None:
    [likely] = likely_cases(translator.tokenizer, ["ANA BEBE NINA"], "en")
    loud, quiet = translated(translator, "ANA BEBE NINA", likely, details=True)
    assert (loud.alignment, loud.tokens, loud.score) == (quiet.alignment, quiet.tokens, quiet.score)
    assert loud.source == "ANA BEBE NINA"


def test_attention_is_that_to_what_the_model_read_and_wrote(translator: Translator) -> None:
    text = "ANA BEBE NINA"
    own, [found] = attention_maps(translator, text), translator.translate([text])
    assert own.translation == found.text
    quiet, written = likely_cases(translator.tokenizer, [text, found.text], "en")
    for loud, expected in (
        (own, attention_maps(translator, quiet)),
        (attention_maps(translator, text, found.text), attention_maps(translator, quiet, written)),
    ):
        assert loud.cross_attention.keys == expected.cross_attention.keys
        assert loud.cross_attention.queries == expected.cross_attention.queries
        assert np.array_equal(loud.cross_attention.weights, expected.cross_attention.weights)


def test_an_export_is_compared_on_text_that_others_read_alike(trained_run: RunDirectory) -> None:
    sources = ("ana bebe", "ANA BEBE", "Ana Bebe Nina", "nina")
    sample = sample_of(EvaluationSet("x", sources, (sources,)), trained_run, 9)
    assert sample.sources == ("ana bebe", "nina")
