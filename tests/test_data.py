import itertools

import numpy as np
import pytest
import torch

from translator.config import TokenizerConfig
from translator.data import (
    BatchStream,
    Corpus,
    Counts,
    SentencePair,
    all_batches,
    bare_text,
    encode_pairs,
    pack_rows,
    set_aside,
)
from translator.data.batches import fill_batch
from translator.functional import IGNORE_INDEX
from translator.tokenizer import BOS_ID, EOS_ID, PAD_ID, Tokenizer

EN = ["Hello.", "“Good” night", "See you, señor\u2028tomorrow!"]
ES = ["Hola.", "Buenas noches", "¡Hasta mañana!"]
PAIRS = [SentencePair(en, es) for en, es in zip(EN, ES, strict=True)]


# --- examples -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train([*EN, *ES] * 3, TokenizerConfig(vocabulary_size=320))


def test_an_example_is_the_ids_and_an_end(tokenizer):
    corpus = encode_pairs(PAIRS, tokenizer, 100, Counts())
    expected = [[*ids, EOS_ID] for ids in tokenizer.encode(EN)]
    assert [corpus[i].source.tolist() for i in range(3)] == expected
    assert corpus[2].target.tolist() == [*tokenizer.encode(ES)[2], EOS_ID]


def test_the_counts_add_up(tokenizer):
    pairs = [*PAIRS, ("", "a"), ("a", " \u2028 "), ("", ""), ("\u200b", "a"), ("a", "b" * 999)]
    counts = Counts()
    corpus = encode_pairs([SentencePair(*pair) for pair in pairs], tokenizer, 100, counts)
    assert counts == Counts(
        read=8,
        kept=3,
        dropped={"empty source": 3, "empty target": 1, "longer than 100 tokens": 1},
    )
    assert counts.read == counts.kept + sum(counts.dropped.values())
    assert len(corpus) == counts.kept


def test_a_pair_of_just_the_greatest_length_is_kept(tokenizer):
    length = max(map(len, tokenizer.encode([EN[0], ES[0]])))
    assert len(encode_pairs(PAIRS[:1], tokenizer, length, Counts())) == 1
    assert len(encode_pairs(PAIRS[:1], tokenizer, length - 1, Counts())) == 0


def test_no_pairs_are_an_empty_corpus(tokenizer):
    counts = Counts()
    corpus = encode_pairs([], tokenizer, 100, counts)
    assert (len(corpus), counts, corpus.source_lengths.tolist()) == (0, Counts(), [])


def test_many_chunks_are_encoded_as_one(tokenizer):
    corpus = encode_pairs(PAIRS * 4000, tokenizer, 100, Counts())
    first = encode_pairs(PAIRS, tokenizer, 100, Counts())
    assert len(corpus) == 12_000
    assert corpus[11_999].target.tolist() == first[2].target.tolist()


@pytest.mark.parametrize("index", [3, -1])
def test_an_index_outside_the_corpus_is_an_error(tokenizer, index):
    corpus = encode_pairs(PAIRS, tokenizer, 100, Counts())
    with pytest.raises(IndexError):
        corpus[index]


def test_joined_corpora_hold_the_pairs_of_all_with_their_weights(tokenizer):
    parts = [
        encode_pairs(PAIRS[:2], tokenizer, 100, Counts(), weight=0.5),
        encode_pairs([], tokenizer, 100, Counts()),
        encode_pairs(PAIRS[2:], tokenizer, 100, Counts(), weight=3.0),
    ]
    joined, whole = Corpus.join(parts), encode_pairs(PAIRS, tokenizer, 100, Counts())
    for mine, expected in zip(joined.arrays[:4], whole.arrays[:4], strict=True):
        assert mine.tolist() == expected.tolist()
    assert joined.weights.tolist() == [0.5, 0.5, 3.0]


# --- held-out pairs -------------------------------------------------------------------------------


def repetitive_corpora():
    """Two corpora in which texts return, in other pairs, cases and punctuation."""
    first = [SentencePair(f"Text {n % 90}.", f"Texto {n % 70}") for n in range(200)]
    second = [SentencePair(f"TEXT  {n}!", f"¿Texto {n + 1}?") for n in range(100)]
    return [first, [*second, SentencePair("…", "¡!"), SentencePair("", "")]]


def texts(pairs):
    return {bare_text(side) for pair in pairs for side in pair} - {""}


def test_nothing_leaks_from_the_held_out_sets():
    train, (valid, test) = set_aside(repetitive_corpora(), [7, 5], seed=1)
    learned = texts(train[0] + train[1])
    assert texts(valid) & texts(test) == texts(valid) & learned == texts(test) & learned == set()


@pytest.mark.parametrize(
    ("text", "copy"),
    [("Hello!", "HELLO"), ("¿Qué  tal?", "qué\u00a0tal…"), ("ﬁne", "fine"), ("e\u0301l", "él")],
)
def test_a_copy_in_another_case_or_punctuation_is_the_same_text(text, copy):
    assert bare_text(text) == bare_text(copy) != ""


def test_another_accent_is_another_text():
    assert bare_text("el año") != bare_text("el ano")


def test_the_held_out_sets_have_their_sizes():
    _, held_out = set_aside(repetitive_corpora(), [7, 5, 1], seed=1)
    assert [len(each) for each in held_out] == [7, 5, 1]


def test_pairs_that_share_no_text_with_the_held_out_stay_in_order():
    corpora = repetitive_corpora()
    train, held_out = set_aside(corpora, [4], seed=1)
    taken = texts(held_out[0])
    assert train == [[p for p in pairs if not texts([p]) & taken] for pairs in corpora]
    assert all(0 < len(mine) < len(pairs) for mine, pairs in zip(train, corpora, strict=True))


def test_a_held_out_pair_has_letters_on_both_sides():
    _, [held_out] = set_aside(repetitive_corpora(), [1000], seed=1)
    assert [pair for pair in held_out if not all(map(bare_text, pair))] == []


def test_the_same_seed_sets_the_same_pairs_aside():
    splits = [set_aside(repetitive_corpora(), [7, 5], seed) for seed in (1, 1, 2)]
    assert splits[0] == splits[1] != splits[2]


def test_a_corpus_that_is_too_small_gives_what_it_has():
    assert set_aside([PAIRS[:1]], [5, 5], seed=1) == ([[]], [PAIRS[:1], []])


# --- batches --------------------------------------------------------------------------------------


def numbered_corpus(size, weight=1.0):
    """Pairs of 2 to 9 ids; the first id of each side is the number of the pair."""
    lengths = np.random.default_rng(0).integers(2, 10, (size, 2))
    sides = [
        [np.array([100 + n, *range(4, size + 2), EOS_ID], np.int32) for n, size in enumerate(side)]
        for side in lengths.T
    ]
    return Corpus(*sides, weight=weight)


def sentences(ids, segments, row):
    """The ids of each sentence of a row."""
    return [ids[row][segments[row] == n].tolist() for n in range(1, int(segments[row].max()) + 1)]


def numbers(batch):
    """The numbers of the pairs in a batch, whose sides belong together."""
    found = []
    for row in range(len(batch.source)):
        asked = batch.labels[row] != IGNORE_INDEX
        if not asked.any():
            continue  # an empty row
        sources = sentences(batch.source, batch.source_segments, row)
        targets = sentences(batch.labels[:, asked], batch.target_segments[:, asked], row)
        assert [ids[0] for ids in sources] == [ids[0] for ids in targets]
        assert {ids[-1] for ids in (*sources, *targets)} == {EOS_ID}
        found += [ids[0] - 100 for ids in sources]
    return found


def epoch_of(stream, epoch=0):
    """The numbers of the pairs in each batch of an epoch."""
    batches = []
    for batch in stream:
        if stream.position["epoch"] != epoch:
            break
        batches.append(numbers(batch))
    return batches


CORPUS = numbered_corpus(300)
BUDGET = 20  # several pools an epoch


def test_the_same_seed_gives_the_same_batches():
    streams = [BatchStream(CORPUS, BUDGET, seed) for seed in (1, 1, 2)]
    firsts = [[numbers(b) for b in itertools.islice(stream, 250)] for stream in streams]
    assert firsts[0] == firsts[1] != firsts[2]


@pytest.mark.parametrize("budget", [16, BUDGET, 100, 10_000])
def test_each_epoch_holds_every_pair_exactly_once(budget):
    stream = BatchStream(CORPUS, budget, seed=1)
    seen = {0: [], 1: [], 2: []}
    for batch in stream:
        if stream.position["epoch"] == 3:
            break
        seen[stream.position["epoch"]] += numbers(batch)
    assert [sorted(each) for each in seen.values()] == [list(range(300))] * 3
    assert seen[0] != seen[1] != seen[2]


@pytest.mark.parametrize("budget", [16, BUDGET, 100, 1000])
def test_all_batches_of_a_stream_have_one_shape_within_the_budget(budget):
    shapes = {b.source.shape for b in itertools.islice(BatchStream(CORPUS, budget, seed=1), 200)}
    (shape,) = shapes
    assert shape.numel() <= budget


def test_a_pair_over_the_budget_gets_a_row_that_holds_it():
    long = Corpus([np.array([200, *[5] * 49, EOS_ID], np.int32)], [np.array([200, EOS_ID])])
    corpus = Corpus.join([numbered_corpus(20), long])
    (shape,) = {b.source.shape for b in itertools.islice(BatchStream(corpus, BUDGET, seed=1), 40)}
    assert shape == (1, 64)


@pytest.mark.parametrize("length", [16, 64])
def test_rows_hold_every_pair_once_and_no_side_overflows(length):
    rows = pack_rows(CORPUS, np.arange(300), length)
    assert sorted(itertools.chain(*rows)) == list(range(300))
    for lengths in (CORPUS.source_lengths, CORPUS.target_lengths):
        assert max(lengths[row].sum() for row in rows) <= length


def test_little_of_packed_rows_is_padding():
    rows = pack_rows(CORPUS, np.arange(300), 64)
    assert CORPUS.target_lengths.sum() / (len(rows) * 64) > 0.85


@pytest.mark.parametrize("weight", [1.0, 0.7])
def test_a_stream_goes_on_from_every_position_as_if_never_stopped(weight):
    corpus = numbered_corpus(300, weight)
    stream = BatchStream(corpus, BUDGET, seed=3)
    positions, batches = [stream.position], []
    for batch in itertools.islice(stream, 300):
        positions.append(stream.position)
        batches.append(numbers(batch))
    assert {position["epoch"] for position in positions} > {0, 1}
    assert {position["pool"] for position in positions} > {0}
    for place, position in enumerate(positions[:-3]):
        resumed = BatchStream(corpus, BUDGET, seed=3)
        resumed.position = position
        continuation = [numbers(batch) for batch in itertools.islice(resumed, 3)]
        assert continuation == batches[place : place + 3]


def test_a_pair_of_weight_three_occurs_three_times_an_epoch():
    corpus = Corpus.join([numbered_corpus(50), numbered_corpus(60, weight=3.0)])
    seen = itertools.chain(*epoch_of(BatchStream(corpus, BUDGET, seed=1)))
    assert sorted(seen) == sorted([*range(50), *[*range(60)] * 3])


def test_a_pair_of_weight_one_half_occurs_in_half_of_the_epochs():
    stream = BatchStream(numbered_corpus(40, weight=0.5), 1000, seed=1)
    epochs = [[] for _ in range(100)]
    for batch in stream:
        if stream.position["epoch"] == 100:
            break
        epochs[stream.position["epoch"]] += numbers(batch)
    assert max(np.bincount(epoch).max() for epoch in epochs) == 1
    assert 0.45 < np.mean([len(epoch) for epoch in epochs]) / 40 < 0.55


def test_an_empty_corpus_is_refused():
    with pytest.raises(ValueError, match="empty corpus"):
        BatchStream(Corpus([], []), BUDGET, seed=1)


def test_all_batches_hold_every_pair_once():
    batches = list(all_batches(CORPUS, 128))
    assert sorted(itertools.chain(*map(numbers, batches))) == list(range(300))
    assert {batch.source.shape for batch in batches} == {(2, 64)}


def test_packed_pairs_are_shifted_numbered_and_masked():
    ids = [([7, 8, EOS_ID], [9, EOS_ID]), ([5, EOS_ID], [6, 7, 8, EOS_ID])]
    corpus = Corpus(
        *([np.array(side, np.int32) for side in sides] for sides in zip(*ids, strict=True))
    )
    batch = fill_batch(corpus, [[0, 1]], 2, 7)
    no = IGNORE_INDEX
    assert batch.source.tolist() == [[7, 8, EOS_ID, 5, EOS_ID, 0, 0], [PAD_ID] * 7]
    assert batch.source_segments.tolist() == [[1, 1, 1, 2, 2, 0, 0], [1] * 7]
    assert batch.decoder_input.tolist() == [[BOS_ID, 9, BOS_ID, 6, 7, 8, 0], [PAD_ID] * 7]
    assert batch.target_segments.tolist() == [[1, 1, 2, 2, 2, 2, 1], [1] * 7]
    assert batch.labels.tolist() == [[9, EOS_ID, 6, 7, 8, EOS_ID, no], [no] * 7]
    assert batch.num_target_tokens == 6


def test_a_moved_batch_is_the_same():
    batch = next(all_batches(CORPUS, 128))
    moved = batch.to(torch.device("cpu"))
    assert torch.equal(moved.labels, batch.labels)
    assert torch.equal(moved.source_segments, batch.source_segments)
