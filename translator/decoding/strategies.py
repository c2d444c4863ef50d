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
        count = min(beam_size, next_log_probs.shape[1])
        values, ids = top_k(next_log_probs, count)  # [N, count]
        extended = beams.log_probs[:, None] + values
        candidates = beams.by_sentence(extended, -torch.inf).flatten(1)  # [b, k · count]
        if diversity and beams.length:  # the first token has one prefix, and no competition
            ranks = torch.arange(count, device=values.device).repeat(beams.slots)
            chosen = (candidates - diversity * ranks).topk(min(beam_size, candidates.shape[1]))[1]
            log_probs = candidates.gather(1, chosen)
        else:
            log_probs, chosen = candidates.topk(min(beam_size, candidates.shape[1]))
        taken = torch.arange(log_probs.shape[1], device=chosen.device) >= beams.free[:, None]
        rows = torch.arange(len(ids), device=ids.device)
        parents = beams.by_sentence(rows, 0).gather(1, chosen // count)
        tokens = ids[parents, chosen % count]
        return Choice(log_probs.masked_fill(taken, -torch.inf), parents, tokens)

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
        rows = torch.arange(len(next_log_probs), device=next_log_probs.device)
        owners, places = beams.owners, beams.places
        if not beams.length:  # all slots draw the first token from one prefix
            rows = rows.repeat_interleave(slots)
            owners, places = rows, torch.arange(slots, device=rows.device).repeat(len(owners))
            next_log_probs = next_log_probs[rows]
        ranked, ids = (next_log_probs / temperature).sort(dim=1, descending=True, stable=True)
        probs = ranked.softmax(dim=1)
        before = probs.cumsum(dim=1) - probs  # the probability of all that are better
        kept = before < top_p
        if top_k:
            kept[:, top_k:] = False
        reached = (probs * kept).cumsum(dim=1)
        draw = draws[beams.sentences[owners], places, beams.length, None] * reached[:, -1:]
        rank = (reached <= draw).sum(dim=1, keepdim=True)
        drawn = ids.gather(1, rank.clamp(max=ids.shape[1] - 1))
        shape = (len(beams.sentences), slots)
        log_probs = next_log_probs.new_full(shape, -torch.inf)
        log_probs[owners, places] = beams.log_probs[rows] + next_log_probs.gather(1, drawn)[:, 0]
        parents, tokens = rows.new_zeros(shape), rows.new_zeros(shape)
        parents[owners, places], tokens[owners, places] = rows, drawn[:, 0]
        return Choice(log_probs, parents, tokens)

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
