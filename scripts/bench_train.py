"""Training speed against the loop that a tutorial would write, in the same run, alternating.

    python scripts/bench_train.py [CORPUS.tsv[.xz]] [--rounds 5] [--steps 6] [--json FILE]

The plain loop is torch.nn.Transformer in float32 with AdamW, batches of random order padded to
their longest sentence, logits of all positions. Both learn the reference model: d_model 256,
4 heads, d_ff 1024, 3+3 layers, 8,000 pieces, dropout 0.1, label smoothing 0.1, batches of about
4,096 target tokens. Speeds count target tokens without padding; medians over the rounds.
"""

import argparse
import json
import math
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translator.config import Config, load_config
from translator.data import Corpus
from translator.model import sinusoids
from translator.preparation import prepare_data
from translator.runs import RunDirectory
from translator.tokenizer import BOS_ID, PAD_ID
from translator.training import Trainer


def reference_config(corpus: str) -> Config:
    overrides = [
        *("tokenizer.vocabulary_size=8000", "model.d_model=256", "model.d_ff=1024"),
        *("model.encoder_layers=3", "model.decoder_layers=3", "training.tokens_per_batch=4096"),
        *("training.optimizer=adamw", f"data.train.path={corpus}"),
    ]
    return load_config(None, overrides)


class PlainLoop:
    """What a tutorial writes."""

    def __init__(self, corpus: Corpus, vocabulary_size: int, device: torch.device) -> None:
        self.corpus, self.device = corpus, device
        self.embedding = nn.Embedding(vocabulary_size, 256, PAD_ID)
        self.transformer = nn.Transformer(256, 4, 3, 3, 1024, 0.1, batch_first=True)
        self.modules = nn.ModuleList([self.embedding, self.transformer]).to(device)
        self.optimizer = torch.optim.AdamW(self.modules.parameters(), lr=1e-4)
        self.positions = sinusoids(512, 256).to(device)
        self.batches = self.random_batches()

    def random_batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        rows = int(4096 / self.corpus.target_lengths.mean())
        random = np.random.default_rng(0)
        while True:
            examples = [self.corpus[i] for i in random.integers(len(self.corpus), size=rows)]
            sides = []
            for side in (0, 1):
                ids = [torch.from_numpy(example[side]).long() for example in examples]
                sides.append(nn.utils.rnn.pad_sequence(ids, True, PAD_ID).to(self.device))
            yield sides[0], sides[1]

    def embed(self, ids: Tensor) -> Tensor:
        return self.embedding(ids) * math.sqrt(256) + self.positions[: ids.shape[1]]

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
            logits.flatten(0, 1), target.flatten(), ignore_index=PAD_ID, label_smoothing=0.1
        )
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.modules.parameters(), 1.0)
        self.optimizer.step()
        return int((target != PAD_ID).sum())


def tokens_per_second(step: Callable[[], int], steps: int, device: torch.device) -> float:
    started = time.perf_counter()
    tokens = sum(step() for _ in range(steps))
    if device.type == "cuda":
        torch.cuda.synchronize()
    return tokens / (time.perf_counter() - started)


def matrix_rate(dtype: torch.dtype, device: torch.device) -> float:
    """FLOP/s of 2048 x 2048 products."""
    a = torch.randn(2048, 2048, dtype=dtype, device=device)
    for _ in range(3):
        a @ a
    started = time.perf_counter()
    for _ in range(20):
        a @ a
    if device.type == "cuda":
        torch.cuda.synchronize()
    return 20 * 2 * 2048**3 / (time.perf_counter() - started)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus", nargs="?", default="embedded:train-grammar")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    config = reference_config(options.corpus)
    with tempfile.TemporaryDirectory() as directory:
        run = RunDirectory(Path(directory) / "run")
        trainer = Trainer(config, run, prepare_data(config, run))
    batches = iter(trainer.stream)
    plain = PlainLoop(trainer.data.train, trainer.data.tokenizer.vocabulary_size, trainer.device)
    ours: list[float] = []
    theirs: list[float] = []
    ceilings: list[float] = []

    def our_step() -> int:
        return trainer.train_step([next(batches)])[1]

    for number in range(options.rounds + 1):
        speed = tokens_per_second(our_step, options.steps, trainer.device)
        plain_speed = tokens_per_second(plain.step, options.steps, trainer.device)
        if number:  # the first round warms up
            ours.append(speed)
            theirs.append(plain_speed)
            ceilings.append(matrix_rate(trainer.precision, trainer.device))
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    share = statistics.median(ours) * flops_per_token(trainer) / statistics.median(ceilings)
    result = {
        "ours_tokens_per_second": round(statistics.median(ours)),
        "plain_tokens_per_second": round(statistics.median(theirs)),
        "ratio": round(ratio, 2),
        "matrix_gflops": round(statistics.median(ceilings) / 1e9),
        "share_of_matrix_rate": round(share, 3),
        "peak_rss_mb_of_both": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "precision": str(trainer.precision),
        "threads": torch.get_num_threads(),
        "rounds": options.rounds,
    }
    for key, value in result.items():
        print(f"{key:26} {value}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
