"""How good is it? Scores that say how they were made, and whether to believe them."""

from translator.evaluation.assessment import (
    Evaluation,
    Leakage,
    assess,
    directed,
    evaluate,
    find_leakage,
    translate,
)
from translator.evaluation.cache import (
    ScoreRecord,
    TranslatedSet,
    read_record,
    store,
    translate_or_reuse,
)
from translator.evaluation.changes import Change, changes_since
from translator.evaluation.faults import FAULTS, find_faults
from translator.evaluation.robustness import Variant, robustness
from translator.evaluation.scores import (
    EXACT,
    LOWER_IS_BETTER,
    METRICS,
    ROUGE,
    LengthBucket,
    Score,
    length_ratio,
    score,
    sentence_chrf,
)
from translator.evaluation.sets import (
    STAND_IN_LANGUAGES,
    STAND_INS,
    EvaluationSet,
    known_sets,
    read_hypotheses,
    set_by_name,
    set_of_files,
    sets_by_name,
    sets_of_split,
)
from translator.evaluation.significance import Comparison, Difference, Duel, System, compare

__all__ = [
    "EXACT",
    "FAULTS",
    "LOWER_IS_BETTER",
    "METRICS",
    "ROUGE",
    "STAND_INS",
    "STAND_IN_LANGUAGES",
    "Change",
    "Comparison",
    "Difference",
    "Duel",
    "Evaluation",
    "EvaluationSet",
    "Leakage",
    "LengthBucket",
    "Score",
    "ScoreRecord",
    "System",
    "TranslatedSet",
    "Variant",
    "assess",
    "changes_since",
    "compare",
    "directed",
    "evaluate",
    "find_faults",
    "find_leakage",
    "known_sets",
    "length_ratio",
    "read_hypotheses",
    "read_record",
    "robustness",
    "score",
    "sentence_chrf",
    "set_by_name",
    "set_of_files",
    "sets_by_name",
    "sets_of_split",
    "store",
    "translate",
    "translate_or_reuse",
]
