"""What a GPU makes of this program: whether it computes what a CPU does, and how fast.

    python scripts/bench_gpu.py [CORPUS.tsv[.xz]] [--device cuda] [--minutes 14]
        [--output bench_gpu] [--set KEY=VALUE]... [--quick]

It writes OUTPUT.json and OUTPUT.md after each part. A part that fails stands there as an error, and
none begins once the minutes are over. `--device cpu --quick` tries the script without a GPU.

agreement   Losses of the reference model of bench_train.py from the same weights, with the same
            batches and without dropout: the largest relative difference from float32 on the CPU.
            That of bfloat16 on the CPU says how much it means.
training    transformer-base (Vaswani et al., 2017) in bfloat16, dropout 0.1: target tokens a second
            without padding, and the share of what large products reach in the same process.
decoding    A transformer-base after some steps: validation sentences a second, and how many of the
            translations that the CPU found in float32 are others.
graphs      Greedy search of one batch in bfloat16, as the program does it, without its rules; all
            steps for all of its sentences; and these as one CUDA graph. A beam search cannot be
            one: after each step the host decides which sentences go on.
compiled    Training with torch.compile. There is no setting for it: the script wraps the model.
"""

import translator  # noqa: F401  # isort: skip  # before torch: it says how long threads wait

import argparse
import copy
import gc
import json
import statistics
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import bench_train
import torch
from torch import Tensor

from translator import Translator, __version__
from translator.config import Config, load_config
from translator.decoding import beam_search, search, steps_of_search
from translator.decoding.strategies import top_k
from translator.hardware import choose_device, describe, has_fast_bfloat16, processor
from translator.inference import Engine, ModelStepper, Past, padded_sources
from translator.inference.past import VECTOR, ProjectedMemory
from translator.model import Transformer
from translator.preparation import prepare_data
from translator.runs import RunDirectory
from translator.tokenizer import BOS_ID, EOS_ID
from translator.training import Trainer

Row = dict[str, Any]
CPU = torch.device("cpu")
BASE = """tokenizer.vocabulary_size=8000 training.warmup_steps=25 model.d_model=512
    model.num_heads=8 model.d_ff=2048 model.encoder_layers=6 model.decoder_layers=6
    model.dropout=0.1 precision=bfloat16""".split()
REFERENCE = """model.d_model=256 model.num_heads=4 model.d_ff=1024 model.encoder_layers=3
    model.decoder_layers=3 model.dropout=0 training.tokens_per_batch=2048""".split()
TINY = """tokenizer.vocabulary_size=600 data.held_out_pairs=20 model.d_model=16 model.num_heads=2
    model.d_ff=32 model.encoder_layers=1 model.decoder_layers=1 decoding.max_length_ratio=1
    decoding.max_length_extra=1""".split()


class Amounts(NamedTuple):
    """How much is measured."""

    losses: int = 50
    tokens_per_batch: tuple[int, ...] = (8192, 32_768, 65_536)
    steps: int = 20
    learning_steps: int = 600  # of the model that decodes
    product: int = 8192  # rows and columns of a large one
    sentences: int = 1000
    cpu_sentences: int = 200
    rounds: int = 3


class Bench:
    """The device, the data, and how models are made."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.amounts = Amounts(2, (256,), 1, 1, 64, 6, 4, 1) if options.quick else Amounts()
        self.device = choose_device(options.device)
        self._own = [f"data.train.path={options.corpus}", f"device={options.device}"]
        self._last = [*(TINY if options.quick else ()), *options.set]
        self._run = RunDirectory(folder / "bench")
        self.data = prepare_data(self.config(), self._run)
        self.texts = [pair.source for pair in self.data.valid_pairs[0]][: self.amounts.sentences]

    def config(self, *settings: str) -> Config:
        """A transformer-base, unless the settings say otherwise."""
        return load_config(None, [*self._own, *BASE, *settings, *self._last])

    def trainer(self, *settings: str) -> Trainer:
        """A model with the same first weights each time."""
        gc.collect()  # of the trainer before
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
        torch.manual_seed(1)
        return Trainer(self.config(*settings), self._run, self.data)

    @cached_property
    def learned(self) -> Transformer:
        """A transformer-base that has learned when a sentence ends."""
        tokens, steps = self.amounts.tokens_per_batch[0], self.amounts.learning_steps
        trainer = self.trainer(f"training.tokens_per_batch={tokens}", f"training.max_steps={steps}")
        for _, batch in zip(range(steps), trainer.stream, strict=False):
            trainer.train_step([batch])
        return trainer.model.eval()


# --- training -------------------------------------------------------------------------------------


def losses(bench: Bench, device: str, precision: str, products: str = "ieee") -> list[float]:
    """The loss per target token of each step; `products` are those of float32 on a GPU."""
    trainer = bench.trainer(*REFERENCE, f"device={device}", f"precision={precision}")
    steps = zip(range(bench.amounts.losses), trainer.stream, strict=False)
    torch.backends.cuda.matmul.fp32_precision = products
    made = [trainer.train_step([batch]) for _, batch in steps]
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    return [float(loss) / tokens for loss, tokens in made]


def agreement(bench: Bench) -> list[Row]:
    device = bench.device.type
    ways = [("cpu", "bfloat16", "ieee")] if has_fast_bfloat16(CPU) else []
    ways += [(device, "float32", "ieee"), (device, "float32", "tf32"), (device, "bfloat16", "ieee")]
    expected = losses(bench, "cpu", "float32")
    rows: list[Row] = [{"device": "cpu", "precision": "float32", "losses": expected}]
    for way in ways:
        found = losses(bench, *way)
        differences = [abs(a - b) / b for a, b in zip(found, expected, strict=True)]
        rows.append(dict(zip(("device", "precision", "products"), way, strict=True)))
        rows[-1] |= {"first_step": differences[0], "largest": max(differences), "losses": found}
    rows[-1]["same_again"] = losses(bench, *ways[-1]) == rows[-1]["losses"]
    return rows


def training(bench: Bench, *, compiled: bool = False) -> list[Row]:
    rate = bench_train.matrix_rate(torch.bfloat16, bench.device, bench.amounts.product)
    return [speed(bench, tokens, rate, compiled) for tokens in bench.amounts.tokens_per_batch]


def speed(bench: Bench, tokens: int, rate: float, compiled: bool) -> Row:
    trainer, on_gpu = bench.trainer(f"training.tokens_per_batch={tokens}"), bench.device != CPU
    if compiled:
        trainer.weights.model.compile(dynamic=False)
    batches = iter(trainer.stream)

    def step() -> int:
        return trainer.train_step([next(batches)])[1]

    started = time.perf_counter()
    bench_train.tokens_per_second(step, 2, bench.device)
    warm_up = time.perf_counter() - started
    per_second = bench_train.tokens_per_second(step, bench.amounts.steps, bench.device)
    return {
        "tokens_per_batch": tokens,
        "parts": trainer.parts,  # of a batch: more than one where it does not fit into memory
        "tokens_per_second": round(per_second),
        "share": per_second * bench_train.flops_per_token(trainer) / rate,
        "products_tflops": rate / 1e12,
        "peak_gb": torch.cuda.max_memory_allocated(bench.device) / 1e9 if on_gpu else None,
        "warm_up_s": warm_up,
        **{f"{k}_s": s for k, s in bench_train.parts_of_a_step(trainer, batches, 3).items()},
    }


# --- decoding -------------------------------------------------------------------------------------


def timed(bench: Bench, work: Callable[[], Any]) -> tuple[float, Any]:
    """The median seconds of work whose result is on the host, after a round to warm up."""
    work()
    seconds = []
    for _ in range(bench.amounts.rounds):
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), result


def decoding(bench: Bench) -> list[Row]:
    few, device = bench.texts[: bench.amounts.cpu_sentences], bench.device
    ways: list[tuple[torch.device, Literal["float32", "bfloat16"], list[str]]]
    ways = [(CPU, "float32", few), (device, "float32", bench.texts)]
    ways += [(device, "bfloat16", bench.texts)]
    config, rows = bench.config(), []
    for beam in (1, 5):
        settings = config.decoding.model_copy(update={"beam_size": beam})
        expected: list[str] = []
        for device, precision, texts in ways:
            model = copy.deepcopy(bench.learned).to(device)
            translate = Translator(config, bench.data.tokenizer, model, precision).translate
            seconds, found = timed(bench, partial(translate, texts, settings))
            expected = expected or [each.text for each in found]
            others = sum(a != b.text for a, b in zip(expected, found, strict=False))
            row = {"device": device.type, "precision": precision, "beam": beam}
            rows.append({**row, "sentences_per_second": len(texts) / seconds, "others": others})
    return [{**row, "of": len(few)} for row in rows]


@torch.inference_mode()
def graphs(bench: Bench) -> list[Row]:
    sources = bench.data.tokenizer.encode(bench.texts[:256])
    source = padded_sources(sources, bench.device)
    engine = Engine(bench.learned, torch.bfloat16)
    limits = torch.full((len(sources),), 2 * source.shape[1] + 10, device=bench.device)

    def memory() -> ProjectedMemory:
        found = engine.begin(engine.states(source)).memory
        assert found is not None, "there is an encoder"
        return found

    def program() -> list[tuple[int, ...]]:
        steps = steps_of_search(limits, beam_search(1), bos=BOS_ID, eos=EOS_ID, slots=1)
        return [best.tokens for best, *_ in search(ModelStepper(engine, source), steps)]

    def fixed(ids: Callable[[], Tensor]) -> list[tuple[int, ...]]:
        for old, new in zip(kept, memory(), strict=True):
            old.copy_(new)
        rows = ([*row[:-1], EOS_ID] for row in ids().tolist())  # the last step found ends only
        return [tuple(row[: row.index(EOS_ID)]) for row in rows]

    steps = 1 + max(map(len, expected := program()))
    kept = memory()  # where a graph finds it each time
    ids = partial(all_steps, engine, kept, steps)
    ways: dict[str, Callable[[], Any]]
    ways = {"as the program does": program, "all steps": partial(fixed, ids)}
    if bench.device.type == "cuda":
        ways["all steps, one CUDA graph"] = partial(fixed, captured(ids))
    rows: list[Row] = []
    for name, way in ways.items():
        seconds, found = timed(bench, way)
        others = sum(a != b for a, b in zip(found, expected, strict=True))
        row = {"way": name, "sentences_per_second": len(sources) / seconds, "others": others}
        rows.append({**row, "of": len(sources), "steps": steps})
    return rows


def all_steps(engine: Engine, memory: ProjectedMemory, steps: int) -> Tensor:
    """Greedy search, ids [B, steps]: nothing waits for the host, so a CUDA graph can hold it."""
    halves, sentences, heads, _, head_size = memory.keys_values.shape
    room = steps + VECTOR, halves // 2, sentences, 2 * heads * head_size
    past = Past(torch.empty(room, device=engine.device), heads, memory)
    tokens = torch.full((sentences,), BOS_ID, device=engine.device)
    found = []
    for _ in range(steps):
        found.append(tokens := top_k(engine.step([tokens], [past]), 1)[1][:, 0])
    return torch.stack(found, dim=1)


def captured(work: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """The same work as one CUDA graph, whose result lies in the same place each time."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # libraries set themselves up, which no graph can hold
        work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()

    def replayed() -> Tensor:
        graph.replay()
        return result

    return replayed


# --- what is written ------------------------------------------------------------------------------


def machine(bench: Bench) -> list[Row]:
    facts = {
        "device": describe(bench.device),
        "processor": f"{processor()}; {describe(CPU)}",
        "versions": f"translator {__version__}, torch {torch.__version__}",
        "vocabulary": bench.data.tokenizer.vocabulary_size,
        "target tokens of a pair": float(bench.data.train.target_lengths.mean()),
    }
    return [{"fact": name, "value": value} for name, value in facts.items()]


def table(name: str, rows: list[Row]) -> str:
    """A section in Markdown; what is a list is in the JSON only."""
    names = dict.fromkeys(key for row in rows for key in row if not isinstance(row[key], list))
    cells = [[row.get(key, "") for key in names] for row in rows]
    shown = [[f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in c] for c in cells]
    lines = [[key.replace("_", " ") for key in names], ["---"] * len(names), *shown]
    return f"## {name}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", nargs="?", default="embedded:train-grammar")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--minutes", type=float, default=14)
    parser.add_argument("--output", default="bench_gpu")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU; --device cpu --quick tries the script without one")
    parts: dict[str, Callable[[Bench], list[Row]]]
    parts = {part.__name__: part for part in (machine, agreement, training, decoding, graphs)}
    if options.device == "cuda":
        parts["compiled"] = partial(training, compiled=True)
    results: dict[str, list[Row]] = {}
    end = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, Path(folder))
        for name, part in parts.items():
            try:
                results[name] = part(bench) if time.monotonic() < end else [{"error": "no time"}]
            except Exception as error:  # the other parts are worth having
                traceback.print_exc()
                results[name] = [{"error": f"{type(error).__name__}: {error}".splitlines()[0]}]
            print(table(name, results[name]), flush=True)
            texts = {"md": "\n".join(table(*each) for each in results.items())}
            texts["json"] = json.dumps(results, indent=1) + "\n"
            for ending, text in texts.items():
                file = Path(f"{options.output}.{ending}")
                file.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
