"""An evaluation, and the run that made it, as one page that can be opened or sent."""

import difflib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from translator.evaluation import FAULTS, Evaluation, EvaluationSet, sentence_chrf
from translator.integrity import lines_sha256
from translator.runs import RunDirectory
from translator.version import __version__
from translator.visualization.curves import curves_of
from translator.visualization.page import render_page
from translator.visualization.plots import Point, histogram, line_plot

_SENTENCES = 10  # of each kind: worst, best, random
_RATIO_EDGES = [round(0.1 * n - 0.05, 2) for n in range(27)]  # 1 is the middle of a bar


@dataclass(frozen=True)
class SentenceAttention:
    """Where the decoder looked while it wrote a sentence."""

    source: Sequence[str]  # words
    target: Sequence[str]
    weights: Sequence[Sequence[float]]  # [target][source]
    rest: str = ""  # where goes what a row lacks of 1


Attention = Callable[[EvaluationSet, str, str], SentenceAttention | None]
"""Of a test set, the attention for one of its sources and the hypothesis."""


def render_report(
    evaluations: Sequence[Evaluation],
    run: RunDirectory | None = None,
    attention: Attention | None = None,
) -> str:
    """The report of some test sets, and of the run that translated them, as an HTML page.

    `attention` gives the attention for a source and a hypothesis, or None where it cannot; each
    sentence then shows it on a click.
    """
    shown = {evaluation.test_set.direction for evaluation in evaluations}
    pairs = run.read_config().data.all_directions if run else []
    pairs = [pair for pair in pairs if str(pair) in shown] or pairs
    return render_page(
        "evaluation.html",
        title=run.title if run else "Translations",
        languages="".join(f" · {pair.source} → {pair.target}" for pair in pairs),
        warnings=list(_warnings(run)) if run else [],
        sections=[_section(evaluation, attention) for evaluation in evaluations],
        run=_run(run, evaluations) if run else None,
        version=__version__,
    )


# --- one test set ---------------------------------------------------------------------------------


def _section(evaluation: Evaluation, attention: Attention | None) -> dict[str, object]:
    return {
        "name": evaluation.test_set.name,
        "facts": _facts(evaluation),
        "warnings": evaluation.warnings,
        "scores": evaluation.scores,
        "length_plot": _length_plot(evaluation),
        "ratio_plot": _ratio_plot(evaluation),
        "by_length": [
            [str(b), f"{b.sentences:,}", *(s.value for s in b.scores), f"{b.length_ratio:.2f}"]
            for b in evaluation.by_length
        ],
        "faults": _faults(evaluation),
        "sentences": _sentences(evaluation, attention),
    }


def _facts(evaluation: Evaluation) -> list[str]:
    test_set = evaluation.test_set
    facts = [f"{len(test_set):,} sentences"]
    if len(test_set.references) > 1:
        up_to = "up to " * any(None in each for each in test_set.references)
        facts.append(f"{up_to}{len(test_set.references)} references each")
    if evaluation.seconds:
        facts.append(f"{len(test_set) / evaluation.seconds:,.0f} sentences/s")
    return facts


def _length_plot(evaluation: Evaluation) -> Markup:
    buckets = evaluation.by_length
    names = {float(n): str(b).replace(" and more", "+") for n, b in enumerate(buckets)}
    series = {
        score.name: [
            Point(float(n), bucket.scores[place].score, bucket.scores[place].interval)
            for n, bucket in enumerate(buckets)
        ]
        for place, score in enumerate(buckets[0].scores if buckets else ())
    }
    return line_plot("Score by length", "words of the source", series, names, percent=True)


def _ratio_plot(evaluation: Evaluation) -> Markup:
    ratios = [
        len(hypothesis) / len(reference)
        for hypothesis, reference in zip(
            evaluation.hypotheses, evaluation.test_set.first_references, strict=True
        )
        if reference
    ]
    title = f"Length ratio (all: {evaluation.length_ratio:.2f})"
    label = "characters of the hypothesis ÷ reference"
    return histogram(title, label, ratios, _RATIO_EDGES)


def _faults(evaluation: Evaluation) -> list[list[str]]:
    rows = []
    for fault, indices in evaluation.faults.items():
        lines = ", ".join(str(index + 1) for index in indices[:8]) + " …" * (len(indices) > 8)
        share = len(indices) / len(evaluation.test_set)
        rows.append([f"{fault}: {FAULTS[fault]}", f"{len(indices):,}", f"{share:.1%}", lines])
    return rows


# --- sentences ------------------------------------------------------------------------------------


def chosen_sentences(scores: Sequence[float], lengths: Sequence[int]) -> dict[str, list[int]]:
    """Indices of the worst, best and random sentences; of equal scores the longer comes first."""
    order = sorted(range(len(scores)), key=lambda i: (scores[i], -lengths[i]))
    best = sorted(range(len(scores)), key=lambda i: (-scores[i], -lengths[i]))
    drawn = random.Random(1).sample(range(len(scores)), min(_SENTENCES, len(scores)))
    return {"Worst": order[:_SENTENCES], "Random": sorted(drawn), "Best": best[:_SENTENCES]}


def word_diff(reference: str, hypothesis: str) -> tuple[Markup, Markup]:
    """Both texts as HTML: what only the reference has in <del>, only the hypothesis in <ins>."""
    left, right = reference.split(), hypothesis.split()
    marked: tuple[list[str], list[str]] = ([], [])
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        for side, tag, words in ((0, "del", left[a:b]), (1, "ins", right[c:d])):
            text = escape(" ".join(words))
            if text:
                marked[side].append(text if kind == "equal" else f"<{tag}>{text}</{tag}>")
    return Markup(" ".join(marked[0])), Markup(" ".join(marked[1]))


def _sentences(
    evaluation: Evaluation, attention: Attention | None
) -> dict[str, list[dict[str, object]]]:
    test_set = evaluation.test_set
    scores = sentence_chrf(evaluation.hypotheses, *test_set.references)
    chosen = chosen_sentences(scores, [len(text) for text in test_set.first_references])
    return {
        name: [_sentence(evaluation, index, scores[index], attention) for index in indices]
        for name, indices in chosen.items()
    }


def _sentence(
    evaluation: Evaluation, index: int, chrf: float, attention: Attention | None
) -> dict[str, object]:
    source, hypothesis = evaluation.test_set.sources[index], evaluation.hypotheses[index]
    first, *others = evaluation.test_set.references_of(index)
    reference, marked = word_diff(first, hypothesis)
    texts = [("source", source), ("reference", reference)]
    texts += [("reference", other) for other in others]
    texts += [("hypothesis", marked)]
    known = (
        attention(evaluation.test_set, source, hypothesis)
        if attention and source and hypothesis
        else None
    )
    return {
        "line": index + 1,
        "chrf": chrf,
        "texts": texts,
        "attention": _in_percent(known) if known else None,
    }


def _in_percent(attention: SentenceAttention) -> dict[str, object]:
    """The weights in whole percent; the script draws them on the first click."""
    return {
        "source": list(attention.source),
        "target": list(attention.target),
        "rest": attention.rest,
        "weights": [[round(100 * weight) for weight in row] for row in attention.weights],
    }


# --- the run --------------------------------------------------------------------------------------


def _warnings(run: RunDirectory) -> Iterator[str]:
    """What makes a run or its scores doubtful, whatever the test set."""
    if run.refused:
        yield f"{run.name} was refused when it was adapted: {'; '.join(run.refused)}"
    if run.leakage_unknown:
        yield run.leakage_unknown


def _run(run: RunDirectory, evaluations: Sequence[Evaluation]) -> dict[str, object]:
    environment = run.read_environment()
    return {
        "curves": _learning_curves(run),
        "data": _data_card(run, environment.get("pairs", {}), evaluations),
        "environment": [[k, _listed(v)] for k, v in environment.items() if k != "pairs"],
        "config": run.config_file.read_text(encoding="utf-8-sig"),
    }


def _listed(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)


def _learning_curves(run: RunDirectory) -> list[Markup]:
    curves = curves_of(run)

    def series(**keys: str) -> dict[str, list[Point]]:
        return {
            name: [Point(*each) for each in zip(curves[key].steps, curves[key].values, strict=True)]
            for name, key in keys.items()
            if key in curves
        }

    loss = series(training="train_loss", validation="valid_loss")
    quality = series(BLEU="valid_bleu", chrF2="valid_chrf")
    return [
        line_plot("Loss (nats/token; of training with smoothed labels)", "step", loss),
        line_plot("Validation", "step", quality, percent=True),
    ]


def _data_card(
    run: RunDirectory, pairs: Mapping[str, Any], evaluations: Sequence[Evaluation]
) -> list[list[str]]:
    rows = [
        ["training corpus", corpus.path, "", f"weight {corpus.weight:g}"]
        for corpus in run.read_config().data.train
    ]
    for name, counts in pairs.items():
        dropped = ", ".join(f"{reason}: {n:,}" for reason, n in counts["dropped"].items())
        kept = f"{counts['kept']:,} of {counts['read']:,} pairs"
        remark = f"dropped: {dropped}" if dropped else "nothing dropped"
        rows.append(["", f"all of {name} together", kept, remark])
    return rows + [_test_row(evaluation) for evaluation in evaluations]


def _test_row(evaluation: Evaluation) -> list[str]:
    test_set, leakage = evaluation.test_set, evaluation.leakage
    leaked = "not known whether it was trained on"
    if leakage:
        leaked = (
            f"{len(leakage.sources):,} sources and {len(leakage.references):,} references "
            "occur in training"
        )
    digest = lines_sha256(test_set.sources)[:12]
    size = f"{len(test_set):,} sentences"
    return ["test", test_set.name, size, f"{leaked}; sources' SHA-256 {digest}…"]
