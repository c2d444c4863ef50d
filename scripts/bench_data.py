"""Speed and memory from files to batches: a generated corpus of any size, prepared and trained on.

    python scripts/bench_data.py [--pairs 10_000_000] [--corpus FILE.en-es.tsv.xz]… [--steps 20]
        [--set KEY=VALUE]... [--json FILE]

The corpus is written to a temporary folder (about 1 GB for 10 million short pairs, and as much
again when it is prepared). Peak memory counts mapped pages of the prepared files, which the system
takes back when it needs them; anonymous memory is what the process really holds.
"""

import argparse
import itertools
import json
import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from translator.config import Config, CorpusConfig, load_config
from translator.data import Cleaner, Counts, SentencePair, encode_pairs, read_pairs
from translator.data.augmentation import Augmenter
from translator.data.batches import BatchStream
from translator.preparation import TrainingData, prepare_data
from translator.runs import RunDirectory
from translator.training import Finished, train


def generate(file: Path, count: int, corpora: list[str]) -> None:
    """Repeat the pairs of the corpora, each time with another word at the end of both sides."""
    pairs = [
        pair
        for path in corpora
        for pair in read_pairs(CorpusConfig(path=path), "en", "es")
        if pair.source.strip() and pair.target.strip()
    ]
    words = sorted({word for pair in pairs for word in pair.source.split()})
    draw = random.Random(1)
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        for source, target in itertools.islice(itertools.cycle(pairs), count):
            word = draw.choice(words)
            stream.write(f"{source} {word}\t{target} {word}\n")


def configuration(corpus: Path, steps: int, settings: list[str]) -> Config:
    overrides = [
        "name=memory",
        f"data.train={{path: '{corpus}'}}",
        "tokenizer.vocabulary_size=8000",
        "tokenizer.sample_sentences=200000",
        "model.d_model=256",
        "model.d_ff=1024",
        "training.tokens_per_batch=4096",
        f"training.max_steps={steps}",
        "training.warmup_steps=5",
        "training.validation_pairs=20",
        *settings,
    ]
    return load_config(None, overrides)


def memory() -> dict[str, int]:
    """Megabytes: at most so far, and now, those held and those of mapped files."""
    values = {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="utf-8").splitlines():
            name, _, rest = line.partition(":")
            if name in ("RssAnon", "RssFile"):
                values[name] = int(rest.split()[0]) >> 10
    return values


class Clock:
    """Prints and keeps what each stage took."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}

    def __call__(self, name: str, started: float, pairs: int = 0, **more: float) -> None:
        seconds = time.perf_counter() - started
        stage = {"seconds": round(seconds, 3), **more, **memory()}
        if pairs:
            stage["pairs_per_second"] = round(pairs / seconds)
        self.stages[name] = stage
        shown = ", ".join(f"{key} {value:,}" for key, value in stage.items())
        print(f"{name:12} {shown}", flush=True)


def first_pairs(config: Config, count: int) -> Iterator[SentencePair]:
    corpus = config.data.train[0]
    return itertools.islice(read_pairs(corpus, "en", "es"), count)


def measure_stages(config: Config, data: TrainingData, clock: Clock) -> None:
    """The parts of a preparation alone, on the first pairs."""
    count = min(1_000_000, len(data.train))
    started = time.perf_counter()
    pairs = list(first_pairs(config, count))
    clock("read", started, count)
    started = time.perf_counter()
    for start in range(0, count, 10_000):
        data.tokenizer.encode([pair.source for pair in pairs[start : start + 10_000]])
        data.tokenizer.encode([pair.target for pair in pairs[start : start + 10_000]])
    clock("tokenizer", started, count)
    started = time.perf_counter()
    for _ in Cleaner.of(config, config.data.train[0]).clean(pairs, Counts()):
        pass
    clock("clean", started, count)
    started = time.perf_counter()
    cleaned = Cleaner.of(config, config.data.train[0]).clean(pairs, Counts())
    for _ in encode_pairs(cleaned, data.tokenizer, 128, Counts()):
        pass
    clock("clean+encode", started, count)
    share = clock.stages["tokenizer"]["seconds"] / clock.stages["clean+encode"]["seconds"]
    print(f"the tokenizer alone takes {share:.0%} of cleaning and encoding")


def measure_batches(config: Config, data: TrainingData, clock: Clock) -> None:
    """Batches as fast as they can be had, with and without augmentation."""
    tokens_per_batch = config.training.tokens_per_batch
    assert tokens_per_batch is not None, "the configuration names it"
    for name, views in (
        ("batches", []),
        ("augmented", [Augmenter(config.data, data.tokenizer)]),
    ):
        stream = iter(BatchStream(data.train, tokens_per_batch, 1, views=views))
        next(stream)
        started = time.perf_counter()
        batches = list(itertools.islice(stream, 256))
        seconds = time.perf_counter() - started
        tokens = sum(batch.num_target_tokens for batch in batches)
        places = sum(batch.labels.numel() for batch in batches)
        clock(
            name,
            started,
            tokens_per_second=round(tokens / seconds),
            padding=round(1 - tokens / places, 4),
        )
        stream.close()  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--corpus", action="append", help="what to repeat; else the embedded pairs")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    corpora = arguments.corpus or ["embedded:train-grammar", "embedded:train-handwritten"]
    corpora = [str(Path(path).resolve()) if Path(path).exists() else path for path in corpora]
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        corpus = Path(folder) / "generated.en-es.tsv"
        started = time.perf_counter()
        child = os.fork()  # what it takes to generate is not to be measured
        if not child:
            generate(corpus, arguments.pairs, corpora)
            os._exit(0)
        os.waitpid(child, 0)
        clock("generate", started, arguments.pairs)
        config = configuration(corpus, arguments.steps, arguments.set)
        run = RunDirectory(Path("runs") / config.name)
        started = time.perf_counter()
        data = prepare_data(config, run)
        clock("prepare", started, arguments.pairs)
        started = time.perf_counter()
        data = prepare_data(config, run)
        clock("warm start", started)
        started = time.perf_counter()
        *_, finished = train(config)
        assert isinstance(finished, Finished)
        clock("train", started, steps=finished.step)
        measure_stages(config, data, clock)
        measure_batches(config, data, clock)
        size = sum(file.stat().st_size for file in run.prepared.rglob("*") if file.is_file())
        print(f"{len(data.train):,} pairs, prepared in {size / 1e6:,.0f} MB")
    if arguments.json:
        arguments.json.write_text(json.dumps(clock.stages, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
