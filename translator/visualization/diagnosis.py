"""What the doctor found in the data, as one page."""

from translator.doctor import CorpusReport, Histogram, Report
from translator.visualization.page import render_page
from translator.visualization.plots import bar_chart


def render_diagnosis(report: Report) -> str:
    """The whole report as a page that needs no network and no script."""
    serious = sum(finding.severity == "serious" for finding in report.findings)
    faults = f"{serious} serious faults" if serious > 1 else "1 serious fault"
    return render_page(
        "diagnosis.html",
        report=report,
        verdict=faults if serious else "nothing serious",
        pairs=sum(corpus.counts.read for corpus in report.corpora),
        corpora=[_row(corpus) for corpus in report.corpora],
        cleaning=[(each, _lengths(each.lengths), _samples(each)) for each in report.corpora],
        coverage=_coverage(report),
        shown=_shown,
    )


def _row(corpus: CorpusReport) -> list[str]:
    counts = corpus.counts
    return [
        corpus.path,
        corpus.split,
        " → ".join(language or "?" for language in corpus.languages),
        f"{counts.read:,}",
        f"{counts.read - counts.kept:,}",
        f"{sum(counts.repaired.values()):,}",
    ]


def _samples(corpus: CorpusReport) -> list[tuple[str, str, object]]:
    """Rule, what it does and samples, the commonest rule first."""
    rules = {**corpus.counts.dropped, **corpus.counts.repaired}
    kinds = sorted(corpus.samples, key=lambda kind: -rules.get(kind, 0))
    return [(kind, _effect(kind, corpus), corpus.samples[kind]) for kind in kinds]


def _effect(kind: str, corpus: CorpusReport) -> str:
    if kind in corpus.counts.dropped:
        return f"{corpus.counts.dropped[kind]:,} dropped"
    return f"{corpus.counts.repaired.get(kind, 0):,} mended" * (kind in corpus.counts.repaired)


def _lengths(lengths: tuple[Histogram, Histogram]) -> str:
    """Bars of both sides beside each other over classes of characters."""
    used = max((i for h in lengths for i, n in enumerate(h.bins) if n), default=0) + 1
    longest = " and ".join(f"{h.longest:,}" for h in lengths)
    return bar_chart(
        f"Lengths (longest: {longest})",
        "characters, from this number to the next",
        {side: h.bins[:used] for side, h in zip(("source", "target"), lengths, strict=True)},
        [str(2**i) for i in range(used)],
    )


def _coverage(report: Report) -> list[list[str]]:
    return [
        [
            each.split,
            f"{each.tokens_per_word:.2f}",
            f"{each.byte_share:.2%}",
            each.byte_characters,
            f"{each.unseen_word_share:.2%}",
            f"{each.too_long_share:.2%}",
        ]
        for each in report.coverage
    ]


def _shown(text: str, most: int = 300) -> str:
    """A text with its invisible characters written out, not too long."""
    visible = "".join(c if c.isprintable() else f"⟨U+{ord(c):04X}⟩" for c in text[:most])
    return visible + "…" * (len(text) > most)
