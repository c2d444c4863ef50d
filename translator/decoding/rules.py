"""What may not follow: pure functions over log-probabilities."""

from collections.abc import Sequence

import torch
from torch import Tensor

from translator.decoding.loop import Beams, Rule


def no_end_before(lengths: Tensor, eos: int) -> Rule:
    """Sentence i has at least lengths[i] ids, the end not counted."""

    def rule(beams: Beams, log_probs: Tensor) -> Tensor:
        early = lengths[beams.sentences] > beams.length
        if not early.any():
            return log_probs
        log_probs = log_probs.clone()
        log_probs[early, :, eos] = -torch.inf
        return log_probs

    return rule


def begin_with(prefixes: Sequence[Sequence[int]]) -> Rule:
    """Sentence i begins with the ids prefixes[i], which may be none."""

    def rule(beams: Beams, log_probs: Tensor) -> Tensor:
        forced = [
            (row, prefixes[sentence][beams.length])
            for row, sentence in enumerate(beams.sentences.tolist())
            if beams.length < len(prefixes[sentence])
        ]
        if not forced:
            return log_probs
        rows, ids = (
            torch.tensor(each, device=log_probs.device) for each in zip(*forced, strict=True)
        )
        kept = log_probs[rows, :, ids]
        log_probs = log_probs.clone()
        log_probs[rows] = -torch.inf
        log_probs[rows, :, ids] = kept
        return log_probs

    return rule


def no_repeated_ngram(size: int) -> Rule:
    """No sequence of `size` ids occurs twice in a sentence."""

    def rule(beams: Beams, log_probs: Tensor) -> Tensor:
        if beams.length < size:
            return log_probs
        last = beams.prefixes[:, :, beams.length - size + 1 :]  # [b, k, size - 1]
        grams = beams.prefixes.unfold(2, size, 1)  # [b, k, starts, size]
        repeats = (grams[..., :-1] == last[:, :, None]).all(dim=3)
        rows, slots, starts = repeats.nonzero(as_tuple=True)
        log_probs = log_probs.clone()
        log_probs[rows, slots, grams[rows, slots, starts, size - 1]] = -torch.inf
        return log_probs

    return rule
