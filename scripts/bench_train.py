"""Training speed against another way to train the same model, in the same run, alternating.

    python scripts/bench_train.py [CORPUS.tsv[.xz]] [--against plain|huggingface] [--rounds 5]
        [--steps 6] [--optimizer adamw|muon] [--set KEY=VALUE]... [--json FILE]

`plain` is the loop that a tutorial would write: torch.nn.Transformer in float32 with AdamW, batches
of random order padded to their longest sentence, logits of all positions. `huggingface` is its
Seq2SeqTrainer with a MarianMTModel in bfloat16, AdamW and batches of pairs of like length; it needs
the packages transformers and accelerate. All learn the reference model, unless --set changes it:
d_model 256, 4 heads, d_ff 1024, 3+3 layers, 8,000 pieces, dropout 0.1, label smoothing 0.1, batches
of about 4,096 target tokens. Each trains in a process of its own, and the other one waits. Speeds
count target tokens without padding, and leave out the first step of a round, which finds the caches
full of what the other needed; medians over the rounds.
"""

import translator  # noqa: F401  # isort: skip  # before torch: it says how long threads wait

import argparse
import json
import math
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translator.config import Config, load_config
from translator.data import Batch, Corpus
from translator.frontends import sinusoids
from translator.hardware import choose_device, processor
from translator.preparation import TrainingData, prepare_data
from translator.runs import RunDirectory
from translator.tokenizer import BOS_ID, EOS_ID, PAD_ID
from translator.training import Trainer, loss_sum


def reference_config(options: argparse.Namespace) -> Config:
    overrides = [
        *("tokenizer.vocabulary_size=8000", "model.d_model=256", "model.d_ff=1024"),
        *("model.encoder_layers=3", "model.decoder_layers=3", "training.tokens_per_batch=4096"),
        *(f"training.optimizer={options.optimizer}", "model.dropout=0.1"),
        *(f"data.train.path={options.corpus}", *options.set),
    ]
    return load_config(None, overrides)


class PlainLoop:
    """What a tutorial writes."""

    def __init__(self, config: Config, data: TrainingData) -> None:
        self.corpus, self.device = data.train, choose_device("auto")
        self.rows = rows_of_a_batch(config, self.corpus)
        self.label_smoothing = config.training.label_smoothing
        shape = config.model
        self.embedding = nn.Embedding(data.tokenizer.vocabulary_size, shape.d_model, PAD_ID)
        self.transformer = nn.Transformer(
            shape.d_model,
            shape.num_heads,
            shape.encoder_layers,
            shape.decoder_layers,
            shape.d_ff,
            shape.dropout,
            batch_first=True,
        )
        self.modules = nn.ModuleList([self.embedding, self.transformer]).to(self.device)
        self.optimizer = torch.optim.AdamW(self.modules.parameters(), lr=1e-4)
        self.positions = sinusoids(512, shape.d_model).to(self.device)
        self.batches = self.random_batches()

    def random_batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        random = np.random.default_rng(0)
        while True:
            chosen = random.integers(len(self.corpus), size=self.rows)
            examples = [self.corpus[i] for i in chosen]
            sides = []
            for side in (0, 1):
                ids = [torch.tensor(example[side], dtype=torch.long) for example in examples]
                sides.append(nn.utils.rnn.pad_sequence(ids, True, PAD_ID).to(self.device))
            yield sides[0], sides[1]

    def embed(self, ids: Tensor) -> Tensor:
        embedded: Tensor = self.embedding(ids) * math.sqrt(self.embedding.embedding_dim)
        return embedded + self.positions[: ids.shape[1]]

    def step(self) -> int:
        source, target = next(self.batches)
        begin = torch.full_like(target[:, :1], BOS_ID)
        decoder_input = torch.cat((begin, target[:, :-1]), dim=1)
        states = self.transformer(
            self.embed(source),
            self.embed(decoder_input),
            tgt_mask=nn.Transformer.generate_square_subsequent_mask(target.shape[1]).to(
                self.device
            ),
            src_key_padding_mask=source == PAD_ID,
            memory_key_padding_mask=source == PAD_ID,
        )
        logits = states @ self.embedding.weight.t()
        loss = F.cross_entropy(
            logits.flatten(0, 1),
            target.flatten(),
            ignore_index=PAD_ID,
            label_smoothing=self.label_smoothing,
        )
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.modules.parameters(), 1.0)
        self.optimizer.step()
        return int((target != PAD_ID).sum())

    def tokens_per_second(self, steps: int) -> float:
        return tokens_per_second(self.step, steps, self.device)


class HuggingFace:
    """What someone gets who trains with transformers, as its documentation says."""

    def __init__(self, config: Config, data: TrainingData) -> None:
        from transformers import MarianConfig, MarianMTModel

        corpus, shape = data.train, config.model
        self.rows = rows_of_a_batch(config, corpus)
        self.label_smoothing = config.training.label_smoothing
        self.model = MarianMTModel(
            MarianConfig(
                vocab_size=data.tokenizer.vocabulary_size,
                d_model=shape.d_model,
                encoder_layers=shape.encoder_layers,
                decoder_layers=shape.decoder_layers,
                **{f"{half}_attention_heads": shape.num_heads for half in ("encoder", "decoder")},
                **{f"{half}_ffn_dim": shape.d_ff for half in ("encoder", "decoder")},
                dropout=shape.dropout,
                activation_function="relu",
                scale_embedding=True,
                pad_token_id=PAD_ID,
                eos_token_id=EOS_ID,
                decoder_start_token_id=PAD_ID,
            )
        )
        self.examples = [
            {"input_ids": corpus[i][0].tolist(), "labels": corpus[i][1].tolist()}
            for i in np.random.default_rng(0).permutation(len(corpus))[: 200 * self.rows]
        ]

    def tokens_per_second(self, steps: int) -> float:
        """Target tokens in a second of so many steps, the first one of a training left out."""
        from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments, TrainerCallback

        marks: list[float] = []
        tokens: list[int] = []

        class Clock(TrainerCallback):  # type: ignore[misc]
            def on_step_end(self, *_: object, **__: object) -> None:
                marks.append(time.perf_counter())

        def collated(examples: list[dict[str, list[int]]]) -> dict[str, Tensor]:
            tokens.append(sum(len(example["labels"]) for example in examples))
            padded = {
                key: nn.utils.rnn.pad_sequence(
                    [torch.tensor(example[key]) for example in examples],
                    batch_first=True,
                    padding_value=PAD_ID if key == "input_ids" else -100,
                )
                for key in ("input_ids", "labels")
            }
            shifted = self.model.prepare_decoder_input_ids_from_labels(labels=padded["labels"])
            mask = (padded["input_ids"] != PAD_ID).long()
            return {**padded, "attention_mask": mask, "decoder_input_ids": shifted}

        with tempfile.TemporaryDirectory() as folder:
            settings = Seq2SeqTrainingArguments(
                folder,
                per_device_train_batch_size=self.rows,
                max_steps=steps + 1,
                train_sampling_strategy="group_by_length",
                label_smoothing_factor=self.label_smoothing,
                bf16=True,
                use_cpu=not torch.cuda.is_available(),
                optim="adamw_torch_fused",
                save_strategy="no",
                logging_strategy="no",
                report_to=[],
                disable_tqdm=True,
            )
            Seq2SeqTrainer(
                self.model,
                settings,
                train_dataset=self.examples,
                data_collator=collated,
                callbacks=[Clock],
            ).train()
        return sum(tokens[1 : steps + 1]) / (marks[-1] - marks[0])


def rows_of_a_batch(config: Config, corpus: Corpus) -> int:
    """How many pairs have as many target tokens, on average, as one of our batches."""
    tokens = config.training.tokens_per_batch
    assert tokens is not None, "the configuration names it"
    return int(tokens / corpus.target_lengths.mean())


def now(device: torch.device) -> float:
    """Seconds, once a GPU has computed all that it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def tokens_per_second(step: Callable[[], int], steps: int, device: torch.device) -> float:
    step()  # the first one finds the caches full of what another program left
    started = now(device)
    tokens = sum(step() for _ in range(steps))
    return tokens / (now(device) - started)


def matrix_rate(dtype: torch.dtype, device: torch.device, size: int = 2048) -> float:
    """FLOP/s of products of square matrices."""
    a = torch.randn(size, size, dtype=dtype, device=device)
    for _ in range(3):
        a @ a
    started = now(device)
    for _ in range(10):
        a @ a
    return 10 * 2 * size**3 / (now(device) - started)


def flops_per_token(trainer: Trainer) -> float:
    """Model FLOPs of a training step per target token: 6 for each weight that it multiplies."""
    config, vocabulary = trainer.config.model, trainer.data.tokenizer.vocabulary_size
    d, ff = config.d_model, config.d_ff
    ratio = float(
        trainer.data.train.source_lengths.mean() / trainer.data.train.target_lengths.mean()
    )
    encoder = config.encoder_layers * (4 * d * d + 2 * d * ff)
    decoder = config.decoder_layers * (6 * d * d + 2 * d * ff)
    cross_keys_values = config.decoder_layers * 2 * d * d
    return 6 * (ratio * (encoder + cross_keys_values) + decoder + vocabulary * d)


def parts_of_a_step(trainer: Trainer, batches: Iterator[Batch], steps: int) -> dict[str, float]:
    """Median seconds of what a step consists of."""
    times: dict[str, list[float]] = {"data": [], "forward": [], "backward": [], "optimizer": []}
    for _ in range(steps):
        marks = [now(trainer.device)]
        batch = next(batches)
        marks.append(now(trainer.device))
        trainer.step += 1
        trainer.weights.forget_gradients()
        smoothing = trainer.config.training.label_smoothing
        loss = loss_sum(trainer.weights.model, batch, smoothing)
        marks.append(now(trainer.device))
        (loss / batch.num_target_tokens).backward()
        trainer.weights.collect_gradients()
        marks.append(now(trainer.device))
        trainer.update(trainer.weights.gradients)
        marks.append(now(trainer.device))
        for name, begin, end in zip(times, marks, marks[1:], strict=False):
            times[name].append(end - begin)
    return {name: round(statistics.median(each), 4) for name, each in times.items()}


class Ours:
    """What `translator train` does, a batch at a time."""

    def __init__(self, config: Config, run: RunDirectory) -> None:
        self.trainer = Trainer(config, run, prepare_data(config, run))
        self.batches = iter(self.trainer.stream)

    def step(self) -> int:
        return self.trainer.train_step([next(self.batches)])[1]

    def tokens_per_second(self, steps: int) -> float:
        return tokens_per_second(self.step, steps, self.trainer.device)

    def matrix_rate(self) -> float:
        return matrix_rate(self.trainer.precision, self.trainer.device)

    def facts(self, steps: int) -> dict[str, object]:
        seconds = parts_of_a_step(self.trainer, self.batches, steps)
        total = sum(seconds.values())
        return {
            **{f"{name}_share_of_step": round(part / total, 3) for name, part in seconds.items()},
            "seconds_per_step": round(total, 3),
            "flops_per_token": round(flops_per_token(self.trainer)),
            "peak_rss_mb": peak_rss_mb(),
            "precision": str(self.trainer.precision),
            "threads": torch.get_num_threads(),
        }


class Process:
    """A way to train in a process of its own: in one process they would share their memory.

    It is forked before anything is computed, so that torch is imported once for all.
    """

    def __init__(self, name: str, config: Config, folder: Path) -> None:
        context = multiprocessing.get_context("fork")
        self.connection, other = context.Pipe()
        context.Process(target=serve, args=(other, name, config, folder), daemon=True).start()
        other.close()  # so that the end of the process ends the connection

    def __call__(self, method: str, *arguments: object) -> Any:
        self.connection.send((method, arguments))
        return self.connection.recv()


def serve(connection: Connection, name: str, config: Config, folder: Path) -> None:
    """Build a way to train and call its methods, as they are asked for."""
    system = build(name, config, RunDirectory(folder / name))
    while True:
        method, arguments = connection.recv()
        connection.send(getattr(system, method)(*arguments))


def build(name: str, config: Config, run: RunDirectory) -> Ours | HuggingFace | PlainLoop:
    if name == "ours":
        return Ours(config, run)
    data = prepare_data(config, run)
    return HuggingFace(config, data) if name == "huggingface" else PlainLoop(config, data)


def peak_rss_mb() -> int:
    """Of this process alone; getrusage would count the one that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) // 1024


def compare(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    config = reference_config(options)
    ours, theirs = (Process(name, config, folder) for name in ("ours", options.against))
    rounds: list[tuple[float, float, float]] = []  # ours, theirs, the ceiling in FLOP/s
    for number in range(options.rounds + 1):
        speeds = (each("tokens_per_second", options.steps) for each in (ours, theirs))
        measured = (*speeds, ours("matrix_rate"))
        if number:  # the first round warms up
            rounds.append(measured)
            own, other, _ = measured
            print(f"round {number}: {own:,.0f} to {other:,.0f} tokens/s", file=sys.stderr)
    facts = ours("facts", options.steps)
    flops = facts.pop("flops_per_token")
    own, other, ceiling = (statistics.median(each) for each in zip(*rounds, strict=True))
    return {
        "ours_tokens_per_second": round(own),
        f"{options.against}_tokens_per_second": round(other),
        "ratio": round(statistics.median(a / b for a, b, _ in rounds), 2),
        "ratios": [round(a / b, 2) for a, b, _ in rounds],
        "matrix_gflops": round(ceiling / 1e9),
        "share_of_matrix_rate": round(statistics.median(a * flops / c for a, _, c in rounds), 3),
        **facts,
        "optimizer": options.optimizer,
        "processor": processor(),
        "rounds": options.rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus", nargs="?", default="embedded:train-grammar")
    parser.add_argument("--against", choices=["plain", "huggingface"], default="plain")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--optimizer", choices=["adamw", "muon"], default="adamw")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = compare(options, Path(folder))
    for key, value in result.items():
        print(f"{key:26} {value}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
