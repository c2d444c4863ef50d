"""What the pages show as typed: the commands, how a test runs them, and which it cannot run."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.commands import write_programs
from tests.helpers import ROOT
from translator.config import load_config
from translator.data import read_pairs

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
NOT_RUN = {  # how a command begins, and why no test runs it
    "pip install torch --index-url ": "it needs an index; `make install` installs the same",
    "pip install . ": "likewise; of ./models/en-es a variant does",
    "pip install '.[": "likewise",
    "pip install trackio": "likewise",
    "pip install jupyterlab": "likewise",
    "jupyter lab ": "it serves until it is ended; a test runs the cells",
    "pip install scikit-learn": "likewise",
    "hf auth login": "it asks for a token of the Hub",
    "torchrun --nnodes 4 ": "four machines",
}
IN_VARIANTS = (  # what test_variants.py runs: smaller, or against a server of its own
    "pip install ./models/en-es",
    "translator adapt model:en-es ",
    "translator train opus:",
    "translator data check opus:",
    "translator adapt runs/everyday https:",
    "translator train mine.en-es.tsv --set training.trackers='[trackio]'",
    "trackio show ",
    "torchrun --nproc-per-node 2 ",
    "scripts/train_and_measure.sh ",
    "python scripts/bench_train.py ",
    "python scripts/bench_busy.py ",
    "python scripts/bench_data.py ",
    "python scripts/bench_decode.py ",
    "python scripts/bench_serve.py ",
    "python scripts/bench_gpu.py ",
    "python scripts/faults.py ",  # test_faults.py does
    "python scripts/measure_embeddings.py classes ",
    'translator translate "The house is behind ',  # test_agreement.py: of model:en-es
    'translator translate "The hotel is behind ',
    'translator attention "The house is behind ',
    "python scripts/measure_agreement.py ",
)


def blocks_of(page: str, language: str) -> list[str]:
    """The blocks of a page in a language; `console` is what a terminal shows."""
    fences = f"\n{page}".split("\n```")[1::2]
    blocks = (fence.partition("\n") for fence in fences)
    return [f"{text}\n" for name, _, text in blocks if name == language]


def commands_of(page: str) -> list[str]:
    """The commands of a page: what stands behind "$ ", without comments."""
    return [command for block in blocks_of(page, "console") for command in _commands(block)]


def runnable(page: str) -> list[str]:
    """The commands of a page that a test can run as they stand there, or with a tiny model."""
    left_out = (*NOT_RUN, *IN_VARIANTS)
    return [command for command in commands_of(page) if not f"{command} ".startswith(left_out)]


def shown(beginning: str) -> list[str]:
    """The commands of all pages that begin so."""
    texts = (page.read_text(encoding="utf-8") for page in PAGES)
    return [
        each for text in texts for each in commands_of(text) if f"{each} ".startswith(beginning)
    ]


def _commands(block: str) -> Iterator[str]:
    """A line goes on after a backslash, and as long as a quotation is open."""
    lines = iter(block.replace("\\\n", " ").splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line.removeprefix("$ ")
            while not _is_whole(command):
                command += "\n" + next(lines)
            yield command.split("  #")[0].strip()


def _is_whole(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return True


# --- to run them ----------------------------------------------------------------------------------

SMALL = (
    "data.held_out_pairs=20 tokenizer.vocabulary_size=600 model.d_model=16 model.num_heads=2 "
    "model.d_ff=32 model.encoder_layers=1 model.decoder_layers=1 training.max_steps=2 "
    "training.max_minutes=null "
    "training.warmup_steps=1 training.tokens_per_batch=256 training.validation_pairs=4 "
    "decoding.beam_size=1 decoding.max_length_ratio=1"
).split()


def small(command: str) -> str:
    """The same training, with a tiny model, two steps and held-out sets from its own corpus."""
    overrides = list(SMALL)
    named = ("data.train", "configs/", ".tsv", ".tmx", " mine.en ")  # in one way or another
    if not any(each in command for each in named):
        overrides.append("data.train.path=mine.en-es.tsv")
    return command + "".join(f" --set {shlex.quote(each)}" for each in overrides)


def write_place(place: Path) -> None:
    """Fill a directory with the files that pages speak of, and with the programs in bin/."""
    shutil.copytree(ROOT / "configs", place / "configs")
    pairs = list(read_pairs(load_config().data.train[-1], "en", "es"))[:200]
    for side, names in enumerate((("in.txt", "a.en", "mine.en"), ("a.es", "mine.es"))):
        for name in names:
            (place / name).write_text("".join(pair[side] + "\n" for pair in pairs), "utf-8")
    lines = "".join(f"{english}\t{spanish}\n" for english, spanish in pairs)
    for name in ("tatoeba", "mine", "few"):
        (place / f"{name}.en-es.tsv").write_text(lines, "utf-8")
    for number, language in enumerate(("en", "es")):
        for name in (f"{language}.txt", f"mono.{language}.txt"):
            (place / name).write_text("".join(pair[number] + "\n" for pair in pairs), "utf-8")
    (place / "terms.tsv").write_text("pizza\tpizza\n", "utf-8")
    write_programs(place)


def run(
    command: str, place: Path, environment: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command of a page in a directory that `write_place` has filled."""
    path = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "PATH": path, **(environment or {})},
    )
