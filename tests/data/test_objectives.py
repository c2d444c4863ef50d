"""What an objective shows of a text, and how the architectures lay it out."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch

from translator.config import NoiseConfig
from translator.data import (
    BatchStream,
    Corpus,
    DecoderOnlyLayout,
    Denoise,
    EncoderOnlyLayout,
    Layout,
    Masked,
    View,
    generator,
    pack_rows,
)
from translator.functional import IGNORE_INDEX
from translator.tokenizer import BOS_ID, EOS_ID, MASK_ID, PAD_ID

V = 50


def texts(count: int = 300, longest: int = 40) -> list[list[int]]:
    draw = np.random.default_rng(1)
    return [
        [*draw.integers(4, V, draw.integers(1, longest)).tolist(), EOS_ID] for _ in range(count)
    ]


TEXTS = texts()
CORPUS = Corpus.of(TEXTS, TEXTS)


def without_runs(ids: list[int]) -> list[list[int]]:
    """What stands between masks."""
    groups = itertools.groupby(ids, lambda i: i == MASK_ID)
    return [list(group) for is_mask, group in groups if not is_mask]


@pytest.mark.parametrize("mean_span", [1.0, 3.0])
def test_infilling_hides_whole_spans_behind_one_mask_each(mean_span: float) -> None:
    noise = Denoise(NoiseConfig(share=0.3, mean_span=mean_span))
    shown = noise(CORPUS, 64, generator(1, "test"))
    hidden = 0
    for number, text in enumerate(TEXTS):
        source, target = shown[number]
        assert target.tolist() == text
        pieces = without_runs(source.tolist())
        place = 0
        for piece in pieces:  # in their order, and the last one up to the end
            while text[place : place + len(piece)] != piece:
                place += 1
            place += len(piece)
        assert source[-1] == EOS_ID and len(source) <= len(text)
        assert all(a != MASK_ID or b != MASK_ID for a, b in itertools.pairwise(source))
        hidden += len(text) - sum(map(len, pieces))
    assert 0.25 < hidden / (sum(map(len, TEXTS)) - len(TEXTS)) < 0.35


def test_masked_tokens_are_asked_where_they_stood_and_nothing_else_is() -> None:
    shown = Masked(NoiseConfig(share=0.3), V)(CORPUS, 64, generator(1, "test"))
    asked = masks = same = 0
    for number, text in enumerate(TEXTS):
        source, target = shown[number]
        for original, read, label in zip(text, source.tolist(), target.tolist(), strict=True):
            assert label in (PAD_ID, original)
            assert read == original or label == original
            asked += bool(label == original)
            masks += bool(read == MASK_ID)
            same += bool(label == original == read)
        assert target[-1] == PAD_ID
    assert 0.27 < asked / (sum(map(len, TEXTS)) - len(TEXTS)) < 0.33
    assert 0.75 < masks / asked < 0.85
    assert 0.07 < same / asked < 0.15


@pytest.mark.parametrize(
    "noise", [Denoise(NoiseConfig()), Masked(NoiseConfig(), V)], ids=["denoise", "masked"]
)
def test_the_same_chance_hides_the_same(noise: Callable[..., Corpus]) -> None:
    first, second, third = (noise(CORPUS, 64, generator(1, "test", n)) for n in (1, 1, 2))
    assert np.array_equal(first.ids, second.ids)
    assert not np.array_equal(first.ids, third.ids)


# --- layouts --------------------------------------------------------------------------------------

PAIRS = Corpus.of([[5, 6, EOS_ID], [7, EOS_ID]], [[8, EOS_ID], [9, 10, EOS_ID]])
N = IGNORE_INDEX


def test_a_decoder_reads_source_and_target_as_one_sequence() -> None:
    batch = DecoderOnlyLayout().batch(PAIRS, [[0, 1]], 1, 12)
    assert batch.encoder is None and batch.decoder is not None
    first, second = [5, 6, EOS_ID, BOS_ID, 8], [7, EOS_ID, BOS_ID, 9, 10]
    assert batch.decoder.inputs.tolist() == [[*first, *second, PAD_ID, PAD_ID]]
    assert batch.decoder.segments.tolist() == [[1] * 5 + [2] * 5 + [1] * 2]
    labels = [N, N, N, 8, EOS_ID, N, N, 9, 10, EOS_ID, N, N]
    assert batch.labels.tolist() == [labels]


def test_a_language_model_reads_texts_alone() -> None:
    batch = DecoderOnlyLayout(with_source=False).batch(PAIRS, [[0, 1]], 1, 6)
    assert batch.decoder is not None
    assert batch.decoder.inputs.tolist() == [[BOS_ID, 8, BOS_ID, 9, 10, PAD_ID]]
    assert batch.labels.tolist() == [[8, EOS_ID, 9, 10, EOS_ID, N]]


def test_an_encoder_is_asked_where_the_target_is_no_padding() -> None:
    pairs = Corpus.of([[5, MASK_ID, EOS_ID], [7, EOS_ID]], [[PAD_ID, 6, PAD_ID], [7, PAD_ID]])
    batch = EncoderOnlyLayout().batch(pairs, [[0, 1]], 2, 6)
    assert batch.decoder is None and batch.encoder is not None
    row = [5, MASK_ID, EOS_ID, 7, EOS_ID, PAD_ID]
    assert batch.encoder.inputs.tolist() == [row, [PAD_ID] * 6]
    assert batch.encoder.segments.tolist() == [[1, 1, 1, 2, 2, 0], [0] * 6]
    assert batch.labels.tolist() == [[N, 6, N, 7, N, N], [N] * 6]


LAYOUTS = [DecoderOnlyLayout(), DecoderOnlyLayout(with_source=False), EncoderOnlyLayout()]


@pytest.mark.parametrize("layout", LAYOUTS, ids=["decoder", "language model", "encoder"])
def test_every_example_is_laid_out_once(layout: Layout) -> None:
    sizes = layout.sizes(CORPUS)
    rows = pack_rows(sizes, 96)
    batch = layout.batch(CORPUS, rows, len(rows), 96)
    half = batch.decoder or batch.encoder
    assert half is not None
    tokens = half.inputs[half.inputs != PAD_ID]
    assert len(tokens) == sizes.sum()
    alone = [layout.batch(CORPUS, [[n]], 1, 96) for n in range(len(CORPUS))]
    labels = torch.cat([each.labels.flatten() for each in alone])
    assert torch.equal(
        labels[labels != N].sort().values, batch.labels[batch.labels != N].sort().values
    )


@pytest.mark.parametrize("layout", LAYOUTS, ids=["decoder", "language model", "encoder"])
def test_a_stream_of_noise_goes_on_from_a_position(layout: Layout) -> None:
    encodes = isinstance(layout, EncoderOnlyLayout)
    noise: View = Masked(NoiseConfig(), V) if encodes else Denoise(NoiseConfig())

    def stream() -> BatchStream:
        return BatchStream(CORPUS, 256, 1, views=[noise], layout=layout)

    whole = stream()
    batches = list(itertools.islice(whole, 40))
    again = stream()
    first = list(itertools.islice(again, 17))
    third = stream()
    third.position = again.position
    rest = list(itertools.islice(third, 23))
    for one, other in zip(batches, first + rest, strict=True):
        assert torch.equal(one.labels, other.labels)
