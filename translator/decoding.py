"""How is the next token chosen? Search over ids only: neither text nor a model's class is known.

N is the number of hypotheses under way, V the vocabulary, B sentences, k slots of the beam.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Stepper(Protocol):
    """Scores of the next token for a set of hypotheses; a table of numbers is one, too."""

    def step(self, tokens: Tensor) -> Tensor:
        """Extend hypothesis n by tokens[n]; log-probabilities of what may follow, [N, V]."""

    def reorder(self, rows: Tensor) -> None:
        """Go on with these rows [N'] of the N hypotheses; one may occur several times.

        The rows of a sentence stay together and sentences keep their order.
        """


@dataclass(frozen=True)
class Hypothesis:
    """A finished sentence: its ids without the end token, and how probable it is."""

    tokens: tuple[int, ...]
    log_prob: float  # natural logarithm, summed over the tokens and the end
    score: float  # log_prob ÷ length penalty; what ranks hypotheses


def length_penalty(length: int, exponent: float) -> float:
    """((5 + length) / 6) ** exponent, equation 14 of Wu et al. (2016); length counts the end."""
    return float(((5.0 + length) / 6.0) ** exponent)


@torch.inference_mode()
def greedy_search(
    stepper: Stepper, max_lengths: Tensor, *, bos: int, eos: int, penalty: float = 0.0
) -> list[Hypothesis]:
    """Take the most probable token until it is `eos`; sentence b gets at most max_lengths[b] ids.

    The limit counts the end: a sentence that reaches it is ended there.
    """
    found: list[Hypothesis | None] = [None] * len(max_lengths)
    sentences = torch.arange(len(max_lengths), device=max_lengths.device)  # those under way
    tokens = torch.full_like(sentences, bos)
    log_probs = torch.zeros(len(sentences), device=max_lengths.device)
    prefixes = tokens.new_empty(len(sentences), 0)
    while len(sentences):
        best, tokens = _force_end(
            stepper.step(tokens), max_lengths[sentences] <= prefixes.shape[1] + 1, eos
        ).max(dim=1)
        log_probs = log_probs + best
        ended = tokens == eos
        for row in ended.nonzero().flatten().tolist():
            found[int(sentences[row])] = _hypothesis(prefixes[row], float(log_probs[row]), penalty)
        prefixes = torch.cat((prefixes, tokens[:, None]), dim=1)
        if ended.any():
            rows = (~ended).nonzero().flatten()
            sentences, tokens, log_probs = sentences[rows], tokens[rows], log_probs[rows]
            prefixes = prefixes[rows]
            stepper.reorder(rows)
    return [hypothesis for hypothesis in found if hypothesis is not None]


@torch.inference_mode()
def beam_search(
    stepper: Stepper,
    max_lengths: Tensor,
    *,
    bos: int,
    eos: int,
    beam_size: int,
    penalty: float = 1.0,
    n_best: int = 1,
) -> list[list[Hypothesis]]:
    """For each sentence the hypotheses that a beam of `beam_size` slots finds, best score first.

    The slots hold the most probable prefixes. A hypothesis that ends keeps its slot, so a beam of
    one is greedy search. A sentence is done when all its slots have ended, or when no prefix can
    still beat its `n_best`-th hypothesis: log-probabilities only fall, and the penalty of the
    longest allowed length bounds what a score can gain.
    """
    found: list[list[Hypothesis]] = [[] for _ in range(len(max_lengths))]
    sentences = torch.arange(len(max_lengths), device=max_lengths.device)  # [b] those under way
    tokens = torch.full_like(sentences, bos)[:, None]  # [b, k]: one slot until the first step
    log_probs = torch.zeros(tokens.shape, device=tokens.device)  # [b, k]; -inf in an empty slot
    prefixes = tokens.new_empty(*tokens.shape, 0)  # [b, k, length]
    while len(sentences):
        length = prefixes.shape[2] + 1
        width = tokens.shape[1]
        next_log_probs = stepper.step(tokens.flatten()).unflatten(0, (-1, width))  # [b, k, V]
        next_log_probs = _force_end(next_log_probs, max_lengths[sentences] <= length, eos)
        candidates = (log_probs[:, :, None] + next_log_probs).flatten(1)
        log_probs, chosen = candidates.topk(min(beam_size, candidates.shape[1]))
        parents, tokens = chosen // next_log_probs.shape[2], chosen % next_log_probs.shape[2]
        prefixes = prefixes.gather(1, parents[:, :, None].expand(-1, -1, length - 1))

        free = beam_size - torch.tensor([len(found[s]) for s in sentences.tolist()])
        rank = torch.arange(log_probs.shape[1])
        taken = (rank >= free[:, None]).to(log_probs.device)
        log_probs = log_probs.masked_fill(taken, -torch.inf)
        ended = (tokens == eos) & log_probs.isfinite()
        for row, slot in ended.nonzero().tolist():
            hypothesis = _hypothesis(prefixes[row, slot], float(log_probs[row, slot]), penalty)
            found[int(sentences[row])].append(hypothesis)
        log_probs = log_probs.masked_fill(ended, -torch.inf)
        prefixes = torch.cat((prefixes, tokens[:, :, None]), dim=2)

        going = torch.tensor(
            [
                _can_improve(found[sentence], best, limit, penalty, n_best)
                for sentence, best, limit in zip(
                    sentences.tolist(),
                    log_probs.amax(dim=1).tolist(),
                    max_lengths[sentences].tolist(),
                    strict=True,
                )
            ]
        )
        rows = going.nonzero().flatten().to(tokens.device)
        stepper.reorder((parents[rows] + rows[:, None] * width).flatten())
        sentences, tokens, log_probs = sentences[rows], tokens[rows], log_probs[rows]
        prefixes = prefixes[rows]
    return [sorted(each, key=lambda hypothesis: -hypothesis.score) for each in found]


def _force_end(log_probs: Tensor, at_limit: Tensor, eos: int) -> Tensor:
    """Leave only `eos` to the rows [b] of log_probs [b, …, V] that have reached their limit."""
    if not at_limit.any():
        return log_probs
    forced = log_probs.clone()
    forced[at_limit] = -torch.inf
    forced[at_limit, ..., eos] = log_probs[at_limit, ..., eos]
    return forced


def _hypothesis(tokens: Tensor, log_prob: float, penalty: float) -> Hypothesis:
    ids = tuple(tokens.tolist())
    return Hypothesis(ids, log_prob, log_prob / length_penalty(len(ids) + 1, penalty))


def _can_improve(
    found: Sequence[Hypothesis], best_log_prob: float, limit: int, penalty: float, n_best: int
) -> bool:
    """Whether a live prefix could still end among the `n_best`."""
    if best_log_prob == -torch.inf:
        return False
    if len(found) < n_best:
        return True
    worst_kept = sorted((hypothesis.score for hypothesis in found), reverse=True)[n_best - 1]
    return best_log_prob / length_penalty(limit, penalty) > worst_kept
