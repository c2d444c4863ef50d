"""Neighbours and parallel sentences among vectors: blocks against loops over every pair."""

from itertools import product

import numpy as np
import pytest

from translator import embedding
from translator.embedding import (
    Embedder,
    Nearest,
    Vectors,
    cosines,
    nearest_texts,
    normalized,
    rows_of,
)
from translator.mining import DistinctTexts, MinedPair, half_whitened, mine
from translator.runs import RunDirectory


def some_vectors(number: int, size: int, seed: int) -> Vectors:
    """Vectors of length 1; some are equal, and one is zero."""
    vectors = np.random.default_rng(seed).normal(size=(number, size)) + 0.5
    vectors[number // 2] = vectors[0]
    vectors[number // 3] = 0.0
    return normalized(vectors)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "ROWS_AT_ONCE", 7)


# --- neighbours -----------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3, 40])
@pytest.mark.parametrize("size", [5, 8, 32])
@pytest.mark.usefixtures("small_blocks")
def test_blocks_find_the_neighbours_that_sorting_finds(k: int, size: int) -> None:
    queries, candidates = some_vectors(20, size, 1), some_vectors(31, size, 2)
    candidates[10], candidates[30] = candidates[4], candidates[4]  # equal, in other blocks
    found = Nearest(len(queries), k)
    for rows, columns in product(rows_of(queries), rows_of(candidates)):
        found.add(rows, columns.start, cosines(queries[rows], candidates[columns]))
    for query, vector in enumerate(queries):
        scores = {i: float(np.dot(vector, each)) for i, each in enumerate(candidates) if each.any()}
        expected = sorted(scores, key=lambda i: (-round(scores[i], 5), i))[:k]
        there = found.indices[query] >= 0
        assert found.indices[query][there].tolist() == (expected if vector.any() else [])
        np.testing.assert_allclose(
            found.scores[query][there], [scores[i] for i in expected][: there.sum()], atol=1e-6
        )
        assert (found.scores[query][~there] == -np.inf).all()


def test_equal_vectors_have_equal_cosines_wherever_they_stand() -> None:
    queries, candidates = some_vectors(50, 192, 3), some_vectors(9, 192, 4)[-1:].repeat(1001, 0)
    scores = cosines(queries, candidates)
    assert (scores == scores[:, :1]).all()


def test_of_many_texts_only_the_neighbours_are_kept(
    trained_run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = Embedder.from_run(trained_run.path, "cpu")
    texts = ["ana", "", "bebe nina", "baba", "ana", "mimi", "ana bebe"]
    expected = nearest_texts(embedder, embedder.embed(["ana", " "]), texts, 2)
    monkeypatch.setattr(embedding, "TEXTS_AT_ONCE", 2)
    found, kept = nearest_texts(embedder, embedder.embed(["ana", " "]), iter(texts), 2)
    assert found.indices.tolist() == expected[0].indices.tolist() == [[0, 4], [-1, -1]]
    assert kept == expected[1] == {0: "ana", 4: "ana"}


# --- mining ---------------------------------------------------------------------------------------


def mined_by_loops(source: Vectors, target: Vectors, k: int, threshold: float) -> list[MinedPair]:
    """Artetxe and Schwenk (2019), word for word: every pair, nothing in blocks."""
    cosine = source.astype(np.float64) @ target.T.astype(np.float64)
    rows = [i for i, vector in enumerate(source) if vector.any()]
    columns = [j for j, vector in enumerate(target) if vector.any()]
    if not rows or not columns:
        return []
    nearest_targets = {i: sorted(columns, key=lambda j: -cosine[i, j])[:k] for i in rows}
    nearest_sources = {j: sorted(rows, key=lambda i: -cosine[i, j])[:k] for j in columns}

    def margin(i: int, j: int) -> float:
        there = np.mean([cosine[i, each] for each in nearest_targets[i]])
        back = np.mean([cosine[each, j] for each in nearest_sources[j]])
        return float(cosine[i, j] / ((there + back) / 2))

    proposals = {(i, max(nearest_targets[i], key=lambda j: margin(i, j))) for i in rows}
    proposals |= {(max(nearest_sources[j], key=lambda i: margin(i, j)), j) for j in columns}
    left_rows, left_columns, found = set(rows), set(columns), []
    for i, j in sorted(proposals, key=lambda pair: -margin(*pair)):
        if margin(i, j) >= threshold and i in left_rows and j in left_columns:
            left_rows.remove(i)
            left_columns.remove(j)
            found.append(MinedPair(i, j, margin(i, j)))
    return found


@pytest.mark.parametrize("k", [1, 4, 12])
@pytest.mark.parametrize("whitened", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 3), (5, 4), (20, 31), (45, 30)])
@pytest.mark.usefixtures("small_blocks")
def test_blocks_find_the_pairs_that_loops_find(
    shape: tuple[int, int], whitened: bool, k: int
) -> None:
    draw = np.random.default_rng(5)
    source, target = (normalized(draw.normal(size=(n, 16)) + 0.7) for n in shape)
    if shape[0] > 5:
        source[5] = 0.0
    sides = half_whitened(source, target) if whitened else (source, target)
    fewest = min(shape)
    expected = mined_by_loops(*sides, min(k, max(1, fewest - 1)) if whitened else k, 1.02)
    found = mine(source, target, k=k, threshold=1.02, whitened=whitened)
    assert [pair[:2] for pair in found] == [pair[:2] for pair in expected]
    np.testing.assert_allclose([p.score for p in found], [p.score for p in expected], rtol=1e-5)


def test_partners_are_found_among_others_whatever_their_sides_have_in_common() -> None:
    draw = np.random.default_rng(6)
    meaning = draw.normal(size=(40, 64))
    language = 20 * draw.normal(size=64)
    source = normalized(meaning + 0.1 * draw.normal(size=(40, 64)))
    order = draw.permutation(40)
    target = normalized(np.concatenate((meaning[order], draw.normal(size=(60, 64)))) + language)
    found = {(pair.source, pair.target) for pair in mine(source, target)}
    assert {(int(i), j) for j, i in enumerate(order)} <= found


def test_half_whitening_subtracts_means_and_multiplies_by_a_power_of_the_covariance() -> None:
    source, target = some_vectors(300, 8, 7), some_vectors(500, 8, 9)
    blank = source.any(1), target.any(1)
    found = half_whitened(source, target)
    shifted = [
        side[there].astype(np.float64) - side[there].mean(0, np.float64)
        for side, there in zip((source, target), blank, strict=True)
    ]
    covariance = sum(np.cov(side.T, bias=True) for side in shifted) / 2
    values, vectors = np.linalg.eigh(covariance)
    root = vectors @ np.diag(values**0.25) @ vectors.T
    np.testing.assert_allclose(np.linalg.matrix_power(root, 4), covariance, atol=1e-12)
    expected = [np.linalg.solve(root, side.T).T for side in shifted]
    for side, there, own in zip(found, blank, expected, strict=True):
        assert not side[~there].any()
        np.testing.assert_allclose(side[there] @ found[0][:9].T, own @ expected[0][:9].T, atol=1e-5)


def test_half_whitening_of_texts_that_differ_in_nothing_leaves_nothing() -> None:
    same = normalized(np.ones((3, 8), np.float32))
    assert not any(side.any() for side in half_whitened(same, same))


def test_nothing_is_found_where_there_is_nothing() -> None:
    vectors, none = some_vectors(9, 4, 8), np.zeros((0, 4), np.float32)
    zeros = np.zeros((3, 4), np.float32)
    for source, target in ((vectors, none), (none, vectors), (none, none), (vectors, zeros)):
        assert mine(source, target, threshold=0.0) == []


def test_repeated_and_blank_lines_are_counted() -> None:
    found = DistinctTexts.of(["b", "", "a  a", "b", "a a ", "\t", "b"])
    assert found == DistinctTexts(["b", "a a"], blank=2, repeated=3)
