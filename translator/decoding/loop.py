"""The one loop of every search: step, rule out, choose, end, stop.

N is the number of hypotheses under way, V the vocabulary, b sentences under way, k slots of each.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from translator.hypotheses import Hypothesis, LengthNormalization, length_penalty

_DROPPED_AT_ONCE = 8  # ended sentences leave when they are 1/8 of those under way: leaving copies


class Stepper(Protocol):
    """Scores of the next token for a set of hypotheses; a table of numbers is one, too."""

    def step(self, tokens: Tensor) -> Tensor:
        """Extend hypothesis n by tokens[n]; log-probabilities of what may follow, [N, V]."""

    def reorder(self, rows: Tensor) -> None:
        """Go on with these rows [N'] of the N hypotheses; one may occur several times.

        The rows of a sentence stay together and sentences keep their order.
        """


@dataclass(frozen=True)
class Beams:
    """The prefixes under way. A slot is empty where its log-probability is -inf."""

    sentences: Tensor  # [b] which of the given sentences
    limits: Tensor  # [b] how many ids a sentence may have, the end counted
    log_probs: Tensor  # [b, k]
    prefixes: Tensor  # [b, k, length]
    free: Tensor  # [b] slots that no ended hypothesis holds

    @property
    def length(self) -> int:
        """How many ids the prefixes have."""
        return self.prefixes.shape[2]

    def __getitem__(self, rows: Tensor) -> "Beams":
        """Only these sentences."""
        return Beams(
            self.sentences[rows],
            self.limits[rows],
            self.log_probs[rows],
            self.prefixes[rows],
            self.free[rows],
        )


class Choice(NamedTuple):
    """What extends the prefixes: for each new slot its log-probability, parent slot and token."""

    log_probs: Tensor  # [b, k'] -inf where a slot stays empty
    parents: Tensor  # [b, k']
    tokens: Tensor  # [b, k']


Rule = Callable[[Beams, Tensor], Tensor]
"""What may follow: log-probabilities [b, k, V] with -inf where something may not."""

Strategy = Callable[[Beams, Tensor], Choice]
"""Which of the extensions, with log-probabilities [b, k, V], survive."""


class Ask(NamedTuple):
    """What a search asks of a model: go on with these rows, each extended by a token."""

    rows: Tensor  # [N'] of the N hypotheses of the step before; of the sentences, at first
    tokens: Tensor  # [N']


def search(stepper: Stepper, asks: "Search") -> list[list[Hypothesis]]:
    """Drive one search to its end; for each sentence its hypotheses, best score first."""
    ask = next(asks, None)
    while ask is not None:
        stepper.reorder(ask.rows)
        try:
            ask = asks.send(stepper.step(ask.tokens))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
    return []


@torch.inference_mode()
def steps_of_search(
    limits: Tensor,
    choose: Strategy,
    *,
    bos: int,
    eos: int,
    slots: int,
    n_best: int = 1,
    penalty: float = 1.0,
    normalization: LengthNormalization = "gnmt",
    rules: Sequence[Rule] = (),
) -> "Search":
    """For each sentence find hypotheses in `slots` slots; they are returned, best score first.

    A generator: it yields what to step and is sent the log-probabilities [N, V] of what may
    follow, so that one step of a model can serve several searches.

    Sentence i gets at most limits[i] ids, the end counted; at its limit it is ended. A hypothesis
    that ends keeps its slot. A sentence is done when all its slots have ended, or when no prefix
    can still beat its `n_best`-th hypothesis: log-probabilities only fall, and the penalty of
    the longest allowed length bounds what a score can gain.
    """
    found: list[list[Hypothesis]] = [[] for _ in range(len(limits))]
    beams = _no_prefixes(limits, slots)
    tokens = torch.full_like(beams.sentences, bos)[:, None]  # [b, k]: one slot until the first step
    ask = Ask(beams.sentences, tokens.flatten())
    best_scores = torch.full((len(limits), n_best), -torch.inf, device=limits.device)
    most = length_penalty(limits, penalty, normalization)  # [b] the penalty of the longest
    while len(beams.sentences):
        width = tokens.shape[1]
        log_probs = (yield ask).unflatten(0, (-1, width))  # [b, k, V]
        choice = choose(beams, _allowed(beams, log_probs, rules, eos))
        ended = (choice.tokens == eos) & choice.log_probs.isfinite()  # [b, k]
        beams = _extended(beams, choice, ended)
        divisor = length_penalty(beams.length, penalty, normalization)
        if ended.any():
            _collect(found, beams, choice, ended, divisor)
            scores = (choice.log_probs / divisor).masked_fill(~ended, -torch.inf)
            best_scores = torch.cat((best_scores, scores), dim=1).topk(n_best).values
        going = beams.log_probs.amax(dim=1) / most > best_scores[:, -1]
        rows = torch.arange(len(going), device=going.device)
        done = len(going) - int(going.sum())
        if done == len(going) or done * _DROPPED_AT_ONCE >= len(going):
            rows = going.nonzero()[:, 0]
            beams, best_scores, most = beams[rows], best_scores[rows], most[rows]
        elif done:
            emptied = beams.log_probs.masked_fill(~going[:, None], -torch.inf)
            beams = replace(beams, log_probs=emptied)
        tokens = choice.tokens[rows]
        ask = Ask((choice.parents[rows] + rows[:, None] * width).flatten(), tokens.flatten())
    return [sorted(each, key=lambda hypothesis: -hypothesis.score) for each in found]


Search = Generator[Ask, Tensor, list[list[Hypothesis]]]


def _no_prefixes(limits: Tensor, slots: int) -> Beams:
    sentences = torch.arange(len(limits), device=limits.device)
    return Beams(
        sentences,
        limits,
        torch.zeros(len(limits), 1, device=limits.device),
        sentences.new_empty(len(limits), 1, 0),
        torch.full_like(sentences, slots),
    )


def _allowed(beams: Beams, log_probs: Tensor, rules: Sequence[Rule], eos: int) -> Tensor:
    """Apply the rules; then leave only the end to sentences that have reached their limit."""
    allowed = log_probs
    for rule in rules:
        allowed = rule(beams, allowed)
    at_limit = beams.limits <= beams.length + 1
    if at_limit.any():
        end = log_probs[at_limit, ..., eos]
        allowed = allowed.clone()
        allowed[at_limit] = -torch.inf
        allowed[at_limit, ..., eos] = end
    return allowed


def _extended(beams: Beams, choice: Choice, ended: Tensor) -> Beams:
    parents = choice.parents[:, :, None].expand(-1, -1, beams.length)
    prefixes = torch.cat((beams.prefixes.gather(1, parents), choice.tokens[:, :, None]), dim=2)
    return replace(
        beams,
        log_probs=choice.log_probs.masked_fill(ended, -torch.inf),
        prefixes=prefixes,
        free=beams.free - ended.sum(dim=1),
    )


def _collect(
    found: list[list[Hypothesis]], beams: Beams, choice: Choice, ended: Tensor, divisor: float
) -> None:
    """Add the hypotheses that have just ended to those of their sentences."""
    owners = beams.sentences[:, None].expand_as(ended)[ended].tolist()
    ids = beams.prefixes[ended][:, :-1].tolist()  # without the end
    for owner, tokens, log_prob in zip(owners, ids, choice.log_probs[ended].tolist(), strict=True):
        found[owner].append(Hypothesis(tuple(tokens), log_prob, log_prob / divisor))
