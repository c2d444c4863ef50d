"""Lexical constraints: the slots of a beam are shared out by how much of the terms a prefix holds.

The idea is dynamic beam allocation (Post and Vilar, 2018): among the most probable prefixes alone,
one that has begun an unlikely term would never survive. Here each step also tries the tokens that
go on with a term, and the slots go round the banks (prefixes with equally many ids of terms) from
the fullest down. When only just enough ids are left for what is missing, nothing else may follow,
so every sentence that ends holds all its terms.
"""

from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from translator.decoding.loop import Beams, Choice, Strategy
from translator.decoding.strategies import top_k

Term = tuple[int, ...]


class TermCoverage(NamedTuple):
    """How far a prefix has come with the terms of its sentence."""

    missing: tuple[Term, ...]  # terms that do not occur yet
    pending: Term  # the ids at the end of the prefix with which a missing term begins
    next_ids: tuple[int, ...]  # what goes on with the begun term, or begins one
    just_ended: bool  # a term ends with the last id

    @property
    def begun(self) -> int:
        """How many ids of a missing term stand at the end of the prefix."""
        return len(self.pending)

    @property
    def needed(self) -> int:
        """The fewest ids that complete all terms."""
        return sum(map(len, self.missing)) - self.begun


class _Candidate(NamedTuple):
    log_prob: float
    parent: int
    token: int
    needed: int


def constrained_beam_search(
    terms: Sequence[Sequence[Term]],
    beam_size: int,
    eos: int,
    continues_word: Tensor,
    marks: Sequence[Container[int]] | None = None,
) -> Strategy:
    """Beam search in which sentence i ends only when it holds all terms[i], each as often as given.

    `continues_word` [V] is True for ids that may not stand right after a term, because they would
    make it part of a longer word. marks[i] are ids that close sentence i, such as its full stop:
    like the end they wait for all terms, which would else be tacked on behind them.
    """

    def choose(beams: Beams, next_log_probs: Tensor) -> Choice:
        rows = []
        for row, sentence in enumerate(beams.sentences.tolist()):
            wanted, closing = terms[sentence], marks[sentence] if marks else ()
            own = (beams.owners == row).nonzero()[:, 0]
            states = [coverage(prefix, wanted) for prefix in beams.prefixes[own].tolist()]
            best = _best_after(states, next_log_probs[own], beam_size, continues_word)
            left = int(beams.limits[row]) - beams.length  # ids, the end counted
            candidates = [
                candidate
                for parent, log_prob, state, tried in zip(
                    own.tolist(), beams.log_probs[own].tolist(), states, best, strict=True
                )
                for candidate in _candidates(parent, log_prob, state, tried, left, eos)
                if not (state.needed and _closes(candidate.token, state, closing))
            ]
            rows.append(_share_out(candidates, int(beams.free[row])))
        empty = _Candidate(-torch.inf, 0, eos, 0)
        filled = [[*row, *[empty] * (beam_size - len(row))] for row in rows]
        device = next_log_probs.device
        return Choice(
            torch.tensor([[each.log_prob for each in row] for row in filled], device=device),
            torch.tensor([[each.parent for each in row] for row in filled], device=device),
            torch.tensor([[each.token for each in row] for row in filled], device=device),
        )

    return choose


def coverage(prefix: Sequence[int], terms: Sequence[Term]) -> TermCoverage:
    """Match terms from left to right; a term counts once for each time that it is given.

    A term counts at the first place where it stands and overlaps none that has counted: where
    one breaks off, matching begins again at the id after its first. Of terms that begin in one
    place the shortest counts.
    """
    ids, missing = tuple(prefix), list(terms)
    firsts = {term[0] for term in missing}
    place = end = 0  # of what is matched next, and of the last term that has counted
    while place < len(ids):
        if ids[place] not in firsts:  # nearly everywhere
            place += 1
            continue
        left = len(ids) - place
        here = [term for term in missing if term[:left] == ids[place : place + len(term)]]
        whole = min((term for term in here if len(term) <= left), key=len, default=None)
        if whole:
            missing.remove(whole)
            firsts = {term[0] for term in missing}
            place = end = place + len(whole)
        elif here:
            break  # one is begun, and may go on
        else:
            place += 1
    pending = ids[place:]
    next_ids = {term[len(pending)] for term in missing if term[: len(pending)] == pending}
    just_ended = end == len(ids) > 0 or any(pending[-len(term) :] == term for term in missing)
    return TermCoverage(tuple(missing), pending, tuple(sorted(next_ids)), just_ended)


def _best_after(
    states: Sequence[TermCoverage], next_log_probs: Tensor, count: int, continues_word: Tensor
) -> list[dict[int, float]]:
    """For each prefix of a sentence the ids worth a look, and their log-probabilities."""
    just_ended = torch.tensor([state.just_ended for state in states], device=next_log_probs.device)
    forbidden = just_ended[:, None] & continues_word[: next_log_probs.shape[1]]
    values, ids = top_k(
        next_log_probs.masked_fill(forbidden, -torch.inf), min(count, next_log_probs.shape[1])
    )
    tried = [
        dict(zip(*each, strict=True)) for each in zip(ids.tolist(), values.tolist(), strict=True)
    ]
    for slot, state in enumerate(states):
        going_on = next_log_probs[slot, list(state.next_ids)].tolist()
        tried[slot] |= dict(zip(state.next_ids, going_on, strict=True))
    return tried


def _candidates(
    parent: int, log_prob: float, state: TermCoverage, tried: dict[int, float], left: int, eos: int
) -> Iterator[_Candidate]:
    """The extensions of a prefix after which its `left` ids still suffice for what is missing."""
    for token, after in tried.items():
        if token in state.next_ids:
            needed = state.needed - 1
        elif state.pending:  # what was begun breaks off; another may have begun inside it
            needed = coverage((*state.pending, token), state.missing).needed
        else:
            needed = state.needed
        too_late = state.needed > 0 if token == eos else needed > left - 2  # it and the end
        if not too_late and after > -torch.inf:
            yield _Candidate(log_prob + after, parent, token, needed)


def _closes(token: int, state: TermCoverage, closing: Container[int]) -> bool:
    """Whether a token closes the sentence, and is no part of a term."""
    return token in closing and token not in state.next_ids


def _share_out(candidates: list[_Candidate], free: int) -> list[_Candidate]:
    """Fill the free slots: from each bank its best in turn, those who need least first."""
    banks: dict[int, list[_Candidate]] = {}
    for candidate in sorted(candidates, reverse=True):
        banks.setdefault(candidate.needed, []).append(candidate)
    chosen: list[_Candidate] = []
    for turn in range(max(map(len, banks.values()), default=0)):
        chosen += [banks[needed][turn] for needed in sorted(banks) if turn < len(banks[needed])]
    return chosen[:free]
