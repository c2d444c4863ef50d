"""How is the next token chosen? Search over ids only: neither text nor a model's class is known.

`loop` is what every search does; `strategies` (beam search, sampling) and `constraints` (beam
search for required terms) say which extensions of the hypotheses survive a step; `rules` say what
may not follow.
"""

from translator.decoding.constraints import constrained_beam_search
from translator.decoding.loop import (
    Ask,
    Beams,
    Choice,
    Rule,
    Search,
    Stepper,
    Strategy,
    search,
    steps_of_search,
)
from translator.decoding.rules import (
    begin_with,
    end_loops,
    no_end_before,
    no_repeated_ngram,
    while_wanted,
)
from translator.decoding.strategies import beam_search, sampling

__all__ = [
    "Ask",
    "Beams",
    "Choice",
    "Rule",
    "Search",
    "Stepper",
    "Strategy",
    "beam_search",
    "begin_with",
    "constrained_beam_search",
    "end_loops",
    "no_end_before",
    "no_repeated_ngram",
    "sampling",
    "search",
    "steps_of_search",
    "while_wanted",
]
