"""What may not follow: pure functions over log-probabilities."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from translator.decoding.loop import Beams, Rule


def no_end_before(lengths: Tensor, eos: int) -> Rule:
    """Sentence i has at least lengths[i] ids, the end not counted."""

    def rule(beams: Beams, log_probs: Tensor) -> Tensor:
        early = (lengths[beams.sentences] > beams.length)[beams.owners]
        if not early.any():
            return log_probs
        log_probs = log_probs.clone()
        log_probs[early, eos] = -torch.inf
        return log_probs

    return rule


def begin_with(prefixes: Sequence[Sequence[int]]) -> Rule:
    """Sentence i begins with the ids prefixes[i], which may be none."""

    def rule(beams: Beams, log_probs: Tensor) -> Tensor:
        forced = [
            (row, prefixes[sentence][beams.length])
            for row, sentence in enumerate(beams.sentences[beams.owners].tolist())
            if beams.length < len(prefixes[sentence])
        ]
        if not forced:
            return log_probs
        rows, ids = (
            torch.tensor(each, device=log_probs.device) for each in zip(*forced, strict=True)
        )
        kept = log_probs[rows, ids]
        log_probs = log_probs.clone()
        log_probs[rows] = -torch.inf
        log_probs[rows, ids] = kept
        return log_probs

    return rule


def no_repeated_ngram(size: int) -> Rule:
    """No sequence of `size` ids occurs twice in a sentence, unless nothing else may follow."""

    def rule(beams: Beams, log_probs: Tensor) -> Tensor:
        if beams.length < size:
            return log_probs
        last = beams.prefixes[:, beams.length - size + 1 :]  # [N, size - 1]
        grams = beams.prefixes.unfold(1, size, 1)  # [N, starts, size]
        repeats = (grams[..., :-1] == last[:, None]).all(dim=2)
        rows, starts = repeats.nonzero(as_tuple=True)
        left = log_probs.clone()
        left[rows, grams[rows, starts, size - 1]] = -torch.inf
        forced = left.isneginf().all(dim=1, keepdim=True)  # by another rule, to repeat
        return torch.where(forced, log_probs, left)

    return rule


def while_wanted(wanted: Sequence[Callable[[], bool]]) -> Rule:
    """Nothing may follow in a sentence i once wanted[i]() is False: its search ends there."""

    def rule(beams: Beams, log_probs: Tensor) -> Tensor:
        dropped = [not wanted[sentence]() for sentence in beams.sentences.tolist()]
        if not any(dropped):
            return log_probs
        rows = torch.tensor(dropped, device=log_probs.device)[beams.owners]
        return log_probs.masked_fill(rows[:, None], -torch.inf)

    return rule


def end_loops(may_loop: Tensor, repeats: int, least: int, eos: int) -> Rule:
    """A prefix that says the same again and again goes on for ever: only its end may follow.

    The same ids, `repeats` times one after another and at least `least` ids after the first time,
    are a loop, save in a sentence i with may_loop[i].
    """

    def rule(beams: Beams, log_probs: Tensor) -> Tensor:
        ids = beams.prefixes
        looping = torch.zeros_like(beams.log_probs, dtype=torch.bool)  # [N]
        for size in range(1, beams.length // repeats + 1):
            count = max(size * (repeats - 1), least)  # of ids equal to those `size` before
            if count + size <= beams.length:
                last, before = ids[:, -count:], ids[:, -count - size : -size]
                looping |= (last == before).all(dim=1)
        looping &= ~may_loop[beams.sentences[beams.owners]]
        looping &= ~log_probs[:, eos].isneginf()  # it may not end yet
        if not looping.any():
            return log_probs
        end = log_probs[looping, eos]
        log_probs = log_probs.clone()
        log_probs[looping] = -torch.inf
        log_probs[looping, eos] = end
        return log_probs

    return rule
