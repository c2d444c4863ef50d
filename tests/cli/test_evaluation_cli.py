"""What is typed to evaluate, compare and report, and what comes out."""

import hashlib
import json
import math
import re
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from translator.cli import app
from translator.data import SentencePair
from translator.errors import DataError, VerdictError
from translator.evaluation import score, sentence_chrf, set_of_files
from translator.runs import RunDirectory
from translator.version import __version__


def translator(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, cipher_pairs: list[SentencePair]) -> Path:
    """A directory with sentences, their references, and translations by three systems."""
    folder = tmp_path_factory.mktemp("files")
    sources, references = zip(*cipher_pairs[:40], strict=True)
    systems = {
        "source": sources,
        "reference": references,
        "good": [f"{text} mal" if n % 4 == 0 else text for n, text in enumerate(references)],
        "poor": [f"mal {text} mal mal" for text in references],
    }
    for name, lines in systems.items():
        text = "".join(line + "\n" for line in lines)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    pairs = "".join(f"{pair.source}\t{pair.target}\n" for pair in cipher_pairs[:20])
    (folder / "set.en-es.tsv").write_text(pairs, encoding="utf-8", newline="\n")
    return folder


@pytest.fixture
def run(trained_run: RunDirectory, tmp_path: Path) -> RunDirectory:
    """A copy of the trained run that a test may write into."""
    return RunDirectory(shutil.copytree(trained_run.path, tmp_path / "run"))


def pair_of(files: Path) -> tuple[str | Path, ...]:
    return ("--source", files / "source", "--reference", files / "reference")


def test_evaluate_scores_several_sets_and_tells_what_leaked(run: RunDirectory, files: Path) -> None:
    done = translator(
        *("evaluate", "--run", run.path, "--split", "test", "--test-set", files / "set.en-es.tsv"),
        *(*pair_of(files), "--beam-size", "1", "--resamples", "10", "--json"),
    )
    assert done.exit_code == 0, done.output
    source, held_out, tsv = sorted(
        json.loads(done.stdout), key=lambda each: each["set"] != "source"
    )
    assert {held_out["set"], tsv["set"]} == {"test/held-out", "set"}
    kept = json.loads((run.evaluations / "source.beam-1.json").read_text(encoding="utf-8"))
    assert kept["scores"] == source["scores"]
    by_set = {each["set"]: each for each in (source, held_out, tsv)}
    assert by_set["test/held-out"]["leaked"] == {"sources": 0, "references": 0}
    assert by_set["source"]["leaked"]["sources"] > 20
    assert "warning: source:" in done.stderr and "occur in the training data" in done.stderr


def test_json_says_what_a_score_depends_on(run: RunDirectory, files: Path, tmp_path: Path) -> None:
    output = tmp_path / "sentences.jsonl"
    done = translator(
        *("evaluate", "--run", run.path, *pair_of(files), "--beam-size", "1", "--resamples", "0"),
        *("--json", "--sentences", output, "--fail-under", "bleu=1", "--fail-under", "chrf=100"),
    )
    assert isinstance(done.exception, VerdictError), done.output
    [found] = json.loads(done.stdout)
    kept = json.loads((run.evaluations / "source.beam-1.json").read_text(encoding="utf-8"))
    hypotheses = run.evaluations / "source.beam-1.hypotheses.txt"
    for record in (found, kept):
        assert record["model_sha256"] == run.model_sha256()
        assert record["direction"] == "en-es"
        assert record["versions"] == {"translator": __version__, "torch": version("torch")}
        assert record["sources_sha256"] == sha256(files / "source")
        assert record["references_sha256"] == [sha256(files / "reference")]
        assert record["hypotheses_sha256"] == sha256(hypotheses)
    assert found["run"] == str(run.path)
    assert [(each["metric"], each["passed"]) for each in found["fail_under"]] == [
        ("bleu", True),
        ("chrf", False),
    ]
    bleu, chrf = found["scores"][:2]
    logs = [math.log(each / 100) for each in bleu["precisions"]]
    geometric = 100 * bleu["brevity_penalty"] * math.exp(sum(logs) / 4)
    assert bleu["score"] == pytest.approx(geometric)
    assert "precisions" not in chrf
    lines = output.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["hypothesis"] for row in rows] == hypotheses.read_text("utf-8").splitlines()
    assert [row["line"] for row in rows] == [*range(1, found["sentences"] + 1)]
    texts = [row["hypothesis"] for row in rows]
    assert [row["chrf2"] for row in rows] == pytest.approx(
        sentence_chrf(texts, [row["references"][0] for row in rows]), abs=0.01
    )
    for fault, counted in found["faults"].items():
        assert sum(fault in row["faults"] for row in rows) == counted["sentences"]


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_perfect_score_is_a_hundred() -> None:
    texts = [f"a b c d e f {number}" for number in range(9)]
    assert score(texts, texts)[0].score == 100.0


def test_sets_of_one_name_are_told_apart_by_their_paths(
    run: RunDirectory, files: Path, tmp_path: Path
) -> None:
    sets = []
    for folder in ("law", "news"):
        (tmp_path / folder).mkdir()
        sets.append(tmp_path / folder / "test.2024.en-es.tsv")
        sets[-1].write_bytes((files / "set.en-es.tsv").read_bytes())
    options = ("--beam-size", "1", "--resamples", "0", "--json")
    alone = translator("evaluate", "--run", run.path, "--test-set", sets[0], *options)
    assert [each["set"] for each in json.loads(alone.stdout)] == ["test.2024"]
    both = translator(
        "evaluate", "--run", run.path, "--test-set", sets[0], "--test-set", sets[1], *options
    )
    assert [each["set"] for each in json.loads(both.stdout)] == list(map(str, sets))
    assert len(list(run.evaluations.glob("*news*.json"))) == 1


def test_a_run_that_cannot_be_written_is_scored(run: RunDirectory, files: Path) -> None:
    shutil.rmtree(run.evaluations, ignore_errors=True)
    run.evaluations.write_text("in the way", encoding="utf-8")
    sets = [part for _ in range(2) for part in ("--test-set", files / "set.en-es.tsv")]
    done = translator("evaluate", "--run", run.path, *sets, "--resamples", "0", "--json")
    assert (done.exit_code, len(json.loads(done.stdout))) == (0, 2)
    assert "not kept" in done.stderr
    compared = translator("compare", run.path, files / "good", *pair_of(files))
    assert compared.exit_code == 0, compared.output
    assert "kept nowhere" in compared.stderr


def test_compare_tells_which_run_knows_the_sentences(run: RunDirectory, files: Path) -> None:
    done = translator("compare", run.path, files / "good", *pair_of(files))
    assert "warning: source: run: " in done.stderr
    assert "of 40 sources" in done.stderr
    run.fingerprints_file.unlink()
    done = translator("compare", run.path, files / "good", *pair_of(files))
    assert "whether test sentences leaked is not known" in done.stderr


def test_evaluate_shows_scores_faults_and_lengths(files: Path) -> None:
    done = translator("evaluate", *pair_of(files), "--hypothesis", files / "good")
    assert done.exit_code == 0, done.output
    assert "source: 40 sentences" in done.stdout
    for line in ("BLEU", "chrF2++", "TER", "nrefs:1|bs:1000|seed:12345", "number lost", "1–4"):
        assert line in done.stdout
    two = translator(
        *("evaluate", *pair_of(files), "--reference", files / "good", "--hypothesis"),
        *(files / "good", "--resamples", "0"),
    )
    assert "BLEU     100.0  nrefs:2|case" in two.stdout


def test_evaluate_shows_what_other_ways_to_write_cost(run: RunDirectory, files: Path) -> None:
    arguments = ("evaluate", "--run", run.path, *pair_of(files), "--beam-size", "1", "--robustness")
    done = translator(*arguments)
    assert done.exit_code == 0, done.output
    [upper] = [line for line in done.stdout.splitlines() if "UPPER CASE" in line]
    assert upper.split()[2] == "40" and "-" in upper
    summary = json.loads(translator(*arguments, "--json").stdout)[0]["robustness"]
    assert [each["sources"] for each in summary][:2] == ["as it is", "UPPER CASE"]


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ("bleu=0", None),
        ("chrf=20.5", None),
        ("bleu=99.5", "BLEU .* is under 99.5"),
        ("comet=0.6", "comet 0.50 is under 0.6"),
    ],
)
def test_a_score_under_the_gate_is_an_error(
    files: Path, tmp_path: Path, gate: str, message: str | None
) -> None:
    scores = tmp_path / "scores"
    scores.write_text("0.5\n" * 40, encoding="utf-8")
    done = translator(
        *("evaluate", *pair_of(files), "--hypothesis", files / "good", "--resamples", "0"),
        *("--metric", f"comet={scores}", "--fail-under", gate, "--fail-under", "chrf++=1"),
    )
    assert "comet    0.5000" in done.stdout  # shown before the gate closes
    if message is None:
        assert done.exit_code == 0, done.output
    else:
        assert isinstance(done.exception, VerdictError)
        with pytest.raises(VerdictError, match=message):
            raise done.exception


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "--fail-under", "bleu"),
        ("evaluate", "--fail-under", "bleu=much"),
        ("evaluate", "--fail-under", "bleu=nan"),
        ("evaluate", "--fail-under", "bleu=130"),
        ("evaluate", "--fail-under", "ter=50"),
        ("evaluate", "--fail-under", "comet=0.8"),
        ("evaluate", "--fail-under", "bleu=1", "--fail-under", "bleu=2"),
        ("evaluate", "--metric", "comet"),
        ("evaluate", "--metric", "bleu=x"),
        ("evaluate", "--resamples", "-1"),
        ("evaluate", "--hypothesis", "x"),
        ("evaluate", "--hypothesis", "x", "--robustness"),
        ("evaluate", "--source", "x"),
        ("compare",),
        ("compare", "x"),
        ("report", "--source", "x", "--hypothesis", "x"),
    ],
)
def test_nonsense_is_wrong_usage(
    arguments: tuple[str, ...], run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANSLATOR_RUN", str(run.path))
    assert translator(*arguments).exit_code == 2


def test_compare_tells_better_worse_and_equal(files: Path) -> None:
    systems = (files / "poor", files / "good", files / "poor")
    done = translator("compare", *systems, "--reference", files / "reference", "--json")
    assert done.exit_code == 0, done.output
    assert "warning: reference: few sentences (40): mind the intervals" in done.stderr
    [told] = json.loads(done.stdout)
    better, same = told["against_the_first"]
    assert (better["wins"], better["losses"]) == (40, 0)
    assert (same["wins"], same["losses"], same["ties"], same["different"]) == (0, 0, 40, 0)
    scores = [system["scores"][0] for system in told["systems"]]
    assert [each["p_bootstrap"] for each in scores] == [None, 1 / 1001, 1.0]
    assert [each["p_randomization"] for each in scores] == [None, 1 / 10001, 1.0]
    first = better["most_different"][0]
    read = set_of_files(files / "source", [files / "reference"])
    assert first["references"] == [read.references[0][first["line"] - 1]]


def test_compare_translates_with_runs_and_keeps_it(run: RunDirectory, files: Path) -> None:
    systems, options = (files / "poor", run.path), ("--beam-size", "1", "--sentences", "2")
    done = translator("compare", *systems, *pair_of(files), *options)
    assert done.exit_code == 0, done.output
    assert re.search(r"run: \d\.\d MB, [\d,]+ sentences/s; translated now: ", done.stderr)
    assert (run.evaluations / "source.beam-1.hypotheses.txt").is_file()
    again = translator("compare", *systems, *pair_of(files), *options)
    assert "; translated before: " in again.stderr and again.stdout == done.stdout
    assert "source: 40 sentences, against poor" in done.stdout
    assert "(chrF2); 40 differ" in done.stdout
    assert done.stdout.count("\n  line ") == 2
    assert translator("compare", *systems, "--reference", files / "reference").exit_code == 2
    wrong = translator("compare", files / "poor", files / "none", *pair_of(files))
    assert isinstance(wrong.exception, DataError)


def test_a_report_is_written_of_a_run_and_of_files_alone(
    run: RunDirectory, files: Path, cipher_pairs: list[SentencePair], tmp_path: Path
) -> None:
    done = translator("report", run.path, "--beam-size", "1")
    assert done.exit_code == 0, done.output
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert all(part in page for part in ("test/held-out", "Configuration", "data-attention="))
    looked = [json.loads(each) for each in re.findall(r'id="attention-.*?>(\{.*?\})<', page)]
    sources = {" ".join(each["source"]) for each in looked}  # of words, not of pieces
    assert len(looked) == 30 and sources <= {f"{pair.source} ⟨end⟩" for pair in cipher_pairs}
    alone = tmp_path / "deep" / "alone.html"
    done = translator("report", *pair_of(files), "--hypothesis", files / "good", "-o", alone)
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"the report is {alone}" in done.stderr
    assert "Configuration" not in alone.read_text(encoding="utf-8")
    assert [file.name for file in alone.parent.iterdir()] == ["alone.html"]
    [translated] = run.evaluations.glob("*held-out.beam-1.hypotheses.txt")
    theirs = ("--hypothesis", translated, "-o", tmp_path / "theirs.html")
    done = translator("report", run.path, *theirs)  # a run may find the test set
    assert done.exit_code == 0, done.output
    assert "Configuration" not in (tmp_path / "theirs.html").read_text(encoding="utf-8")


def test_references_without_a_character_have_no_length_ratio(tmp_path: Path) -> None:
    for side, text in (("source", "a b"), ("reference", ""), ("theirs", "c")):
        (tmp_path / side).write_text(f"{text}\n", encoding="utf-8")
    command = ("evaluate", *pair_of(tmp_path), "--hypothesis", tmp_path / "theirs")
    done = translator(*command)
    assert "length ratio – (characters)" in done.stdout, done.output
    [told] = json.loads(translator(*command, "--json").stdout)
    assert told["length_ratio"] is None
