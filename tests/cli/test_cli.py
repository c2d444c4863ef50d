"""The command line: what is typed, what comes out on which stream, with which exit code."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import run_command
from translator.data import SentencePair
from translator.runs import RunDirectory, lock
from translator.translation import Translator

LONG_LINE = "ana bebe nina " * 4000


def translator(
    *arguments: str | Path, stdin: str | bytes = "", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does; streams are UTF-8 whatever the locale says."""
    return run_command(*arguments, stdin=stdin, cwd=cwd, environment={"LC_ALL": "C", **environment})


def assert_clear_error(done: subprocess.CompletedProcess[str], *fragments: str) -> None:
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    error, hint = [
        line for line in done.stderr.splitlines() if line.startswith(("error:", "hint:"))
    ]
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    for fragment in fragments:
        assert fragment in done.stderr, done.stderr


# --- translate ------------------------------------------------------------------------------------


def test_stdout_carries_the_translation_and_nothing_else(trained_run: RunDirectory) -> None:
    done = translator("translate", "ana bebe", cwd=trained_run.path.parents[1])
    expected = Translator.from_run(trained_run.path).translate(["ana bebe"])[0].text
    assert (done.returncode, done.stdout) == (0, expected + "\n")
    assert "run: runs/tiny (the newest)" in done.stderr.replace("\\", "/")


def test_a_run_that_is_not_trained_to_its_end_is_said_to_be(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    """A note where it is used; a warning, also with --quiet, where what is made of it lasts."""
    run = RunDirectory(tmp_path / "runs" / "tiny")
    shutil.copytree(trained_run.path, run.path)

    def said(*words: str) -> str:
        return translator(*words, cwd=tmp_path).stderr

    with lock(run.path / "training"):
        known = "still in training: step 320 of 320"
        assert said("translate", "ana bebe") == f"run: runs/tiny (the newest, {known})\n"
    assert said("translate", "ana bebe") == "run: runs/tiny (the newest)\n"
    assert said("translate", "ana bebe", "--run", "runs/tiny") == ""
    text = run.config_file.read_text(encoding="utf-8")
    run.write_text(run.config_file, text.replace("max_steps: 320", "max_steps: 400"))
    known = "run: runs/tiny (stopped at step 320 of 400)\n"
    assert said("translate", "ana bebe", "--run", "runs/tiny") == known
    assert said("translate", "ana bebe", "--run", "runs/tiny", "--quiet") == ""
    (tmp_path / "a.txt").write_text("ana\n" * 2, encoding="utf-8")
    files = ("--source", "a.txt", "--reference", "a.txt")
    assert known in said("compare", "runs/tiny", "a.txt", *files)
    warning = said("export", "runs/tiny", "--source", "a.txt", "--reference", "no.txt", "--quiet")
    assert warning.splitlines()[0] == (
        "warning: runs/tiny is not trained to its end (stopped at step 320 of 400): its weights "
        "are the best so far; `translator train runs/tiny/config.yaml` goes on"
    )


def test_stdin_gives_as_many_lines_as_it_has(trained_run: RunDirectory) -> None:
    lines = ["ana bebe", "", "   ", "😀", "nina\u2028nina", "中文", "no line end"]
    done = translator("translate", "--run", trained_run.path, stdin="\n".join(lines))
    assert done.returncode == 0
    assert done.stdout.count("\n") == len(lines)
    assert done.stdout.split("\n")[1:3] == ["", "   "]


def test_a_file_gives_the_same_as_stdin(trained_run: RunDirectory, tmp_path: Path) -> None:
    text = "ana bebe\r\nnina\n\nbanana ana\n"
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_bytes(text.encode())
    done = translator("translate", "--run", trained_run.path, "--input", source, "--output", target)
    assert (done.returncode, done.stdout) == (0, "")
    piped = translator("translate", "--run", trained_run.path, stdin=text)
    assert target.read_bytes().decode() == piped.stdout
    run = ("--run", trained_run.path)
    named = translator("translate", *run, "--input", "-", "--output", "-", stdin=text)
    assert (named.returncode, named.stdout) == (0, piped.stdout)


def test_the_run_is_found_by_the_environment(trained_run: RunDirectory, tmp_path: Path) -> None:
    done = translator("translate", "ana", cwd=tmp_path, TRANSLATOR_RUN=str(trained_run.path))
    assert done.returncode == 0
    assert "$TRANSLATOR_RUN" in done.stderr


@pytest.mark.parametrize("text", ["", "   ", "😀", "中文 翻译", LONG_LINE[:5000], "\x00\x07"])
def test_odd_texts_are_translated_to_one_line(trained_run: RunDirectory, text: str) -> None:
    done = translator("translate", "--run", trained_run.path, stdin=text + "\n")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)


def test_a_reader_that_has_enough_ends_it_quietly(trained_run: RunDirectory) -> None:
    command = [sys.executable, "-c", "from translator.cli import main; main()", "translate"]
    with subprocess.Popen(
        [*command, "--run", trained_run.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        process.stdin.write("ana\n" * 5000)
        process.stdin.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == ""


def test_what_is_missing_or_damaged_is_said(trained_run: RunDirectory, tmp_path: Path) -> None:
    assert_clear_error(translator("translate", "x", cwd=tmp_path), "no trained model", "train")
    assert_clear_error(translator("translate", "x", "--run", tmp_path / "none"), "no run directory")
    assert_clear_error(translator("translate", "x", "--run", tmp_path), "config.yaml")
    copy = RunDirectory(tmp_path / "copy")
    copy.path.mkdir()
    for file in ("config.yaml", "tokenizer.model", "model.safetensors"):
        (copy.path / file).write_bytes((trained_run.path / file).read_bytes())
    copy.model_file.write_bytes(copy.model_file.read_bytes()[:1000])
    assert_clear_error(translator("translate", "x", "--run", copy.path), "model.safetensors")
    assert_clear_error(
        translator("translate", "--run", trained_run.path, "-i", tmp_path / "no.txt"), "no.txt"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("translate", "x", "--input", "y"),
        ("translate", "--no-such-option"),
        ("translate", "x", "--beam-size", "0"),
        ("evaluate", "--source", "x"),
        ("no-such-command",),
    ],
)
def test_wrong_usage_exits_with_two(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = translator(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("trian", "No such command 'trian'. Did you mean train?"),
        ("config validate", "No such command 'validate'. There are init, show and schema."),
        ("data validate", "No such command 'validate'. There are check, clean and mine."),
        ("runs remove", "No such command 'remove'. There is rm."),
    ],
)
def test_what_is_no_command_is_answered_with_those_there_are(arguments: str, message: str) -> None:
    done = translator(*arguments.split())
    assert done.returncode == 2 and message in done.stderr


@pytest.mark.parametrize("command", ["attention", "explain"])
def test_an_empty_sentence_is_refused_before_a_run_is_looked_for(command: str) -> None:
    assert_clear_error(translator(command, " ", "--run", "none"), "there is no text to look at")


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    assert "Traceback" in translator("translate", "x", "--debug", cwd=tmp_path).stderr


# --- evaluate and inspect -------------------------------------------------------------------------


def test_evaluate_scores_the_test_split_and_keeps_it(trained_run: RunDirectory) -> None:
    done = translator("evaluate", "--run", trained_run.path)
    assert done.returncode == 0, done
    assert "BLEU" in done.stdout and "nrefs:1|bs:1000|seed:12345|case:mixed" in done.stdout
    assert "chrF2" in done.stdout
    kept = json.loads((trained_run.evaluations / "test-held-out.beam-5.json").read_text())
    assert [score["name"] for score in kept["scores"]] == ["BLEU", "chrF2", "chrF2++", "TER"]
    hypotheses = (trained_run.evaluations / "test-held-out.beam-5.hypotheses.txt").read_text()
    assert hypotheses.count("\n") == kept["sentences"] == 20


def test_evaluate_scores_any_two_files(
    trained_run: RunDirectory, cipher_pairs: list[SentencePair], tmp_path: Path
) -> None:
    for side, name in enumerate(("a.en", "a.es")):
        text = "".join(pair[side] + "\n" for pair in cipher_pairs[:10])
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = translator(
        *("evaluate", "--run", trained_run.path, "--beam-size", "1"),
        *("--source", tmp_path / "a.en", "--reference", tmp_path / "a.es"),
    )
    assert "a: 10 sentences, beam 1" in done.stdout


def test_evaluate_refuses_files_out_of_step(trained_run: RunDirectory, tmp_path: Path) -> None:
    (tmp_path / "a.en").write_text("ana\nana\n", encoding="utf-8")
    (tmp_path / "a.es").write_text("oto\n", encoding="utf-8")
    done = translator(
        *("evaluate", "--run", trained_run.path),
        *("--source", tmp_path / "a.en", "--reference", tmp_path / "a.es"),
    )
    assert_clear_error(done, "a.en has 2 lines", "a.es has 1: they are out of step")


def test_inspect_counts_every_parameter(trained_run: RunDirectory) -> None:
    model = Translator.from_run(trained_run.path).model
    total = sum(p.numel() for p in model.parameters())
    table = translator("inspect", "--run", trained_run.path).stdout
    assert f"{total:,}" in table and "model.safetensors" in table
    content = json.loads(translator("inspect", "--run", trained_run.path, "--json").stdout)
    assert sum(row["parameters"] for row in content["parameters"]) == total


# --- train ----------------------------------------------------------------------------------------


def tiny(*extra: str) -> list[str]:
    overrides = [
        *("name=tiny", "device=cpu", "model.d_model=16", "model.num_heads=2", "model.d_ff=32"),
        *("model.encoder_layers=1", "model.decoder_layers=1", "tokenizer.vocabulary_size=400"),
        *("training.max_steps=3", "training.warmup_steps=1", "training.tokens_per_batch=128"),
        *extra,
    ]
    return [f"--set={override}" for override in overrides]


def write(file: Path, content: bytes) -> str:
    file.write_bytes(content)
    return str(file)


def test_train_tells_what_it_does_and_what_comes_next(tmp_path: Path) -> None:
    lines = "".join(f"number {n}\tnúmero {n}\n" for n in range(100)) + "\tvacío\nempty\t\n"
    corpus = write(
        tmp_path / "c.en-es.tsv", (lines + "long " * 300 + "\t" + "larga " * 300).encode()
    )
    done = translator("train", *tiny(f"data.train.path={corpus}"), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    for fragment in (
        "dropped: empty source",
        "dropped: empty target",
        "dropped: longer than 128 tokens",
        "the corpus is too small for 400 pieces",
        "en → es",
        "step 3/3",
        "best so far",
    ):
        assert fragment in done.stderr
    [text] = re.findall(r'translator translate "(.*)" --run runs/\w+\n', done.stderr)
    assert re.fullmatch(r"number \d+", text)  # of this corpus
    again = translator("train", *tiny(f"data.train.path={corpus}"), cwd=tmp_path)
    assert "this run is finished" in again.stderr
    assert translator("translate", "number 3", cwd=tmp_path).returncode == 0


def test_quiet_says_nothing(tmp_path: Path) -> None:
    lines = "".join(f"number {n}\tnúmero {n}\n" for n in range(100))
    corpus = write(tmp_path / "c.en-es.tsv", lines.encode())
    done = translator("train", "--quiet", *tiny(f"data.train.path={corpus}"), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_quiet_leaves_the_same_results_and_no_notes(trained_run: RunDirectory) -> None:
    here, text = trained_run.path.parents[1], "ana bebe"
    for command in (["translate", text], ["embed", text], ["explain", text], ["evaluate"]):
        loud, quiet = translator(*command, cwd=here), translator(*command, "-q", cwd=here)
        assert "run: runs" in loud.stderr
        assert (quiet.returncode, quiet.stdout) == (0, loud.stdout)
        lines = quiet.stderr.splitlines()
        assert lines == [line for line in lines if line.startswith("warning: ")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\t\n", "no train pair is left"),
        (b"one pair\tun par\n", "no train pair is left"),
        (b"".join(b"%d\t%d\n" % (n, n + 90) for n in range(60)), "(few letters: 48, "),
        (b"a\tb\nonly one\n", "line 2: 1 column"),
        (b"a\tb\n\xff\tb\n", "line 2: not UTF-8"),
    ],
)
def test_a_corpus_that_cannot_train_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    corpus = write(tmp_path / "c.en-es.tsv", content)
    done = translator("train", *tiny(f"data.train.path={corpus}"), cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert message in done.stderr


@pytest.mark.parametrize(
    ("set_by_the_user", "spins"),
    [
        ({}, "3000"),
        ({"GOMP_SPINCOUNT": "77"}, "77"),
        ({"KMP_BLOCKTIME": "5"}, "300000"),
        ({"OMP_WAIT_POLICY": "active"}, "30000000000"),
        ({"OMP_WAIT_POLICY": "passive"}, "0"),
    ],
)
def test_waiting_threads_sleep_soon_unless_the_user_chose(
    set_by_the_user: dict[str, str], spins: str
) -> None:
    """OpenMP itself tells what it found when torch loaded it."""
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    free = {key: value for key, value in os.environ.items() if key not in names}
    done = subprocess.run(
        [sys.executable, "-c", "import translator.hardware"],
        env={**free, **set_by_the_user, "OMP_DISPLAY_ENV": "verbose"},
        capture_output=True,
        text=True,
        check=True,
    )
    told = re.findall(r"GOMP_SPINCOUNT = '(\w+)'", done.stderr)
    if not told:
        pytest.skip("torch has another OpenMP here")
    assert set(told) == {spins}


def test_a_mistaken_command_line_costs_no_torch(tmp_path: Path) -> None:
    probe = (
        "import sys; from translator.cli import main\n"
        "sys.argv = ['translator', *sys.argv[1:]]\n"
        "heavy = ('torch', 'numpy', 'datasets', 'sacrebleu', 'ftfy', 'langcodes', 'filelock')\n"
        "try: main()\n"
        "finally: print([m for m in heavy if m in sys.modules])"
    )
    for arguments in (
        ["--help"],
        ["train", "--set", "training.max_setps=5"],
        ["train", "no.yaml"],
        ["translate", "Hello.", "--run", "nowhere"],
        ["evaluate", "--run", "nowhere"],
        ["export", "nowhere"],
        ["attention", ""],
    ):
        done = subprocess.run(
            [sys.executable, "-c", probe, *arguments], capture_output=True, text=True, cwd=tmp_path
        )
        assert done.stdout.endswith("[]\n"), done


@pytest.mark.parametrize(
    ("ends", "code"),
    [("pass", 0), ("sys.exit(3)", 3), ("sys.exit('why')", 1), ("1 / 0", 1), ("print('lost')", 120)],
)
def test_a_process_ends_at_once_when_all_that_waits_for_its_end_has_run(
    ends: str, code: int
) -> None:
    """What is full at the end is told by Python itself, as what a command raises is."""
    probe = f"""
import atexit, sys, threading, time
from translator.cli import console

class Torch:
    def __del__(self):
        print("taken down", file=sys.stderr)

def late():
    time.sleep(0.2)
    print("thread", file=sys.stderr)

def main():
    atexit.register(lambda: print("atexit", file=sys.stderr))
    threading.Thread(target=late).start()
    {ends}

torch, console.main = Torch(), main
console.program()
"""
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full" if code == 120 else os.devnull).open("wb") as out:
        command = [sys.executable, "-c", probe]
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, env=buffered)
    said = done.stderr.decode().split("\n")
    assert done.returncode == code, said
    assert [line for line in said if line in ("thread", "atexit")] == ["thread", "atexit"]
    assert ("taken down" in said) == (ends in ("1 / 0", "print('lost')"))
    assert any("No space left" in line for line in said) == (code == 120)


def test_what_computes_no_model_costs_no_torch(trained_run: RunDirectory, tmp_path: Path) -> None:
    sides = {side: [f"{side} {n}" for n in range(40)] for side in ("a", "b", "theirs")}
    for side, lines in sides.items():
        write(tmp_path / side, "".join(f"{line}\n" for line in lines).encode())
    pairs = map("\t".join, zip(sides["a"], sides["b"], strict=True))
    write(tmp_path / "c.en-es.tsv", "\n".join(pairs).encode())
    commands = [
        "data check c.en-es.tsv",
        "data clean c.en-es.tsv -o clean.tsv",
        "config init c.en-es.tsv -o c.yaml",
        "evaluate --source a --reference b --hypothesis theirs",
        "compare theirs b --source a --reference b",
        "report --source a --reference b --hypothesis theirs -o page.html",
        f"plot {trained_run.path} -o curves",
    ]
    probe = (
        "import sys; from translator.cli import main\n"
        "for command in sys.argv[1:]:\n"
        "    sys.argv = ['translator', *command.split()]\n"
        "    try: main()\n"
        "    except SystemExit as end: print(end.code, 'torch' in sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *commands], capture_output=True, text=True, cwd=tmp_path
    )
    ends = re.findall(r"^(\d) (True|False)$", done.stderr, re.MULTILINE)
    assert ends == [("0", "False")] * len(commands), done.stderr


def test_the_text_path_imports_no_library_of_pictures_or_sounds(tmp_path: Path) -> None:
    lines = "".join(f"number {n}\tnúmero {n}\n" for n in range(100))
    corpus = write(tmp_path / "c.en-es.tsv", lines.encode())
    program = (
        "import json, sys; from translator.cli import main\n"
        "media = ('PIL', 'soundfile', 'soxr', 'kaldi_native_fbank', 'torchaudio', 'torchvision',\n"
        "         'torchcodec')\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    sys.argv = ['translator', *words]\n"
        "    try: main()\n"
        "    except SystemExit as end: print(end.code, [m for m in media if m in sys.modules])"
    )
    commands = (
        ["train", *tiny(f"data.train.path={corpus}")],
        ["translate", "number 5", "--run", "runs/tiny"],
        ["evaluate", "--run", "runs/tiny", "--beam-size", "1"],
        ["data", "check", corpus],
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(commands)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0 and done.stdout.count("0 []\n") == len(commands), done


def test_all_mistakes_of_a_file_are_told_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("model:\n  d_modl: 5\n  dropout: 2\ntraining:\n  max_steps: 0\n")
    assert_clear_error(
        translator("train", file),
        "3 mistakes",
        "line 2: model.d_modl: unknown key (did you mean d_model?)",
        "line 3: model.dropout",
        "line 5: training.max_steps",
    )


# --- what comes with a translation ----------------------------------------------------------------


def test_json_tells_all_of_a_translation(trained_run: RunDirectory) -> None:
    done = translator("translate", "--run", trained_run.path, "--json", "--n-best", "2", "ana bebe")
    record = json.loads(done.stdout)
    assert record["source"] == "ana bebe"
    assert record["alternatives"][0]["text"] == record["translation"]
    assert len(record["alternatives"]) == 2
    assert record["tokens"][-1]["piece"] == "</s>"
    assert record["alignment"] and record["score"] < 0
    assert record["warnings"] == []


def test_a_text_that_is_not_utf_8_is_refused(trained_run: RunDirectory) -> None:
    done = translator("translate", "--run", trained_run.path, "--json", "ana\udcff")
    assert_clear_error(done, "is not UTF-8")


def test_scores_and_alignments_are_columns_of_a_line(trained_run: RunDirectory) -> None:
    run = ("translate", "--run", trained_run.path)
    options = ("--n-best", "2", "--scores", "--alignments")
    done = translator(*run, *options, stdin="ana bebe\n\nnina\n")
    first, blank, last = done.stdout.split("\n")[:3]
    assert blank == ""
    for line, text in ((first, "ana bebe"), (last, "nina")):
        score, best, other_score, other, alignment = line.split("\t")
        assert best == translator(*run, text).stdout.strip()
        assert float(score) >= float(other_score)
        assert other != best
        assert all(pair.split("-")[0].isdigit() for pair in alignment.split())


def test_what_translations_lack_is_said(trained_run: RunDirectory, tmp_path: Path) -> None:
    terms = tmp_path / "terms.tsv"
    terms.write_text(f"ana\t{'oto ' * 60}\n", encoding="utf-8")  # more than the model can see
    lines = "".join(f"ana{' bebe' * n}\n" for n in range(1, 13))
    command = ("translate", "--run", trained_run.path, "--glossary", terms, "--beam-size", "1")
    done = translator(*command, stdin=lines)
    said = done.stderr.splitlines()
    assert (done.returncode, done.stdout.count("\n"), len(said)) == (0, 12, 11)
    assert said[0].startswith("warning: ana bebe: the required term 'oto oto ")
    assert said[-1] == "warning: 2 more translations lack something"
    assert translator(*command, "--json", stdin=lines).stderr == ""  # each object has its own


def test_a_glossary_a_prefix_and_the_search_can_be_given(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    terms = tmp_path / "terms.tsv"
    terms.write_text("ana\tzebra\n", encoding="utf-8")
    more = tmp_path / "more.tsv"
    more.write_text("ana\tnever\nbebe\tquagga\n", encoding="utf-8")
    files = ("--glossary", terms, "--glossary", more)
    options = (*files, "--keep", r"\d+", "--prefix", "sol", "--set")
    search = "decoding.max_length_ratio=3"
    done = translator("translate", "--run", trained_run.path, *options, search, "ana bebe 7")
    words = done.stdout.split()
    assert words[0] == "sol"
    assert {"zebra", "quagga", "7"} <= set(words) and "never" not in words
    foreign = '<tmx><body><tu><tuv lang="de"><seg>Haus</seg></tuv></tu></body></tmx>'
    (tmp_path / "de.tmx").write_text(foreign, encoding="utf-8")
    glossary = ("--glossary", tmp_path / "de.tmx")
    done = translator("translate", "--run", trained_run.path, *glossary, "ana")
    assert "warning: no term of" in done.stderr and "in both en and es: " in done.stderr
    assert done.stdout and done.stderr.count("warning") == 1


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--set", "decoding.beam=3", "x"], 1, "did you mean beam_size"),
        (["--glossary", "nothing.tsv", "x"], 1, "nothing.tsv"),
        (["--keep", "(", "x"], 1, "regular expression"),
        (["--json", "--input", "a.md"], 2, "plain lines"),
    ],
)
def test_what_cannot_be_asked_is_said(
    trained_run: RunDirectory, tmp_path: Path, options: list[str], code: int, message: str
) -> None:
    (tmp_path / "a.md").write_text("# ana\n", encoding="utf-8")
    done = translator("translate", "--run", trained_run.path, *options, cwd=tmp_path)
    assert done.returncode == code
    assert message in " ".join(done.stderr.split())


def test_no_help_text_is_taken_for_markup() -> None:
    """Typer leaves out what stands in brackets."""
    from typer.main import get_command

    from translator.cli import app

    groups, texts = [get_command(app)], []
    for command in groups:
        groups += getattr(command, "commands", {}).values()
        texts += [command.help, *(getattr(each, "help", None) for each in command.params)]
    assert len(texts) > 100
    assert [text for text in texts if "[" in (text or "")] == []
