"""Decoding speed against uncached decoding and CTranslate2 with the same weights, alternating.

    python scripts/bench_decode.py [--run RUN] [--test SOURCES REFERENCES] [--beams 1 5]
        [--systems ours ctranslate2 ...] [--rounds 3] [--sentences N] [--uncached-sentences 100]
        [--json FILE]

Without --test, the test split of the run is translated, or its validation split. All systems
translate whole lines, text to text, with the same beam, the same length penalty (plain length to
the power of 1) and the same number of source tokens in a batch; OMP_NUM_THREADS sets the threads
of all. Speeds are medians over the rounds; uncached decoding, which computes the whole prefix anew
for every token, translates only the first sentences. Each system has a process of its own; its
first result counts the imports and the loading.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Literal, cast

TOKENS_PER_BATCH = 4096
System = Callable[[Sequence[str]], list[str]]
SYSTEMS = ("ours", "ours bfloat16", "uncached", "ctranslate2", "ctranslate2 int8")


def build(name: str, run: Path, exported: Path, beam_size: int) -> System:
    match name:
        case "ours" | "ours bfloat16":
            return ours(run, beam_size, "bfloat16" if "bf" in name else "float32")
        case "uncached":
            return uncached(run, beam_size)
        case _:
            return theirs(run, exported, beam_size, "int8" if "int8" in name else "float32")


def ours(run: Path, beam_size: int, precision: Literal["float32", "bfloat16"]) -> System:
    from translator import Translator

    translator = Translator.from_run(run, device="cpu", precision=precision)
    decoding = translator.config.decoding.model_copy(update=settings(beam_size))
    return lambda texts: [each.text for each in translator.translate(texts, decoding)]


def settings(beam_size: int) -> dict[str, object]:
    return {
        "beam_size": beam_size,
        "length_penalty": 1.0,
        "length_normalization": "length",
        "split_sentences": False,
        "tokens_per_batch": TOKENS_PER_BATCH,
    }


def uncached(run: Path, beam_size: int) -> System:
    """The model as it is trained: for every token the whole prefix is computed anew."""
    import torch

    from translator import Translator
    from translator.decoding import beam_search, search, steps_of_search
    from translator.model import Seq2SeqTransformer
    from translator.text.directions import tag_of
    from translator.tokenizer import BOS_ID, EOS_ID, PAD_ID

    translator = Translator.from_run(run, device="cpu")
    model, tokenizer = cast(Seq2SeqTransformer, translator.model), translator.tokenizer
    tag = tag_of(translator.config, tokenizer)

    class Uncached:
        def __init__(self, source: torch.Tensor) -> None:
            self.memory = model.encode(source, (source != PAD_ID).long())
            self.prefixes = source.new_empty(len(source), 0)

        def step(self, tokens: torch.Tensor) -> torch.Tensor:
            self.prefixes = torch.cat((self.prefixes, tokens[:, None]), dim=1)
            states = model.decode(self.prefixes, self.memory)
            logits: torch.Tensor = model.output(states[:, -1])
            return logits.log_softmax(dim=1)

        def reorder(self, rows: torch.Tensor, slots: int) -> None:
            self.prefixes = self.prefixes[rows]
            self.memory = self.memory._replace(
                states=self.memory.states[rows], segments=self.memory.segments[rows]
            )

    @torch.inference_mode()
    def translate(texts: Sequence[str]) -> list[str]:
        ids = [(*tag, *each) for each in tokenizer.encode(texts)]
        order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
        found = [""] * len(ids)
        for start in range(0, len(order), 32):
            batch = order[start : start + 32]
            width = len(ids[batch[0]]) + 1
            source = torch.tensor(
                [[*ids[i], EOS_ID, *[PAD_ID] * (width - 1 - len(ids[i]))] for i in batch]
            )
            limits = torch.tensor([2 * len(ids[i]) + 12 for i in batch])
            asks = steps_of_search(
                limits,
                beam_search(beam_size),
                bos=BOS_ID,
                eos=EOS_ID,
                slots=beam_size,
                normalization="length",
            )
            best = [each[0].tokens for each in search(Uncached(source), asks)]
            for i, text in zip(batch, tokenizer.decode(best), strict=True):
                found[i] = text
        return found

    return translate


def theirs(run: Path, exported: Path, beam_size: int, compute_type: str) -> System:
    import ctranslate2

    from translator.runs import RunDirectory
    from translator.text.directions import tag_of

    tokenizer = RunDirectory(run).read_tokenizer()
    tag = tag_of(RunDirectory(run).read_config(), tokenizer)
    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    model = ctranslate2.Translator(
        str(exported / compute_type), device="cpu", intra_threads=threads, compute_type=compute_type
    )
    ids = {tokenizer.pieces([i])[0]: i for i in range(tokenizer.vocabulary_size)}

    def translate(texts: Sequence[str]) -> list[str]:
        pieces = [tokenizer.pieces([*tag, *each]) for each in tokenizer.encode(texts)]
        found = model.translate_batch(
            pieces,
            beam_size=beam_size,
            length_penalty=1.0,
            max_batch_size=TOKENS_PER_BATCH,
            batch_type="tokens",
        )
        return tokenizer.decode([[ids[piece] for piece in each.hypotheses[0]] for each in found])

    return translate


class Process:
    """A system in a process of its own: libraries in one process slow each other down."""

    def __init__(self, name: str, run: Path, exported: Path, beam_size: int) -> None:
        self.name = name
        self.pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        started = self.pool.submit(first_results, name, run, exported, beam_size)
        self.start: dict[str, float] = started.result()

    def __call__(self, texts: Sequence[str]) -> tuple[float, list[str]]:
        """Seconds, and the translations."""
        return self.pool.submit(timed, texts).result()

    def peak_memory_mb(self) -> float:
        return self.pool.submit(peak_memory_mb).result()


SYSTEM: list[System] = []  # the one of this process


def first_results(name: str, run: Path, exported: Path, beam_size: int) -> dict[str, float]:
    """Seconds from importing to the first translation, and of a warm one."""
    started = time.perf_counter()
    system = build(name, run, exported, beam_size)
    SYSTEM.append(system)
    text = "The weather is very nice today, is it not?"
    system([text])
    first = time.perf_counter() - started
    warm = [timed([text])[0] for _ in range(20)]
    return {
        "first_result_seconds": first,
        "warm_sentence_milliseconds": 1000 * statistics.median(warm),
    }


def timed(texts: Sequence[str]) -> tuple[float, list[str]]:
    started = time.perf_counter()
    found = SYSTEM[0](texts)
    return time.perf_counter() - started, found


def peak_memory_mb() -> float:
    """Of this process alone, while getrusage counts its parent too; 0 where there is no /proc."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def speeds(
    systems: dict[str, Process], texts: dict[str, Sequence[str]], rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[str]]]:
    """Seconds of each system in each round, one system after the other, and what it found."""
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    found = {}
    for name, system in systems.items():
        system(texts[name][:50])
    for _ in range(rounds):
        for name, system in systems.items():
            passed, found[name] = system(texts[name])
            seconds[name].append(passed)
    return seconds, found


def measure(
    run: Path,
    exported: Path,
    sources: Sequence[str],
    references: Sequence[str],
    beam_size: int,
    options: argparse.Namespace,
) -> list[dict[str, object]]:
    from sacrebleu import corpus_bleu

    from translator.runs import RunDirectory

    tokenizer = RunDirectory(run).read_tokenizer()
    systems = {name: Process(name, run, exported, beam_size) for name in options.systems}
    texts = {
        name: sources[: options.uncached_sentences] if name == "uncached" else sources
        for name in systems
    }
    seconds, found = speeds(systems, texts, options.rounds)
    rows: list[dict[str, object]] = []
    for name, times in seconds.items():
        middle = statistics.median(times)
        ours_found = found.get("ours", found[name])
        rows.append(
            {
                "system": name,
                "beam": beam_size,
                "sentences": len(found[name]),
                "sentences_per_second": len(found[name]) / middle,
                "tokens_per_second": sum(map(len, tokenizer.encode(found[name]))) / middle,
                "seconds": times,
                "bleu": corpus_bleu(found[name], [references[: len(found[name])]]).score,
                "same_as_ours": statistics.mean(map(str.__eq__, found[name], ours_found)),
                **systems[name].start,
                "peak_memory_mb": systems[name].peak_memory_mb(),
            }
        )
        systems[name].pool.shutdown()
    return rows


def show(rows: Sequence[dict[str, object]]) -> None:
    columns = {
        "beam": "beam",
        "sentences_per_second": "sent./s",
        "tokens_per_second": "tokens/s",
        "bleu": "BLEU",
        "same_as_ours": "same",
        "first_result_seconds": "first s",
        "warm_sentence_milliseconds": "warm ms",
        "peak_memory_mb": "MB",
    }
    print(f"{'':18}" + "".join(f"{title:>10}" for title in columns.values()))
    for row in rows:
        digits = {"same_as_ours": 3, "bleu": 1, "first_result_seconds": 2, "beam": 0}
        cells = (f"{row[key]:>10,.{digits.get(key, 0)}f}" for key in columns)
        print(f"{row['system']:18}" + "".join(cells), flush=True)


def read_test(run: Path, files: list[Path] | None) -> tuple[Sequence[str], Sequence[str]]:
    from translator.evaluation.sets import read_sentences, sets_of_split
    from translator.runs import RunDirectory

    if files:
        return read_sentences(files[0]), read_sentences(files[1])
    directory = RunDirectory(run)
    named = directory.read_config().data.test
    [test_set, *_] = sets_of_split(directory, "test" if named else "valid")
    return test_set.sources, test_set.first_references


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path)
    parser.add_argument("--test", type=Path, nargs=2, metavar=("SOURCES", "REFERENCES"))
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--systems", nargs="+", default=SYSTEMS, choices=SYSTEMS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sentences", type=int)
    parser.add_argument("--uncached-sentences", type=int, default=100)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> None:
    options = parse()
    from translator.export.ctranslate2 import export_ctranslate2
    from translator.runs import RunDirectory

    run = RunDirectory.find(options.run)
    sources, references = read_test(run.path, options.test)
    sources, references = sources[: options.sentences], references[: options.sentences]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        if "ctranslate2" in options.systems:
            export_ctranslate2(run, Path(folder) / "float32", "float32")
        if "ctranslate2 int8" in options.systems:
            export_ctranslate2(run, Path(folder) / "int8", "int8")
        for beam_size in options.beams:
            measured = measure(run.path, Path(folder), sources, references, beam_size, options)
            show(measured)
            rows += measured
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
