"""The one loop of every search: step, rule out, choose, end, stop.

b is the number of sentences under way, k of the slots of each, V the vocabulary. N hypotheses are
under way, at most b · k: a slot that a hypothesis has ended in, or that nothing came into, is empty
and costs a model nothing.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from translator.hypotheses import Hypothesis, LengthNormalization, length_penalty


class Stepper(Protocol):
    """Scores of the next token for a set of hypotheses; a table of numbers is one, too."""

    def step(self, tokens: Tensor) -> Tensor:
        """Extend hypothesis n by tokens[n]; log-probabilities of what may follow, [N, V]."""

    def reorder(self, rows: Tensor, slots: int) -> None:
        """Go on with these rows [N'] of the N hypotheses; one may occur several times.

        The rows of a sentence stay together, `slots` at most, and sentences keep their order.
        """


@dataclass(frozen=True)
class Beams:
    """The hypotheses under way, sentence by sentence and slot by slot."""

    sentences: Tensor  # [b] which of the given sentences
    limits: Tensor  # [b] how many ids a sentence may have, the end counted
    free: Tensor  # [b] slots that no ended hypothesis holds
    slots: int  # k
    owners: Tensor  # [N] of which of the b sentences a hypothesis is
    places: Tensor  # [N] in which of the k slots it is
    log_probs: Tensor  # [N]
    prefixes: Tensor  # [N, length]

    @property
    def length(self) -> int:
        """How many ids the prefixes have."""
        return self.prefixes.shape[1]

    def by_sentence(self, values: Tensor, empty: float) -> Tensor:
        """[N, …] → [b, k, …], with `empty` in empty slots."""
        found = values.new_full((len(self.sentences), self.slots, *values.shape[1:]), empty)
        found[self.owners, self.places] = values
        return found


class Choice(NamedTuple):
    """What extends the prefixes: for each new slot its log-probability, parent and token."""

    log_probs: Tensor  # [b, k'] -inf where a slot stays empty
    parents: Tensor  # [b, k'] which of the N hypotheses
    tokens: Tensor  # [b, k']


Rule = Callable[[Beams, Tensor], Tensor]
"""What may follow: log-probabilities [N, V] with -inf where something may not."""

Strategy = Callable[[Beams, Tensor], Choice]
"""Which of the extensions, with log-probabilities [N, V] of what follows, survive."""


class Ask(NamedTuple):
    """What a search asks of a model: go on with these rows, each extended by a token."""

    rows: Tensor  # [N'] of the N hypotheses of the step before; of the sentences, at first
    tokens: Tensor  # [N']
    slots: int  # the most that a sentence may have of them


def search(stepper: Stepper, asks: "Search") -> list[list[Hypothesis]]:
    """Drive one search to its end; for each sentence its hypotheses, best score first."""
    ask = next(asks, None)
    while ask is not None:
        stepper.reorder(ask.rows, ask.slots)
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
    ask = Ask(beams.owners, torch.full_like(beams.owners, bos), beams.slots)
    best_scores = torch.full((len(limits), n_best), -torch.inf, device=limits.device)
    most = length_penalty(limits, penalty, normalization)  # [b] the penalty of the longest
    while len(beams.sentences):
        log_probs = yield ask  # [N, V]
        choice = choose(beams, _allowed(beams, log_probs, rules, eos))
        ended = (choice.tokens == eos) & choice.log_probs.isfinite()  # [b, k]
        if ended.any():
            divisor = length_penalty(beams.length + 1, penalty, normalization)
            _collect(found, beams, choice, ended, divisor)
            scores = (choice.log_probs / divisor).masked_fill(~ended, -torch.inf)
            best_scores = torch.cat((best_scores, scores), dim=1).topk(n_best).values
        log_probs = choice.log_probs.masked_fill(ended, -torch.inf)
        going = log_probs.amax(dim=1) / most > best_scores[:, -1]  # [b]
        live = log_probs.isfinite() & going[:, None]  # [b, k]
        beams = _extended(beams, choice, ended, going, live)
        ask = Ask(choice.parents[live], choice.tokens[live], beams.slots)
        best_scores, most = best_scores[going], most[going]
    return [sorted(each, key=lambda hypothesis: -hypothesis.score) for each in found]


Search = Generator[Ask, Tensor, list[list[Hypothesis]]]


def _no_prefixes(limits: Tensor, slots: int) -> Beams:
    sentences = torch.arange(len(limits), device=limits.device)
    return Beams(
        sentences,
        limits,
        free=torch.full_like(sentences, slots),
        slots=1,  # until the first step
        owners=sentences,
        places=torch.zeros_like(sentences),
        log_probs=torch.zeros(len(limits), device=limits.device),
        prefixes=sentences.new_empty(len(limits), 0),
    )


def _allowed(beams: Beams, log_probs: Tensor, rules: Sequence[Rule], eos: int) -> Tensor:
    """Apply the rules; then leave only the end to sentences that have reached their limit."""
    allowed = log_probs
    for rule in rules:
        allowed = rule(beams, allowed)
    at_limit = (beams.limits <= beams.length + 1)[beams.owners]
    if at_limit.any():
        end = log_probs[at_limit, eos]
        allowed = allowed.clone()
        allowed[at_limit] = -torch.inf
        allowed[at_limit, eos] = end
    return allowed


def _extended(beams: Beams, choice: Choice, ended: Tensor, going: Tensor, live: Tensor) -> Beams:
    """The hypotheses that go on [b, k], of sentences that go on [b]."""
    owners, places = live[going].nonzero(as_tuple=True)
    prefixes = beams.prefixes[choice.parents[live]]
    return Beams(
        beams.sentences[going],
        beams.limits[going],
        free=(beams.free - ended.sum(dim=1))[going],
        slots=live.shape[1],
        owners=owners,
        places=places,
        log_probs=choice.log_probs[live],
        prefixes=torch.cat((prefixes, choice.tokens[live][:, None]), dim=1),
    )


def _collect(
    found: list[list[Hypothesis]], beams: Beams, choice: Choice, ended: Tensor, divisor: float
) -> None:
    """Add the hypotheses that have just ended to those of their sentences."""
    owners = beams.sentences[:, None].expand_as(ended)[ended].tolist()
    ids = beams.prefixes[choice.parents[ended]].tolist()
    for owner, tokens, log_prob in zip(owners, ids, choice.log_probs[ended].tolist(), strict=True):
        found[owner].append(Hypothesis(tuple(tokens), log_prob, log_prob / divisor))
