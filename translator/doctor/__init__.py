"""Is the data sound? What is wrong with the corpora of a configuration, and where."""

from translator.doctor.examination import examine
from translator.doctor.report import (
    CorpusReport,
    Finding,
    Histogram,
    Leak,
    Places,
    Report,
    Sample,
    TokenizerCoverage,
)
from translator.doctor.writing import write_clean

__all__ = [
    "CorpusReport",
    "Finding",
    "Histogram",
    "Leak",
    "Places",
    "Report",
    "Sample",
    "TokenizerCoverage",
    "examine",
    "write_clean",
]
