"""What does it look like? One HTML file that holds all that is known of an evaluation.

It needs no network and loads nothing: style, script and plots stand in it. Whatever comes from
data is escaped, and the page's own policy lets only the script that was written here run.
"""

import base64
import difflib
import hashlib
import html
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translator.evaluation.assessment import Evaluation
from translator.evaluation.faults import FAULTS
from translator.evaluation.plots import Point, histogram, line_plot
from translator.evaluation.scores import sentence_chrf
from translator.runs import RunDirectory
from translator.version import __version__

_SENTENCES = 10  # of each kind: worst, best, random
_RATIO_EDGES = [round(0.1 * n - 0.05, 2) for n in range(27)]  # 1 is the middle of a bar


@dataclass(frozen=True)
class SentenceAttention:
    """Where the decoder looked while it wrote a sentence."""

    source: Sequence[str]  # tokens
    target: Sequence[str]
    weights: Sequence[Sequence[float]]  # [target][source], each row sums to 1


def write_report(
    evaluations: Sequence[Evaluation],
    run: RunDirectory | None = None,
    attention: Callable[[str, str], SentenceAttention | None] | None = None,
) -> str:
    """The report of some test sets, and of the run that translated them, as an HTML page.

    `attention` gives the attention for a source and a hypothesis, or None where it cannot; each
    sentence then shows it on a click.
    """
    title = f"{run.path.resolve().name}" if run else "Translations"
    languages = ""
    if run:
        data = run.read_config().data
        languages = f" · {data.source_language} → {data.target_language}"
    sections = [
        _evaluation_section(evaluation, number, attention)
        for number, evaluation in enumerate(evaluations)
    ]
    sections += [_run_section(run, evaluations)] if run else []
    script = _own_file("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _PAGE.format(
        title=_text(title),
        languages=_text(languages),
        version=_text(__version__),
        digest=digest,
        style=_own_file("report.css"),
        script=script,
        body="\n".join(sections),
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'">
<title>{title} – evaluation</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}<small>{languages}</small></h1></header>
<main>
{body}
</main>
<footer>Made by translator {version}.</footer>
<script>{script}</script>
</body>
</html>
"""


# --- one test set ---------------------------------------------------------------------------------


def _evaluation_section(
    evaluation: Evaluation,
    number: int,
    attention: Callable[[str, str], SentenceAttention | None] | None,
) -> str:
    test_set = evaluation.test_set
    told = [f"{len(test_set):,} sentences"]
    if len(test_set.references) > 1:
        told.append(f"{len(test_set.references)} references each")
    if evaluation.seconds:
        told.append(f"{len(test_set) / evaluation.seconds:,.0f} sentences/s")
    warnings = "".join(f'<p class="warning">{_text(each)}</p>' for each in evaluation.warnings)
    return f"""<section aria-labelledby="set-{number}">
<h2 id="set-{number}">{_text(test_set.name)}<small>{_text(" · ".join(told))}</small></h2>
{warnings}
{_scores(evaluation)}
<div class="plots">{_length_plot(evaluation)}{_ratio_plot(evaluation)}</div>
{_length_table(evaluation)}
{_faults(evaluation)}
<h3>Sentences</h3>
{_sentences(evaluation, number, attention)}
</section>"""


def _scores(evaluation: Evaluation) -> str:
    cards = [
        f'<div class="card"><dt>{_text(score.name)}</dt><dd>{_interval(score.value)}'
        f"<code>{_text(score.signature)}</code></dd></div>"
        for score in evaluation.scores
    ]
    return f'<dl class="cards">{"".join(cards)}</dl>'


def _interval(value: str) -> str:
    number, _, interval = value.partition(" ± ")
    told = f" <small>± {_text(interval)}</small>" if interval else ""
    return f"<strong>{_text(number)}</strong>{told}"


def _length_plot(evaluation: Evaluation) -> str:
    buckets = evaluation.by_length
    names = {float(n): str(b).replace(" and more", "+") for n, b in enumerate(buckets)}
    series = {
        score.name: [
            Point(float(n), bucket.scores[place].score, bucket.scores[place].interval)
            for n, bucket in enumerate(buckets)
        ]
        for place, score in enumerate(buckets[0].scores if buckets else ())
    }
    return line_plot("Score by length", "words of the source", series, names, from_zero=True)


def _length_table(evaluation: Evaluation) -> str:
    """The same as the plot for those who do not see it."""
    rows = [
        [str(b), f"{b.sentences:,}", *(s.value for s in b.scores), f"{b.length_ratio:.2f}"]
        for b in evaluation.by_length
    ]
    header = ["words of the source", "sentences", "BLEU", "chrF2", "length ratio"]
    table = _table(header, rows, numbers=range(1, 5))
    return f"<details><summary>Score by length as a table</summary>{table}</details>"


def _ratio_plot(evaluation: Evaluation) -> str:
    ratios = [
        len(hypothesis) / len(reference)
        for hypothesis, reference in zip(
            evaluation.hypotheses, evaluation.test_set.references[0], strict=True
        )
        if reference
    ]
    title = f"Length ratio (all: {evaluation.length_ratio:.2f})"
    label = "characters of the hypothesis ÷ reference"
    return histogram(title, label, ratios, _RATIO_EDGES)


def _faults(evaluation: Evaluation) -> str:
    rows = []
    for fault, indices in evaluation.faults.items():
        lines = ", ".join(str(index + 1) for index in indices[:8]) + " …" * (len(indices) > 8)
        share = len(indices) / len(evaluation.test_set)
        rows.append([f"{fault}: {FAULTS[fault]}", f"{len(indices):,}", f"{share:.1%}", lines])
    header = ["fault", "sentences", "share", "lines"]
    return f"<h3>Faults</h3>{_table(header, rows, numbers=(1, 2))}"


# --- sentences ------------------------------------------------------------------------------------


def chosen_sentences(scores: Sequence[float], lengths: Sequence[int]) -> dict[str, list[int]]:
    """Indices of the worst, best and random sentences; of equal scores the longer comes first."""
    order = sorted(range(len(scores)), key=lambda i: (scores[i], -lengths[i]))
    best = sorted(range(len(scores)), key=lambda i: (-scores[i], -lengths[i]))
    drawn = random.Random(1).sample(range(len(scores)), min(_SENTENCES, len(scores)))
    return {"Worst": order[:_SENTENCES], "Random": sorted(drawn), "Best": best[:_SENTENCES]}


def word_diff(reference: str, hypothesis: str) -> tuple[str, str]:
    """Both texts as HTML: what only the reference has in <del>, only the hypothesis in <ins>."""
    left, right = reference.split(), hypothesis.split()
    marked: tuple[list[str], list[str]] = ([], [])
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        for side, tag, words in ((0, "del", left[a:b]), (1, "ins", right[c:d])):
            text = _text(" ".join(words))
            if text:
                marked[side].append(text if kind == "equal" else f"<{tag}>{text}</{tag}>")
    return " ".join(marked[0]), " ".join(marked[1])


def _sentences(
    evaluation: Evaluation,
    number: int,
    attention: Callable[[str, str], SentenceAttention | None] | None,
) -> str:
    references = evaluation.test_set.references
    scores = sentence_chrf(evaluation.hypotheses, *references)
    chosen = chosen_sentences(scores, [len(text) for text in references[0]])
    groups = []
    for name, indices in chosen.items():
        items = "".join(
            _sentence(evaluation, index, scores[index], f"{number}-{name}", attention)
            for index in indices
        )
        opened = " open" * (name == "Worst")
        groups.append(f"<details{opened}><summary>{name}</summary><ol>{items}</ol></details>")
    return "".join(groups)


def _sentence(
    evaluation: Evaluation,
    index: int,
    chrf: float,
    place: str,
    attention: Callable[[str, str], SentenceAttention | None] | None,
) -> str:
    source, hypothesis = evaluation.test_set.sources[index], evaluation.hypotheses[index]
    first, *others = [each[index] for each in evaluation.test_set.references]
    reference, marked = word_diff(first, hypothesis)
    rows = [("source", _text(source)), ("reference", reference)]
    rows += [("reference", _text(other)) for other in others]
    rows += [("hypothesis", marked or '<em class="none">(empty)</em>')]
    pairs = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    known = attention(source, hypothesis) if attention and source and hypothesis else None
    shown = _attention(known, f"attention-{place}-{index}") if known else ""
    return (
        f'<li><p class="place">line {index + 1}<span>chrF2 {chrf:.1f}</span></p>'
        f"<dl>{pairs}</dl>{shown}</li>"
    )


def _attention(attention: SentenceAttention, name: str) -> str:
    """A button and the weights in whole percent; the script draws them on the first click."""
    content = {
        "source": list(attention.source),
        "target": list(attention.target),
        "weights": [[round(100 * weight) for weight in row] for row in attention.weights],
    }
    return (
        f'<button type="button" aria-expanded="false" data-attention="{_text(name)}">Attention'
        f'</button><script type="application/json" id="{_text(name)}">{_json(content)}</script>'
    )


# --- the run --------------------------------------------------------------------------------------


def _run_section(run: RunDirectory, evaluations: Sequence[Evaluation]) -> str:
    config = run.config_file.read_text(encoding="utf-8-sig")
    environment = run.read_environment()
    environment_rows = [
        [name, _listed(value)] for name, value in environment.items() if name != "pairs"
    ]
    return f"""<section aria-labelledby="run">
<h2 id="run">The run</h2>
<div class="plots">{_learning_curves(run.read_metrics())}</div>
<h3>Data</h3>
{_data_card(run, environment.get("pairs", {}), evaluations)}
<details><summary>Environment</summary>{_table(["", ""], environment_rows)}</details>
<details><summary>Configuration</summary><pre>{_text(config)}</pre></details>
</section>"""


def _listed(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)


def _learning_curves(metrics: Sequence[Mapping[str, Any]]) -> str:
    def series(**keys: str) -> dict[str, list[Point]]:
        found = {
            name: [Point(entry["step"], entry[key]) for entry in metrics if key in entry]
            for name, key in keys.items()
        }
        return {name: points for name, points in found.items() if points}

    loss = series(training="train_loss", validation="valid_loss")
    quality = series(BLEU="valid_bleu", chrF2="valid_chrf")
    return line_plot("Loss (nats a token)", "step", loss) + line_plot(
        "Validation", "step", quality, from_zero=True
    )


def _data_card(
    run: RunDirectory, pairs: Mapping[str, Any], evaluations: Sequence[Evaluation]
) -> str:
    rows = []
    for corpus in run.read_config().data.train:
        rows.append(["training corpus", corpus.path, "", f"weight {corpus.weight:g}"])
    for name, counts in pairs.items():
        dropped = ", ".join(f"{reason}: {n:,}" for reason, n in counts["dropped"].items())
        kept = f"{counts['kept']:,} of {counts['read']:,} pairs"
        told = f"dropped: {dropped}" if dropped else "nothing dropped"
        rows.append(["", f"all of {name} together", kept, told])
    for evaluation in evaluations:
        leakage = evaluation.leakage
        told = "not known whether it was trained on"
        if leakage:
            told = (
                f"{len(leakage.sources):,} sources and {len(leakage.references):,} references "
                "occur in training"
            )
        test_set = evaluation.test_set
        digest = hashlib.sha256("\n".join(test_set.sources).encode()).hexdigest()[:12]
        size = f"{len(test_set):,} sentences"
        rows.append(["test", test_set.name, size, f"{told}; sources' SHA-256 {digest}…"])
    return _table(["use", "what", "size", "remarks"], rows)


# --- HTML -----------------------------------------------------------------------------------------


def _table(
    header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()
) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=number' * (place in numbers)}>{_text(cell)}</{tag}>"
            for place, cell in enumerate(row)
        )

    head = f"<thead><tr>{cells(header, 'th')}</tr></thead>" if any(header) else ""
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f'<div class="wide"><table>{head}<tbody>{body}</tbody></table></div>'


def _text(text: str) -> str:
    return html.escape(text, quote=True)


def _json(content: object) -> str:
    """JSON that may stand in a <script>: no character of it can end or open a tag."""
    dumped = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        dumped = dumped.replace(character, f"\\u{ord(character):04x}")
    return dumped


def _own_file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
