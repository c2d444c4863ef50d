"""Required terms: a beam whose slots are shared out by how much of the terms a prefix holds.

The idea is dynamic beam allocation (Post and Vilar, 2018): among the most probable prefixes alone,
one that has begun an unlikely term would never survive. Here each step also tries the tokens that
go on with a term, and the slots go round the banks (prefixes with equally many ids of terms) from
the fullest down. When only just enough ids are left for what is missing, nothing else may follow,
so every sentence that ends holds all its terms.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from translator.decoding.choices import top_k
from translator.decoding.loop import Beams, Choice, Chooser

Term = tuple[int, ...]


class Coverage(NamedTuple):
    """How far a prefix has come with the terms of its sentence."""

    missing: tuple[Term, ...]  # terms that do not occur yet
    begun: int  # how many ids of a missing term stand at the end of the prefix
    next_ids: tuple[int, ...]  # what goes on with the begun term, or begins one
    just_ended: bool  # the last id completes a term

    @property
    def needed(self) -> int:
        """At least so many ids complete all terms."""
        return sum(map(len, self.missing)) - self.begun


class _Candidate(NamedTuple):
    log_prob: float
    slot: int
    token: int
    needed: int


def extensions_with_terms(
    terms: Sequence[Sequence[Term]], beam_size: int, eos: int, continues_word: Tensor
) -> Chooser:
    """Beam search in which sentence i ends only when it holds all terms[i], each as often as given.

    `continues_word` [V] is True for ids that may not stand right after a term, because they would
    make it part of a longer word.
    """
    inside = frozenset(continues_word.nonzero().flatten().tolist())

    def choose(beams: Beams, next_log_probs: Tensor) -> Choice:
        values, ids = top_k(next_log_probs.flatten(0, 1), min(beam_size, next_log_probs.shape[2]))
        width = next_log_probs.shape[1]
        rows = []
        for row, best in enumerate(
            zip(
                values.unflatten(0, (-1, width)).tolist(),
                ids.unflatten(0, (-1, width)).tolist(),
                strict=True,
            )
        ):
            candidates = list(
                _candidates(beams, row, terms, next_log_probs[row], best, eos, inside)
            )
            rows.append(_share_out(candidates, int(beams.free[row])))
        empty = _Candidate(-torch.inf, 0, eos, 0)
        filled = [[*row, *[empty] * (beam_size - len(row))] for row in rows]
        device = next_log_probs.device
        return Choice(
            torch.tensor([[each.log_prob for each in row] for row in filled], device=device),
            torch.tensor([[each.slot for each in row] for row in filled], device=device),
            torch.tensor([[each.token for each in row] for row in filled], device=device),
        )

    return choose


def coverage(prefix: Sequence[int], terms: Sequence[Term]) -> Coverage:
    """Read a prefix from left to right; a term counts once for each time that it is given."""
    missing, begun, just_ended = list(terms), 0, False
    candidates: list[Term] = []
    for token in prefix:
        candidates = [term for term in candidates if len(term) > begun and term[begun] == token]
        begun += 1
        if not candidates:  # nothing was begun, or it broke off: does one begin here?
            begun, candidates = 1, [term for term in missing if term[0] == token]
        complete = next((term for term in candidates if len(term) == begun), None)
        just_ended = complete is not None
        if complete is not None:
            missing.remove(complete)
        if complete is not None or not candidates:
            begun, candidates = 0, []
    next_ids = {term[begun] for term in (candidates or missing)}
    return Coverage(tuple(missing), begun, tuple(sorted(next_ids)), just_ended)


def _candidates(
    beams: Beams,
    row: int,
    terms: Sequence[Sequence[Term]],
    next_log_probs: Tensor,  # [k, V]
    best: tuple[list[list[float]], list[list[int]]],  # [k][count] each
    eos: int,
    inside: frozenset[int],
) -> Iterator[_Candidate]:
    """The allowed extensions of the prefixes of one sentence that are worth a look."""
    left = int(beams.limits[row]) - beams.length  # ids, the end counted
    wanted = terms[int(beams.sentences[row])]
    for slot, log_prob in enumerate(beams.log_probs[row].tolist()):
        if log_prob == -torch.inf:
            continue
        state = coverage(beams.prefixes[row, slot].tolist(), wanted)
        tried = dict(zip(best[1][slot], best[0][slot], strict=True))
        if state.needed:
            going_on = next_log_probs[slot, list(state.next_ids)].tolist()
            tried |= dict(zip(state.next_ids, going_on, strict=True))
        for token, after in tried.items():
            goes_on = token in state.next_ids
            needed = state.needed - 1 if goes_on else sum(map(len, state.missing))
            too_late = needed > left - 2  # the token and the end take two
            if token == eos:
                too_late = state.needed > 0
            longer_word = state.just_ended and token in inside and not goes_on
            if not (too_late or longer_word or after == -torch.inf):
                yield _Candidate(log_prob + after, slot, token, needed)


def _share_out(candidates: list[_Candidate], free: int) -> list[_Candidate]:
    """Fill the free slots: from each bank its best in turn, those who need least first."""
    banks: dict[int, list[_Candidate]] = {}
    for candidate in sorted(candidates, reverse=True):
        banks.setdefault(candidate.needed, []).append(candidate)
    chosen: list[_Candidate] = []
    for turn in range(max(map(len, banks.values()), default=0)):
        chosen += [banks[needed][turn] for needed in sorted(banks) if turn < len(banks[needed])]
    return chosen[:free]
