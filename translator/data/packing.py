"""Which sentences share a row? Rows of one length, with hardly any padding."""

import numpy as np
import numpy.typing as npt

from translator.data.corpus import Corpus, Integers

_SHORTEST_ROW = 64
_EXCHANGED = 8  # rows that exchange their new pairs if that suits both sides better


def row_length(corpus: Corpus, tokens_per_batch: int) -> int:
    """Tokens in a row: enough for the longest sentence and for some short ones together."""
    longest = int(max(corpus.source_lengths.max(), corpus.target_lengths.max()))
    return max(min(_SHORTEST_ROW, tokens_per_batch), -(-longest // 16) * 16)


def pack_rows(corpus: Corpus, indices: Integers, length: int) -> list[Integers]:
    """Put pairs into as few rows of `length` tokens a side as best-fit decreasing finds.

    All rows take a pair at once, round by round, so that the work is done by whole arrays.
    """
    sides = np.stack([corpus.source_lengths[indices], corpus.target_lengths[indices]])  # [2, P]
    left = np.argsort(-sides.max(0), kind="stable")  # the pairs that are still to be placed
    rows = np.zeros(len(indices), np.int64)  # of each pair
    first_row = 0
    while len(left):
        count = int(-(-sides[:, left].sum(1).max() // length))  # fewer cannot hold them
        left = _fill_rows(sides, left, rows, range(first_row, first_row + count), length)
        first_row += count
    by_row = np.argsort(rows, kind="stable")
    return np.split(indices[by_row], np.flatnonzero(np.diff(rows[by_row])) + 1)


def _fill_rows(
    sides: Integers, left: Integers, rows: Integers, new_rows: range, length: int
) -> Integers:
    """Put pairs into new rows until none fits; `rows` tells where, the pairs left come back.

    In each round a row takes the largest pair that is sure to fit; the row with the most room
    chooses first. `left` is sorted by size, the larger side of a pair, falling.
    """
    size = sides.max(0)
    open_rows = np.arange(len(new_rows))
    room = np.full((2, len(new_rows)), length)
    while len(left) and len(open_rows):
        least = room[:, open_rows].min(0)
        order = np.argsort(-least, kind="stable")
        place = np.searchsorted(-size[left], -least[order])
        turn = np.arange(len(place))
        place = np.maximum.accumulate(place - turn) + turn  # to each row another
        fits = place < len(left)
        place, open_rows = place[fits], open_rows[order][fits]
        pairs = left[place]
        left = np.delete(left, place)
        _exchange(sides, room, pairs, open_rows)
        room[:, open_rows] -= sides[:, pairs]
        rows[pairs] = new_rows.start + open_rows
    return left


def _exchange(sides: Integers, room: Integers, pairs: Integers, rows: Integers) -> None:
    """Among neighbours, give pairs that are longer in the source to rows with more room there.

    Neighbours have about the same size, so this keeps both sides of a row equally full. Where a
    pair would not fit any more, the neighbours keep what they have.
    """
    count = len(pairs) // _EXCHANGED * _EXCHANGED
    pairs = pairs[:count].reshape(-1, _EXCHANGED)
    own_rows = rows[:count].reshape(-1, _EXCHANGED)  # views: what is written there is kept
    exchanged = _sort_each(pairs, (sides[0] - sides[1])[pairs])
    new_rows = _sort_each(own_rows, (room[0] - room[1])[own_rows])
    fits = (sides[:, exchanged] <= room[:, new_rows]).all(axis=(0, 2))
    pairs[fits], own_rows[fits] = exchanged[fits], new_rows[fits]


def _sort_each(groups: Integers, keys: npt.NDArray[np.int64]) -> Integers:
    return np.take_along_axis(groups, np.argsort(keys, axis=1, kind="stable"), axis=1)
