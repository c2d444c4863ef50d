"""How is the next token chosen? Search over ids only: neither text nor a model's class is known.

`loop` is what every search does; `choices` say which extensions of the hypotheses survive a step
(the best, drawn ones, those that hold required terms); `rules` say what may not follow.
"""

from translator.decoding.choices import best_extensions, drawn_extensions
from translator.decoding.loop import (
    Ask,
    Beams,
    Choice,
    Chooser,
    Hypothesis,
    Rule,
    Search,
    Stepper,
    length_penalty,
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
from translator.decoding.terms import extensions_with_terms

__all__ = [
    "Ask",
    "Beams",
    "Choice",
    "Chooser",
    "Hypothesis",
    "Rule",
    "Search",
    "Stepper",
    "begin_with",
    "best_extensions",
    "drawn_extensions",
    "end_loops",
    "extensions_with_terms",
    "length_penalty",
    "no_end_before",
    "no_repeated_ngram",
    "search",
    "steps_of_search",
    "while_wanted",
]
