"""What is typed first, and what a stranger sees: corpora as arguments, names of runs, --help."""

import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal
from unicodedata import normalize

import pytest

from tests.cli.test_cli import assert_clear_error, tiny, translator
from tests.commands import started_as
from tests.helpers import ended
from translator.cli.console import PANELS, VERDICT, table, width_of
from translator.cli.corpora import config_of
from translator.config import Config, CorpusConfig, differences, load_config
from translator.data import read_pairs, told_languages
from translator.errors import ConfigError, DataError, RunError
from translator.runs import RunDirectory

LINES = "".join(f"the number {n} is here\tel número {n} está aquí\n" for n in range(100))
TMX = """<?xml version="1.0"?><tmx version="1.4"><header srclang="{}" segtype="sentence"/><body>
<tu><tuv xml:lang="de-DE"><seg>Hallo</seg></tuv><tuv xml:lang="fr"><seg>Salut</seg></tuv></tu>
</body></tmx>"""


def write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8", newline="\n")
    return file


# --- corpora as arguments -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "languages"),
    [
        ("a.de-fr.tsv", "Hallo\tSalut\n", ("de", "fr")),
        ("a.de-fr.tmx", TMX.format("x"), ("de", "fr")),
        ("a.tmx", TMX.format("fr"), ("fr", "de")),
        ("a.tmx", TMX.format("*all*"), ("de", "fr")),
        ("a.csv", "de,fr\nHallo,Salut\n", ("de", "fr")),
        ("a.csv", "\n\nde,fr\nHallo,Salut\n", ("de", "fr")),
        ("a.csv", "id,German,French\n1,Hallo,Salut\n", ("de", "fr")),
        ("a.csv", "id,de\nHalo,Hallo\n", ("id", "de")),
        ("a.csv", "id,Deutsch,Französisch\n1,Hallo,Salut\n", ("de", "fr")),
        ("a.csv", "id,ALEMAN,français\n1,Hallo,Salut\n", ("de", "fr")),
        ("a.jsonl", '{"id": "1", "German": "Hallo", "French": "Salut"}\n', ("de", "fr")),
        ("a.jsonl", '{"de": "Hallo", "fr": "Salut"}\n', ("de", "fr")),
        ("a.json", '[{"translation": {"de": "Hallo", "fr": "Salut"}}]', ("de", "fr")),
        ("a.xlf", '<xliff><file source-language="de" target-language="fr-CH"/>', ("de", "fr")),
        ("a.po", 'msgid ""\nmsgstr "Language: fr\\n"\n', ("en", "fr")),
        ("a.tsv", "1\t2\n", None),
    ],
)
def test_a_corpus_tells_its_languages(
    tmp_path: Path, name: str, content: str, languages: tuple[str, str] | None
) -> None:
    path = str(write(tmp_path / name, content))
    assert told_languages(CorpusConfig(path=path)) == (CorpusConfig(path=path), languages)


@pytest.mark.parametrize(("ending", "delimiter"), [("tsv", "\t"), ("csv", ","), ("csv", ";")])
@pytest.mark.parametrize("header", ["", "Original\tVersión\n"])
def test_columns_without_a_name_are_read(
    tmp_path: Path, ending: str, delimiter: str, header: str
) -> None:
    lines = (header + LINES).replace("\t", delimiter)
    path = str(write(tmp_path / f"a.{ending}", lines))
    corpus, languages = told_languages(CorpusConfig(path=path))
    assert (languages, corpus.columns) == (("en", "es"), {"en": 0, "es": 1})
    pairs = [tuple(line.split(delimiter)) for line in lines.splitlines()]
    assert list(read_pairs(corpus, "en", "es")) == pairs
    _, notes = config_of([path], [])
    assert "by the texts, column 1 is en and column 2 es" in notes[0]


def test_a_table_whose_first_row_is_broken_tells_nothing(tmp_path: Path) -> None:
    corpus = CorpusConfig(path=str(write(tmp_path / "a.csv", "Hello\rthere,Hola\nHello,Hola\n")))
    assert told_languages(corpus) == (corpus, None)


@pytest.mark.parametrize(("ending", "delimiter"), [("tsv", "\t"), ("csv", ",")])
def test_columns_that_are_set_stay_and_their_languages_are_guessed(
    tmp_path: Path, ending: str, delimiter: str
) -> None:
    path = str(write(tmp_path / f"a.{ending}", LINES.replace("\t", delimiter)))
    corpus = CorpusConfig(path=path, columns={"source": 1, "target": 0})
    assert told_languages(corpus) == (corpus, ("es", "en"))
    config, notes = config_of([path], ["data.train.columns={source: 1, target: 0}"])
    assert (config.data.source_language, config.data.train[0].columns) == ("es", corpus.columns)
    assert len(notes) == 1  # which says the direction: nothing was guessed of the columns


def test_a_header_may_name_its_languages_in_another_one(tmp_path: Path) -> None:
    rows = "".join(f"{n},Hallo {n},Salut {n}\n" for n in range(9))
    pairs = [(f"Hallo {n}", f"Salut {n}") for n in range(9)]
    for name in ("a.csv", "a.de-fr.csv"):
        path = str(write(tmp_path / name, f"id,Deutsch,Französisch\n{rows}"))
        [corpus] = config_of([path], [])[0].data.train
        assert list(read_pairs(corpus, "de", "fr")) == pairs


def test_a_corpus_is_taken_for_what_it_is(tmp_path: Path) -> None:
    corpus = str(write(tmp_path / "My data.es-en.tsv", LINES))
    config, notes = config_of([corpus], [])
    data = config.data
    assert [each.path for each in data.train] == [corpus]
    assert (data.source_language, data.target_language) == ("es", "en")
    assert (data.valid, data.test, config.name) == (None, {}, "My-data")
    assert notes[-1].endswith("es → en, 100 steps for so few pairs, into runs/My-data")


def test_a_configuration_and_settings_hold_beside_a_corpus(tmp_path: Path) -> None:
    corpus = str(write(tmp_path / "a.es-en.tsv", LINES))
    file = str(write(tmp_path / "c.yaml", "name: c\nmodel: {dropout: 0.3}\n"))
    config, _ = config_of([file, corpus], ["name=b", "data.source_language=en"])
    assert (config.name, config.model.dropout) == ("b", 0.3)
    assert (config.data.source_language, config.data.target_language) == ("en", "es")


@pytest.mark.parametrize(
    ("languages", "packing"),
    [(("fr", "de"), ""), (("en", "de"), ""), (("oc", "fr"), ""), (("de", "es-419"), ".gz")],
)
def test_two_files_side_by_side_are_in_the_languages_that_were_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, languages: tuple[str, str], packing: str
) -> None:
    """In this order, whichever other translations stand beside them."""
    monkeypatch.chdir(tmp_path)
    for language in ("en", "es", "de", *languages):
        write(Path(f"text.{language}{packing}"), "a\n")
    config, _ = config_of([f"text.{each}{packing}" for each in languages], [])
    assert config.data.train[0].path == f"text.{{language}}{packing}"
    assert (config.data.source_language, config.data.target_language) == languages


def test_several_corpora_are_one_training_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.de-fr.tsv", "b.de-fr.tsv"):
        write(Path(name), "a\tb\n")
    config, _ = config_of(["a.de-fr.tsv", "b.de-fr.tsv"], [])
    assert [each.path for each in config.data.train] == ["a.de-fr.tsv", "b.de-fr.tsv"]
    assert config.name == "a"


def test_what_is_no_corpus_is_a_configuration(tmp_path: Path) -> None:
    file = write(tmp_path / "settings.json", '{"name": "of-json"}')
    assert config_of([str(file)], [])[0].name == "of-json"
    assert config_of([], [])[0] == config_of(None, None)[0] == Config()
    with pytest.raises(ConfigError, match="one configuration at a time"):
        config_of(["a.yaml", "b.yaml"], [])
    with pytest.raises(DataError, match=r"there is no corpus no\.tsv"):
        config_of(["no.tsv"], [])


def test_what_holds_nothing_and_what_is_neither_is_refused_with_the_endings(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the corpus \S*a\.tsv is empty"):
        config_of([str(write(tmp_path / "a.tsv", ""))], [])
    with pytest.raises(ConfigError) as error:
        config_of([str(write(tmp_path / "a.docx", "no zip"))], [])
    assert ".tsv, .csv, " in error.value.hint


def test_a_run_that_is_named_by_half_is_named_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "a").mkdir(parents=True)
    write(tmp_path / "runs" / "a" / "config.yaml", "name: a\n")
    for path, hint in (("a", "Name the whole path: runs/a."), ("runs", "in it, such as runs/a.")):
        with pytest.raises(RunError) as error:
            RunDirectory.find(Path(path))
        assert error.value.hint.endswith(hint)


def test_ctrl_c_is_answered(tmp_path: Path) -> None:
    started = subprocess.Popen(
        [*started_as(), "data", "check"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    with ended(started) as process:
        assert process.stderr
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert process.stderr.read().splitlines()[-1] == "interrupted"


def test_help_is_broken_where_the_terminal_ends() -> None:
    """Not where the lines of a docstring end."""
    help_ = translator("adapt", "--help").stdout
    width = max(map(len, help_.splitlines()))
    paragraph = help_.split("on both.")[1].split("\u256d")[0].strip().splitlines()
    following = [line.split()[0] for line in paragraph[1:]]
    for line, word in zip(paragraph, following, strict=False):
        assert len(line.strip()) + len(word) + 3 > width


def test_data_check_takes_a_corpus(tmp_path: Path) -> None:
    write(tmp_path / "my.tmx", TMX.format("de"))
    done = translator("data", "check", "my.tmx", cwd=tmp_path)
    assert "my.tmx" in done.stdout and "YAML" not in done.stderr


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(
    "name, run", [("café", "cafe"), ("ﬁn Ñandú", "fin-Nandu"), ("日本", "corpus")]
)
def test_the_name_of_a_run_keeps_the_letters_of_its_corpus(
    tmp_path: Path, form: Literal["NFC", "NFD"], name: str, run: str
) -> None:
    file = write(tmp_path / f"{normalize(form, name)}.en-es.tsv", LINES)
    assert config_of([str(file)], [])[0].name == run


def test_a_run_is_named_after_its_corpus_and_a_conflict_says_what_to_type(tmp_path: Path) -> None:
    write(tmp_path / "toy.en-es.tsv", LINES)
    settings = [each for each in tiny() if "name=" not in each]
    done = translator("train", "toy.en-es.tsv", *settings, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "toy.en-es.tsv: en → es, into runs/toy" in done.stderr
    (tmp_path / "runs" / "toy").rename(tmp_path / "runs" / "everyday")
    settings.append("--set=data.train=toy.es-en.tsv")
    write(tmp_path / "toy.es-en.tsv", LINES)
    done = translator("train", *settings, "--set", "model.dropout=0.3", cwd=tmp_path)
    assert_clear_error(
        done,
        "\n  data.train: toy.en-es.tsv → toy.es-en.tsv\n",
        "\n  model.dropout: 0.05 → 0.3\n",
    )
    assert len(done.stderr.splitlines()) < 9
    beside, onward = done.stderr.splitlines()[-2:]
    assert beside.endswith("--set model.dropout=0.3 --set name=everyday-2")
    start = "--set training.start_from=runs/everyday"
    assert onward == f"To go on from what it has learned, also {start}."
    command = f"{beside} {start}".partition(": translator ")[2]
    done = translator(*shlex.split(command), cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_run_is_its_directory_which_may_be_renamed_and_lose_its_checkpoints(
    tmp_path: Path,
) -> None:
    write(tmp_path / "toy.en-es.tsv", LINES)
    settings = [each for each in tiny() if "name=" not in each]

    def train(name: str) -> "subprocess.CompletedProcess[str]":
        words = ("train", "toy.en-es.tsv", *settings, "--set", f"name={name}")
        return translator(*words, cwd=tmp_path)

    def translated(name: str) -> str:
        done = translator("translate", "the number 7", "--run", f"runs/{name}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def listed(name: str) -> int:
        """The size in the list, which is that of the directory."""
        done = translator("runs", "--json", cwd=tmp_path)
        [found] = [each for each in json.loads(done.stdout) if each["name"] == name]
        files = (each for each in (tmp_path / "runs" / name).rglob("*") if each.is_file())
        assert found["bytes"] == sum(each.stat().st_size for each in files)
        return int(found["bytes"])

    assert train("toy").returncode == 0
    before, size = translated("toy"), listed("toy")
    run = (tmp_path / "runs" / "toy").rename(tmp_path / "runs" / "other")
    assert translated("other") == before
    shutil.rmtree(run.with_name(".prepared"))
    assert "this run is finished" in train("other").stderr
    shutil.rmtree(run / "checkpoints")
    assert translated("other") == before
    assert listed("other") < size / 2
    assert_clear_error(train("other"), "holds a trained model but no checkpoint to go on from")


def test_differences_are_a_line_a_key() -> None:
    corpora = load_config(None, ["data.train=toy.tsv"])
    assert differences(Config(), corpora) == [
        "data.train: embedded corpus → toy.tsv",
        "data.valid: embedded corpus → pairs set aside",
        "data.test: embedded corpus → pairs set aside",
    ]
    weighted = load_config(None, ["data.train={path: toy.tsv, weight: 2}"])
    assert differences(corpora, weighted) == ["data.train.0.weight: 1.0 → 2.0"]
    assert differences(corpora, corpora) == []


def test_a_corpus_that_is_not_there_costs_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys; from translator.cli import main\n"
        "try: main()\nfinally: print('torch' in sys.modules)"
    )
    for key in ("data.train=no.tsv", "data.valid=no.tsv", "data.test=no.tsv"):
        done = subprocess.run(
            [sys.executable, "-c", program, "train", "--set", key],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == "False\n" and "there is no corpus no.tsv" in done.stderr, done


def test_a_file_in_place_of_a_text_is_translated(trained_run: RunDirectory, tmp_path: Path) -> None:
    write(tmp_path / "notes.txt", "ana bebe\nnina\n")
    run = ("--run", trained_run.path)
    done = translator("translate", "notes.txt", *run, cwd=tmp_path)
    assert "translating the file notes.txt (as --input)" in done.stderr
    assert done.stdout == translator("translate", *run, stdin="ana bebe\nnina\n").stdout
    missing = translator("translate", "note.txt", *run, cwd=tmp_path)
    assert "there is no file note.txt: its name is translated as a text" in missing.stderr
    for text in ("ana bebe note.txt", "ana"):
        assert translator("translate", text, *run, cwd=tmp_path).stderr == ""
    (tmp_path / "ana").write_text("bebe\n")
    assert (
        translator("translate", "ana", *run, cwd=tmp_path).stdout
        == translator("translate", "ana", *run).stdout
    )


# --- what is seen ---------------------------------------------------------------------------------


def test_help_is_grouped_and_short() -> None:
    shown = translator("-h", COLUMNS="80").stdout
    assert shown == translator("--help", COLUMNS="80").stdout
    places = [shown.index(f"─ {panel} ") for panel in PANELS]
    assert places == sorted(places)
    assert "─ Commands" not in shown
    assert shown.index("│ train ") < shown.index("│ config ") < shown.index("│ translate ")
    assert translator("train", "-h").stdout.lstrip().startswith("Usage: ")


@pytest.mark.parametrize("command", ["evaluate", "inspect", "export", "report", "plot"])
def test_a_run_is_named_in_either_way(command: str, tmp_path: Path) -> None:
    for arguments in (["--run", "none"], ["none"]):
        done = translator(command, *arguments, cwd=tmp_path)
        assert_clear_error(done, "there is no run directory none")


def test_two_runs_are_one_too_many(tmp_path: Path) -> None:
    done = translator("inspect", "a", "--run", "b", cwd=tmp_path)
    assert done.returncode == 2 and "two runs are named" in done.stderr


@pytest.mark.parametrize(("environment", "red"), [({}, True), ({"NO_COLOR": "1"}, False)])
@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_errors_are_red_on_a_terminal(
    tmp_path: Path, environment: dict[str, str], red: bool
) -> None:
    main, terminal = pty.openpty()
    command = [sys.executable, "-m", "translator", "train", "no.tsv"]
    variables = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | environment
    subprocess.run(command, cwd=tmp_path, stderr=terminal, env=variables, check=False)
    os.close(terminal)
    shown = os.read(main, 10_000).decode()
    os.close(main)
    assert ("\x1b[31m" in shown) is red
    assert re.sub(r"\x1b\[\d+m", "", shown).startswith("error: there is no corpus no.tsv")
    plain = translator("train", "no.tsv", cwd=tmp_path).stderr
    assert "\x1b" not in plain


def test_wide_characters_take_two_cells() -> None:
    assert [width_of(text) for text in ("ab", "中文", "é", "e\u0301", "😀")] == [2, 4, 1, 1, 2]
    lines = table([["a", "n"], ["中文", "12"], ["abc", "3"]]).splitlines()
    assert {width_of(line) for line in lines} == {8}


def test_what_a_hint_says_of_columns_can_be_typed(tmp_path: Path) -> None:
    """The languages that it names are those of the file, as far as they can be known."""
    lines = "".join(f"{n};Der Hund {n} ist groß;Le chien {n} est grand\n" for n in range(60))
    (tmp_path / "my.csv").write_text(f"id;a;b\n{lines}", encoding="utf-8")
    refused = translator("train", "my.csv", cwd=tmp_path)
    assert_clear_error(refused, "has no column 'en', only id, a, b", "Name them de and fr")
    [setting] = re.findall(r"--set '(.+)'", refused.stderr)
    setting = setting.replace("de: …", "de: a").replace("fr: …", "fr: b")
    done = translator("data", "check", "my.csv", "--set", setting, cwd=tmp_path)
    assert re.search(r"^my.csv +train +de → fr +60 ", done.stdout, re.MULTILINE), done
    refused = translator("data", "check", "--set", setting, cwd=tmp_path)  # of en → es
    assert refused.returncode == VERDICT
    languages = re.findall(r"--set (data\.\S+)", refused.stdout)
    settings = [f"--set={each}" for each in (setting, *languages)]
    again = translator("data", "check", *settings, cwd=tmp_path)
    assert (len(languages), again.stdout) == (2, done.stdout)


def test_of_three_columns_without_a_name_none_is_taken(tmp_path: Path) -> None:
    rows = "".join(f"{n},the number {n},el número {n}\n" for n in range(60))
    write(tmp_path / "my.en-es.csv", f"id,a,b\n{rows}")
    done = translator("data", "check", "my.en-es.csv", cwd=tmp_path)
    assert done.returncode == VERDICT
    assert "my.en-es.csv has no column 'en', only id, a, b" in done.stdout
    assert "columns: {en: …, es: …}" in done.stdout


def test_columns_are_set_of_a_corpus_that_is_named(tmp_path: Path) -> None:
    lines = "".join(f"{n},the number {n},el número {n}\n" for n in range(300))
    (tmp_path / "my.csv").write_text(lines, encoding="utf-8")
    columns = "data.train.columns={es: 2, en: 1}"
    config, _ = config_of([str(tmp_path / "my.csv")], [columns])
    [corpus] = config.data.train
    assert corpus.columns == {"en": 1, "es": 2}
    assert (config.data.source_language, config.data.target_language) == ("es", "en")
    assert config.training.max_steps == 100  # those of a small corpus
    assert next(read_pairs(corpus, "es", "en")) == ("el número 0", "the number 0")


def test_a_training_whose_events_nobody_reads_any_more_goes_on_and_says_so() -> None:
    program = "from translator.cli.train import echo_event\n"
    program += "for step in range(3): echo_event('StepDone', {'step': step})"
    reader, writer = os.pipe()
    os.close(reader)
    words = started_as(program)
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True, check=True)
    os.close(writer)
    assert done.stderr.startswith("nobody reads the events any more: it goes on without them")
    assert len(done.stderr.splitlines()) == 1
