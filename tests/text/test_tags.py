"""Tags of target languages: pieces that no text is cut into, and that are decoded to nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import examples
from translator.config import TokenizerConfig, load_config
from translator.errors import RunError
from translator.text.directions import tag_of
from translator.text.parts import TextProcessor
from translator.tokenizer import Tokenizer

TEXTS = ["the quick brown fox", "jumps over the lazy dog", ">> and << are signs", "es en fr"]
CONFIG = TokenizerConfig(vocabulary_size=400)
TAGS = [">>es<<", ">>en<<"]
TOKENIZER = Tokenizer.train(TEXTS * 5, CONFIG, TAGS)
IDS = [TOKENIZER.tag_id(tag) for tag in TAGS]


def test_a_tag_is_one_piece() -> None:
    assert TOKENIZER.pieces(IDS) == TAGS
    assert len({*IDS, 0, 1, 2, 3}) == 6


@examples(200)
@given(
    text=st.one_of(st.text(), st.text("><esn▁ "), st.sampled_from([*TAGS, ">>es<< a", "a>>en<<"]))
)
def test_no_text_is_cut_into_tags(text: str) -> None:
    [ids] = TOKENIZER.encode([text])
    assert set(IDS).isdisjoint(ids)
    for sampled in TOKENIZER.sample([text], 0.1, 1):
        assert set(IDS).isdisjoint(sampled)


def test_a_tag_is_decoded_to_nothing() -> None:
    [ids] = TOKENIZER.encode(["the dog"])
    assert TOKENIZER.decode([[IDS[0], *ids, IDS[1]], IDS]) == ["the dog", ""]


def test_without_tags_the_tokenizer_is_the_same_to_the_byte() -> None:
    assert Tokenizer.train(TEXTS * 5, CONFIG, []).model == Tokenizer.train(TEXTS * 5, CONFIG).model


def test_a_tokenizer_without_the_tag_says_so() -> None:
    with pytest.raises(RunError, match="the tokenizer has no >>fr<<"):
        TOKENIZER.tag_id(">>fr<<")
    with pytest.raises(RunError, match="the tokenizer has no the"):
        TOKENIZER.tag_id("the")


def test_a_part_is_as_long_as_the_model_can_see_with_its_tag() -> None:
    config = load_config(None, ["data.directions=[en-es, es-en]", "data.max_tokens_per_sentence=8"])
    parts = TextProcessor(config, TOKENIZER).parts(["the quick brown fox jumps over the dog"])
    assert len(parts) > 1
    assert {part.read[:1] for part in parts} == {tag_of(config, TOKENIZER)} == {(IDS[0],)}
    assert max(len(part.read) for part in parts) <= 8
    plain = TextProcessor(load_config(None), TOKENIZER).parts(["the dog"])
    assert [part.read for part in plain] == [part.ids for part in plain]
