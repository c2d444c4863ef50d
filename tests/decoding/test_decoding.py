"""Search over a table of numbers equals brute force and a naive beam search."""

import itertools
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.helpers import examples
from translator.decoding import (
    Rule,
    Strategy,
    beam_search,
    begin_with,
    constrained_beam_search,
    end_loops,
    no_end_before,
    no_repeated_ngram,
    sampling,
    search,
    steps_of_search,
)
from translator.decoding.constraints import coverage
from translator.decoding.strategies import top_k
from translator.hypotheses import Hypothesis, length_penalty

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

    def reorder(self, rows: Tensor, slots: int) -> None:
        self._rows = [self._rows[row] for row in rows.tolist()]
        sentences = [sentence for sentence, _ in self._rows]
        assert sentences == sorted(sentences)  # as the protocol promises
        assert all(sentences.count(each) <= slots for each in sentences)


def run(
    tables: Sequence[Table], limits: Sequence[int], choose: Strategy, slots: int, **options: Any
) -> list[list[Hypothesis]]:
    asks = steps_of_search(
        torch.tensor(limits, dtype=torch.long), choose, bos=BOS, eos=EOS, slots=slots, **options
    )
    return search(TableStepper(tables), asks)


def beam(
    tables: Sequence[Table], limits: Sequence[int], beam_size: int = 5, **options: object
) -> list[list[Hypothesis]]:
    return run(tables, limits, beam_search(beam_size), beam_size, **options)


def textbook_greedy_search(table: Table, limit: int) -> Prefix:
    prefix: Prefix = ()
    while len(prefix) < limit - 1:
        log_probs = table(prefix)
        best = max(range(len(log_probs)), key=log_probs.__getitem__)
        if best == EOS:
            break
        prefix = (*prefix, best)
    return prefix


def tokens(hypotheses: Sequence[Hypothesis]) -> list[Prefix]:
    return [hypothesis.tokens for hypothesis in hypotheses]


def finished(
    tokens: Prefix, log_prob: float, penalty: float, normalization: str = "gnmt"
) -> Hypothesis:
    length = len(tokens) + 1
    divisor = (5 + length) / 6 if normalization == "gnmt" else length
    return Hypothesis(tokens, log_prob, log_prob / divisor**penalty)


def best_first(hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    return sorted(hypotheses, key=lambda hypothesis: -hypothesis.score)


def brute_force(
    table: Table, limit: int, vocabulary: int, penalty: float, normalization: str = "gnmt"
) -> list[Hypothesis]:
    """Every sentence of at most `limit` ids, the end counted, best first."""
    found = []
    for length in range(limit):
        for ids in itertools.product(range(1, vocabulary), repeat=length):
            log_prob = sum(table(ids[:n])[token] for n, token in enumerate((*ids, EOS)))
            if log_prob > -math.inf:
                found.append(finished(ids, log_prob, penalty, normalization))
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
normalizations = st.sampled_from(["gnmt", "length"])
impossible_shares = st.sampled_from([0.0, 0.3])
some = examples(60)


@examples(150)
@given(seeds, vocabularies, limits, penalties, normalizations, st.integers(1, 4), impossible_shares)
def test_a_beam_with_room_for_everything_finds_what_brute_force_finds(
    seed: int,
    vocabulary: int,
    limit: int,
    penalty: float,
    normalization: str,
    n_best: int,
    impossible: float,
) -> None:
    table = random_table(seed, vocabulary, impossible)
    everything = sum((vocabulary - 1) ** length for length in range(limit))
    (ours,) = beam(
        [table],
        [limit],
        beam_size=everything,
        penalty=penalty,
        normalization=normalization,
        n_best=n_best,
    )
    expected = brute_force(table, limit, vocabulary, penalty, normalization)
    assert_same(ours[:n_best], expected[:n_best])


@examples(150)
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
@given(seeds, vocabularies, st.lists(st.integers(1, 7), max_size=4), penalties)
def test_a_beam_of_one_is_greedy_search(
    seed: int, vocabulary: int, limits: list[int], penalty: float
) -> None:
    tables = [random_table(seed + n, vocabulary) for n in range(len(limits))]
    found = beam(tables, limits, beam_size=1, penalty=penalty)
    expected = [textbook_greedy_search(*each) for each in zip(tables, limits, strict=True)]
    assert [tokens(each) for each in found] == [[each] for each in expected]


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
    longest = [len(each.tokens) + 1 for [each] in beam(tables, limits, beam_size=1)]
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
    for hypothesis in found:
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
    choose = beam_search(4)
    asks = steps_of_search(torch.tensor([1000]), choose, bos=BOS, eos=EOS, slots=4, penalty=0.0)
    search(stepper, asks)
    assert stepper.steps == 1


def test_search_goes_on_while_the_longest_allowed_hypothesis_can_still_win() -> None:
    """It wins at its limit alone, by so little that a bound of one id less would give it up."""

    def table(prefix: Prefix) -> list[float]:
        if not prefix:
            return [math.log(0.77), math.log(0.23)]
        return [0.0, -30.0] if len(prefix) == 3 else [-30.0, 0.0]

    (found,) = beam([table], [4], beam_size=2, penalty=5.0)
    assert_same(found[:1], brute_force(table, 4, 2, 5.0)[:1])
    assert found[0].tokens == (1, 1, 1)
    assert finished((1, 1), found[0].log_prob, 5.0).score < math.log(0.77) < found[0].score


def test_the_length_penalty_is_equation_14_of_wu_and_others() -> None:
    assert length_penalty(1, 0.6) == 1.0
    assert length_penalty(7, 1.0) == 2.0
    assert length_penalty(7, 2.0) == 4.0
    assert length_penalty(7, 0.0) == 1.0
    assert length_penalty(7, 2.0, "length") == 49.0


def test_a_length_penalty_prefers_the_longer_of_two_equals() -> None:
    def table(prefix: Prefix) -> list[float]:
        return [math.log(0.5)] * 2 if not prefix else [0.0, -math.inf]

    (found,) = beam([table], [9], beam_size=2, penalty=1.0, n_best=2)
    assert tokens(found) == [(1,), ()]


def test_nothing_to_search_finds_nothing() -> None:
    assert beam([], [], beam_size=3) == []


@pytest.mark.parametrize("vocabulary", [5, 64, 100, 1000, 8001])
def test_the_fast_top_k_finds_the_values_of_torch(vocabulary: int) -> None:
    scores = torch.randn(7, vocabulary, generator=torch.Generator().manual_seed(vocabulary))
    values, ids = top_k(scores, 5)
    assert torch.equal(values, scores.topk(5).values)
    assert torch.equal(scores.gather(1, ids), values)


# --- diversity ------------------------------------------------------------------------------------


def test_diversity_takes_the_second_best_of_one_prefix_for_the_best_of_another() -> None:
    def table(prefix: Prefix) -> list[float]:
        match prefix:
            case ():
                return [-9.0, -0.1, -2.5]
            case (1,):
                return [-9.0, -0.5, -1.0]
            case (2,):
                return [-9.0, -0.2, -9.0]
            case _:
                return [0.0, -math.inf, -math.inf]

    def firsts(diversity: float) -> set[int]:
        (found,) = run([table], [4], beam_search(2, diversity), 2, n_best=2)
        return {each.tokens[0] for each in found}

    assert firsts(0.0) == {1}
    assert firsts(3.0) == {1, 2}


@some
@given(seeds, st.integers(1, 6), st.integers(1, 5))
def test_no_diversity_is_plain_beam_search(seed: int, limit: int, beam_size: int) -> None:
    table = random_table(seed, 4)
    plain = beam([table], [limit], beam_size=beam_size)
    assert run([table], [limit], beam_search(beam_size, 1e-12), beam_size) == plain


# --- sampling -------------------------------------------------------------------------------------


def sample(
    tables: Sequence[Table], limit: int, samples: int, draws: Tensor | None = None, **options: Any
) -> list[list[Hypothesis]]:
    if draws is None:
        draws = uniform(len(tables), samples, limit)
    choose = sampling(draws, **options)
    return run(tables, [limit] * len(tables), choose, samples, n_best=samples)


def uniform(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def test_samples_are_as_frequent_as_they_are_probable() -> None:
    table = random_table(3, 3, greed=1.0)
    samples = 4000
    (found,) = sample([table], 3, samples)
    assert len(found) == samples
    ended = [each for each in brute_force(table, 3, 3, 0.0) if len(each.tokens) < 2]
    assert len(ended) == 3
    for expected in ended:  # not at the limit, where all ends
        share = tokens(found).count(expected.tokens) / samples
        assert share == pytest.approx(math.exp(expected.log_prob), abs=0.03)


@some
@given(seeds, st.integers(1, 6))
def test_the_log_probability_of_a_sample_is_that_of_its_tokens(seed: int, limit: int) -> None:
    table = random_table(seed, 4)
    everything = {each.tokens: each for each in brute_force(table, limit, 4, 1.0)}
    for each in sample([table], limit, 5, temperature=2.0)[0]:
        assert each.log_prob == pytest.approx(everything[each.tokens].log_prob, abs=1e-4)


@some
@given(
    seeds,
    st.integers(1, 6),
    st.sampled_from([{"temperature": 1e-3}, {"top_k": 1}, {"top_p": 1e-6}]),
)
def test_sampling_at_its_limits_is_greedy_search(
    seed: int, limit: int, options: dict[str, Any]
) -> None:
    table = random_table(seed, 4)
    found = sample([table], limit, 3, **options)
    assert tokens(found[0]) == [textbook_greedy_search(table, limit)] * 3


def first_tokens(log_probs: Sequence[float], **options: Any) -> set[int]:
    """What is ever drawn first, of a table that ends after one token."""

    def table(prefix: Prefix) -> list[float]:
        return [-math.inf, *log_probs] if not prefix else [0.0, *[-math.inf] * len(log_probs)]

    (found,) = sample([table], 3, 2000, **options)
    return {each.tokens[0] for each in found}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {1, 2, 3, 4}),
        ({"top_k": 3}, {1, 2, 4}),
        ({"top_k": 9}, {1, 2, 3, 4}),
        ({"top_p": 0.39}, {2}),
        ({"top_p": 0.41}, {2, 4}),
        ({"top_p": 0.95}, {1, 2, 3, 4}),
        ({"top_p": 0.95, "top_k": 2}, {2, 4}),
    ],
    ids=str,
)
def test_top_k_and_top_p_keep_the_fewest_most_probable(
    options: dict[str, float], expected: set[int]
) -> None:
    log_probs = [math.log(p) for p in (0.2, 0.4, 0.1, 0.3)]
    assert first_tokens(log_probs, **options) == expected


def test_a_draw_of_almost_one_takes_what_is_possible() -> None:
    table = random_table(5, 4, impossible=0.6)
    draws = torch.full((1, 2, 5), 1.0 - 2.0**-24)
    for each in sample([table], 5, 2, draws)[0]:
        assert each.log_prob > -math.inf


# --- rules ----------------------------------------------------------------------------------------


def allowed(rule: Callable[[Prefix], bool], table: Table, limit: int) -> list[Hypothesis]:
    return [each for each in brute_force(table, limit, 3, 1.0) if rule(each.tokens)]


def ruled(rule: Rule, table: Table, limit: int) -> list[Hypothesis]:
    (found,) = beam([table], [limit], beam_size=64, n_best=64, rules=[rule])
    return found


@some
@given(seeds, st.integers(1, 5), st.integers(0, 4))
def test_a_minimum_length_leaves_what_is_long_enough(seed: int, limit: int, least: int) -> None:
    table = random_table(seed, 3)
    least = min(least, limit - 1)
    found = ruled(no_end_before(torch.tensor([least]), EOS), table, limit)
    assert_same(found, allowed(lambda ids: len(ids) >= least, table, limit))


@some
@given(seeds, st.integers(3, 5), st.lists(st.integers(1, 2), max_size=2))
def test_a_forced_prefix_leaves_what_begins_with_it(
    seed: int, limit: int, prefix: list[int]
) -> None:
    table = random_table(seed, 3)
    found = ruled(begin_with([prefix]), table, limit)
    assert_same(found, allowed(lambda ids: list(ids[: len(prefix)]) == prefix, table, limit))


@some
@given(seeds, st.integers(1, 5), st.integers(1, 3))
def test_without_repeated_ngrams_is_what_has_none(seed: int, limit: int, size: int) -> None:
    def has_none(ids: Prefix) -> bool:
        grams = [ids[i : i + size] for i in range(len(ids) - size + 1)]
        return len(grams) == len(set(grams))

    table = random_table(seed, 3)
    found = ruled(no_repeated_ngram(size), table, limit)
    expected = allowed(has_none, table, limit)
    assert {each.tokens for each in expected} <= {each.tokens for each in found}
    assert all(has_none(each.tokens[: limit - 1]) for each in found)


@some
@given(seeds)
def test_rules_that_contradict_each_other_leave_something(seed: int) -> None:
    table = random_table(seed, 3)
    prefix, least = [1, 1, 1, 1], 5
    for rules in (
        [no_end_before(torch.tensor([least]), EOS), end_loops(torch.tensor([False]), 2, 1, EOS)],
        [begin_with([prefix]), no_repeated_ngram(1), end_loops(torch.tensor([False]), 2, 1, EOS)],
    ):
        (found,) = beam([table], [6], beam_size=64, n_best=64, rules=rules)
        assert found
        assert all(len(each.tokens) >= len(prefix) for each in found)


# --- terms ----------------------------------------------------------------------------------------


def constrained(
    tables: Sequence[Table],
    limits: Sequence[int],
    terms: Sequence[Sequence[Prefix]],
    slots: int,
    inside: Sequence[int] = (),
    n_best: int = 1,
) -> list[list[Hypothesis]]:
    continues_word = torch.zeros(4, dtype=torch.bool)
    continues_word[list(inside)] = True
    choose = constrained_beam_search(terms, slots, EOS, continues_word)
    return run(tables, limits, choose, slots, n_best=n_best)


def occurs(term: Prefix, ids: Prefix) -> bool:
    return any(ids[i : i + len(term)] == term for i in range(len(ids)))


required = st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple), max_size=3)


@some
@given(seeds, st.lists(required, min_size=1, max_size=3), st.integers(1, 12), st.integers(0, 3))
def test_every_hypothesis_holds_its_terms_where_they_fit(
    seed: int, terms: list[list[Prefix]], slots: int, spare: int
) -> None:
    tables = [random_table(seed + n, 4) for n in range(len(terms))]
    limits = [sum(map(len, each)) + 1 + spare for each in terms]
    for found, wanted, limit in zip(
        constrained(tables, limits, terms, slots), terms, limits, strict=True
    ):
        assert found
        for each in found:
            assert all(occurs(term, each.tokens) for term in wanted)
            assert not coverage(each.tokens, wanted).missing
            assert len(each.tokens) < limit


@some
@given(seeds, st.lists(st.integers(1, 2), min_size=1, max_size=2).map(tuple), st.integers(3, 5))
def test_the_best_sentence_with_a_term_is_found_where_there_is_room_for_everything(
    seed: int, term: Prefix, limit: int
) -> None:
    table = random_table(seed, 3)
    (found,) = constrained([table], [limit], [[term]], slots=200)
    expected = next(e for e in brute_force(table, limit, 3, 1.0) if occurs(term, e.tokens))
    assert found[0].score >= expected.score - 1e-5


def test_without_terms_it_is_plain_beam_search() -> None:
    tables = [random_table(n, 4) for n in range(5)]
    plain = beam(tables, [6] * 5, beam_size=3)
    found = constrained(tables, [6] * 5, [[]] * 5, slots=3)
    assert [each[0].tokens for each in found] == [each[0].tokens for each in plain]


def test_a_term_is_not_made_part_of_a_longer_word() -> None:
    def table(prefix: Prefix) -> list[float]:  # 2 is by far the most probable after 1
        return [-5.0, -9.0, -0.01] if prefix and prefix[-1] == 1 else [-1.0, -1.0, -1.0]

    (free,) = constrained([table], [5], [[(1,)]], slots=1)
    (whole,) = constrained([table], [5], [[(1,)]], slots=1, inside=[2])
    assert occurs((1, 2), free[0].tokens)
    assert not occurs((1, 2), whole[0].tokens)


def test_a_term_is_not_tacked_on_behind_the_mark_that_closes_a_sentence() -> None:
    mark, term = 2, 1

    def table(prefix: Prefix) -> list[float]:  # the term is probable behind the mark alone
        if prefix[-1:] == (mark,):
            return [-0.1, -3.0, -9.0, -9.0]
        return [-2.0, -9.0, -0.5, -1.0]

    def found(marks: Sequence[set[int]] | None) -> Prefix:
        choose = constrained_beam_search(
            [[(term,)]], 5, EOS, torch.zeros(4, dtype=torch.bool), marks
        )
        return run([table], [6], choose, 5)[0][0].tokens

    assert found(None)[:2] == (mark, term)
    assert found([set()])[:2] == (mark, term)
    assert mark not in (tokens := found([{mark}]))[: tokens.index(term)]


@some
@given(seeds, required, st.integers(0, 3))
def test_a_closing_mark_waits_for_all_terms_but_its_own(
    seed: int, terms: list[Prefix], spare: int
) -> None:
    limit = sum(map(len, terms)) + 1 + spare
    choose = constrained_beam_search([terms], 9, EOS, torch.zeros(4, dtype=torch.bool), [{2}])
    (found,) = run([random_table(seed, 4)], [limit], choose, 9, n_best=9)
    assert found
    for each in found:
        assert not coverage(each.tokens, terms).missing
        for place, token in enumerate(each.tokens):
            before = coverage(each.tokens[:place], terms)
            assert token != 2 or not before.missing or token in before.next_ids


@pytest.mark.parametrize(
    ("prefix", "terms", "missing", "begun", "next_ids"),
    [
        ((), [(1, 2)], 1, 0, (1,)),
        ((1,), [(1, 2)], 1, 1, (2,)),
        ((1, 2), [(1, 2)], 0, 0, ()),
        ((1, 3), [(1, 2)], 1, 0, (1,)),
        ((1, 1), [(1, 2)], 1, 1, (2,)),
        ((1, 2), [(1, 2), (1, 2)], 1, 0, (1,)),
        ((1,), [(1, 2), (1, 3)], 2, 1, (2, 3)),
        ((1, 2), [(1,), (2,)], 0, 0, ()),
        ((7, 7, 7, 8), [(7, 7, 8)], 0, 0, ()),
        ((7, 7, 7), [(7, 7, 8)], 1, 2, (8,)),
        ((1, 2), [(1, 2, 3), (2,)], 2, 2, (3,)),
        ((1, 2, 4), [(1, 2, 3), (2,)], 1, 0, (1,)),
        ((1, 2, 3, 2), [(1, 2, 3), (2,)], 0, 0, ()),
        ((1, 1, 2), [(1, 1, 3), (1, 2)], 1, 0, (1,)),
    ],
)
def test_a_prefix_covers_terms(
    prefix: Prefix, terms: list[Prefix], missing: int, begun: int, next_ids: Prefix
) -> None:
    found = coverage(prefix, terms)
    assert (len(found.missing), found.begun, found.next_ids) == (missing, begun, next_ids)


def textbook_coverage(ids: Prefix, terms: list[Prefix]) -> tuple[list[Prefix], Prefix]:
    """The missing terms and what is begun: one place after the other, and every term there."""
    for place in range(len(ids)):
        rest = ids[place:]
        whole = [term for term in sorted(terms, key=len) if term == rest[: len(term)]]
        if whole:
            left = [*terms]
            left.remove(whole[0])
            return textbook_coverage(rest[len(whole[0]) :], left)
        if any(term[: len(rest)] == rest for term in terms):
            return terms, rest
    return terms, ()


few_ids = st.lists(st.integers(1, 2), max_size=12).map(tuple)
few_terms = st.lists(st.lists(st.integers(1, 2), min_size=1, max_size=5).map(tuple), max_size=4)


@examples(300)
@given(few_ids, few_terms)
def test_coverage_is_what_a_search_from_every_place_finds(
    prefix: Prefix, terms: list[Prefix]
) -> None:
    found = coverage(prefix, terms)
    missing, pending = textbook_coverage(prefix, terms)
    assert (sorted(found.missing), found.pending) == (sorted(missing), pending)
    broken_off = coverage((*prefix, 0), terms)
    for term in broken_off.missing if len(terms) == 1 else ():
        assert not occurs(term, prefix)


@examples(300)
@given(few_ids, few_terms)
def test_coverage_can_be_read_on_from_where_it_stands(prefix: Prefix, terms: list[Prefix]) -> None:
    before = coverage(prefix, terms)
    for token in (0, 1, 2):
        after = coverage((*prefix, token), terms)
        assert coverage((*before.pending, token), before.missing)[:3] == after[:3]
        if token in before.next_ids:
            assert after.needed == before.needed - 1  # so what fits in time can be completed
