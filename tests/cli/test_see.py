"""What there is to see and to set: configurations, the list of runs, what a model is, a prompt."""

import json
import os
import select
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.test_cli import assert_clear_error, translator
from tests.commands import started_as
from tests.helpers import ROOT
from translator.cli.interactive import converse
from translator.config import Config, dump_config, json_schema, load_config
from translator.hypotheses import Alternative, Translation
from translator.runs import RunDirectory, lock
from translator.translation import Translator

LINES = "".join(f"the number {n} is here\tel número {n} está aquí\n" for n in range(100))


# --- config ---------------------------------------------------------------------------------------


def test_a_configuration_is_written_for_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "my.es-en.tsv").write_text(
        "".join("\t".join(line.split("\t")[::-1]) + "\n" for line in LINES.splitlines()), "utf-8"
    )
    done = translator("config", "init", "my.es-en.tsv", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "my.yaml\n"), done.stderr
    text = (tmp_path / "my.yaml").read_text(encoding="utf-8")
    assert "# data check: nothing serious was found" in text
    assert "# The language to translate from." in text
    assert "dropout" not in text and "A corpus has these keys" not in text
    config = load_config(tmp_path / "my.yaml")
    assert config.name == "my" and config.data.train[0].path == "my.es-en.tsv"
    assert (config.data.source_language, config.training.max_steps) == ("es", 100)
    again = translator("config", "init", "my.es-en.tsv", cwd=tmp_path)
    assert_clear_error(again, "my.yaml is there already")
    (tmp_path / "cut.jsonl").write_text('{"en": "a", "es": "b"}\n{"en": ', "utf-8")
    cut = translator("config", "init", "cut.jsonl", "--quiet", cwd=tmp_path)
    assert "warning: cut.jsonl, line 2: broken JSON" in cut.stderr


def test_the_doctors_advice_is_applied(tmp_path: Path) -> None:
    long = "".join(f"{'the long ' * 90}{n}\t{'lo largo ' * 90}{n}\n" for n in range(10))
    (tmp_path / "a.en-es.tsv").write_text(long + LINES, "utf-8")
    done = translator("config", "init", "a.en-es.tsv", "-o", "-", cwd=tmp_path)
    assert "data check advised data.max_tokens_per_sentence: 256" in done.stdout
    assert yaml.safe_load(done.stdout)["data"]["max_tokens_per_sentence"] == 256


def test_only_set_keys_are_the_same_configuration() -> None:
    config = load_config(None, ["model.dropout=0.3", "data.train={path: a.tsv, weight: 2}"])
    text = dump_config(config, only_set=True)
    assert yaml.safe_load(text) == {
        "data": {"train": [{"path": "a.tsv", "weight": 2.0}], "valid": None, "test": {}},
        "model": {"dropout": 0.3},
    }


def test_effective_values_and_the_schema_are_shown(tmp_path: Path) -> None:
    shown = translator("config", "show", "--set", "model.dropout=0.3", cwd=tmp_path).stdout
    assert shown == dump_config(load_config(None, ["model.dropout=0.3"]))
    schema = json.loads(translator("config", "schema", cwd=tmp_path).stdout)
    assert set(schema["properties"]) == set(Config.model_fields)
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("file", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda f: f.name)
def test_shipped_configurations_fit_the_schema(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    validator = pytest.importorskip("jsonschema_rs")  # which schemathesis brings
    validator.validate(json_schema(), yaml.safe_load(text))


def test_the_schema_that_editors_find_is_the_present_one(tmp_path: Path) -> None:
    """`translator config schema > configs/schema.json` writes it."""
    shown = translator("config", "schema", cwd=tmp_path).stdout
    assert (ROOT / "configs" / "schema.json").read_text(encoding="utf-8") == shown


def test_the_schema_takes_short_forms_and_refuses_what_the_program_refuses() -> None:
    fits = pytest.importorskip("jsonschema_rs").is_valid
    short = {"data": {"train": "a.tsv", "valid": "b.tsv", "test": "c.tsv"}}
    assert fits(json_schema(), {**short, "training": {"tokens_per_batch": "auto"}})
    assert not fits(json_schema(), {"modle": {}})
    assert not fits(json_schema(), {"model": {"dropout": 2}})
    assert not fits(json_schema(), {"data": {"train": 3}})


# --- runs -----------------------------------------------------------------------------------------


def test_runs_are_listed_and_deleted(trained_run: RunDirectory, tmp_path: Path) -> None:
    assert "there is no run" in translator("runs", cwd=tmp_path).stderr
    shutil.copytree(trained_run.path, tmp_path / "runs" / "one")
    begun = tmp_path / "runs" / "two"
    begun.mkdir()
    (begun / "config.yaml").write_text("name: two\ntraining: {start_from: runs/one}\n")
    found = json.loads(translator("runs", "--json", cwd=tmp_path).stdout)
    one, two = sorted(found, key=lambda run: str(run["name"]))
    assert one["bleu"] > 50 and one["languages"] == "en → es" and one["bytes"] > 1000
    assert (two["bleu"], two["state"], two["lineage"]) == (None, "no model yet", "runs/one")
    table = translator("runs", cwd=tmp_path).stdout
    head = "run languages BLEU validated on MB date state started from"
    assert table.splitlines()[0].split() == head.split()
    assert {line.split()[-1] for line in table.splitlines()[1:]} == {"runs/one", "finished"}
    assert (one["state"], one["step"], one["max_steps"]) == ("finished", 320, 320)
    with lock(tmp_path / "runs" / "one" / "training"):
        assert " training at step 320 of 320\n" in translator("runs", cwd=tmp_path).stdout
    assert one["validated_on"] == "held out of cipher.en-es.tsv"
    shutil.copytree(trained_run.path, tmp_path / "runs" / "other")
    assert "note: " not in translator("runs", cwd=tmp_path).stderr  # their set is the same
    config = tmp_path / "runs" / "other" / "config.yaml"
    text = config.read_text("utf-8")
    config.write_text(text.replace("\n  valid: null\n", "\n  valid: v.en-es.tsv\n"), "utf-8")
    done = translator("runs", cwd=tmp_path)
    assert " v.en-es.tsv " in done.stdout and "note: BLEU on different sets" in done.stderr
    done = translator("runs", "rm", "one", cwd=tmp_path)
    assert done.returncode == 2 and "--yes" in done.stderr and (tmp_path / "runs/one").is_dir()
    assert_clear_error(translator("runs", "rm", "three", "-y", cwd=tmp_path), "no run")
    (tmp_path / "runs" / "other").rename(tmp_path / "elsewhere")
    (tmp_path / "runs" / "other").symlink_to(tmp_path / "elsewhere")
    with lock(tmp_path / "elsewhere" / "training"):
        done = translator("runs", "rm", "one", "other", "--yes", cwd=tmp_path)
    assert_clear_error(done, "runs/other is being trained")
    assert (tmp_path / "runs" / "one").is_dir()
    done = translator("runs", "rm", "one", "runs/two", "other", "--yes", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not list((tmp_path / "runs").iterdir())
    assert not (tmp_path / "elsewhere").exists()


# --- inspect --------------------------------------------------------------------------------------


def test_inspect_begins_with_what_the_model_is(trained_run: RunDirectory) -> None:
    shown = translator("inspect", trained_run.path).stdout
    facts, layers, _ = shown.strip().split("\n\n")
    named = {line[:12].strip(): line[13:] for line in facts.splitlines()}
    assert named["architecture"] == "encoder–decoder transformer"
    assert named["languages"] == "en → es"
    assert named["encoder"] == "1 layer, d_model 32, 2 heads, d_ff 64"
    assert named["positions"] == "sinusoidal, at most 64"
    assert named["data"].startswith("230 pairs of ")
    assert named["validation"].startswith("BLEU ") and named["validation"].endswith("step 320")
    rows = [line.split() for line in layers.splitlines()[1:]]
    counts = {name: int(count.replace(",", "")) for name, count in rows}
    total = counts.pop("total")
    assert total == sum(counts.values())
    assert {"encoder.layers.0", "decoder.layers.0"} <= counts.keys()
    assert " × " not in shown
    assert " × " in translator("inspect", trained_run.path, "--weights").stdout


# --- pictures ---


def test_pictures_lie_in_the_directory_of_their_run(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    runs = [tmp_path / "runs" / name for name in ("one", "two")]
    for run in runs:
        shutil.copytree(trained_run.path, run)
    config = (runs[1] / "config.yaml").read_text(encoding="utf-8")
    (runs[1] / "config.yaml").write_text(
        config.replace("dropout: 0.0\n", "dropout: 0.3\n").replace("\nseed: 1\n", "\nseed: 2\n"),
        "utf-8",
    )
    done = translator("plot", "runs/one", cwd=tmp_path)
    assert "runs/one/curves.html" in done.stdout.replace("\\", "/").splitlines()
    done = translator("attention", "ana bebe", "--run", "runs/one", cwd=tmp_path)
    assert "runs/one/attention.html" in done.stdout.replace("\\", "/").splitlines()
    assert "replacing" not in done.stderr
    done = translator("attention", "nina", "--run", "runs/one", cwd=tmp_path)
    assert done.stderr.count("note: replacing ") == 1 and "and 1 more" in done.stderr
    translator("plot", "runs/one", "--run", "runs/two", cwd=tmp_path)
    page = (tmp_path / "runs" / "curves.html").read_text(encoding="utf-8")
    assert "one (seed 1, dropout 0.0), two (seed 2, dropout 0.3)" in page
    assert {each.name for each in tmp_path.iterdir()} == {"runs"}


@pytest.mark.parametrize(
    ("command", "file", "kind"),
    [
        ("plot -o a.html", "a.html", "page"),
        ("plot -o a.png", "a-minutes.png", "picture"),
        ("attention ana -o a", "a.npz", "file of arrays"),
        ("explain ana --html a.tsv", "a.tsv", "page"),
        ("report -o a.tsv", "a.tsv", "page"),
        ("data check a.en-es.tsv --html a.en-es.tsv", "a.en-es.tsv", "page"),
    ],
)
def test_what_is_not_of_its_kind_is_not_replaced(
    command: str, file: str, kind: str, trained_run: RunDirectory, tmp_path: Path
) -> None:
    (tmp_path / file).write_text(LINES, encoding="utf-8")
    run = [] if command.startswith("data") else ["--run", str(trained_run.path)]
    done = translator(*command.split(), *run, cwd=tmp_path)
    assert_clear_error(done, f"{file} is there and no {kind}: it is not replaced")
    assert (tmp_path / file).read_text(encoding="utf-8") == LINES
    assert [each.name for each in tmp_path.iterdir()] == [file]


# --- a prompt -------------------------------------------------------------------------------------


def test_a_conversation_translates_and_tells_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def translate(text: str, alternatives: int, aligned: bool) -> Translation:
        asked.append((text, alternatives, aligned))
        others = tuple(Alternative(f"{text.upper()} {n}", -1.0 - n) for n in range(alternatives))
        return Translation(text, "EINS ZWEI", -0.5, others, alignment=((0, 1), (1, 0)))

    typed = iter(
        [":score", "one two", ":alternatives 2", ":alignments", "", ":score", ":what", ":help"]
    )

    def read(prompt: str) -> str:
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", read)
    converse(translate, "en → de")
    out, err = capsys.readouterr()
    assert asked == [
        ("one two", 1, False), ("one two", 2, False), ("one two", 1, True), ("one two", 1, False)
    ]  # fmt: skip
    assert out.splitlines() == [
        "EINS ZWEI", "   -1.00  ONE TWO 0", "   -2.00  ONE TWO 1",
        "  one → ZWEI", "  two → EINS", "-0.5000",
    ]  # fmt: skip
    assert "type a text first" in err and "no command :what" in err and "Ctrl-D" in err
    for ending in (":quit", ":q"):
        typed = iter(["one two", ending, "never read"])
        converse(translate, "en → de")
        assert (next(typed), capsys.readouterr().out) == ("never read", "EINS ZWEI\n")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_terminal_gets_a_prompt(trained_run: RunDirectory) -> None:
    import pty
    import subprocess

    main, terminal = pty.openpty()
    command = [*started_as(), "translate", "--run", str(trained_run.path)]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        shown = ""
        try:
            for line in (b"ana bebe\n", b":alternatives\n", b"\x04"):
                shown += read_until(main, "> ")
                os.write(main, line)
            assert process.wait(60) == 0
        finally:
            process.kill()
    os.close(main)
    best = Translator.from_run(trained_run.path).translate(["ana bebe"])[0].text
    assert "en → es: type a text" in shown
    assert shown.count(f"{best}\r\n") == 2


def read_until(terminal: int, end: str) -> str:
    """What a terminal shows up to a prompt."""
    shown = b""
    while end.encode() not in shown:
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, shown
        shown += os.read(terminal, 10_000)
    return shown.decode()
