"""The report: one page that holds everything, loads nothing and runs nothing that data brought."""

import base64
import hashlib
import html
import itertools
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from translator.data import SentencePair
from translator.evaluation import (
    Evaluation,
    EvaluationSet,
    assess,
    sentence_chrf,
)
from translator.runs import Adaptation, RunDirectory
from translator.visualization.page import render_page
from translator.visualization.plots import Point, bar_chart, histogram, line_plot, round_ticks
from translator.visualization.report import (
    SentenceAttention,
    chosen_sentences,
    render_report,
    word_diff,
)

EVIL = "</script><script>alert('1')</script><img src=x onerror=alert(2)> \"&amp; \u2028"
VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """The elements of a page, what its scripts hold, and whether every one is closed in turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag == "script":
            self.scripts.append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            self.scripts[-1] += data
        else:
            self.texts.append(data)


def attention(test_set: EvaluationSet, source: str, hypothesis: str) -> SentenceAttention:
    keys, queries = source.split(), hypothesis.split()
    weights = [[0.9 / len(keys)] * len(keys) for _ in queries]
    return SentenceAttention(keys, queries, weights, "the tag")


@pytest.fixture(scope="module")
def evaluation(cipher_pairs: list[SentencePair]) -> Evaluation:
    """Thirty sentences, one of them a villain's."""
    sources, references = map(list, zip(*cipher_pairs[:30], strict=True))
    hypotheses = [f"{text} mal" for text in references]
    sources[3] = references[3] = EVIL
    hypotheses[3] = f"{EVIL} x"
    hypotheses[4] = ""
    test_set = EvaluationSet(EVIL, tuple(sources), (tuple(references),))
    return assess(test_set, tuple(hypotheses), resamples=20, seconds=2.0)


def test_nothing_that_data_brings_is_run_or_loaded(evaluation: Evaluation) -> None:
    written = render_report([evaluation], attention=attention)
    page = Page(written)
    [script] = [
        text
        for text, (_, attributes) in zip(
            page.scripts, [e for e in page.elements if e[0] == "script"], strict=True
        )
        if attributes.get("type") != "application/json"
    ]
    assert "alert" not in script
    assert not any(tag == "img" for tag, _ in page.elements)
    named = {name for _, attributes in page.elements for name in attributes}
    assert not any(name.startswith("on") for name in named)
    assert not named & {"src", "href", "srcset", "action", "data"}
    assert "url(" not in written and "@import" not in written
    assert any("alert('1')" in text for text in page.texts)  # it is shown, as text
    [policy] = [a["content"] for t, a in page.elements if t == "meta" and "http-equiv" in a]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy and policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}'" in policy


def test_attention_comes_with_its_sentence_as_json(evaluation: Evaluation) -> None:
    page = Page(render_report([evaluation], attention=attention))
    stored = [json.loads(text) for text in page.scripts if text.startswith("{")]
    buttons = [a["data-attention"] for tag, a in page.elements if tag == "button"]
    ids = [a.get("id") for tag, a in page.elements if tag == "script" and a.get("id")]
    assert buttons == ids and len(set(ids)) == len(ids) == len(stored)
    evil = next(
        each for each in stored if "</script><script>alert('1')</script><img" in each["source"]
    )
    assert evil["target"] == evil["source"] + ["x"]
    assert evil["rest"] == "the tag"
    assert "Attention" not in "".join(Page(render_report([evaluation])).texts)


def test_scores_stand_with_intervals_and_signatures(evaluation: Evaluation) -> None:
    written = render_report([evaluation])
    for score in evaluation.scores:
        assert html.escape(score.signature) in written
        assert f"<strong>{score.score:.1f}</strong> <small>± {score.interval:.1f}" in written
    assert "few sentences (30)" in written
    assert "15 sentences/s" in written
    assert written.count("(empty)") >= 1
    shown = [attributes for tag, attributes in Page(written).elements if tag == "dd"]
    assert shown.count({"dir": "auto"}) == written.count("<dt>source</dt>") * 3


def test_the_report_of_a_run_tells_its_data_its_settings_and_how_it_learned(
    trained_run: RunDirectory, evaluation: Evaluation
) -> None:
    written = render_report([evaluation, evaluation], trained_run)
    page = Page(written)
    text = "".join(page.texts)
    assert trained_run.config_file.read_text(encoding="utf-8") in text
    assert trained_run.read_environment()["data_fingerprint"] in text
    assert "cipher.en-es.tsv" in text
    assert f"SHA-256 {evaluation.summary()['sources_sha256'][:12]}…" in text
    assert "Loss (nats/token; of training with smoothed labels)" in text and "Validation" in text
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert 'lang="en"' in written and 'name="viewport"' in written


def test_the_report_says_first_what_makes_a_run_doubtful(
    trained_run: RunDirectory, evaluation: Evaluation, tmp_path: Path
) -> None:
    beginning, _, _ = render_report([evaluation], trained_run).partition("<section")
    assert 'class="warning"' not in beginning
    run = RunDirectory(Path(shutil.copytree(trained_run.path, tmp_path / "run")))
    numbers = dict.fromkeys(("pairs", "replayed", "terms", "max_steps", "replay_weight"), 1)
    made = {
        "made_of": {},
        "distilled": False,
        "warnings": [],
        "refused": ["a lost", "b"],
        **numbers,
    }
    run.write_adaptation(cast(Adaptation, made))
    run.fingerprints_file.unlink()
    page = render_report([evaluation], run)
    assert re.findall(r'<p class="warning">(.*)</p>', page.partition("<section")[0]) == [
        f"{run.name} was refused when it was adapted: a lost; b",
        f"{run.name} has no training_fingerprints.safetensors: whether test sentences leaked is "
        "not known",
    ]


# --- sentences ------------------------------------------------------------------------------------


def test_worst_best_and_random_sentences_are_those(evaluation: Evaluation) -> None:
    references = evaluation.test_set.first_references
    scores = sentence_chrf(evaluation.hypotheses, references)
    chosen = chosen_sentences(scores, [len(text) for text in references])
    assert list(chosen) == ["Worst", "Random", "Best"]
    assert scores[chosen["Worst"][0]] == min(scores)
    assert scores[chosen["Best"][0]] == max(scores)
    assert chosen == chosen_sentences(scores, [len(text) for text in references])
    assert chosen_sentences([50.0, 50.0], [3, 9])["Worst"] == [1, 0]


WORDS = st.lists(st.sampled_from(["<b>", "a", "b", "&", "c"]), max_size=8).map(" ".join)


@given(WORDS, WORDS)
def test_a_diff_marks_what_differs_and_loses_nothing(reference: str, hypothesis: str) -> None:
    marked = word_diff(reference, hypothesis)
    assert tuple(html.unescape(re.sub("</?(ins|del)>", "", side)) for side in marked) == (
        reference,
        hypothesis,
    )
    common = [re.sub("<(del|ins)>.*?</\\1>", "", side).split() for side in marked]
    assert common[0] == common[1]
    assert reference != hypothesis or marked[0] == html.escape(reference)


# --- plots ----------------------------------------------------------------------------------------


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_even_and_enclose_the_range(low: float, width: float) -> None:
    high = low + width
    ticks = round_ticks(low, high)
    margin = 1e-6 * max(abs(low), abs(high), 1.0)
    assert ticks[0] <= low + margin and high - margin <= ticks[-1]
    assert 3 <= len(ticks) <= 8
    steps = [b - a for a, b in itertools.pairwise(ticks)]
    assert max(steps) - min(steps) <= margin


def numbers(pattern: str, svg: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, svg)]


def test_a_histogram_draws_every_value_once() -> None:
    svg = histogram("Ratios", "ratio", [0.5, 1.0, 1.0, 9.0, -3.0], [0.0, 1.0, 2.0])
    heights = numbers(r'<rect [^>]*height="([\d.]+)"', svg)
    assert len(heights) == 2
    assert heights[0] / heights[1] == pytest.approx(2 / 3, abs=0.01)  # 2 and 3 values
    assert "0 – 1: 2" in svg and "1 – 2: 3" in svg


def test_a_line_goes_up_where_the_values_do_and_skips_what_is_not_finite() -> None:
    line = [Point(1, 10), Point(2, float("nan")), Point(3, 20, 2.0), Point(4, 15)]
    svg = line_plot("<Score>", "step", {"BLEU": line})
    heights = numbers(r'cy="([\d.]+)"', svg)
    assert len(heights) == 3
    assert heights[1] < heights[2] < heights[0]  # downwards is larger
    assert "&lt;Score&gt;" in svg and "<Score>" not in svg
    assert "20 ± 2" in svg
    assert line_plot("Nothing", "step", {"BLEU": []}) == ""


@pytest.mark.parametrize(
    ("points", "ends"),
    [
        ([Point(1, 95, 9.0), Point(2, 3, 9.0)], (0, 100)),
        ([Point(1, 40, 50.0)], (0, 100)),
        ([Point(1, 100, 0.0)], (0, 100)),
        ([Point(1, 0, 0.0)], (0, 1)),
        ([Point(1, 12, 20.0)], (0, 40)),
    ],
)
def test_a_percentage_has_no_place_under_0_or_over_100(
    points: list[Point], ends: tuple[float, float]
) -> None:
    svg = line_plot("Scores", "words", {"BLEU": points}, percent=True)
    ticks = numbers('class="y">([^<]*)<', svg)
    assert (ticks[0], ticks[-1]) == ends
    grid = numbers(r"M46 ([\d.]+)H", svg)
    bars = numbers(r'd="M[\d.]+ ([\d.]+)V', svg) + numbers(r"V([\d.]+)M", svg)
    assert all(min(grid) <= end <= max(grid) for end in bars)


def test_bars_of_a_class_stand_side_by_side_and_say_what_they_count() -> None:
    svg = bar_chart("Lengths", "characters", {"source": [4, 2], "target": [0, 3]}, ["1", "<2>"])
    lefts, heights = numbers(r'<rect x="([\d.]+)"', svg), numbers(r' height="([\d.]+)"', svg)
    assert lefts[0] < lefts[2] < lefts[1] < lefts[3]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.11)
    assert heights[2] == 0.0
    assert "source, 1: 4" in svg and "target, &lt;2&gt;: 3" in svg


def test_a_page_has_what_its_templates_ask_for() -> None:
    with pytest.raises(UndefinedError):
        render_page("curves.html", data={})
