"""Texts to vectors, by the encoder of a model that was really trained (on the cipher)."""

from pathlib import Path

import numpy as np
import pytest
import torch

from translator import embedding
from translator.data import SentencePair
from translator.embedding import (
    Embedder,
    normalized,
    what_is_read,
)
from translator.errors import ConfigError, RunError
from translator.inference import Engine
from translator.model import Seq2SeqTransformer, build_model
from translator.runs import RunDirectory
from translator.similarity import similarity_fingerprint, similarity_of
from translator.text.parts import TextProcessor
from translator.tokenizer import EOS_ID
from translator.translation import Precision, Translator


@pytest.fixture(scope="module")
def embedder(trained_run: RunDirectory) -> Embedder:
    return Embedder.from_run(trained_run.path, device="cpu")


@pytest.fixture(scope="module")
def texts(cipher_pairs: list[SentencePair]) -> list[str]:
    """Texts of many lengths: beyond what the model can see, several sentences, blank, strange."""
    long = " ".join(pair.source for pair in cipher_pairs[:30])
    strange = ["", " \t", "ana. Nina! Benne?", "ANA NINA", "zebra 中文 😀", "x" * 500, "ana"]
    return [*(pair.source for pair in cipher_pairs[:60]), long, *strange, cipher_pairs[0].source]


def mean_of_states(run: RunDirectory, ids: list[int]) -> torch.Tensor:
    """What the model of training says: the mean of the states [S, D] at the ids of one sentence."""
    model = run.read_trained().model
    assert isinstance(model, Seq2SeqTransformer)
    source = torch.tensor([[*ids, EOS_ID]])
    with torch.inference_mode():
        states = model.eval().encode(source, torch.ones_like(source)).states
    return states[0, :-1].mean(0)


def test_a_vector_is_the_mean_of_the_states_of_training(
    trained_run: RunDirectory, embedder: Embedder
) -> None:
    tokenizer = trained_run.read_tokenizer()
    [ids] = tokenizer.encode(["ana bebe nina"])
    mean = mean_of_states(trained_run, ids)
    [found] = embedder.embed(["ana bebe nina"])
    torch.testing.assert_close(torch.from_numpy(found), mean / mean.norm(), rtol=1e-4, atol=1e-5)


def test_a_vector_as_it_is_read_is_what_cross_attention_takes_of_it(
    trained_run: RunDirectory, embedder: Embedder
) -> None:
    vectors = embedder.embed(["ana bebe nina", "", "baba"])
    model = trained_run.read_trained("cpu").model
    assert isinstance(model, Seq2SeqTransformer)
    attentions = [layer.cross_attention for layer in model.decoder.layers]
    with torch.inference_mode():
        inputs = torch.from_numpy(np.concatenate((vectors, np.zeros_like(vectors[:1]))))
        read = torch.cat([each.out_proj(each.v_proj(inputs)) for each in attentions], 1)
    expected = normalized((read[:-1] - read[-1]).numpy())  # without what the biases add
    np.testing.assert_allclose(embedder.as_read(vectors), expected, atol=1e-5)
    assert not embedder.as_read(vectors)[1].any()


def test_without_a_decoder_a_vector_is_read_as_it_is(trained_run: RunDirectory) -> None:
    config, tokenizer, _ = trained_run.read_trained()
    shape = config.model.model_copy(update={"architecture": "encoder_only"})
    model = build_model(shape, tokenizer.vocabulary_size)
    assert what_is_read(model) is None


def test_all_tokens_of_a_text_of_several_sentences_weigh_the_same(
    trained_run: RunDirectory, embedder: Embedder
) -> None:
    sentences = ["ana bebe nina baba.", "Nina!"]
    ids = trained_run.read_tokenizer().encode(sentences)
    means = [len(each) * mean_of_states(trained_run, each) for each in ids]
    [found] = embedder.embed([" ".join(sentences)])
    expected = sum(means, torch.zeros(embedder.size))
    torch.testing.assert_close(
        torch.from_numpy(found), expected / expected.norm(), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_text_has_the_same_bits_in_any_company(
    trained_run: RunDirectory, texts: list[str], precision: Precision, threads: int
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        embedder = Embedder.from_run(trained_run.path, "cpu", precision)
        expected = np.concatenate([embedder.embed([text]) for text in texts])
        assert np.array_equal(embedder.embed(texts), expected)
        assert np.array_equal(embedder.embed(texts[::-1])[::-1], expected)
        for tokens in (16, 100, 700):
            assert np.array_equal(with_batches_of(embedder, tokens).embed(texts), expected)
    finally:
        torch.set_num_threads(before)


def with_batches_of(embedder: Embedder, tokens: int) -> Embedder:
    decoding = embedder.config.decoding.model_copy(update={"tokens_per_batch": tokens})
    config = embedder.config.model_copy(update={"decoding": decoding})
    return Embedder(config, embedder._engine, embedder._processor)


def test_vectors_have_length_one_and_those_of_blank_texts_are_zero(
    embedder: Embedder, texts: list[str]
) -> None:
    vectors = embedder.embed(texts)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(texts), embedder.size)
    blank = [not text.strip() for text in texts]
    assert not vectors[blank].any()
    assert np.allclose(np.linalg.norm(vectors, axis=1), np.logical_not(blank), atol=1e-6)


def test_no_texts_have_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.size)
    assert list(embedder.stream([])) == []


def test_a_stream_has_the_same_vectors_and_reads_no_further_than_it_must(
    embedder: Embedder, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "TEXTS_AT_ONCE", 7)
    waiting = iter(texts)
    blocks = embedder.stream(waiting)
    first = next(blocks)
    assert len(first) == 7
    assert next(waiting) == texts[7]
    blocks = embedder.stream(texts[7:])
    assert np.array_equal(np.concatenate([first, *blocks]), embedder.embed(texts))


def test_a_translator_embeds_the_same(trained_run: RunDirectory, texts: list[str]) -> None:
    embedder = Embedder.from_run(trained_run.path, device="cpu")
    translator = Translator.from_run(trained_run.path, device="cpu")
    assert np.array_equal(translator.embed(texts), embedder.embed(texts))


def test_texts_that_say_the_same_are_near(embedder: Embedder) -> None:
    vectors = embedder.embed(["ana bebe nina", "ana bebe nina.", "abba benne ene", "baba banana"])
    cosines = vectors @ vectors.T
    assert cosines[0].argsort()[::-1][:2].tolist() == [0, 1]


def test_a_model_without_an_encoder_gives_no_vectors(trained_run: RunDirectory) -> None:
    config, tokenizer, _ = trained_run.read_trained()
    shape = config.model.model_copy(update={"architecture": "decoder_only"})
    model = build_model(shape, tokenizer.vocabulary_size)
    with pytest.raises(RunError, match="an encoder's") as raised:
        Embedder(config, Engine(model), TextProcessor(config, tokenizer))
    assert raised.value.hint


def test_a_single_text_is_refused_because_it_would_be_read_letter_by_letter(
    embedder: Embedder,
) -> None:
    with pytest.raises(TypeError, match="list of texts"):
        embedder.embed("ana bebe")


# --- pairs ----------------------------------------------------------------------------------------


def test_the_similarity_of_pairs_is_their_cosine(
    trained_run: RunDirectory, embedder: Embedder, texts: list[str]
) -> None:
    found = similarity_of(str(trained_run.path))(texts, texts[::-1])
    vectors = embedder.embed(texts)
    np.testing.assert_allclose(found, (vectors * vectors[::-1]).sum(1), atol=1e-6)
    alone = [similarity_of(str(trained_run.path))([texts[0]], [texts[-1]])[0]]
    assert found[:1].tolist() == alone


def test_a_missing_run_names_the_key(tmp_path: Path) -> None:
    for function in (similarity_of, similarity_fingerprint):
        with pytest.raises(ConfigError, match=r"data\.cleaning\.similarity_run: .*none") as raised:
            function(str(tmp_path / "none"))
        assert raised.value.hint
