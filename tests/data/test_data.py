import gc
import itertools
import threading
import time

import numpy as np
import pytest
import torch

from translator.config import DataConfig, TokenizerConfig
from translator.data import (
    Augmenter,
    BatchStream,
    Corpus,
    CorpusFiles,
    CorpusWriter,
    Counts,
    EncoderDecoderLayout,
    Part,
    SentencePair,
    all_batches,
    bare_text,
    draw,
    encode_pairs,
    pack_rows,
    set_aside,
    shares_text,
)
from translator.data.augmentation import _in_case, with_typo, without_final_punctuation
from translator.data.prefetch import prefetch
from translator.errors import DataError
from translator.functional import IGNORE_INDEX
from translator.tokenizer import BOS_ID, EOS_ID, PAD_ID, Tokenizer

EN = ["Hello.", "“Good” night", "See you, señor\u2028tomorrow!"]
ES = ["Hola.", "Buenas noches", "¡Hasta mañana!"]
PAIRS = [SentencePair(en, es) for en, es in zip(EN, ES, strict=True)]


# --- examples -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train([*EN, *ES] * 3, TokenizerConfig(vocabulary_size=320))


def encoded(pairs, tokenizer, max_tokens=100, counts=None):
    """The whole corpus that pairs are encoded to."""
    return Corpus.join(
        [Corpus.of([], []), *encode_pairs(pairs, tokenizer, max_tokens, counts or Counts())]
    )


def corpus_of(examples, weight=1.0):
    """The corpus of pairs of ids."""
    source, target = zip(*examples, strict=True)
    return Corpus.of(source, target, weight)


def same(one, other):
    return np.array_equal(one.ids, other.ids) and np.array_equal(one.offsets, other.offsets)


def test_an_example_is_the_ids_and_an_end(tokenizer):
    corpus = encoded(PAIRS, tokenizer)
    expected = [[*ids, EOS_ID] for ids in tokenizer.encode(EN)]
    assert [corpus[i].source.tolist() for i in range(3)] == expected
    assert corpus[2].target.tolist() == [*tokenizer.encode(ES)[2], EOS_ID]


def test_the_counts_add_up(tokenizer):
    pairs = [*PAIRS, ("", "a"), ("a", " \u2028 "), ("", ""), ("\u200b", "a"), ("a", "b" * 999)]
    counts = Counts()
    corpus = encoded([SentencePair(*pair) for pair in pairs], tokenizer, counts=counts)
    assert counts == Counts(
        read=8,
        kept=3,
        dropped={"empty source": 3, "empty target": 1, "longer than 100 tokens": 1},
    )
    assert counts.read == counts.kept + sum(counts.dropped.values())
    assert len(corpus) == counts.kept


def test_a_pair_of_just_the_greatest_length_is_kept(tokenizer):
    length = max(map(len, tokenizer.encode([EN[0], ES[0]])))
    assert len(encoded(PAIRS[:1], tokenizer, length)) == 1
    assert len(encoded(PAIRS[:1], tokenizer, length - 1)) == 0


def test_no_pairs_are_an_empty_corpus(tokenizer):
    counts = Counts()
    assert list(encode_pairs([], tokenizer, 100, counts)) == []
    corpus = encoded([], tokenizer)
    assert (len(corpus), counts, corpus.source_lengths.tolist()) == (0, Counts(), [])


def test_many_chunks_are_encoded_as_one(tokenizer):
    corpus, first = encoded(PAIRS * 4000, tokenizer), encoded(PAIRS, tokenizer)
    assert len(corpus) == 12_000
    assert corpus[11_999].target.tolist() == first[2].target.tolist()


@pytest.mark.parametrize("index", [3, -1])
def test_an_index_outside_the_corpus_is_an_error(tokenizer, index):
    corpus = encoded(PAIRS, tokenizer)
    with pytest.raises(IndexError):
        corpus[index]


def test_joined_corpora_hold_the_pairs_of_all_with_their_weights(tokenizer):
    parts = [
        corpus_of(encoded(PAIRS[:2], tokenizer), weight=0.5),
        Corpus.of([], []),
        corpus_of(encoded(PAIRS[2:], tokenizer), weight=3.0),
    ]
    joined, whole = Corpus.join(parts), encoded(PAIRS, tokenizer)
    assert same(joined, whole)
    assert joined.parts == ((2, 0.5), (0, 1.0), (1, 3.0))


def test_selected_pairs_come_in_the_order_of_their_indices():
    selected = CORPUS.select(np.array([7, 3, 7, 299]))
    expected = [CORPUS[index] for index in (7, 3, 7, 299)]
    assert same(selected, corpus_of(expected))


@pytest.mark.parametrize(("pieces", "bytes_an_id"), [(65_536, 2), (65_537, 4)])
def test_a_written_corpus_is_mapped_as_it_was(tmp_path, pieces, bytes_an_id):
    files = CorpusFiles(*(tmp_path / f"a.{part}" for part in CorpusFiles._fields))
    halves = [CORPUS.select(np.arange(100)), CORPUS.select(np.arange(100, 300))]
    with CorpusWriter(files, pieces) as writer:
        assert writer.append(halves) == 300
    assert same(Corpus.map(files, [Part(300, 1.0)]), CORPUS)
    assert files.ids.stat().st_size == bytes_an_id * len(CORPUS.ids)


def test_the_fingerprint_tells_pairs_apart_but_not_how_they_were_appended(tmp_path):
    files = CorpusFiles(*(tmp_path / f"a.{part}" for part in CorpusFiles._fields))

    def fingerprint(*corpora):
        with CorpusWriter(files, 1000) as writer:
            writer.append(corpora)
        return writer.fingerprint

    halves = [CORPUS.select(np.arange(100)), CORPUS.select(np.arange(100, 300))]
    assert fingerprint(CORPUS) == fingerprint(*halves) != fingerprint(*reversed(halves))
    cut_elsewhere = Corpus(CORPUS.ids, CORPUS.offsets + (np.arange(601) == 5))
    assert fingerprint(cut_elsewhere) != fingerprint(CORPUS)


# --- held-out pairs -------------------------------------------------------------------------------


def repetitive_corpora():
    """Two corpora in which texts return, in other pairs, cases and punctuation."""
    first = [SentencePair(f"Text {n % 90}.", f"Texto {n % 70}") for n in range(200)]
    second = [SentencePair(f"TEXT  {n}!", f"¿Texto {n + 1}?") for n in range(100)]
    return [first, [*second, SentencePair("…", "¡!"), SentencePair("", "")]]


def split(sets, size, seed=1):
    """The corpora without, and the held-out sets."""
    corpora = repetitive_corpora()
    held_out = set_aside(lambda: itertools.chain(*corpora), sets, size, seed)
    taken = {bare_text(side) for pairs in held_out for pair in pairs for side in pair}
    return [[p for p in pairs if not shares_text(p, taken)] for pairs in corpora], held_out


def texts(pairs):
    return {bare_text(side) for pair in pairs for side in pair} - {""}


def test_nothing_leaks_from_the_held_out_sets():
    train, (valid, test) = split(2, 7)
    learned = texts(train[0] + train[1])
    assert texts(valid) & texts(test) == texts(valid) & learned == texts(test) & learned == set()


@pytest.mark.parametrize(
    ("text", "copy"),
    [
        ("Hello!", "HELLO"),
        ("¿Qué  tal?", "qué\u00a0tal…"),
        ("ﬁne", "fine"),
        ("e\u0301l", "él"),
        ("Tom &amp; Mary aren&#39;t here", "Tom & Mary aren't here"),
        ("dÃ\u00ada", "día"),
        ("كَتَبَ", "كتب"),
        ("❤️ yes", "Yes!"),
    ],
)
def test_a_copy_in_another_case_or_punctuation_is_the_same_text(text, copy):
    assert bare_text(text) == bare_text(copy) != ""


def test_another_accent_is_another_text():
    assert bare_text("el año") != bare_text("el ano")


@pytest.mark.parametrize(
    ("text", "other"), [("वह आता है", "वह आती है"), ("ลูกมา", "ลูกม้า"), ("வா", "வீ")]
)
def test_another_vowel_or_tone_is_another_text(text, other):
    assert bare_text(text) != bare_text(other)


def test_turkish_has_its_own_capitals():
    both = ("tr", "en")
    assert _in_case(1, "Isparta İzmir", "It", both) == ("ısparta izmir", "it")
    assert _in_case(0, "ısparta izmir", "it", both) == ("ISPARTA İZMİR", "IT")


def test_the_held_out_sets_have_their_sizes():
    assert [len(each) for each in split(3, 7)[1]] == [7, 7, 7]


def test_a_held_out_set_is_at_most_a_tenth():
    assert [len(each) for each in split(2, 1000)[1]] == [30, 30]


def test_a_held_out_pair_has_letters_on_both_sides():
    pairs = [SentencePair("…", "¡!"), SentencePair("", ""), SentencePair("a", "¿?")] * 10
    pairs += [SentencePair("a", "b"), SentencePair("c", "d"), SentencePair("e", "f")] * 1
    for seed in range(5):
        [held_out] = set_aside(lambda: pairs, 1, 5, seed)
        assert sorted(held_out) == pairs[-3:]


def test_the_same_seed_sets_the_same_pairs_aside():
    splits = [split(2, 7, seed) for seed in (1, 1, 2)]
    assert splits[0] == splits[1] != splits[2]


def test_held_out_pairs_are_those_that_a_shuffled_list_begins_with():
    """Drawn in passes with little memory, they are the same as from a whole list."""
    pairs = list(itertools.chain(*repetitive_corpora()))
    order, total = draw(pairs, len(pairs), seed=3)
    assert (sorted(order), total) == (sorted(pairs), len(pairs))
    taken, expected = {""}, list[SentencePair]()
    for pair in order:
        if len(expected) < 30 and not shares_text(pair, taken):
            expected.append(pair)
            taken |= {bare_text(side) for side in pair}
    assert set_aside(lambda: iter(pairs), 1, 30, seed=3) == [expected]
    many_copies = pairs[:2] * 5000 + pairs
    [found] = set_aside(lambda: iter(many_copies), 1, 20, seed=3)
    assert len(texts(found)) == 40


def test_the_first_of_a_random_order_do_not_depend_on_how_many_are_drawn():
    pairs = list(itertools.chain(*repetitive_corpora()))
    whole, _ = draw(pairs, 300, seed=1)
    assert draw(pairs, 10, seed=1)[0] == whole[:10] != pairs[:10]
    is_long = [pair for pair in whole if len(pair.source) > 7]
    assert draw(pairs, 10, 1, lambda pair: len(pair.source) <= 7)[0] == is_long[:10]


def test_a_corpus_that_is_too_small_gives_what_it_has():
    assert set_aside(lambda: PAIRS[:1], 2, 5, seed=1) == [PAIRS[:1], []]


# --- batches --------------------------------------------------------------------------------------


def numbered_corpus(size, weight=1.0):
    """Pairs of 2 to 9 ids; the first id of each side is the number of the pair."""
    lengths = np.random.default_rng(0).integers(2, 10, (size, 2))
    source, target = (
        [np.array([100 + n, *range(4, size + 2), EOS_ID], np.int32) for n, size in enumerate(side)]
        for side in lengths.T
    )
    return Corpus.of(source, target, weight)


def sentences(half, row):
    """The ids of each sentence of a row."""
    ids, segments = half
    return [ids[row][segments[row] == n].tolist() for n in range(1, int(segments[row].max()) + 1)]


def numbers(batch):
    """The numbers of the pairs in a batch, whose sides belong together."""
    found = []
    for row in range(len(batch)):
        asked = batch.labels[row] != IGNORE_INDEX
        if not asked.any():
            continue  # an empty row
        sources = sentences(batch.encoder, row)
        targets = sentences((batch.labels[:, asked], batch.decoder.segments[:, asked]), row)
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


def tensors(batch):
    return [*batch.encoder, *batch.decoder, batch.labels]


CORPUS = numbered_corpus(300)
LAYOUT = EncoderDecoderLayout()
BUDGET = 20  # several pools an epoch


def test_the_same_seed_gives_the_same_batches():
    streams = [BatchStream(CORPUS, BUDGET, seed) for seed in (1, 1, 2)]
    firsts = [[numbers(b) for b in itertools.islice(stream, 250)] for stream in streams]
    assert firsts[0] == firsts[1] != firsts[2]


@pytest.mark.parametrize("budget", [16, BUDGET, 100, 10_000])
def test_each_epoch_holds_every_pair_exactly_once(budget):
    stream = BatchStream(CORPUS, budget, seed=1)
    seen: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for batch in stream:
        if stream.position["epoch"] == 3:
            break
        seen[stream.position["epoch"]] += numbers(batch)
    assert [sorted(each) for each in seen.values()] == [list(range(300))] * 3
    assert seen[0] != seen[1] != seen[2]


@pytest.mark.parametrize("budget", [16, BUDGET, 100, 1000])
def test_all_batches_of_a_stream_have_one_shape_within_the_budget(budget):
    shapes = {b.labels.shape for b in itertools.islice(BatchStream(CORPUS, budget, seed=1), 200)}
    (shape,) = shapes
    assert shape.numel() <= budget


def test_a_pair_over_the_budget_gets_a_row_that_holds_it():
    long = Corpus.of([np.array([200, *[5] * 49, EOS_ID], np.int32)], [np.array([200, EOS_ID])])
    corpus = Corpus.join([numbered_corpus(20), long])
    (shape,) = {b.labels.shape for b in itertools.islice(BatchStream(corpus, BUDGET, seed=1), 40)}
    assert shape == (1, 64)


@pytest.mark.parametrize("length", [16, 64])
def test_rows_hold_every_pair_once_and_no_side_overflows(length):
    rows = pack_rows(LAYOUT.sizes(CORPUS), length)
    assert sorted(np.concatenate(rows)) == list(range(300))
    for lengths in (CORPUS.source_lengths, CORPUS.target_lengths):
        assert max(lengths[row].sum() for row in rows) <= length


def test_an_example_that_fits_no_row_is_refused():
    with pytest.raises(ValueError, match="17 tokens does not fit a row of 16"):
        pack_rows(np.array([[3, 17, 2]]), 16)


@pytest.mark.parametrize("halves", [1, 2])
def test_whatever_a_view_makes_of_a_pair_it_fits_a_row(halves):
    class Summed(EncoderDecoderLayout):
        """Source and target in one row, as a decoder alone reads them."""

        def sizes(self, corpus):
            sizes = super().sizes(corpus)
            return sizes if halves == 2 else sizes.sum(0, keepdims=True)

    class Grown:
        purpose = "growth"

        def __call__(self, pairs, max_length, random):
            grown = [[*pair.target[:-1]] * 4 + [EOS_ID] for pair in pairs]
            return Corpus.of([pair.source for pair in pairs], [ids[:max_length] for ids in grown])

    stream = BatchStream(CORPUS, 64, 1, views=[Grown()], layout=Summed())
    sizes = [stream._layout.sizes(stream._pool(np.arange(300), 0, n)[0]) for n in range(3)]
    assert all(size.max() <= stream._longest for size in sizes)
    assert any(size.sum() > stream._layout.sizes(CORPUS).sum() for size in sizes)


def test_little_of_packed_rows_is_padding():
    corpus = numbered_corpus(5000)
    rows = pack_rows(LAYOUT.sizes(corpus), 64)
    assert corpus.target_lengths.sum() / (len(rows) * 64) > 0.97


@pytest.mark.heavy
@pytest.mark.parametrize("weight", [1.0, 0.7])
def test_a_stream_goes_on_from_every_position_as_if_never_stopped(weight):
    corpus = numbered_corpus(400, weight)  # more than a pool, whatever share of it is drawn
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
    epochs: list[list[int]] = [[] for _ in range(100)]
    for batch in stream:
        if stream.position["epoch"] == 100:
            break
        epochs[stream.position["epoch"]] += numbers(batch)
    assert max(np.bincount(epoch).max() for epoch in epochs) == 1
    assert 0.45 < np.mean([len(epoch) for epoch in epochs]) / 40 < 0.55


def test_an_empty_corpus_is_refused():
    with pytest.raises(ValueError, match="empty corpus"):
        BatchStream(Corpus.of([], []), BUDGET, seed=1)


def test_all_batches_hold_every_pair_once():
    batches = list(all_batches(CORPUS, 128))
    assert sorted(itertools.chain(*map(numbers, batches))) == list(range(300))
    assert {batch.labels.shape for batch in batches} == {(2, 64)}


def test_packed_pairs_are_shifted_numbered_and_masked():
    ids = [([7, 8, EOS_ID], [9, EOS_ID]), ([5, EOS_ID], [6, 7, 8, EOS_ID])]
    corpus = corpus_of([[np.array(side, np.int32) for side in pair] for pair in ids])
    batch = LAYOUT.batch(corpus, [[0, 1]], 2, 7)
    no = IGNORE_INDEX
    assert batch.encoder and batch.decoder
    assert batch.encoder.inputs.tolist() == [[7, 8, EOS_ID, 5, EOS_ID, 0, 0], [PAD_ID] * 7]
    assert batch.encoder.segments.tolist() == [[1, 1, 1, 2, 2, 0, 0], [1] * 7]
    assert batch.decoder.inputs.tolist() == [[BOS_ID, 9, BOS_ID, 6, 7, 8, 0], [PAD_ID] * 7]
    assert batch.decoder.segments.tolist() == [[1, 1, 2, 2, 2, 2, 1], [1] * 7]
    assert batch.labels.tolist() == [[9, EOS_ID, 6, 7, 8, EOS_ID, no], [no] * 7]
    assert batch.num_target_tokens == 6


def test_a_moved_batch_is_the_same():
    batch = next(all_batches(CORPUS, 128))
    moved = batch.to(torch.device("cpu"))
    assert torch.equal(moved.labels, batch.labels)
    assert all(map(torch.equal, tensors(moved), tensors(batch)))


@pytest.mark.parametrize("parts", [1, 2, 3, 100])
def test_the_shares_of_all_processes_are_the_rows_of_the_batch(parts):
    batch = next(iter(BatchStream(CORPUS, 1000, seed=1)))
    shares = [batch.share(rank, parts) for rank in range(parts)]
    held = [number for share in shares for number in numbers(share)]
    assert sorted(held) == sorted(numbers(batch))
    assert sum(share.num_target_tokens for share in shares) == batch.num_target_tokens
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("parts", [1, 2, 4, 100])
def test_a_split_batch_holds_the_same_rows(parts):
    batch = next(iter(BatchStream(CORPUS, 1000, seed=1)))
    pieces = batch.split(parts)
    assert len(pieces) == min(parts, len(batch))
    for whole, *parted in zip(*map(tensors, (batch, *pieces)), strict=True):
        assert torch.equal(torch.cat(parted), whole)


# --- prefetched --------------------------------------------------------------------------------


def test_a_thread_changes_nothing_in_the_batches():
    stream = BatchStream(CORPUS, BUDGET, seed=1)
    directly = itertools.islice(stream._batches(stream.position), 200)
    for batch, (expected, position) in zip(stream, directly, strict=False):
        assert stream.position == position
        assert all(map(torch.equal, tensors(batch), tensors(expected)))


def test_items_are_made_before_they_are_asked_for_but_not_too_many():
    made = []

    def make():
        for n in range(100):
            made.append(n)
            yield n

    items = prefetch(make(), 3)
    assert made == []
    assert next(items) == 0
    until = time.monotonic() + 10
    while len(made) < 4 and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(0.05)
    assert made == [0, 1, 2, 3]
    assert list(items) == list(range(1, 100))


def test_an_error_ahead_comes_in_its_place():
    def failing():
        yield 1
        raise DataError("line 2 is damaged", "Mend it.")

    items = prefetch(failing(), 5)
    assert next(items) == 1
    with pytest.raises(DataError, match="line 2 is damaged"):
        next(items)


def test_the_thread_ends_with_its_iterator():
    def alive():
        return [t for t in threading.enumerate() if t.name.startswith("prefetch")]

    others = len(alive())
    items = prefetch(iter(range(100)), 3)
    next(items)
    assert len(alive()) == others + 1
    del items
    gc.collect()
    assert len(alive()) == others
    assert list(prefetch(iter(range(5)), 3)) == [0, 1, 2, 3, 4]
    assert len(alive()) == others


# --- augmentation ---------------------------------------------------------------------------------

EVERYDAY = [
    SentencePair("Pizza is great.", "¡La pizza es genial!"),
    SentencePair("Where is the old station?", "¿Dónde está la vieja estación?"),
    SentencePair("Well, who knows?!", "Bueno, ¿quién sabe?!"),
    SentencePair("no mark here", "aquí no hay signo"),
] * 40
NONE = dict.fromkeys(
    ["upper_case", "lower_case", "title_case", "no_final_punctuation", "typos", "other_pieces"], 0.0
)


@pytest.fixture(scope="module")
def everyday():
    tokenizer = Tokenizer.train(
        itertools.chain(*EVERYDAY, *[(s.upper(), t.upper()) for s, t in EVERYDAY]),
        TokenizerConfig(vocabulary_size=420),
    )
    return tokenizer, encoded(EVERYDAY, tokenizer)


def augmenter(tokenizer, max_tokens=64, **rates):
    data = {"augmentation": {**NONE, **rates}, "max_tokens_per_sentence": max_tokens}
    return Augmenter(DataConfig.model_validate(data), tokenizer)


def shown(everyday, seed=1, max_length=100, **settings):
    """The texts of the pairs after augmentation."""
    tokenizer, corpus = everyday
    changed = augmenter(tokenizer, **settings)(corpus, max_length, np.random.default_rng(seed))
    assert changed.ids[changed.offsets[1:] - 1].tolist() == [EOS_ID] * 2 * len(corpus)
    sides = zip(*([ids.tolist() for ids in example] for example in changed), strict=True)
    return [SentencePair(*pair) for pair in zip(*map(tokenizer.decode, sides), strict=True)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("upper_case", ("WHERE IS THE OLD STATION?", "¿DÓNDE ESTÁ LA VIEJA ESTACIÓN?")),
        ("title_case", ("Where Is The Old Station?", "¿Dónde está la vieja estación?")),
        ("no_final_punctuation", ("Where is the old station", "Dónde está la vieja estación")),
    ],
)
def test_a_kind_of_augmentation_changes_every_pair_at_rate_one(everyday, kind, expected):
    assert shown(everyday, **{kind: 1.0})[1] == expected


def test_every_other_pair_in_small_letters_has_no_final_mark(everyday):
    pairs = [shown(everyday, seed, lower_case=1.0)[1] for seed in range(40)]
    whole = ("where is the old station?", "¿dónde está la vieja estación?")
    hurried = ("where is the old station", "dónde está la vieja estación")
    assert set(pairs) == {whole, hurried}
    assert 10 <= pairs.count(hurried) <= 30


def test_without_rates_no_pair_is_touched(everyday):
    assert shown(everyday) == EVERYDAY


def test_the_rate_is_the_share_of_changed_pairs(everyday):
    pairs = [p for seed in range(10) for p in shown(everyday, seed, upper_case=0.2, lower_case=0.1)]
    assert np.mean([pair.source.isupper() for pair in pairs]) == pytest.approx(0.2, abs=0.03)
    changed = [a != b for a, b in zip(pairs, EVERYDAY * 10, strict=True)]
    # A pair that is in small letters already shows no change (and it has no final mark).
    assert np.mean(changed) == pytest.approx(0.2 + 0.1 * 0.75, abs=0.03)


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (("Well, who knows?!", "Bueno, ¿quién sabe?!"), ("Well, who knows", "Bueno, quién sabe")),
        (("Ouch!!!", "¡¡¡Ay!!!"), ("Ouch", "Ay")),
        (("Ouch? What!", "¡¡Ay!! ¡¿Qué?!"), ("Ouch? What", "¡¡Ay!! Qué")),
        (("Wait…", "Espera..."), ("Wait", "Espera")),
        (("¿Yes? No.", "¿Sí? No."), ("¿Yes? No", "¿Sí? No")),
        (("!!!", "¡Hola!"), ("!!!", "¡Hola!")),
    ],
)
def test_the_opening_mark_goes_with_the_final_one(pair, expected):
    assert without_final_punctuation(*pair) == expected


def test_a_typo_is_one_slip_inside_a_long_word():
    random = np.random.default_rng(1)
    typed = {with_typo("a house", random) for _ in range(300)}
    left_out = {"a huse", "a hose", "a houe"}
    doubled = {"a hoouse", "a houuse", "a housse"}
    swapped = {"a huose", "a hosue", "a houes"}
    assert typed == left_out | doubled | swapped
    assert with_typo("it is so", random) == "it is so"


def test_typos_are_in_the_source_only(everyday):
    pairs = shown(everyday, typos=1.0)
    assert [pair.target for pair in pairs] == [pair.target for pair in EVERYDAY]
    assert sum(a.source != b.source for a, b in zip(pairs, EVERYDAY, strict=True)) > 140


def test_other_pieces_spell_the_same_text(everyday):
    tokenizer, corpus = everyday
    changed = augmenter(tokenizer, other_pieces=1.0)(corpus, 100, np.random.default_rng(1))
    assert len(changed.ids) > 1.05 * len(corpus.ids)
    assert shown(everyday, other_pieces=1.0) == EVERYDAY


@pytest.mark.parametrize("limit", [{"max_length": 18}, {"max_tokens": 17}])
def test_a_pair_that_would_grow_too_long_stays_as_it_was(everyday, limit):
    tokenizer, corpus = everyday
    settings = {"max_length": 100, "max_tokens": 64, **limit}
    change = augmenter(tokenizer, settings["max_tokens"], other_pieces=1.0, alpha=0.0)
    changed = change(corpus, settings["max_length"], np.random.default_rng(1))
    longest = np.maximum(corpus.source_lengths, corpus.target_lengths)
    assert np.maximum(changed.source_lengths, changed.target_lengths).max() <= max(
        longest.max(), 18
    )
    assert not same(changed, corpus)


@pytest.mark.heavy
@pytest.mark.parametrize("algorithm", ["unigram", "bpe"])
def test_an_augmented_stream_goes_on_from_every_position(algorithm):
    config = TokenizerConfig(algorithm=algorithm, vocabulary_size=400)
    tokenizer = Tokenizer.train(itertools.chain(*EVERYDAY), config)
    corpus = encoded(EVERYDAY, tokenizer)
    changing = augmenter(tokenizer, upper_case=0.2, typos=0.2, other_pieces=0.3)
    stream = BatchStream(corpus, 16, 3, views=[changing])
    positions, batches = [stream.position], []
    for batch in itertools.islice(stream, 350):
        positions.append(stream.position)
        batches.append(batch.labels)
    assert {position["epoch"] for position in positions} > {0, 1}
    assert {position["pool"] for position in positions} >= {0, 1}
    for place in range(0, 345, 5):
        resumed = BatchStream(corpus, 16, 3, views=[changing])
        resumed.position = positions[place]
        for batch, expected in zip(resumed, batches[place : place + 3], strict=False):
            assert torch.equal(batch.labels, expected)


def test_each_epoch_changes_other_pairs():
    tokenizer = Tokenizer.train(itertools.chain(*EVERYDAY), TokenizerConfig(vocabulary_size=400))
    corpus = encoded(EVERYDAY[:3], tokenizer)
    stream = BatchStream(corpus, 512, 3, views=[augmenter(tokenizer, upper_case=0.5)])
    assert len({tuple(tensors(b)[0][0].tolist()) for b in itertools.islice(stream, 30)}) > 5
