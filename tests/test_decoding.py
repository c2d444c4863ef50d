"""Search over a table of numbers equals brute force and a naive beam search."""

import itertools
import math
import random
from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from translator.decoding import Hypothesis, beam_search, greedy_search, length_penalty

EOS, BOS = 0, 99  # BOS is no column of a table: it is never chosen
Prefix = tuple[int, ...]
Table = Callable[[Prefix], list[float]]  # log-probabilities of what follows a prefix


def random_table(seed: int, vocabulary: int, impossible: float = 0.0, greed: float = 2.0) -> Table:
    """Independent random log-probabilities after every prefix; a share of them -inf, never EOS."""

    def next_log_probs(prefix: Prefix) -> list[float]:
        draw = random.Random(repr((seed, prefix)))
        logits = [
            -math.inf if token != EOS and draw.random() < impossible else draw.gauss(0, greed)
            for token in range(vocabulary)
        ]
        return torch.tensor(logits).log_softmax(0).tolist()

    return next_log_probs


class TableStepper:
    """One table a sentence as the Stepper that a search drives."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._rows: list[tuple[int, Prefix]] = [(sentence, ()) for sentence in range(len(tables))]
        self._tables = tables
        self.steps = 0

    def step(self, tokens: Tensor) -> Tensor:
        self.steps += 1
        self._rows = [
            (sentence, (*prefix, token))
            for (sentence, prefix), token in zip(self._rows, tokens.tolist(), strict=True)
        ]
        return torch.tensor([self._tables[sentence](prefix[1:]) for sentence, prefix in self._rows])

    def reorder(self, rows: Tensor) -> None:
        self._rows = [self._rows[row] for row in rows.tolist()]
        sentences = [sentence for sentence, _ in self._rows]
        assert sentences == sorted(sentences)  # as the protocol promises
        assert len({sentences.count(each) for each in sentences}) <= 1  # as ModelStepper needs


def beam(
    tables: Sequence[Table], limits: Sequence[int], **options: float
) -> list[list[Hypothesis]]:
    return beam_search(TableStepper(tables), torch.tensor(limits), bos=BOS, eos=EOS, **options)


def greedy(tables: Sequence[Table], limits: Sequence[int], penalty: float) -> list[Hypothesis]:
    return greedy_search(
        TableStepper(tables), torch.tensor(limits), bos=BOS, eos=EOS, penalty=penalty
    )


def tokens(hypotheses: Sequence[Hypothesis]) -> list[Prefix]:
    return [hypothesis.tokens for hypothesis in hypotheses]


def finished(tokens: Prefix, log_prob: float, penalty: float) -> Hypothesis:
    return Hypothesis(tokens, log_prob, log_prob / ((5 + len(tokens) + 1) / 6) ** penalty)


def best_first(hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    return sorted(hypotheses, key=lambda hypothesis: -hypothesis.score)


def brute_force(table: Table, limit: int, vocabulary: int, penalty: float) -> list[Hypothesis]:
    """Every sentence of at most `limit` ids, the end counted, best first."""
    found = []
    for length in range(limit):
        for ids in itertools.product(range(1, vocabulary), repeat=length):
            log_prob = sum(table(ids[:n])[token] for n, token in enumerate((*ids, EOS)))
            if log_prob > -math.inf:
                found.append(finished(ids, log_prob, penalty))
    return best_first(found)


def textbook_beam_search(table: Table, limit: int, slots: int, penalty: float) -> list[Hypothesis]:
    """One sentence, lists of tuples, no early stop; what ends keeps its slot."""
    live: list[tuple[Prefix, float]] = [((), 0.0)]
    found: list[Hypothesis] = []
    for length in range(1, limit + 1):
        candidates = [
            (prefix, token, log_prob + after)
            for prefix, log_prob in live
            for token, after in enumerate(table(prefix))
            if after > -math.inf and (token == EOS or length < limit)
        ]
        candidates.sort(key=lambda candidate: -candidate[2])
        live = []
        for prefix, token, log_prob in candidates[: slots - len(found)]:
            if token == EOS:
                found.append(finished(prefix, log_prob, penalty))
            else:
                live.append(((*prefix, token), log_prob))
    return best_first(found)


def assert_same(ours: Sequence[Hypothesis], expected: Sequence[Hypothesis]) -> None:
    assert tokens(ours) == tokens(expected)
    for one, other in zip(ours, expected, strict=True):
        assert one.log_prob == pytest.approx(other.log_prob, rel=1e-5, abs=1e-5)
        assert one.score == pytest.approx(other.score, rel=1e-5, abs=1e-5)


seeds = st.integers(0, 2**32)
vocabularies = st.integers(2, 4)
limits = st.integers(1, 4)
penalties = st.sampled_from([0.0, 0.6, 1.0, 2.0, 5.0])
impossible_shares = st.sampled_from([0.0, 0.3])
some = settings(max_examples=60)


@some
@given(seeds, vocabularies, limits, penalties, st.integers(1, 4), impossible_shares)
def test_a_beam_with_room_for_everything_finds_what_brute_force_finds(
    seed: int, vocabulary: int, limit: int, penalty: float, n_best: int, impossible: float
) -> None:
    table = random_table(seed, vocabulary, impossible)
    everything = sum((vocabulary - 1) ** length for length in range(limit))
    (ours,) = beam([table], [limit], beam_size=everything, penalty=penalty, n_best=n_best)
    expected = brute_force(table, limit, vocabulary, penalty)
    assert_same(ours[:n_best], expected[:n_best])


@some
@given(seeds, vocabularies, st.integers(1, 7), penalties, st.integers(1, 6), impossible_shares)
def test_beam_search_that_stops_early_equals_a_textbook_beam_search_that_does_not(
    seed: int, vocabulary: int, limit: int, penalty: float, beam_size: int, impossible: float
) -> None:
    table = random_table(seed, vocabulary, impossible)
    expected = textbook_beam_search(table, limit, beam_size, penalty)
    for n_best in range(1, beam_size + 1):
        (ours,) = beam([table], [limit], beam_size=beam_size, penalty=penalty, n_best=n_best)
        assert_same(ours[:n_best], expected[:n_best])


@some
@given(seeds, vocabularies, st.integers(1, 7), penalties)
def test_a_beam_of_one_is_greedy_search(
    seed: int, vocabulary: int, limit: int, penalty: float
) -> None:
    tables = [random_table(seed + n, vocabulary) for n in range(3)]
    found = beam(tables, [limit] * 3, beam_size=1, penalty=penalty)
    assert [each[0] for each in found] == greedy(tables, [limit] * 3, penalty)
    assert [len(each) for each in found] == [1, 1, 1]


@some
@given(seeds, st.lists(st.integers(1, 7), max_size=5), st.integers(1, 4), st.integers(1, 4))
def test_a_batch_of_sentences_gives_what_each_gives_alone(
    seed: int, limits: list[int], beam_size: int, n_best: int
) -> None:
    tables = [random_table(seed + n, 4) for n in range(len(limits))]
    together = beam(tables, limits, beam_size=beam_size, n_best=n_best)
    alone = [
        beam([table], [limit], beam_size=beam_size, n_best=n_best)[0]
        for table, limit in zip(tables, limits, strict=True)
    ]
    assert [tokens(each[:n_best]) for each in together] == [tokens(e[:n_best]) for e in alone]


@some
@given(seeds, st.lists(st.integers(1, 7), max_size=5))
def test_a_greedy_batch_gives_what_each_sentence_gives_alone(seed: int, limits: list[int]) -> None:
    tables = [random_table(seed + n, 4) for n in range(len(limits))]
    alone = [greedy([t], [limit], 1.0)[0] for t, limit in zip(tables, limits, strict=True)]
    assert greedy(tables, limits, 1.0) == alone


@some
@given(seeds, st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 5))
def test_no_hypothesis_passes_the_limit_of_its_sentence(
    seed: int, limits: list[int], beam_size: int
) -> None:
    tables = [endless(random_table(seed + n, 4)) for n in range(len(limits))]
    for found, limit in zip(
        beam(tables, limits, beam_size=beam_size, n_best=beam_size), limits, strict=True
    ):
        assert found
        assert {len(hypothesis.tokens) + 1 for hypothesis in found} <= {*range(1, limit + 1)}
    longest = [len(hypothesis.tokens) + 1 for hypothesis in greedy(tables, limits, 1.0)]
    assert longest == limits


def endless(table: Table) -> Table:
    """The table of a model that hardly ever wants to end."""
    return lambda prefix: [-30.0, *table(prefix)[1:]]


@some
@given(seeds, st.integers(1, 6), st.integers(1, 6), penalties)
def test_hypotheses_come_best_first_and_differ(
    seed: int, limit: int, beam_size: int, penalty: float
) -> None:
    (found,) = beam(
        [random_table(seed, 4)], [limit], beam_size=beam_size, penalty=penalty, n_best=beam_size
    )
    scores = [hypothesis.score for hypothesis in found]
    assert scores == sorted(scores, reverse=True)
    assert len(set(tokens(found))) == len(found) <= beam_size


@some
@given(seeds, st.integers(1, 5), st.integers(1, 8))
def test_what_is_impossible_is_never_chosen(seed: int, limit: int, beam_size: int) -> None:
    table = random_table(seed, 4, impossible=0.6)
    (found,) = beam([table], [limit], beam_size=beam_size, n_best=beam_size)
    assert found
    for hypothesis in (*found, *greedy([table], [limit], 1.0)):
        chosen = (*hypothesis.tokens, EOS)
        assert all(table(chosen[:n])[token] > -math.inf for n, token in enumerate(chosen))


def test_a_sentence_that_cannot_go_on_ends_with_fewer_hypotheses_than_slots() -> None:
    def table(prefix: Prefix) -> list[float]:
        return [-0.7, -0.7, -math.inf] if not prefix else [0.0, -math.inf, -math.inf]

    (found,) = beam([table], [9], beam_size=5, n_best=5)
    assert sorted(tokens(found)) == [(), (1,)]


def test_search_stops_as_soon_as_no_prefix_can_win() -> None:
    def table(prefix: Prefix) -> list[float]:
        return [math.log(0.9), math.log(0.1)] if not prefix else [math.log(0.5)] * 2

    stepper = TableStepper([table])
    beam_search(stepper, torch.tensor([1000]), bos=BOS, eos=EOS, beam_size=4, penalty=0.0)
    assert stepper.steps == 1


def test_the_length_penalty_is_equation_14_of_wu_and_others() -> None:
    assert length_penalty(1, 0.6) == 1.0
    assert length_penalty(7, 1.0) == 2.0
    assert length_penalty(7, 2.0) == 4.0
    assert length_penalty(7, 0.0) == 1.0


def test_a_length_penalty_prefers_the_longer_of_two_equals() -> None:
    def table(prefix: Prefix) -> list[float]:
        return [math.log(0.5)] * 2 if not prefix else [0.0, -math.inf]

    (found,) = beam([table], [9], beam_size=2, penalty=1.0, n_best=2)
    assert tokens(found) == [(1,), ()]


def test_nothing_to_search_finds_nothing() -> None:
    assert beam([], [], beam_size=3) == greedy([], [], 1.0) == []
