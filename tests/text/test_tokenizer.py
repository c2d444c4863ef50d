import io
import re
import unicodedata

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import examples
from translator.config import TokenizerConfig, load_config
from translator.errors import DataError, RunError
from translator.evaluation import score
from translator.text.glossary import Glossary
from translator.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID, Tokenizer

SENTENCES = [
    "¿Qué tal, señor? ¡Muy bien, gracias!",
    "El pingüino está en el café de la esquina.",
    "She said “hello” and paid 25 €.",
    "The house is big, and the garden is small.",
    "La casa es grande y el jardín es pequeño.",
    "Where is the station? Is it far away?",
]


def train(algorithm="unigram", size=400, sentences=SENTENCES, **settings):
    config = TokenizerConfig(algorithm=algorithm, vocabulary_size=size, **settings)
    return Tokenizer.train(sentences, config)


UNIGRAM, BPE = train("unigram"), train("bpe")


@pytest.fixture(params=[UNIGRAM, BPE], ids=["unigram", "bpe"])
def tokenizer(request):
    return request.param


def round_trip(tokenizer: Tokenizer, text: str) -> str:
    return tokenizer.decode(tokenizer.encode([text]))[0]


def test_a_model_is_written_as_sentencepiece_itself_would_write_it(tokenizer):
    protocol = pytest.importorskip("sentencepiece.sentencepiece_model_pb2")
    model = protocol.ModelProto.FromString(tokenizer.model)
    assert model.SerializeToString() == tokenizer.model
    assert model.normalizer_spec.precompiled_charsmap
    assert not model.normalizer_spec.HasField("normalization_rule_tsv")


# --- text comes back ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "¿Qué? ¡Sí!",
        "ñ á ü Ñ Á Ü",
        "“quotes” ‘single’ «guillemets» 'plain' \"plain\"",
        "25 €, 30 £",
        "…and – a — dash",
        "ﬁne ligatures, ½, ², ™",
        "A case IS a CASE",
        "100 200 3,000.50",
        "😀 and 🎉",
        "👩‍👩‍👧‍👦",  # joined by U+200D
        "👍🏽 ❤️ 🇪🇸",  # a skin tone, a variation selector, a flag
        "日本語 和 中文",
        "한국어",
        "مرحبا שלום",
        "<s> </s> <unk> <pad> <0x41>",
        "\x00",
        "",
    ],
)
def test_a_text_comes_back_as_it_went_in(tokenizer, text):
    assert round_trip(tokenizer, text) == text


@pytest.mark.parametrize("text", ["señor", "¿está pingüino?", "ế", "ậ", "ǖ", "Å", "Ω"])
def test_a_decomposed_text_comes_back_composed(tokenizer, text):
    assert round_trip(tokenizer, unicodedata.normalize("NFD", text)) == text


@pytest.mark.parametrize(
    ("typed", "composed"),
    [
        ("\u00ea\u0301", "\u1ebf"),  # ê and an acute
        ("\u00e2\u0323", "\u1ead"),  # â and a dot below, which comes first in canonical order
        ("\u1ea1\u0302", "\u1ead"),  # ạ and a circumflex
        ("a\u0302\u0323", "\u1ead"),  # the marks in the order of typing
        ("\u212b", "\u00c5"),  # the ångström sign
        ("\u2126", "\u03a9"),  # the ohm sign
    ],
)
def test_a_half_composed_letter_is_composed(tokenizer, typed, composed):
    assert unicodedata.normalize("NFC", typed) == composed
    assert round_trip(tokenizer, typed) == composed


@pytest.mark.parametrize(
    "space",
    ["  ", "\t", "\n", "\r\n", "\u00a0", "\u2009", "\u2028", "\u2029", "\u3000", " \u2028 "],
)
def test_white_space_of_every_kind_becomes_one_space(tokenizer, space):
    assert round_trip(tokenizer, f"{space}a{space}b{space}") == "a b"


@pytest.mark.parametrize("mark", ["\ufeff", "\u200b", "\u00ad", "\u200e", "\x07", "\x7f"])
def test_an_invisible_control_character_is_removed(tokenizer, mark):
    assert round_trip(tokenizer, f"{mark}a{mark}b{mark}") == "ab"


def collapsed(text: str) -> str:
    return re.sub(" +", " ", unicodedata.normalize("NFC", text)).strip(" ")


LETTERS = st.one_of(
    st.sampled_from("abcñáüç¿¡.,;'’“”…-–— \u00a0 "),
    st.characters(categories=["L", "P", "Nd"]),
)


@examples(200)
@given(st.text(LETTERS, max_size=40))
def test_any_letters_and_punctuation_come_back_in_nfc_with_single_spaces(text):
    assert round_trip(UNIGRAM, text) == collapsed(text.replace("\u00a0", " "))


@examples(100)
@given(st.text(st.sampled_from("aeoçñáüêạậếǖĭÅ .,"), max_size=20))
def test_any_accents_come_back_composed(text):
    assert round_trip(UNIGRAM, unicodedata.normalize("NFD", text)) == collapsed(text)


@pytest.mark.parametrize(
    "text", ["한국어", "가게에 갔다.", "각 닭", "Tiếng Việt", "हिन्दी", "한 café"]
)
def test_text_from_a_mac_is_read_as_it_is_typed_elsewhere(tokenizer, text):
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert tokenizer.encode([decomposed]) == tokenizer.encode([composed])
    assert tokenizer.sample([decomposed], 0.1, 1) == tokenizer.sample([composed], 0.1, 1)
    assert round_trip(tokenizer, decomposed) == composed


def test_decomposed_hangul_is_learned_composed():
    texts = ["가게에 갔다", "나는 학교에 간다", "한국어를 배운다"]
    decomposed = [unicodedata.normalize("NFD", text) for text in texts]
    assert train(sentences=decomposed).model == train(sentences=texts).model


# --- ids ------------------------------------------------------------------------------------------


def test_characters_never_seen_are_spelled_in_bytes(tokenizer):
    [ids] = tokenizer.encode(["中"])
    pieces = [piece for piece in tokenizer.pieces(ids) if piece != "▁"]
    assert pieces == ["<0xE4>", "<0xB8>", "<0xAD>"]


def test_no_text_becomes_a_special_id(tokenizer):
    [ids] = tokenizer.encode(["<s> 中文 😀 </s> <pad> <unk>"])
    assert {PAD_ID, UNK_ID, BOS_ID, EOS_ID} & set(ids) == set()


def test_start_end_and_padding_are_skipped(tokenizer):
    [ids] = tokenizer.encode(["La casa es grande."])
    assert tokenizer.decode([[BOS_ID, *ids, EOS_ID, PAD_ID, PAD_ID]]) == ["La casa es grande."]


def with_bytes(tokenizer: Tokenizer, text: str, spelled: bytes) -> list[int]:
    """Ids of a text and of bytes after it."""
    pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
    return [*tokenizer.encode([text])[0], *(pieces.index(f"<0x{byte:02X}>") for byte in spelled)]


@pytest.mark.parametrize(
    ("spelled", "text"),
    [
        (b"\xe2", "la"),
        (b"\xe2\x82", "la"),
        (b"\xe2\x82\xac", "la€"),
        (b"\xac\xe2\x82\xac\xe2", "la€"),
        (b"\xed\xa0\x80", "la"),  # a surrogate
        (b"\xf0\x9fa", "laa"),
        (b"\xef\xbf\xbd\xe2", "la\ufffd"),  # copied from a source
    ],
)
def test_bytes_that_form_no_character_are_dropped(tokenizer, spelled, text):
    ids = with_bytes(tokenizer, "la", spelled)
    assert tokenizer.decode([ids, [*ids, *tokenizer.encode(["casa"])[0]]]) == [text, f"{text} casa"]


@given(st.lists(st.integers(0, UNIGRAM.vocabulary_size - 1).filter(lambda i: i != UNK_ID)))
def test_no_ids_become_a_sign_for_unknown_bytes(ids):
    assert "\ufffd" not in UNIGRAM.decode([ids])[0]


def test_many_texts_are_encoded_as_each_alone(tokenizer):
    assert tokenizer.encode(SENTENCES) == [tokenizer.encode([text])[0] for text in SENTENCES]


def test_sampled_pieces_spell_the_text_and_are_fixed_by_the_seed(tokenizer):
    samples = [tokenizer.sample(SENTENCES * 5, 0.2, seed) for seed in (1, 2, 1)]
    assert samples[0] == samples[2] != samples[1]
    assert samples[0] != tokenizer.encode(SENTENCES * 5)
    assert tokenizer.decode(samples[0]) == tokenizer.decode(tokenizer.encode(SENTENCES * 5))


def test_an_empty_list_stays_empty(tokenizer):
    assert (tokenizer.encode([]), tokenizer.decode([])) == ([], [])


def test_digits_are_split(tokenizer):
    [ids] = tokenizer.encode(["2525"])
    assert [p for p in tokenizer.pieces(ids) if p != "▁"] == list("2525")


@pytest.mark.parametrize(
    "call",
    [
        lambda: UNIGRAM.encode("text"),
        lambda: UNIGRAM.sample("text", 0.1, 1),
        lambda: UNIGRAM.decode("text"),
        lambda: train(sentences="text"),
        lambda: Glossary(keep="[A-Z]+"),
        lambda: score("abc", ["a", "b", "c"]),
        lambda: score(["a", "b", "c"], "abc"),
        lambda: load_config(None, "a=b"),
    ],
)
def test_one_text_is_not_taken_for_a_list_of_letters(call):
    with pytest.raises(TypeError, match="in a list"):
        call()


# --- training -------------------------------------------------------------------------------------


def test_the_vocabulary_has_the_size_that_was_asked_for():
    assert BPE.vocabulary_size == train("bpe", size=330).vocabulary_size + 70 == 400


@pytest.mark.parametrize("algorithm", ["unigram", "bpe"])
def test_the_vocabulary_shrinks_to_what_a_small_text_holds(algorithm):
    small = train(algorithm, size=8000)
    assert 256 + 4 < small.vocabulary_size < 8000
    assert round_trip(small, SENTENCES[0]) == SENTENCES[0]


def test_a_text_of_one_letter_is_enough():
    assert round_trip(train(sentences=["a"]), "a b") == "a b"


def test_the_vocabulary_grows_where_the_characters_need_it():
    kanji = ["".join(map(chr, range(start, start + 20))) for start in range(0x4E00, 0x4EC8, 20)]
    assert train(size=300, sentences=kanji, character_coverage=1.0).vocabulary_size >= 200 + 260


@pytest.mark.parametrize("algorithm", ["unigram", "bpe"])
def test_the_same_text_gives_the_same_bytes(algorithm):
    assert train(algorithm).model == train(algorithm).model


@pytest.mark.parametrize("sentences", [[], [""], [" \n", "\u2028"], ["\u200b"], ["x" * 20_000]])
def test_no_text_is_refused(sentences):
    with pytest.raises(DataError, match="no text to train a tokenizer on"):
        train(sentences=sentences)


# --- files ----------------------------------------------------------------------------------------


def test_a_saved_tokenizer_is_loaded_with_the_same_ids(tokenizer, tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(tokenizer.model)
    loaded = Tokenizer.load(tmp_path / "tokenizer.model")
    assert loaded.encode(SENTENCES) == tokenizer.encode(SENTENCES)


def test_the_model_file_needs_nothing_beside_it():
    processor = sentencepiece.SentencePieceProcessor(model_proto=UNIGRAM.model)
    texts = ["sen\u0303or\u2028 dos", "中文 “a”"]
    assert [processor.encode(text) for text in texts] == UNIGRAM.encode(texts)


@pytest.mark.parametrize("part", [0, 100, 5000, len(UNIGRAM.model) - 1])
def test_a_truncated_model_is_refused(part):
    with pytest.raises(RunError, match="tokenizer"):
        Tokenizer(UNIGRAM.model[:part])


def test_a_file_that_is_no_model_is_refused():
    with pytest.raises(RunError, match="not a SentencePiece model"):
        Tokenizer(b"<html>404</html>")


def test_a_foreign_model_with_other_special_ids_is_refused():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_writer=model, vocab_size=60, minloglevel=2
    )
    with pytest.raises(RunError, match=r"at \(-1, 0, 1, 2\), not at 0 1 2 3"):
        Tokenizer(model.getvalue())
