"""Is the data sound? What is wrong with the corpora of a configuration, and where."""

from translator.doctor.examination import examine
from translator.doctor.report import (
    CorpusReport,
    Coverage,
    Finding,
    Histogram,
    Leak,
    Places,
    Report,
    Sample,
)
from translator.doctor.writing import write_clean

__all__ = [
    "CorpusReport",
    "Coverage",
    "Finding",
    "Histogram",
    "Leak",
    "Places",
    "Report",
    "Sample",
    "examine",
    "write_clean",
]
