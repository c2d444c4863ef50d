"""Which examples share a row? Rows of one length, with hardly any padding."""

import numpy as np
import numpy.typing as npt

from translator.data.corpus import Integers

_SHORTEST_ROW = 64
_FAR_FEWER = 0.5  # times the tokens of the other half
_SLACK = 1.5  # for rows that happen to have more
_EXCHANGED = 8  # rows that exchange their new examples if that suits both halves better


def row_lengths(sizes: Integers, tokens_per_batch: int) -> Integers:
    """Tokens in a row of each half: enough for the longest of sizes [halves, P], or some short.

    A half that has far fewer tokens than the other, such as summaries of articles or the names of
    pictures, has rows that are shorter in proportion; else those of both are alike.
    """
    length = max(min(_SHORTEST_ROW, tokens_per_batch), _whole(sizes.max()))
    shares = sizes.sum(1) / max(1, sizes.sum(1).max())
    needed = [
        _whole(max(*own, length * share * _SLACK)) for own, share in zip(sizes, shares, strict=True)
    ]
    return np.where(shares < _FAR_FEWER, np.minimum(needed, length), length)


def _whole(length: float) -> int:
    return -(-int(np.ceil(length)) // 16) * 16


def pack_rows(sizes: Integers, lengths: npt.ArrayLike) -> list[Integers]:
    """Put examples of sizes [halves, P] into as few rows as best-fit decreasing finds.

    A row has `lengths` tokens: as many in each half of the model, or [halves]. All rows take an
    example at once, round by round, so that the work is done by whole arrays. Returns the indices
    of each row.
    """
    length = np.broadcast_to(np.asarray(lengths, np.int64), len(sizes))[:, None]
    if (sizes > length).any():
        raise ValueError(f"an example of {sizes.max()} tokens does not fit a row of {length.max()}")
    left = np.argsort(-(sizes / length).max(0), kind="stable")  # the examples to be placed
    rows = np.zeros(sizes.shape[1], np.int64)  # of each example
    first_row = 0
    while len(left):
        count = int((-(-sizes[:, left].sum(1) // length[:, 0])).max())  # fewer cannot hold them
        left = _fill_rows(sizes, left, rows, range(first_row, first_row + count), length)
        first_row += count
    by_row = np.argsort(rows, kind="stable")
    return np.split(by_row, np.flatnonzero(np.diff(rows[by_row])) + 1)


def _fill_rows(
    sizes: Integers, left: Integers, rows: Integers, new_rows: range, length: Integers
) -> Integers:
    """Put examples into new rows until none fits; `rows` says where, those left come back.

    In each round a row takes the largest example that is sure to fit; the row with the most room
    chooses first. `left` is sorted by the larger half of each, falling, as shares of a row.
    """
    size = (sizes / length).max(0)
    open_rows = np.arange(len(new_rows))
    room = np.tile(length, len(new_rows))
    while len(left) and len(open_rows):
        least = (room[:, open_rows] / length).min(0)
        order = np.argsort(-least, kind="stable")
        place = np.searchsorted(-size[left], -least[order])
        turn = np.arange(len(place))
        place = np.maximum.accumulate(place - turn) + turn  # to each row another
        fits = place < len(left)
        place, open_rows = place[fits], open_rows[order][fits]
        taken = left[place]
        left = np.delete(left, place)
        if len(sizes) == 2:
            _exchange(sizes, room, taken, open_rows)
        room[:, open_rows] -= sizes[:, taken]
        rows[taken] = new_rows.start + open_rows
    return left


def _exchange(sizes: Integers, room: Integers, taken: Integers, rows: Integers) -> None:
    """Among neighbours, give examples that are longer in the encoder to rows with more room there.

    Neighbours have about the same size, so this keeps both halves of a row equally full. Where an
    example would not fit any more, the neighbours keep what they have.
    """
    count = len(taken) // _EXCHANGED * _EXCHANGED
    taken = taken[:count].reshape(-1, _EXCHANGED)
    own_rows = rows[:count].reshape(-1, _EXCHANGED)  # views: what is written there is kept
    exchanged = _sort_each(taken, (sizes[0] - sizes[1])[taken])
    new_rows = _sort_each(own_rows, (room[0] - room[1])[own_rows])
    fits = (sizes[:, exchanged] <= room[:, new_rows]).all(axis=(0, 2))
    taken[fits], own_rows[fits] = exchanged[fits], new_rows[fits]


def _sort_each(groups: Integers, keys: npt.NDArray[np.int64]) -> Integers:
    return np.take_along_axis(groups, np.argsort(keys, axis=1, kind="stable"), axis=1)
