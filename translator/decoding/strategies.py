"""Which extensions survive a step: those of beam search, or sampled ones."""

import torch
from torch import Tensor

from translator.decoding.loop import Beams, Choice, Strategy

_GROUP = 32  # neighbouring ids whose maximum is found first


def beam_search(beam_size: int, diversity: float = 0.0) -> Strategy:
    """The most probable prefixes, as many as there are free slots.

    With `diversity` γ, the r-th best extension of a prefix counts γ·r less when it competes with
    those of other prefixes (Li et al., 2016, "A simple, fast diverse decoding algorithm"); its own
    log-probability stays what it is.
    """

    def choose(beams: Beams, next_log_probs: Tensor) -> Choice:
        count = min(beam_size, next_log_probs.shape[2])
        values, ids = top_k(next_log_probs.flatten(0, 1), count)  # [b · k, count]
        width = next_log_probs.shape[1]
        candidates = (beams.log_probs[:, :, None] + values.unflatten(0, (-1, width))).flatten(1)
        if diversity and beams.length:  # the first token has one prefix, and no competition
            ranks = torch.arange(count, device=values.device).repeat(width)
            chosen = (candidates - diversity * ranks).topk(min(beam_size, candidates.shape[1]))[1]
            log_probs = candidates.gather(1, chosen)
        else:
            log_probs, chosen = candidates.topk(min(beam_size, candidates.shape[1]))
        taken = torch.arange(log_probs.shape[1], device=chosen.device) >= beams.free[:, None]
        tokens = ids.unflatten(0, (-1, width)).flatten(1).gather(1, chosen)
        return Choice(log_probs.masked_fill(taken, -torch.inf), chosen // count, tokens)

    return choose


def sampling(
    draws: Tensor, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> Strategy:
    """Each of k slots draws its own next token, by draws [sentences, k, steps] in [0, 1).

    Probabilities are sharpened or flattened by `temperature`; then only the `top_k` most probable
    tokens (0: all), and of those the fewest that together have probability `top_p`, are drawn
    from (Fan et al., 2018; Holtzman et al., 2020). Log-probabilities stay those of the model.
    """

    def choose(beams: Beams, next_log_probs: Tensor) -> Choice:
        slots = draws.shape[1]
        next_log_probs = next_log_probs.expand(-1, slots, -1)  # from one slot in the first step
        ranked, ids = (next_log_probs / temperature).sort(dim=2, descending=True, stable=True)
        probs = ranked.softmax(dim=2)
        before = probs.cumsum(dim=2) - probs  # the probability of all that are better
        kept = before < top_p
        if top_k:
            kept[:, :, top_k:] = False
        reached = (probs * kept).cumsum(dim=2)
        draw = draws[beams.sentences][:, :, beams.length, None] * reached[:, :, -1:]
        place = (reached <= draw).sum(dim=2, keepdim=True)
        tokens = ids.gather(2, place.clamp(max=ids.shape[2] - 1))
        log_probs = beams.log_probs.expand(-1, slots) + next_log_probs.gather(2, tokens)[:, :, 0]
        parents = torch.arange(beams.log_probs.shape[1], device=ids.device)
        return Choice(log_probs, parents.expand_as(log_probs), tokens[:, :, 0])

    return choose


def top_k(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """`scores.topk(count)` of [N, V] and faster: the best lie in the groups of best maximum."""
    groups = scores.shape[1] // _GROUP
    if groups <= count:
        values, ids = scores.topk(count)
        return values, ids
    maxima = scores[:, : groups * _GROUP].unflatten(1, (groups, _GROUP)).amax(dim=2)
    best = maxima.topk(count).indices
    members = torch.arange(_GROUP, device=scores.device)
    rest = torch.arange(groups * _GROUP, scores.shape[1], device=scores.device)
    ids = torch.cat(
        ((best[:, :, None] * _GROUP + members).flatten(1), rest.expand(len(scores), -1)), dim=1
    )
    values, chosen = scores.gather(1, ids).topk(count)
    return values, ids.gather(1, chosen)
