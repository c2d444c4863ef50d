"""Faults on purpose: processes killed, files damaged, strange lines and broken documents.

    python scripts/faults.py [--part kills|damage|lines|documents]... [--seed 1] [--quick]
        [--run RUN] [--markdown]

Repeats what docs/reliability.md promises, on a tiny corpus and a tiny run of its own in a temporary
directory (`lines` on --run, if one is named). Each part prints its figures and every promise that
it found broken; the exit code is 1 if there was one. --markdown prints the table of the page too.

`kills` starts real processes. The other parts fork one child for each command off this process,
which has imported everything: a command takes a tenth of a second then, not four seconds. A child
that computes for more than a minute is killed, and one that wants 16 GB of addresses gets an error.
"""

import argparse
import gc
import importlib
import multiprocessing
import os
import platform
import random
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

from fault_inputs import (
    DOCUMENTS,
    broken_document,
    damages,
    make_project,
    strange_line,
)

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: a forked child has no other threads
os.environ.pop("TRANSLATOR_RUN", None)

RUN = "runs/tiny"
FORK = multiprocessing.get_context("fork")
PATIENCE = 10  # seconds by the clock for each of the processor, on a busy machine


@dataclass
class Part:
    """What a part of the program has counted, and the promises that it found broken."""

    name: str
    figures: Counter[str] = field(default_factory=Counter)
    ratios: dict[str, float] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def fails(self, what: str) -> None:
        """Keep and show a broken promise."""
        self.broken.append(what)
        print(f"    {self.name}: {what}", flush=True)

    def told(self) -> str:
        figures = [f"{name} {value:,}" for name, value in self.figures.items()]
        figures += [f"{name} {value:.1f}" for name, value in self.ratios.items()]
        figures += [f"broken promises {len(self.broken)}"]
        return ", ".join(figures)


# --- commands -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """How a command ended; its code is None when it took too long and was killed."""

    code: int | None
    out: bytes
    err: str

    @property
    def problem(self) -> str:
        """What no command may do, whatever it is given."""
        if self.code is None:
            return "it hangs"
        if "Traceback (most recent call last)" in self.err:
            return f"traceback: {self.err.strip().splitlines()[-1]}"
        if self.code and not re.search("^error: ", self.err, re.MULTILINE):
            return f"exit code {self.code} without an error"
        return ""


def in_child(work: Callable[[], Any], stdin: bytes = b"", seconds: int = 60) -> Ended:
    """Do something in a forked process of its own and gather what it writes."""
    import_everything()
    with ExitStack() as stack:
        streams = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        streams[0].write(stdin)
        streams[0].seek(0)
        child = FORK.Process(target=_child, args=(work, streams, seconds))
        child.start()
        child.join(PATIENCE * seconds)
        hangs = child.is_alive() or child.exitcode == -signal.SIGXCPU
        child.kill()
        child.join()
        for stream in streams:
            stream.seek(0)
        _, out, err = (stream.read() for stream in streams)
    return Ended(None if hangs else child.exitcode, out, err.decode("utf-8", "replace"))


def _child(work: Callable[[], Any], streams: Sequence[IO[bytes]], seconds: int) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    work()


def command(
    folder: Path, *arguments: str, stdin: bytes = b"", real: bool = False, seconds: int = 60
) -> Ended:
    """Run `translator` in a folder: in a fork of this process, or in a real one."""
    if real:
        line = [sys.executable, "-m", "translator", *arguments]
        try:
            done = subprocess.run(
                line,
                cwd=folder,
                input=stdin,
                capture_output=True,
                timeout=PATIENCE * seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Ended(None, b"", "")
        return Ended(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))

    def main() -> None:
        from translator.cli import main

        os.chdir(folder)
        sys.argv = ["translator", *arguments]
        main()

    return in_child(main, stdin, seconds)


def import_everything() -> None:
    """What the commands import when they need it, so that the children need not."""
    for name in "cli doctor evaluation export training visualization.picture".split():
        importlib.import_module(f"translator.{name}")
    importlib.import_module("ctranslate2")
    importlib.import_module("matplotlib.pyplot")
    gc.freeze()  # a collection in a child would copy all that it shares with this process


def tiny_run(scratch: Path) -> Path:
    """The tiny run, trained to its end, with an export and an evaluation; made once for all."""
    folder = scratch / "trained"
    if not folder.is_dir():
        make_project(folder, 300, steps=24, validate=12, checkpoint=8, tokens="null")  # measured
        for line in ("train tiny.yaml", f"evaluate --run {RUN}", f"report {RUN}", f"export {RUN}"):
            done = command(folder, *line.split())
            assert done.code == 0, done
        [hypotheses] = folder.glob(f"{RUN}/evaluations/*.txt")
        shutil.copyfile(hypotheses, folder / "other.txt")
    return folder / RUN


# --- kills ----------------------------------------------------------------------------------------


def kills(scratch: Path, options: argparse.Namespace, draw: random.Random) -> Part:
    """Kill trainings at random moments; what they end with is what one that was left alone has."""
    part = Part("kills")
    folder = scratch / "kills"
    make_project(
        folder, 1500 if options.quick else 6000, steps=24, validate=6, checkpoint=1, tokens=512
    )
    training = Training(folder)
    starting, working = training.await_work(), training.await_end()
    expected = result_bytes(folder)
    part.figures.update({"kills": 0, "differing bytes": 0})  # zeros are shown too
    while part.figures["kills"] < (1 if options.quick else options.kills) and not part.broken:
        if training.process.returncode == 0:
            shutil.rmtree(folder / "runs")
        training = Training(folder)
        late = draw.random() < 0.9  # after the imports
        if late:
            training.await_work()
        if training.wait(draw.uniform(0, working if late else starting)) is not None:
            compare(part, training, expected)  # it was faster
            continue
        number = draw.choices((signal.SIGKILL, signal.SIGTERM, signal.SIGINT), (8, 1, 1))[0]
        part.figures[f"in {training.kill(number)}"] += 1
        part.figures["kills"] += 1
        if draw.random() < 0.3:  # whoever deletes it loses time only
            shutil.rmtree(folder / "runs" / ".prepared", ignore_errors=True)
    training = Training(folder)
    training.await_end()
    compare(part, training, expected)
    return part


class Training:
    """A process that trains the tiny run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.began = time.time()
        self.run = folder / RUN
        self.messages = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "translator", "train", "tiny.yaml"],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
        )  # fmt: skip

    def await_work(self) -> float:
        """Wait until all is imported and the run is taken, or the process has ended; seconds."""
        while not self._has_written(".training.lock") and self.process.poll() is None:
            time.sleep(0.005)
        return time.time() - self.began

    def await_end(self) -> float:
        """Wait until it has ended by itself; seconds."""
        started = time.time()
        self.wait(600)
        return time.time() - started

    def wait(self, seconds: float) -> int | None:
        """Its exit code; None when it is still at work."""
        try:
            self.messages = self.process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            return None
        return self.process.returncode

    def kill(self, number: int) -> str:
        """End it by a signal; in which phase it was."""
        phase = self.phase()
        self.process.send_signal(number)
        if self.wait(60) is None:
            self.process.kill()
            raise AssertionError(f"signal {number} does not end it")
        return self.phase() if number == signal.SIGKILL else phase

    def phase(self) -> str:
        """What it is at, by the files that it has written."""
        if not self._has_written(".training.lock"):
            return "start"
        if not (self.run / "tokenizer.model").is_file():
            return "tokenizer"
        if not any(self.folder.glob("runs/.prepared/*/description.json")):
            return "preparation"
        if not self._has_written("environment.json"):
            return "loading"
        if self._has_written("checkpoints/.*.partial"):
            return "checkpoint"
        metrics = self.run / "metrics.jsonl"
        lines = metrics.read_text(encoding="utf-8").splitlines() if metrics.is_file() else []
        step = re.match(r'\{"step": (\d+), "train_loss"', lines[-1]) if lines else None
        return "validation" if step and not int(step[1]) % 6 else "steps"

    def _has_written(self, name: str) -> bool:
        with suppress(OSError):  # it may be gone by now
            return any(file.stat().st_mtime > self.began for file in self.run.glob(name))
        return False


def result_bytes(folder: Path) -> dict[str, bytes]:
    """The files of a run by name, without the times in them."""
    files = [file for file in (folder / RUN).rglob("*") if file.is_file()]
    return {
        str(file.relative_to(folder)): without_times(file.read_bytes())
        for file in sorted(files)
        if file.name != ".training.lock"
    }


def without_times(data: bytes) -> bytes:
    """Without the times, and the checksums of what holds them."""
    data = re.sub(rb'"sha256": *"[0-9a-f]{64}"', b"", data)
    data = re.sub(rb'"(seconds|tokens_per_second|made)": *("[^"]*"|[\d.e+-]+|null)', b"", data)
    data = re.sub(rb'"pauses": *\{[^}]*\}', b"", data)
    return re.sub(rb"[\d,]+ sentences/s", b"", data)


def compare(part: Part, training: Training, expected: dict[str, bytes]) -> None:
    """Count what a finished training has left otherwise than the uninterrupted one."""
    part.figures["finished"] += 1
    if training.process.returncode:
        part.fails(f"exit code {training.process.returncode}: {training.messages[-500:]}")
    found = result_bytes(training.folder)
    for name in sorted(found.keys() | expected.keys()):
        one, other = found.get(name), expected.get(name)
        if one is None or other is None:
            part.fails(f"{name}: {'missing' if one is None else 'left over'}")
        elif one != other:
            differing = sum(a != b for a, b in zip(one, other, strict=False))
            differing += abs(len(one) - len(other))
            part.figures["differing bytes"] += differing
            part.fails(f"{name}: {differing} bytes differ")


# --- damage ---------------------------------------------------------------------------------------

TEXT_FILES = (".yaml", ".json", ".jsonl", ".txt")
READERS = {  # command line → files of its result beside stdout
    "translate 'ana bebe' nina --run RUN": [],
    "translate 'ana bebe' nina --run RUN --engine auto": [],
    "translate 'ana bebe' nina --run RUN --engine ctranslate2": [],
    "translate --json 'ana bebe' --run RUN": [],
    "evaluate --run RUN --resamples 0": [],
    "compare RUN other.txt": [],
    "report RUN --output report.html": ["report.html"],
    "plot RUN --output curves": ["curves.html"],
    "inspect --run RUN": [],
    "attention 'ana bebe' --run RUN --output attention": ["attention.html"],
    "export RUN --output exported": ["exported/model.bin", "exported/tokenizer.model"],
    "data check RUN/config.yaml": [],
    "train tiny.yaml": [f"{RUN}/model.safetensors", f"{RUN}/metrics.jsonl"],
    f"train tiny.yaml --set name=child --set training.start_from={RUN} --set training.max_steps=4":
        ["runs/child/model.safetensors", "runs/child/training_fingerprints.safetensors"],
}  # fmt: skip


def damage(scratch: Path, options: argparse.Namespace, draw: random.Random) -> Part:
    """Damage each kind of file of a run in eight ways, and let every command read it."""
    part = Part("damage")
    sound = tiny_run(scratch).parents[1]
    files = files_of_a_run(sound)
    for line in draw.sample(list(READERS), 2) if options.quick else READERS:
        expected, again = case(sound, line), case(sound, line)
        assert expected.out == again.out and expected.out, (line, expected.err, again.err)
        for name in draw.sample(files, 3) if options.quick else files:
            data = (sound / name).read_bytes()
            unread = 0
            for how, content in damages(data, name, draw):
                real = draw.random() < 0.01
                ended = case(sound, line, name, content, real=real)
                part.figures["cases"] += 1
                part.figures["of them as real processes"] += real
                unread += ended == expected
                said = verdict(line, ended, expected, name=name, how=how)
                part.figures[said.partition(":")[0]] += 1
                if said.startswith("broken"):
                    part.fails(f"{name}, {how}: {line}: {said.partition(': ')[2]}")
                if unread == 2:
                    break
    part.figures["files"] = len(files)
    return part


def files_of_a_run(folder: Path) -> list[str]:
    """One file of each kind: of checkpoints and samples those of the newest step."""
    newest: dict[str, str] = {}
    for file in sorted((folder / "runs").rglob("*"), key=lambda file: file.stat().st_mtime_ns):
        name = str(file.relative_to(folder))
        if file.is_file() and not name.endswith((".lock", "report.html")):
            newest[re.sub(r"step-\d+", "step", name)] = name
    return sorted(newest.values())


def case(
    sound: Path, line: str, name: str = "", content: bytes | None = None, *, real: bool = False
) -> Ended:
    """A command on a copy of the run in which one file is damaged; its output with its results."""
    folder = sound.with_name("case")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    if line == "train tiny.yaml":  # something must be left to train
        shutil.rmtree(folder / RUN / "checkpoints" / "step-24")
        name = name.replace("checkpoints/step-24", "checkpoints/step-16")
    if name and content is None:
        (folder / name).unlink()
    elif name and content is not None:
        (folder / name).write_bytes(content)
    ended = command(folder, *shlex.split(line.replace("RUN", RUN)), real=real)
    results = [folder / file for file in READERS[line]]
    out = [ended.out, *(file.read_bytes() for file in results if file.is_file())]
    err = re.sub(r"\d+ min \d+ s|[\d,]+ sentences/s", "", ended.err)
    return Ended(ended.code, without_times(b"".join(out)), err)


def verdict(line: str, ended: Ended, expected: Ended, *, name: str, how: str) -> str:
    """How a command took a damaged file; `broken: ` and why, if it did not."""
    if ended.code is None or "Traceback" in ended.err or ended.code != expected.code:
        return f"broken: {ended.problem or 'success'}" if not refused(ended) else "refused"
    if ended.out == expected.out:
        return "as undamaged"
    said = set(ended.err.splitlines()) - set(expected.err.splitlines())
    file = Path(name)
    names = {file.name, str(file.parent)} - {RUN}
    if any(known in line for line in said for known in names):
        return "told by a warning"
    if file.suffix in TEXT_FILES and how.startswith("a "):
        return "read as an edit"
    if file.suffix == ".yaml" and how in ("emptied", "cut to half") and "data check" in line:
        return "read as an edit"  # what is cut off, or all, has its defaults
    if file.name == "metrics.jsonl" and not {"report", "plot"}.isdisjoint(line.split()):
        return "shown as far as it goes"  # a log, which a kill may cut anywhere
    return "broken: another result in silence"


def refused(ended: Ended) -> bool:
    return bool(ended.code) and not ended.problem


# --- lines ----------------------------------------------------------------------------------------

REPEATED = ["a", "é", "e\u0301", "😀", "👩\u200d👧", "中", "؟ ", "\u0301", "<b>", "a. "]
MOST_GROWTH = 3.2  # of the time for twice the length: 2 for linear work, 4 for quadratic
LEAST_SECONDS = 0.2  # in less, a ratio says nothing


def lines(scratch: Path, options: argparse.Namespace, draw: random.Random) -> Part:
    """Translate strange lines: as many out as in, the same at any batch size, in linear time.

    What is not UTF-8 is refused by its line.
    """
    part = Part("lines")
    run = tiny_run(scratch) if options.run is None else options.run.resolve()
    drawn = [strange_line(draw) for _ in range(40 if options.quick else 2000)]
    texts = [text for text in drawn if is_utf8(text)]
    for text in [text for text in drawn if not is_utf8(text)][: 2 if options.quick else 50]:
        ended = translated_lines(run, [b"ana", text])
        if ended.problem or ended.code != 1 or "line 2: not UTF-8" not in ended.err:
            part.fails(f"not refused by its line: {text!r}")
    for start in range(0, len(texts), 100):
        chunk = texts[start : start + 100]
        if problem := problem_of_lines(run, chunk):
            culprit = next((text for text in chunk if problem_of_lines(run, [text])), b"all")
            part.fails(f"{problem}: {culprit!r}")
    sample = draw.sample(texts, len(texts) // 10)
    few, many = (translated_lines(run, sample, tokens) for tokens in (64, 4096))
    for text, one, other in zip(sample, few.out.split(b"\n"), many.out.split(b"\n"), strict=False):
        if one != other:
            part.fails(f"another translation in another batch: {text!r}")
    worst = 0.0
    for unit in REPEATED[:1] if options.quick else REPEATED:
        first, second = seconds_of_lengths(run, unit, 1000 if options.quick else 10_000)
        growth = second / first if second > LEAST_SECONDS else 0.0
        worst = max(worst, growth)
        if growth > MOST_GROWTH:
            part.fails(f"{unit!r} repeated: {first:.2f} s, twice as many {second:.2f} s")
    part.figures.update({"lines": len(texts), "in two batch sizes": len(sample)})
    part.ratios["longest time for twice the length"] = worst
    return part


def is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def problem_of_lines(run: Path, texts: Sequence[bytes]) -> str:
    ended = translated_lines(run, texts)
    found = ended.out.count(b"\n")
    return ended.problem or (f"{found} lines of {len(texts)}" if found != len(texts) else "")


def translated_lines(run: Path, texts: Sequence[bytes], tokens: int = 4096) -> Ended:
    stdin = b"".join(text + b"\n" for text in texts)
    size = f"decoding.tokens_per_batch={tokens}"
    return command(run, "translate", "--run", str(run), "--set", size, stdin=stdin, seconds=600)


def seconds_of_lengths(run: Path, unit: str, length: int) -> tuple[float, float]:
    """Seconds of the processor for a line of `length` characters and for one of twice as many."""

    def measure() -> None:
        from translator import Translator

        translator = Translator.from_run(run)
        greedy = translator.config.decoding.model_copy(update={"beam_size": 1})
        for characters in (length, 2 * length):
            started = time.process_time()
            translator.translate([unit * (characters // len(unit))], greedy)
            print(time.process_time() - started)

    ended = in_child(measure, seconds=300)
    first, second = map(float, ["0.1", "300"] if ended.problem else ended.out.decode().split())
    return first, second


# --- documents ------------------------------------------------------------------------------------

COLUMNS = {"tsv": "0", "csv": "text", "jsonl": "text"}
KEEP_LINES = ("txt", "tsv", "csv", "jsonl")
TIMES = re.compile(r"\s*(\d+:)?\d+:\d+[.,]\d+\s*-->\s*(\d+:)?\d+:\d+[.,]\d+")  # a cue begins


def documents(scratch: Path, options: argparse.Namespace, draw: random.Random) -> Part:
    """Translate broken documents: they are translated or refused, and keep their structure."""
    part = Part("documents")
    run = tiny_run(scratch)
    folder = scratch / "documents"
    folder.mkdir()
    for number in range(10 if options.quick else 1000):
        ending = list(DOCUMENTS)[number % len(DOCUMENTS)]
        data = broken_document(DOCUMENTS[ending].encode(), draw)
        source, target = folder / f"{number}.{ending}", folder / f"{number}.out"
        source.write_bytes(data)
        column = ["--column", COLUMNS[ending]] if ending in COLUMNS else []
        line = f"translate --beam-size 1 --run {run} --input {source} --output {target}".split()
        ended = command(folder, *line, *column, seconds=20)
        problem = "" if refused(ended) else ended.problem
        if ended.code == 0:
            problem = problem or problem_of_document(ending, data, target.read_bytes())
        part.figures["refused" if ended.code else "translated"] += 1
        if problem:
            part.fails(f"{ending}: {problem}: {shortened(data)}")
    return part


def problem_of_document(ending: str, data: bytes, found: bytes) -> str:
    lines, expected = (each.decode("utf-8", "replace").split("\n") for each in (found, data))
    if ending in KEEP_LINES and len(lines) != len(expected):
        return f"{len(lines) - 1} line ends of {len(expected) - 1}"
    if ending in ("srt", "vtt") and times(lines) != times(expected):
        return f"{len(times(lines))} cues of {len(times(expected))}, or other times"
    if ending == "md" and blocks(lines) != blocks(expected):
        return f"{blocks(lines)} blocks of {blocks(expected)}"
    if ending in ("xlf", "tmx"):
        try:
            expat.ParserCreate().Parse(found, True)
        except expat.ExpatError as error:
            return f"the translation is no XML: {error}"
    return ""


def times(lines: list[str]) -> list[str]:
    """The lines that begin the cues of subtitles."""
    return [line for line in lines if TIMES.match(line)]


def blocks(lines: list[str]) -> int:
    """The number of stretches of Markdown that blank lines separate."""
    return sum(has_text for has_text, _ in groupby(lines, lambda line: bool(line.strip(" \t\r>"))))


def shortened(data: bytes) -> str:
    return repr(data) if len(data) < 2000 else f"{data[:1000]!r} … {data[-200:]!r}"


# --- the page -------------------------------------------------------------------------------------


def processor() -> str:
    """The name of the processor and what it multiplies matrices with."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.is_file() else ""
    name = re.search(r"model name\s*: (.+)", text)
    flags = [
        flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in text.split()
    ]
    return f"{name[1] if name else platform.processor()}, {', '.join(flags)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a minute instead of half an hour")
    parser.add_argument("--run", type=Path, help="the run that `lines` translates with")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    done = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.part or PARTS:
            started = time.monotonic()
            part = PARTS[name](Path(scratch), options, random.Random(f"{options.seed} {name}"))
            part.seconds = time.monotonic() - started
            print(f"{part.name:10} {part.told()}; {part.seconds:.0f} s", flush=True)
            done.append(part)
    if options.markdown:
        rows = [f"| {part.name} | {part.told()} | {part.seconds / 60:.1f} min |" for part in done]
        print(f"\n{processor()}; seed {options.seed}\n", "| part | figures | time |", sep="\n")
        print("|---|---|---|", *rows, sep="\n")
    sys.exit(any(part.broken for part in done))


PARTS = {"kills": kills, "damage": damage, "lines": lines, "documents": documents}

if __name__ == "__main__":
    main()
