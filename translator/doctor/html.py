"""The report as one HTML page that needs nothing else: no network, no script, light and dark."""

from collections.abc import Iterable, Iterator
from html import escape

from translator.doctor.report import CorpusReport, Finding, Histogram, Leak, Report, Sample

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60666d; --line: #dfe2e6; --page: #fff;
  --card: #f7f8f9; --serious: #c62828; --warning: #b26a00; --note: #3565a8; --source: #3565a8;
  --target: #2f8f6b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --soft: #9aa2aa; --line: #33383e;
  --page: #15181b; --card: #1d2125; --serious: #ff7b72; --warning: #e3a53a; --note: #7aa7e8;
  --source: #7aa7e8; --target: #5fc49b; } }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 4rem; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.25rem 0 .75rem; }
p.soft, .soft { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; min-width: 50%; }
th, td { padding: .3rem .9rem .3rem 0; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); } th:first-child, td:first-child { text-align: left; }
.finding { border-left: 4px solid var(--c); background: var(--card); padding: .6rem .9rem;
  margin: .6rem 0; border-radius: 0 6px 6px 0; overflow-wrap: anywhere; }
.finding b { color: var(--c); } .serious { --c: var(--serious); }
.warning { --c: var(--warning); } .note { --c: var(--note); }
details { border: 1px solid var(--line); border-radius: 8px; padding: .6rem .9rem;
  margin: .6rem 0; }
summary { cursor: pointer; font-weight: 600; overflow-wrap: anywhere; }
dl { margin: .6rem 0 0; } dt { font-weight: 600; margin-top: .7rem; }
dd { margin: .15rem 0 0; padding-left: .9rem; border-left: 2px solid var(--line);
  overflow-wrap: anywhere; }
dd + dd { margin-top: .4rem; }
pre { background: var(--card); padding: .8rem; border-radius: 6px; overflow-x: auto; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 10px; }
.s { fill: var(--source); } .t { fill: var(--target); }
.key::before { content: ""; display: inline-block; width: .7em; height: .7em; border-radius: 2px;
  background: var(--c); margin: 0 .35em 0 .9em; }
"""


def render_html(report: Report) -> str:
    """The whole report as a page."""
    serious = sum(finding.severity == "serious" for finding in report.findings)
    verdict = f"{serious} serious faults" if serious != 1 else "1 serious fault"
    pairs = sum(corpus.counts.read for corpus in report.corpora)
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>Data report: {verdict}</title><style>{_STYLE}</style>",
        "<h1>Data report</h1>",
        f"<p class='soft'>{pairs:,} pairs in {len(report.corpora)} corpora; "
        f"{verdict if serious else 'nothing serious'}.</p>",
        *_section("Findings", map(_finding, report.findings)),
        *_section("Corpora", [_corpora(report)]),
        *_section("What cleaning does", map(_corpus, report.corpora)),
        *_section("Tokens", [_coverage(report)] if report.coverage else []),
        *_section("Held-out texts in train", map(_leak, report.leaks)),
        *_section("Suggested settings", [_settings(report)] if report.suggestions else []),
    ]
    return "\n".join(parts) + "\n"


def _section(title: str, parts: Iterable[str]) -> Iterator[str]:
    content = list(parts)
    if content:
        yield f"<h2>{title}</h2>"
        yield from content


def _settings(report: Report) -> str:
    return f"<pre>{escape(chr(10).join(report.suggestions))}</pre>"


def _finding(finding: Finding) -> str:
    hint = f"<br><span class='soft'>{escape(finding.hint)}</span>" if finding.hint else ""
    return (
        f"<div class='finding {finding.severity}'><b>{finding.severity}: {escape(finding.kind)}</b>"
        f"<br>{escape(finding.message)}{hint}</div>"
    )


def _table(header: list[str], rows: Iterable[list[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<div class='scroll'><table><tr>{head}</tr>{body}</table></div>"


def _corpora(report: Report) -> str:
    rows = [
        [
            corpus.path,
            corpus.split,
            " → ".join(language or "?" for language in corpus.languages),
            f"{corpus.counts.read:,}",
            f"{corpus.counts.read - corpus.counts.kept:,}",
            f"{sum(corpus.counts.repaired.values()):,}",
        ]
        for corpus in report.corpora
    ]
    return _table(["corpus", "use", "looks like", "pairs", "dropped", "mended"], rows)


def _corpus(corpus: CorpusReport) -> str:
    counts = corpus.counts
    rules = {**counts.dropped, **counts.repaired}
    kinds = sorted(corpus.samples, key=lambda kind: -rules.get(kind, 0))
    samples = "".join(
        f"<dt>{escape(kind)} <span class='soft'>{_what(kind, corpus)}</span></dt>"
        + "".join(map(_sample, corpus.samples[kind]))
        for kind in kinds
    )
    unclean = "" if corpus.split == "train" else "<p class='soft'>Only checked, not cleaned.</p>"
    return (
        f"<details><summary>{escape(corpus.path)} <span class='soft'>{corpus.split}, "
        f"{counts.kept:,} of {counts.read:,} pairs are sound</span></summary>"
        f"{unclean}{_histograms(corpus.lengths)}<dl>{samples}</dl></details>"
    )


def _what(kind: str, corpus: CorpusReport) -> str:
    if kind in corpus.counts.dropped:
        return f"{corpus.counts.dropped[kind]:,} dropped"
    return f"{corpus.counts.repaired.get(kind, 0):,} mended" * (kind in corpus.counts.repaired)


def _sample(sample: Sample) -> str:
    return (
        f"<dd><span class='soft'>{escape(sample.place)}</span><br>{_shown(sample.source)}<br>"
        f"{_shown(sample.target)}</dd>"
    )


def _shown(text: str, most: int = 300) -> str:
    """A text with its invisible characters written out, not too long."""
    visible = "".join(c if c.isprintable() else f"⟨U+{ord(c):04X}⟩" for c in text[:most])
    return escape(visible) + ("…" if len(text) > most else "") or "<i class='soft'>empty</i>"


def _histograms(lengths: tuple[Histogram, Histogram]) -> str:
    """Bars of both sides beside each other over classes of characters."""
    used = max((i for h in lengths for i, n in enumerate(h.bins) if n), default=0) + 1
    top = max(1, *(n for h in lengths for n in h.bins))
    width, height = 46, 110
    bars = []
    for side, (histogram, color) in enumerate(zip(lengths, "st", strict=True)):
        for index, number in enumerate(histogram.bins[:used]):
            tall = number / top * (height - 20)
            x = index * width + 4 + side * 19
            bars.append(
                f"<rect class='{color}' x='{x}' y='{height - tall:.1f}' width='18' "
                f"height='{tall:.1f}'><title>{number:,}</title></rect>"
            )
    labels = "".join(
        f"<text x='{i * width + 4}' y='{height + 14}'>{2**i:,}–{2 ** (i + 1) - 1:,}</text>"
        for i in range(used)
    )
    longest = " and ".join(f"{h.longest:,}" for h in lengths)
    return (
        "<p><span class='soft'>characters</span>"
        "<span class='key' style='--c:var(--source)'></span>source"
        "<span class='key' style='--c:var(--target)'></span>target "
        f"<span class='soft'>(longest: {longest})</span></p>"
        f"<svg viewBox='0 0 {used * width} {height + 20}' width='{used * width}' role='img' "
        f"aria-label='lengths'>{''.join(bars)}{labels}</svg>"
    )


def _coverage(report: Report) -> str:
    rows = [
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
    header = ["split", "tokens a word", "bytes among tokens", "characters without a piece"]
    intro = f"<p class='soft'>A tokenizer of {report.vocabulary_size:,} pieces, from a sample.</p>"
    return intro + _table([*header, "words not in train", "pairs too long"], rows)


def _leak(leak: Leak) -> str:
    samples = "".join(
        f"<dd><span class='soft'>{escape(sample.place)}, found in {escape(place)}</span><br>"
        f"{_shown(sample.source)}<br>{_shown(sample.target)}</dd>"
        for place, sample in leak.samples
    )
    return (
        f"<details><summary>{escape(leak.split)} <span class='soft'>{leak.exact:,} of "
        f"{leak.pairs:,} pairs share a text with train, {leak.near:,} more nearly</span></summary>"
        f"<dl>{samples}</dl></details>"
    )
