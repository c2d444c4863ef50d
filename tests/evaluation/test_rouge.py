"""ROUGE is the library's, with the intervals, tests and signatures of the other scores."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from typer.testing import CliRunner

from translator.cli import app
from translator.errors import MissingLibraryError
from translator.evaluation import (
    METRICS,
    ROUGE,
    EvaluationSet,
    System,
    assess,
    compare,
    find_faults,
    length_ratio,
    score,
    sentence_chrf,
    sets_of_split,
)
from translator.evaluation.neural import bootstrap_mean
from translator.evaluation.rouge import Words
from translator.runs import RunDirectory

HYPOTHESES = [
    "We train networks on naïve summaries.",
    "A dual memory system learns new classes.",
    "Nothing of that.",
    "",
]
FIRST = [
    "We trained a network that summarises papers.",
    "FearNet learns classes without forgetting.",
    "All is said.",
    "A summary.",
]
SECOND = [
    "Networks are trained on summaries.",
    "A novel solution with a dual memory system.",
    "Nothing.",
    None,
]
THIRD = [None, "Memory systems inspired by mammals learn.", None, None]
KINDS = {"rouge-1": "rouge1", "rouge-2": "rouge2", "rouge-l": "rougeL"}


def references_of(index: int) -> list[str]:
    return [text for each in (FIRST, SECOND, THIRD) if (text := each[index]) is not None]


def of_the_library(kind: str) -> "np.typing.NDArray[np.float64]":
    """The F1 of each sentence in percent, as the library gives it to English summaries."""
    scorer = RougeScorer([kind], use_stemmer=True)
    scores = [scorer.score_multi(references_of(i), h)[kind] for i, h in enumerate(HYPOTHESES)]
    return np.array([100.0 * each.fmeasure for each in scores])


@pytest.mark.parametrize("name", ROUGE)
def test_rouge_is_the_librarys_with_its_mean_and_the_bootstrap_of_means(name: str) -> None:
    sentences = of_the_library(KINDS[name])
    [rouge] = score(
        HYPOTHESES,
        FIRST,
        SECOND,
        THIRD,
        metrics=[name],
        resamples=200,
        target_language="en-GB",
    )
    mean, interval, _ = bootstrap_mean(sentences, 200)
    assert rouge.name == ROUGE[name]
    assert rouge.score == pytest.approx(sentences.mean())
    assert (rouge.mean, rouge.interval) == pytest.approx((mean, interval), rel=1e-5)
    assert 0.0 < rouge.score < 100.0


def test_a_rouge_tells_how_it_was_made() -> None:
    options = "nrefs:{}|bs:50|seed:12345|f:1|multi:best|{}|lib:rouge-score|version:0.1.2"
    [english] = score(
        HYPOTHESES, FIRST, SECOND, metrics=["rouge-1"], resamples=50, target_language="en"
    )
    assert english.signature == options.format("var", "tok:rouge|stem:porter")
    [other] = score(HYPOTHESES, FIRST, metrics=["rouge-1"], resamples=50, target_language="es")
    assert other.signature == options.format(1, "tok:unicode|stem:no")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("¿Qué añadió «Ana»? 3 cañas.", ["qué", "añadió", "ana", "3", "cañas"]),
        ("STRAẞE Straße", ["strasse", "strasse"]),
        ("nin\u0303o", ["niño"]),
        ("यह हिन्दी है।", ["यह", "हिन्दी", "है"]),
        ("我喜欢 AI。", ["我", "喜", "欢", "ai"]),
        ("カナかな", ["カ", "ナ", "か", "な"]),
        ("Ответ: да!", ["ответ", "да"]),
        ("snake_case it's", ["snake", "case", "it", "s"]),
        ("…", []),
    ],
)
def test_words_are_found_in_any_script(text: str, words: list[str]) -> None:
    assert Words().tokenize(text) == words


def test_letters_that_the_library_deletes_count_in_other_languages() -> None:
    texts = ["Ответ — да.", "Ответа нет."], ["Ответ: да!", "Нет ответа?"]
    rouges = {
        language: [each.score for each in score(*texts, metrics=list(ROUGE), target_language=ru)]
        for language, ru in (("Russian", "ru"), ("English", "en"))
    }
    assert rouges["Russian"] == pytest.approx([100.0, 50.0, 75.0])
    assert rouges["English"] == [0.0, 0.0, 0.0]


def test_a_comparison_tests_rouge_as_the_other_metrics() -> None:
    sources = tuple(f"source {n}" for n in range(60))
    good = tuple(f"number {n} is {n % 7} and {n % 3}" for n in range(60))
    poor = tuple(f"number {n + n % 2} was {n % 7}" for n in range(60))
    test_set = EvaluationSet("numbers", sources, (good, (None,) * 30 + poor[30:]), "en")
    systems = [System("poor", poor), System("good", good), System("same", poor)]
    found = compare(test_set, systems, ("chrf", *ROUGE), resamples=100, trials=200)
    assert list(found.differences) == ["chrF2", *ROUGE.values()]
    for name in ROUGE:
        [alone] = score(poor, *test_set.references, metrics=[name], target_language="en")
        first, better, same = found.differences[ROUGE[name]]
        assert first.score == alone.score
        assert better.score == pytest.approx(100.0)
        assert better.p_bootstrap == pytest.approx(1 / 101)
        assert better.p_randomization == pytest.approx(1 / 201)
        assert (same.difference, same.p_bootstrap, same.p_randomization) == (0.0, 1.0, 1.0)


# --- sentences with fewer references than others --------------------------------------------------


def test_a_reference_that_is_not_there_changes_nothing() -> None:
    """One reference for some and two for others are as each of them alone."""
    assert sentence_chrf(HYPOTHESES, FIRST, SECOND) == [
        sentence_chrf([hypothesis], *([text] for text in own if text))[0]
        for hypothesis, *own in zip(HYPOTHESES, FIRST, SECOND, strict=True)
    ]
    assert length_ratio(["abcd", "ab"], ["ab", "a"], ["abcdef", None]) == 6 / 5
    faults = find_faults(["Es 1.", "Es 2."], ["Es.", "Es."], ["Es 1.", "Es 2."], ["Es.", None])
    assert faults["number lost"] == (1,)
    names = [*METRICS, *ROUGE]
    nothing = [None] * len(HYPOTHESES)
    for one, two in zip(
        score(HYPOTHESES, FIRST, metrics=names, target_language="en"),
        score(HYPOTHESES, FIRST, nothing, metrics=names, target_language="en"),
        strict=True,
    ):
        assert (one.score, one.signature) == (two.score, two.signature)


def test_a_held_out_set_has_the_references_of_its_lists(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    rows = [
        {"article": "ana bebe", "summaries": ["oto ", "tita", "oto tita"]},
        {"article": "ene", "summaries": ["mar"]},
    ]
    file = tmp_path / "set.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    run = RunDirectory(tmp_path / "run")
    run.path.mkdir()
    config = trained_run.read_config()
    corpus = {"path": str(file), "columns": {"source": "article", "target": "summaries"}}
    data = type(config.data).model_validate({**config.data.model_dump(), "test": {"two": corpus}})
    run.write_config(config.model_copy(update={"data": data}))
    [found] = sets_of_split(run, "test")
    assert found.references == (("oto", "mar"), ("tita", None), ("oto tita", None))
    assert found.first_references == ("oto", "mar")
    assert [found.references_of(n) for n in range(2)] == [["oto", "tita", "oto tita"], ["mar"]]
    evaluation = assess(found, ["tita", "mar"], metrics=(*METRICS, *ROUGE), resamples=0)
    assert evaluation["ROUGE-1"] == 100.0


# --- what is typed --------------------------------------------------------------------------------


@pytest.fixture
def lines(tmp_path: Path) -> tuple[str, ...]:
    """Options that name four sources, their references and a hypothesis for each."""
    for name, texts in (("source", FIRST), ("reference", FIRST), ("hypothesis", HYPOTHESES)):
        text = "".join(f"{each}\n" for each in texts)
        (tmp_path / name).write_text(text, encoding="utf-8")
    options = ("--source", "--reference", "--hypothesis")
    return tuple(word for each in options for word in (each, str(tmp_path / each[2:])))


def test_evaluate_and_report_show_rouge_where_it_is_asked_for(
    lines: tuple[str, ...], tmp_path: Path
) -> None:
    asked = CliRunner().invoke(app, ["evaluate", *lines, "--metric", "rouge", "--resamples", "0"])
    assert asked.exit_code == 0, asked.output
    assert all(f"  {name} " in asked.stdout for name in ROUGE.values())
    assert "ROUGE" not in CliRunner().invoke(app, ["evaluate", *lines]).stdout
    page = tmp_path / "report.html"
    done = CliRunner().invoke(app, ["report", *lines, "--metric", "rouge", "-o", str(page)])
    assert done.exit_code == 0, done.output
    assert "ROUGE-L" in page.read_text(encoding="utf-8")


def test_compare_shows_rouge_where_it_is_asked_for(lines: tuple[str, ...]) -> None:
    arguments = ["compare", lines[5], lines[3], *lines[:4], "--metric"]
    done = CliRunner().invoke(app, [*arguments, "rouge"])
    assert done.exit_code == 0, done.output
    assert "hypothesis  ROUGE-L" in done.stdout
    assert CliRunner().invoke(app, [*arguments, f"comet={lines[1]}"]).exit_code == 2


@pytest.mark.parametrize(
    "options",
    [
        ("--metric", "rouge=x"),
        ("--metric", "rouge-1=x"),
        ("--metric", "Rouge2"),
        ("--fail-under", "rouge-l=1"),
    ],
)
def test_a_rouge_that_is_not_asked_for_rightly_is_wrong_usage(
    lines: tuple[str, ...], options: tuple[str, ...]
) -> None:
    assert CliRunner().invoke(app, ["evaluate", *lines, *options]).exit_code == 2


def test_a_rouge_under_the_gate_is_an_error(lines: tuple[str, ...]) -> None:
    options = ("--metric", "rouge", "--resamples", "0", "--fail-under", "rouge-l=99")
    done = CliRunner().invoke(app, ["evaluate", *lines, *options])
    assert "rouge-l" in str(done.exception) or "ROUGE-L" in str(done.exception)
    assert done.exit_code == 1


@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_a_missing_library_is_told_before_anything_is_read(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rouge_score", None)
    monkeypatch.delitem(sys.modules, "rouge_score.rouge_scorer", raising=False)
    monkeypatch.delitem(sys.modules, "translator.evaluation.rouge", raising=False)
    nowhere = ["--source", "nowhere", "--reference", "nowhere", "--hypothesis", "nowhere"]
    done = CliRunner().invoke(app, [command, *nowhere, "--metric", "rouge"])
    assert isinstance(done.exception, MissingLibraryError)
    assert "pip install 'rouge-score" in done.exception.hint
