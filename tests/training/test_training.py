"""Training: the mathematics of a step, schedules, and going on exactly after any stop."""

import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from typer.testing import CliRunner

from tests.commands import started_as
from tests.helpers import encoder_decoder, ended, half_forgotten
from translator.cli import app
from translator.config import (
    FINE_TUNING,
    INTERVALS,
    Config,
    CorpusConfig,
    TokenizerConfig,
    load_config,
    starting_from,
)
from translator.data import (
    STREAMS,
    BatchStream,
    EncoderDecoderLayout,
    SentencePair,
    Splits,
    occurring,
    pack_rows,
    read_pairs,
)
from translator.errors import OtherConfigurationError, RunError, TranslatorError
from translator.evaluation import Change, assess, evaluate, score, sets_of_split
from translator.model import Transformer
from translator.preparation import prepare_data
from translator.runs import RUNS, PreparedDirectory, Progress, RunDirectory, lock
from translator.tokenizer import Tokenizer
from translator.training import (
    Decision,
    Event,
    Finished,
    Plan,
    StepDone,
    Trainer,
    Validated,
    Validation,
    Warned,
    learning_rate,
    train,
)
from translator.training.validation import Validator, validator_of
from translator.translation import Translator

DIGITS = "zero one two three four five six seven eight nine".split()
CIFRAS = "cero uno dos tres cuatro cinco seis siete ocho nueve".split()


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_corpus(Path("digits.en-es.tsv"), 300)


def write_corpus(file: Path, size: int) -> None:
    """Numbers spelled out digit by digit: a task that a tiny model learns in seconds."""
    lines = []
    for number in range(size):
        digits = [int(digit) for digit in str(number * 7919 % 100_000)]
        lines.append(
            " ".join(DIGITS[d] for d in digits) + "\t" + " ".join(CIFRAS[d] for d in digits)
        )
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def tiny(*overrides: str) -> Config:
    return load_config(
        None,
        [
            "name=tiny",
            "device=cpu",
            "precision=float32",
            "data.train.path=digits.en-es.tsv",
            "data.held_out_pairs=20",
            "tokenizer.vocabulary_size=330",
            "model.d_model=32",
            "model.num_heads=2",
            "model.d_ff=64",
            "model.encoder_layers=1",
            "model.decoder_layers=1",
            "training.max_steps=12",
            "training.warmup_steps=3",
            "training.tokens_per_batch=256",
            "training.validate_every_steps=4",
            "training.checkpoint_every_steps=5",
            "training.log_every_steps=2",
            "decoding.beam_size=1",
            *overrides,
        ],
    )


def trainer(config: Config) -> Trainer:
    torch.manual_seed(config.seed)
    run = RunDirectory(RUNS / config.name)
    return Trainer(config, run, prepare_data(config, run))


def trained_bytes(name: str = "tiny") -> dict[str, bytes]:
    """The best model, and the weights and optimizers of the newest checkpoint.

    The best model alone tells little: in a short run it may be that of the first validation.
    """
    run = RunDirectory(RUNS / name)
    newest = run.checkpoints / f"step-{run.checkpoint_steps()[0]}"
    files = [run.model_file, *sorted(newest.glob("*.safetensors"))]
    return {str(file.relative_to(run.path)): file.read_bytes() for file in files}


def from_run(path: str | Path, *overrides: str) -> Config:
    """A configuration that trains on the digits, with the shape and tokenizer of a run."""
    ours = tiny("data.max_tokens_per_sentence=40", *overrides)
    sections: dict[str, dict[str, object]] = {"tokenizer": {}, "model": {}}
    values = {**ours.model_dump(exclude_unset=True), **sections}
    values["training"]["start_from"] = str(path)
    return Config.model_validate(values)


def run_to_step(config: Config, last: int) -> None:
    """Train as a process that ends after a step, or the validation before, without a goodbye."""
    for event in train(config):
        if isinstance(event, StepDone | Validated) and event.step == last:
            return


# --- the mathematics ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("linear", [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]),
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("cosine", [0.5, 1.0, 1.0, 0.8535534, 0.5, 0.1464466]),
        ("inverse_sqrt", [0.5, 1.0, 0.8164966, 0.7071068, 0.6324555, 0.5773503]),
    ],
)
def test_the_learning_rate_follows_its_schedule(schedule: str, expected: list[float]) -> None:
    settings = tiny(
        f"training.schedule={schedule}",
        "training.max_steps=6",
        "training.warmup_steps=2",
        "training.learning_rate=1.0",
    ).training
    decisions = [Decision(0, 6)]
    assert [learning_rate(step, settings, decisions) for step in range(1, 7)] == pytest.approx(
        expected
    )


def rates(*decisions: tuple[int, int], schedule: str = "linear") -> list[float]:
    """The learning rates of all steps, and of the one that would come next."""
    sets = ["training.learning_rate=1.0", "training.warmup_steps=100"]
    settings = tiny(*sets, f"training.schedule={schedule}").training
    made = [Decision(*each) for each in decisions]
    return [learning_rate(step, settings, made) for step in range(1, made[-1].max_steps + 2)]


@pytest.mark.parametrize("decided_after", [0, 30])
def test_a_warmup_of_half_of_the_steps_or_less_is_made_as_it_was_asked_for(
    decided_after: int,
) -> None:
    for max_steps in (200, 940):
        *made, _ = rates((decided_after, max_steps))
        assert made[:100] == [1.0 * step / 100 for step in range(1, 101)]
        assert made[100:] == [1.0 - n / (max_steps - 100) for n in range(max_steps - 100)]


@pytest.mark.parametrize(
    "decided", [(0, 1), (0, 2), (0, 88), (0, 150), (30, 31), (30, 60), (30, 88)]
)
def test_a_warmup_is_over_after_half_of_the_steps(decided: tuple[int, int]) -> None:
    decided_after, max_steps = decided
    *made, _ = rates(decided)
    top = max(max_steps // 2, decided_after)
    assert made[top] == max(made) == 1.0
    assert made[: top + 1] == sorted(made[: top + 1])
    assert made[top:] == pytest.approx(
        [1.0 - n / (max_steps - top) for n in range(max_steps - top)]
    )
    if decided_after:  # before a decision, steps were made that must be made again alike
        assert made[:30] == [step / 100 for step in range(1, 31)]


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_a_decision_to_make_as_many_steps_as_before_changes_no_rate(schedule: str) -> None:
    for max_steps in (150, 940):
        again = [(step, max_steps) for step in (30, 50, 99, 100, 101, 140)]
        expected = rates(again[0], schedule=schedule)
        assert rates(*again, schedule=schedule) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize(
    "decisions",
    [
        [(30, 940), (470, 700), (600, 620)],  # slower and slower
        [(30, 300), (200, 900), (300, 950)],  # faster
        [(30, 900), (60, 120), (100, 110)],  # slower while the rate rises
        [(30, 120), (50, 900)],  # faster then
        [(30, 900), (60, 70)],
    ],
)
def test_the_rate_has_no_jump_and_ends_at_zero_whatever_is_decided(
    decisions: list[tuple[int, int]], schedule: str
) -> None:
    made = rates(*decisions, schedule=schedule)
    top = made.index(1.0)
    assert made[:top] == sorted(made[:top])
    assert made[top:] == sorted(made[top:], reverse=True)
    assert made[-1] == pytest.approx(0.0, abs=1e-12)
    after = [step for step, _ in decisions if step > top + 1]
    for step in after:  # the first rate under a decision is that which the one before it led to
        until = [each for each in decisions if each[0] < step]
        assert made[step] == pytest.approx(rates(*until, schedule=schedule)[step], abs=1e-12)


def test_without_warmup_the_first_step_has_the_full_rate() -> None:
    settings = tiny("training.warmup_steps=0", "training.learning_rate=0.5").training
    assert learning_rate(1, settings, [Decision(0, 100)]) == 0.5


def test_one_batch_and_the_same_batch_in_parts_make_the_same_step() -> None:
    config = tiny("model.dropout=0", "training.optimizer=adamw")
    whole, parts = trainer(config), trainer(config)
    corpus, layout = whole.data.train, EncoderDecoderLayout()
    rows = pack_rows(layout.sizes(corpus)[:, :60], 64)
    assert len(rows) > 3
    batch = layout.batch(corpus, rows, len(rows), 64)
    pieces = [layout.batch(corpus, part, 4, 64) for part in (rows[:1], rows[1:3], rows[3:])]
    loss, tokens = whole.train_step([batch])
    loss_of_parts, tokens_of_parts = parts.train_step(pieces)
    assert tokens == tokens_of_parts
    torch.testing.assert_close(loss, loss_of_parts)
    for (name, one), other in zip(
        whole.model.named_parameters(), parts.model.parameters(), strict=True
    ):
        # A bias of the keys does nothing to a softmax: AdamW scales the rounding of its gradient.
        if not name.endswith("k_proj.bias"):
            torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-4, msg=name)


def test_bfloat16_training_follows_float32_closely() -> None:
    losses = {}
    for precision in ("float32", "bfloat16"):
        one = trainer(tiny("model.dropout=0", f"precision={precision}", f"name={precision}"))
        batches = iter(BatchStream(one.data.train, 256, seed=1))
        sums = [one.train_step([next(batches)]) for _ in range(12)]
        losses[precision] = [float(loss) / tokens for loss, tokens in sums]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)
    assert losses["float32"][-1] < losses["float32"][0]


def test_a_step_with_a_loss_that_is_not_finite_changes_nothing() -> None:
    one = trainer(tiny())
    batch = next(iter(one.stream))
    with torch.no_grad():
        encoder_decoder(one.model).encoder.layers[0].feed_forward.in_proj.bias[0] = float("nan")  # type: ignore[index]
    before = {name: p.detach().clone() for name, p in one.model.named_parameters()}
    one.train_step([batch])
    for name, parameter in one.model.named_parameters():
        torch.testing.assert_close(parameter, before[name], equal_nan=True, atol=0, rtol=0)


def test_a_skipped_step_has_no_part_in_the_loss_that_is_told() -> None:
    one = trainer(tiny("training.log_every_steps=2"))
    batches = iter(one.stream)
    layer = next(iter(encoder_decoder(one.model).encoder.layers))
    bias = layer.feed_forward.in_proj.bias.data
    told = []
    for value in (math.nan, 0.0, math.nan, math.nan):
        bias[0] = value
        told += [e.loss for e in one._timed_step(batches) if isinstance(e, StepDone)]
    assert told[0] is told[2] is told[3] is None
    assert told[1] is not None and math.isfinite(told[1])
    assert ["train_loss" in entry for entry in one.run.read_metrics()] == [True, False]


def test_validation_is_greedy_whatever_the_run_decodes_with() -> None:
    losses = [
        [
            (e.scores["bleu"], e.scores["chrf"], e.samples)
            for e in train(config)
            if isinstance(e, Validated)
        ]
        for config in (
            tiny(),
            tiny("name=sampling", "decoding.sampling=true", "decoding.n_best=2"),
        )
    ]
    assert losses[0] == losses[1]


def test_training_gives_up_after_twenty_such_steps_in_a_row() -> None:
    one = trainer(tiny())
    batch = next(iter(one.stream))
    layer = next(iter(encoder_decoder(one.model).encoder.layers))
    bias = layer.feed_forward.in_proj.bias.data

    def train_steps(value: float, count: int) -> None:
        bias[0] = value
        for _ in range(count):
            one.train_step([batch])

    train_steps(math.nan, 19)
    train_steps(0.0, 1)
    assert (one.skipped, one.skipped_in_a_row) == (19, 0)
    assert one.warnings[-1] == "the loss of step 19 is not finite: the step is skipped (19 so far)"
    train_steps(math.nan, 12)
    one.run.write_checkpoint(one.checkpoint(), keep=1)
    one = trainer(tiny())
    one.resume()
    with pytest.raises(
        TranslatorError, match="not finite in 20 steps in a row, the last is step 40"
    ):
        train_steps(math.nan, 8)
    assert one.skipped == 39


def test_a_tiny_model_learns_to_spell_digits() -> None:
    config = tiny(
        "training.max_steps=250",
        "training.learning_rate=0.01",
        "training.tokens_per_batch=512",
        "training.validate_every_steps=250",
        "model.dropout=0",
    )
    events = list(train(config))
    validated = [event for event in events if isinstance(event, Validated)]
    assert validated[-1].scores["bleu"] > 80


def test_shares_of_processes_and_parts_add_up_to_the_step_of_one_process() -> None:
    config = tiny("model.dropout=0", "training.optimizer=adamw")
    whole, parts = trainer(config), trainer(config)
    batch = next(iter(whole.stream))
    whole.weights.forget_gradients()
    parts.weights.forget_gradients()
    whole._backward(batch, 7)
    for rank in range(3):
        for part in batch.share(rank, 3).split(2):
            parts._backward(part, 7)
    assert sum(len(batch.share(rank, 3)) for rank in range(3)) == len(batch)
    torch.testing.assert_close(whole.weights.gradients, parts.weights.gradients)


def shown_by_limited(config: Config) -> str:
    """What the script limited.py prints, in a process that may run out of memory."""
    overrides = [f"{key}={value}" for key, value in flat(config.model_dump())]
    # What the heap has kept for huge pages would hide a limit of addresses.
    unreserved = "from translator import hardware; hardware._take_huge_pages = lambda libc: None\n"
    script = unreserved + Path("limited.py").read_text(encoding="utf-8")
    made = subprocess.run(
        [sys.executable, "-c", script, *overrides],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert made.returncode == 0, made.stderr
    return made.stdout


@pytest.mark.slow
def test_a_batch_that_does_not_fit_into_memory_is_computed_in_parts() -> None:
    """A real limit of memory, in a process of its own."""
    Path("limited.py").write_text(
        "import resource, sys\n"
        "from translator.config import load_config\n"
        "from translator.training import Plan, Warned, train\n"
        "for event in train(load_config(None, sys.argv[1:])):\n"
        "    limit = -1  # none, before and after the steps\n"
        "    if isinstance(event, Plan):\n"
        "        pages = int(open('/proc/self/statm').read().split()[0])\n"
        "        limit = pages * resource.getpagesize() + 200_000_000\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (limit, -1))\n"
        "    if isinstance(event, Warned):\n"
        "        print(event.step, event.message)\n",
        encoding="utf-8",
    )
    if not Path("/proc/self/statm").is_file():
        pytest.skip("needs /proc to know the size of a process")
    write_corpus(Path("digits.en-es.tsv"), 1000)
    config = tiny(
        "model.d_ff=2048",
        "training.tokens_per_batch=8192",
        "training.max_steps=1",
        "model.dropout=0",
    )
    shown = shown_by_limited(config)
    # How many parts it takes depends on what the allocator of the machine still holds.
    parts = {int(found) for found in re.findall(r"computed in (\d+) parts", shown)}
    assert parts, shown
    for n in parts:
        advice = f"training.tokens_per_batch: {8192 // n} with training.accumulate_batches: {n}"
        assert advice in shown


@pytest.mark.slow
def test_what_did_not_fit_into_memory_gives_the_gradients_of_what_does() -> None:
    """The first batch of the step fits and the second does not: no part is lost or counts twice."""
    if not Path("/proc/self/statm").is_file():
        pytest.skip("needs /proc to know the size of a process")
    write_corpus(Path("digits.en-es.tsv"), 1000)
    settings = ["model.d_ff=2048", "model.dropout=0", "training.tokens_per_batch=8192"]
    Path("limited.py").write_text(
        "import json, resource, sys, torch\n"
        "from translator.config import load_config\n"
        "from translator.preparation import prepare_data\n"
        "from translator.runs import RUNS, RunDirectory\n"
        "from translator.training.trainer import Trainer, fitting_tokens_per_batch\n"
        "config, run = load_config(None, sys.argv[1:]), RunDirectory(RUNS / 'tiny')\n"
        "data = prepare_data(config, run)\n"
        "one = Trainer(config, run, data)\n"
        "large = next(iter(one.stream))\n"
        "batches = [large.split(16)[0], large]\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "limit = pages * resource.getpagesize() + 100_000_000\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, -1))\n"
        "loss = one._sum_gradients(batches, 1000)\n"
        "fitting = fitting_tokens_per_batch(config, run, data)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))\n"
        "gradients, parts, one.parts = one.weights.gradients.clone(), one.parts, 1\n"
        "torch.testing.assert_close(loss, one._sum_gradients(batches, 1000))\n"
        "torch.testing.assert_close(gradients, one.weights.gradients, rtol=1e-3, atol=1e-5)\n"
        "print(json.dumps([parts, one.parts, fitting]))\n",
        encoding="utf-8",
    )
    shown = shown_by_limited(tiny(*settings))
    limited, whole, fitting = json.loads(shown)
    assert limited > whole == 1
    assert fitting < 4096


# --- budgets --------------------------------------------------------------------------------------


class Machine:
    """A machine that slows down: what a training asks for the time and for validations.

    A step takes one second, from some second on another time; a validation takes three steps.
    """

    def __init__(self, reading: float, pace: float, from_second: float) -> None:
        self.seconds, self.pace, self.from_second = reading, pace, from_second
        self.one: Trainer | None = None
        self.step = 0

    def __call__(self) -> float:
        while self.one is not None and self.step < self.one.step:
            self.step += 1
            self.seconds += 1.0 if self.seconds < self.from_second else self.pace
        return self.seconds

    def validate(self, model: object, tokens_per_batch: int) -> Validation:
        self.seconds += 3.0 * (1.0 if self() < self.from_second else self.pace)
        return Validation({"loss": 1.0, "bleu": 0.0}, ())


def trained_on(machine: Machine, config: Config, last: int | None = None) -> list[Event]:
    """What happens in a sitting, which ends after a step without a goodbye, or as it should."""
    torch.manual_seed(config.seed)
    run = RunDirectory(RUNS / config.name)
    machine.one = Trainer(config, run, prepare_data(config, run), clock=machine)
    machine.one.resume()
    machine.step = machine.one.step
    events = []
    for event in machine.one.fit(machine.validate):
        events.append(event)
        if isinstance(event, StepDone) and event.step == last:
            break
    return events


LIGHT = ["training.tokens_per_batch=32", "training.optimizer=adamw"]


@pytest.mark.parametrize(
    ("pace", "validations"), [(1.0, 30), (2.0, 30), (2.0, 100_000), (0.5, 100_000)]
)
def test_a_run_ends_with_its_minutes_and_its_rate_whatever_the_machine_does(
    pace: float, validations: int
) -> None:
    config = tiny(
        "training.max_minutes=2",
        f"training.validate_every_steps={validations}",
        "training.checkpoint_every_steps=60",
        "training.log_every_steps=1",
        "training.warmup_steps=20",
        *LIGHT,
    )
    machine = Machine(reading=10.0, pace=pace, from_second=60.0)
    events = trained_on(machine, config)
    assert machine() == pytest.approx(120.0, rel=0.03)
    *_, last = (event for event in events if isinstance(event, StepDone))
    assert last.seconds == machine() - 3.0 * pace  # the last validation counts
    assert machine.one is not None
    after = learning_rate(last.step + 1, config.training, machine.one.decisions)
    assert after == pytest.approx(0.0, abs=1e-12)
    assert last.learning_rate is not None
    assert last.learning_rate < 0.1 * config.training.learning_rate


def test_minutes_that_are_over_before_they_are_planned_are_told() -> None:
    config = tiny("training.max_minutes=1", *LIGHT)
    *events, finished = trained_on(Machine(reading=100.0, pace=1.0, from_second=0.0), config)
    (message,) = (event.message for event in events if isinstance(event, Warned))
    assert message.startswith("all 1 minutes were over after 30 steps and what comes before")
    assert isinstance(finished, Finished)
    assert (finished.step, finished.completed) == (31, True)


def test_what_was_decided_is_replayed_to_the_same_bytes_after_any_stop() -> None:
    config = tiny("training.max_minutes=1.5", "training.validate_every_steps=100000", *LIGHT)
    run = RunDirectory(RUNS / "tiny")
    *_, finished = trained_on(Machine(reading=10.0, pace=3.0, from_second=45.0), config)
    assert isinstance(finished, Finished)
    decided, expected = run.read_measured(), trained_bytes()
    assert len({steps for _, steps in decided["decisions"]}) > 1
    validated = [entry["step"] for entry in run.read_metrics() if "valid_loss" in entry]
    assert len(validated) == 2
    assert finished.step / 2 <= validated[0] < finished.step  # to know how long one takes

    shutil.rmtree(run.path)
    run.write_measured(decided)
    another = Machine(reading=10.0, pace=0.5, from_second=0.0)
    for last in (31, 36, validated[0] + 1, finished.step - 1):
        trained_on(another, config, last)
    *_, again = trained_on(another, config)
    assert isinstance(again, Finished)
    assert (run.read_measured(), again.step) == (decided, finished.step)
    assert trained_bytes() == expected
    assert [e["step"] for e in run.read_metrics() if "valid_loss" in e] == validated


def test_a_stopped_budget_goes_on_with_what_is_left_of_its_minutes() -> None:
    sets = ["training.checkpoint_every_steps=40", "training.validate_every_steps=100000"]
    config = tiny("training.max_minutes=2", *sets, *LIGHT)
    trained_on(Machine(reading=10.0, pace=1.0, from_second=0.0), config, 50)
    (state,) = RunDirectory(RUNS / "tiny").read_checkpoints()
    assert not isinstance(state, RunError)
    second = Machine(reading=5.0, pace=1.0, from_second=0.0)
    trained_on(second, config)
    assert state.state["seconds"] + second() == pytest.approx(120.0, rel=0.03)


def test_a_budget_that_an_earlier_version_made_steps_of_keeps_them() -> None:
    run = RunDirectory(RUNS / "tiny")
    run.write_measured({"max_steps": 50})
    *_, finished = train(tiny("training.max_minutes=60"))
    assert isinstance(finished, Finished)
    assert (run.read_measured(), finished.step) == ({"max_steps": 50}, 50)


@pytest.mark.slow
def test_the_minutes_of_a_command_are_not_those_in_which_it_was_stopped() -> None:
    sets = ["training.log_every_steps=5", "training.validate_every_steps=100000"]
    told = "import os, time; print(os.getpid(), time.monotonic(), flush=True); "
    with ended(start(tiny("training.max_minutes=0.1", *sets, *LIGHT), before=told)) as process:
        assert process.stdout
        pid, began = process.stdout.readline().split()
        wait_for_step(lambda: process.poll() is None, 10)
        os.kill(int(pid), signal.SIGSTOP)
        time.sleep(5.0)
        os.kill(int(pid), signal.SIGCONT)
        _, messages = process.communicate(timeout=120)
    passed = time.monotonic() - float(began)
    assert process.returncode == 0, messages
    last = [entry for entry in RunDirectory(RUNS / "tiny").read_metrics() if "seconds" in entry][-1]
    assert last["step"] > 30
    # Of the gap in which it was stopped one second counts, as for the clock.
    assert 0.0 < last["seconds"] <= passed - 5.0 + 1.0


def test_training_stops_when_nothing_improves() -> None:
    config = tiny("training.patience=2", "training.max_steps=1000", "training.learning_rate=1e-30")
    events = list(train(config))
    assert [e.is_best for e in events if isinstance(e, Validated)] == [True, False, False]
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert (finished.completed, finished.stopped_early, finished.step) == (True, True, 12)
    assert RunDirectory(RUNS / "tiny").progress == Progress("finished", 12, 1000)
    assert [type(event) for event in train(config)] == [Plan, Finished]


@pytest.mark.parametrize("metric", ["bleu", "chrf", "loss"])
def test_the_named_metric_chooses_the_best_model(metric: str) -> None:
    config = tiny(f"training.best_metric={metric}", "training.max_steps=40")
    validated = [event for event in train(config) if isinstance(event, Validated)]
    worth = [(0.0 if metric == "loss" else v.scores[metric], -v.scores["loss"]) for v in validated]
    assert [v.is_best for v in validated] == [
        value > max(worth[:index], default=(-1.0, 0.0)) for index, value in enumerate(worth)
    ]


def test_the_size_of_batches_is_found_once() -> None:
    config = tiny("training.tokens_per_batch=auto", "training.max_steps=2")
    plan = next(iter(train(config)))
    assert isinstance(plan, Plan)
    assert plan.tokens_per_batch in (1024, 2048, 4096)
    run = RunDirectory(RUNS / "tiny")
    assert run.read_measured() == {"tokens_per_batch": plan.tokens_per_batch}
    run.write_measured({"tokens_per_batch": 512})  # as if another machine had begun
    again = next(iter(train(config)))
    assert isinstance(again, Plan)
    assert again.tokens_per_batch == 512


def test_the_seconds_in_which_a_process_was_stopped_are_no_work() -> None:
    program = (
        "import time\n"
        "from translator.training.clock import WorkClock\n"
        "with WorkClock() as clock:\n"
        "    started, worked = time.perf_counter(), clock()\n"
        "    while clock() < 0.5: time.sleep(0.01)\n"
        "    input(print('ready', flush=True) or '')\n"
        "    print(time.perf_counter() - started, clock() - worked)\n"
    )
    with ended(
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)  # it stands still
        time.sleep(3.0)
        process.send_signal(signal.SIGCONT)
        passed, worked = map(float, process.communicate("\n", timeout=60)[0].split())
    # Of the gap in which it was stopped one second counts, whatever else the machine did.
    assert 0.5 <= worked <= passed - 3.0 + 1.0


# --- what is told and left ------------------------------------------------------------------------


def test_events_come_in_order_and_end_with_finished() -> None:
    events = list(train(tiny()))
    assert isinstance(events[0], Plan)
    assert isinstance(events[-1], Finished)
    assert events[-1].completed
    assert [e.step for e in events if isinstance(e, StepDone)] == list(range(1, 13))
    assert [e.step for e in events if isinstance(e, Validated)] == [4, 8, 12]


def test_the_run_directory_holds_what_the_map_promises() -> None:
    list(train(tiny()))
    run = RunDirectory(RUNS / "tiny")
    assert run.read_config() == tiny()
    environment = json.loads(run.environment_file.read_text("utf-8"))
    assert environment["seed"] == 1
    assert environment["pairs"]["train"]["read"] == environment["pairs"]["train"]["kept"]
    steps = [entry["step"] for entry in run.read_metrics() if "train_loss" in entry]
    assert steps == [2, 4, 6, 8, 10, 12]
    assert sorted(file.name for file in run.samples.iterdir()) == [
        "step-12.json",
        "step-4.json",
        "step-8.json",
    ]
    sample = json.loads((run.samples / "step-4.json").read_text(encoding="utf-8"))[0]
    assert set(sample) == {"source", "reference", "hypothesis"}
    assert run.checkpoint_steps() == [12, 10]


def test_held_out_pairs_are_not_trained_on() -> None:
    config = tiny()
    data = prepare_data(config, RunDirectory(RUNS / "tiny"))
    assert len(data.valid) == 20
    assert len(data.train) == 300 - 20 - 20


def held_out_pairs(run: RunDirectory) -> dict[str, list[tuple[str, str]]]:
    """The sets valid and test as evaluation sees them."""
    sets = [*sets_of_split(run, "valid"), *sets_of_split(run, "test")]
    return {s.name: list(zip(s.sources, s.first_references, strict=True)) for s in sets}


def test_drawn_sets_stay_what_they_were_when_the_corpus_grows() -> None:
    list(train(tiny()))
    run, corpus = RunDirectory(RUNS / "tiny"), Path("digits.en-es.tsv")
    before = held_out_pairs(run)
    corpus.write_text("nine nine\tnueve nueve\n" + corpus.read_text(encoding="utf-8"), "utf-8")
    assert held_out_pairs(run) == before
    assert Splits(tiny()).drawn["test/held-out"] != before["test/held-out"]
    [test_set] = sets_of_split(run, "test")
    assert (len(test_set), test_set.warning) == (20, "")
    known = run.read_fingerprints()
    assert not any(occurring(test_set.sources, known["source"]))
    assert not any(occurring(test_set.first_references, known["target"]))


def test_a_run_that_was_copied_elsewhere_has_its_drawn_sets() -> None:
    list(train(tiny()))
    before = held_out_pairs(RunDirectory(RUNS / "tiny"))
    Path("digits.en-es.tsv").unlink()
    shutil.copytree(RUNS / "tiny", "copied")
    shutil.rmtree(RUNS)
    assert held_out_pairs(RunDirectory(Path("copied"))) == before


def test_drawn_sets_are_kept_of_corpora_that_were_prepared_before() -> None:
    sets = []
    for name in ("first", "second"):
        list(train(tiny(f"name={name}", "training.max_steps=1")))
        run = RunDirectory(RUNS / name)
        files = {run.held_out_file(each) for each in ("valid", "test/held-out")}
        assert set(run.held_out.iterdir()) == files
        sets.append({file.name: file.read_bytes() for file in files})
    assert sets[0] == sets[1]


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_held_out_set_is_an_error_that_training_mends(damage: str) -> None:
    list(train(tiny()))
    run = RunDirectory(RUNS / "tiny")
    before, file = held_out_pairs(run), run.held_out_file("test/held-out")
    if damage == "changed":
        file.write_bytes(file.read_bytes().replace(b"uno", b"dos"))
    else:
        file.unlink()
    with pytest.raises(RunError, match=r"held_out.test\.held-out\.jsonl") as caught:
        sets_of_split(run, "test")
    assert "writes it anew" in caught.value.hint
    list(train(tiny()))
    assert held_out_pairs(run) == before


def test_a_run_that_keeps_no_drawn_sets_says_so_until_it_is_continued() -> None:
    list(train(tiny()))
    run = RunDirectory(RUNS / "tiny")
    before, environment = held_out_pairs(run), run.read_environment()
    shutil.rmtree(run.held_out)
    del environment["held_out_sha256"]
    run.write_json(run.environment_file, environment)  # as an older version left it
    [test_set] = sets_of_split(run, "test")
    assert "drawn anew from today's corpora" in test_set.warning
    assert assess(test_set, test_set.first_references, resamples=0).warnings[0] == test_set.warning
    assert held_out_pairs(run) == before  # the corpus is still the same
    list(train(tiny()))
    assert sets_of_split(run, "test")[0].warning == ""
    assert held_out_pairs(run) == before


def test_a_held_out_set_that_is_kept_is_a_corpus_like_any_other(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    pairs = [SentencePair("a\tb\nc", "¿ñ\u2028?"), SentencePair('"', "\r\n")]
    known = run.keep_held_out("test/held-out", pairs, ("en", "pt-BR"))
    run.write_json(run.environment_file, {"held_out_sha256": {"test/held-out": known}})
    assert run.read_held_out("test/held-out", ("en", "pt-BR")) == pairs
    corpus = CorpusConfig(path=str(run.held_out_file("test/held-out")))
    assert list(read_pairs(corpus, "en", "pt-BR")) == pairs
    assert run.keep_held_out("test/held-out", pairs[:1], ("en", "pt-BR"), known=known) == known
    assert run.read_held_out("test/held-out", ("en", "pt-BR")) == pairs
    assert run.read_held_out("valid", ("en", "pt-BR")) is None


def plan(events: Iterator[Event]) -> Plan:
    """The first event."""
    first = next(events)
    assert isinstance(first, Plan)
    return first


def test_a_run_that_was_stopped_before_its_first_checkpoint_says_that_it_begins_anew() -> None:
    config = tiny("training.max_steps=3")
    lost = "it was stopped before its first checkpoint, so it begins anew"
    assert plan(train(config)).warnings == ()  # and no more is asked for, as if it had been killed
    events = train(config)
    assert plan(events).warnings == (lost,)
    list(events)
    assert plan(train(config)).warnings == ()


def test_named_sets_that_are_trained_on_are_warned_of_at_the_start() -> None:
    lines = Path("digits.en-es.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    others = [f"other {n}\totro {n}\n" for n in range(95)]
    for name, part in (("some", lines[:5] + others), ("many", lines[:20] + others[:80])):
        Path(f"{name}.en-es.tsv").write_text("".join(part), encoding="utf-8")
    named = [
        "data.valid=digits.en-es.tsv",
        "data.test={some: some.en-es.tsv, many: many.en-es.tsv}",
    ]
    events = train(tiny(*named, "training.max_steps=1"))
    [warning] = plan(events).warnings
    assert warning.startswith(
        "300 of the 300 pairs of valid and 20 of the 100 pairs of test/many are also trained on"
    )
    assert "leave data.valid and data.test out" in warning
    list(events)
    assert plan(train(tiny(*named, "training.max_steps=1"))).warnings == ()  # nothing begins
    assert plan(train(tiny("name=drawn"))).warnings == ()


# --- starting from another run --------------------------------------------------------------------


def test_training_starts_from_the_weights_the_tokenizer_and_the_shape_of_a_run(
    trained_run: RunDirectory,
) -> None:
    config = from_run(trained_run.path, "training.max_steps=1", "training.learning_rate=1e-9")
    events = list(train(config))
    run, theirs = RunDirectory(RUNS / "tiny"), trained_run.read_config()
    assert run.read_config().model == theirs.model
    assert run.read_config().tokenizer == theirs.tokenizer
    assert run.tokenizer_file.read_bytes() == trained_run.tokenizer_file.read_bytes()
    tokenizer = run.read_tokenizer()
    own, expected = run.read_model(tokenizer), trained_run.read_model(tokenizer)
    torch.testing.assert_close(own, expected, atol=1e-6, rtol=0.0)
    validations = [event for event in events if isinstance(event, Validated)]
    assert [event.step for event in validations] == [0, 1]
    assert validations[0].scores["loss"] == pytest.approx(validations[1].scores["loss"], abs=1e-4)


def test_what_it_started_from_stays_the_best_where_nothing_better_comes(
    trained_run: RunDirectory,
) -> None:
    config = from_run(
        trained_run.path,
        "training.learning_rate=10.0",
        "training.best_metric=loss",
        "training.max_steps=4",
    )
    *events, finished = train(config)
    messages = [event.message for event in events if isinstance(event, Warned)]
    start = trained_run.path
    assert isinstance(finished, Finished)
    assert finished.best["step"] == 0
    run = RunDirectory(RUNS / "tiny")
    tokenizer = run.read_tokenizer()
    expected = trained_run.read_model(tokenizer)
    assert all(torch.equal(w, expected[name]) for name, w in run.read_model(tokenizer).items())
    assert finished.changes == ()
    assert messages == [f"nothing improved: the weights of {run.path} are those of {start}"]
    shown = CliRunner().invoke(app, ["evaluate", "--run", str(run.path), "--beam-size=1"])
    assert shown.exit_code == 0, shown.output
    assert f"{run.path} has the weights of {start}" in shown.output
    assert trained_run.weights_of is None


def test_fine_tuning_ends_with_what_it_changed_on_both_test_sets(
    trained_run: RunDirectory,
) -> None:
    half_forgotten(trained_run, Path("start"))
    config = from_run("start", "training.max_steps=20", "training.best_metric=loss")
    finished = list(train(config))[-1]
    assert isinstance(finished, Finished)
    run, start = RunDirectory(RUNS / "tiny"), RunDirectory(Path("start"))
    assert run.weights_of is None
    expected = []
    for directory in (start, run):
        [test_set] = sets_of_split(directory, "test")
        greedy = directory.read_config().decoding.model_copy(update={"beam_size": 1})
        before, after = (
            evaluate(
                Translator.from_run(each.path), test_set.sources, test_set.first_references, greedy
            )
            for each in (start, run)
        )
        name = f"{directory.path} test/held-out"
        expected.append(Change(name, 20, before["BLEU"], after["BLEU"]))
    assert list(finished.changes) == expected
    Path("start").rename("elsewhere")
    *_, again = train(config)
    assert isinstance(again, Finished)
    assert again.changes == finished.changes  # measured once


def test_a_start_whose_test_set_is_lost_is_a_warning(trained_run: RunDirectory) -> None:
    half_forgotten(trained_run, Path("start")).held_out_file("test/held-out").unlink()
    config = from_run("start", "training.max_steps=4", "training.best_metric=loss")
    *_, warned, finished = train(config)
    assert isinstance(warned, Warned)
    assert "the test sets of start are not compared: " in warned.message
    assert isinstance(finished, Finished)
    assert [change.test_set for change in finished.changes] == ["runs/tiny test/held-out"]


def test_what_is_not_set_is_chosen_for_fine_tuning(trained_run: RunDirectory) -> None:
    path = f"training.start_from={trained_run.path}"
    overrides = ["name=tiny", "data.train=digits.en-es.tsv", "data.held_out_pairs=20", path]
    overrides += ["data.max_tokens_per_sentence=40", "training.max_steps=2", "device=cpu"]
    config = load_config(None, overrides)
    for _ in range(2):  # the second time there is a run of these settings
        list(train(config))
        settings = RunDirectory(RUNS / "tiny").read_config().training
        assert settings.max_steps == 2
        assert settings.learning_rate == FINE_TUNING["learning_rate"]
        assert settings.warmup_steps == FINE_TUNING["warmup_steps"]
    assert load_config(None, ["training.max_steps=2"]).training.learning_rate == 0.006


def test_a_run_goes_on_with_the_intervals_that_an_earlier_version_chose() -> None:
    values = tiny("training.max_steps=4").model_dump()
    for key in INTERVALS:
        del values["training"][key]
    config = Config.model_validate(values)
    assert config.training.log_every_steps == 1
    list(train(config))
    run = RunDirectory(RUNS / "tiny")
    for key in INTERVALS:
        values["training"][key] = 50
    run.write_config(Config.model_validate(values))
    plan, *_ = train(config)
    assert isinstance(plan, Plan) and plan.finished
    assert plan.config == run.read_config()
    values["training"]["log_every_steps"] = 1
    with pytest.raises(OtherConfigurationError, match="log_every_steps: 50 → 1"):
        list(train(Config.model_validate(values)))


def test_a_run_keeps_what_the_run_it_started_from_was_trained_on(
    trained_run: RunDirectory, cipher_pairs: list[SentencePair]
) -> None:
    shutil.copytree(trained_run.path, "start")
    list(train(from_run("start", "training.max_steps=1")))
    run = RunDirectory(RUNS / "tiny")
    known = run.read_fingerprints()
    theirs = [pair.source for pair in cipher_pairs]
    lines = Path("digits.en-es.tsv").read_text(encoding="utf-8").splitlines()
    for sources in (theirs, [line.split("\t")[0] for line in lines]):
        assert sum(occurring(sources, known["source"])) > 200
    assert run.unknown_start is None

    RunDirectory(Path("start")).fingerprints_file.unlink()
    for start, name in (("start", "second"), (RUNS / "second", "third")):
        plan, *_ = train(from_run(start, "training.max_steps=1", f"name={name}"))
        assert isinstance(plan, Plan)
        assert [w for w in plan.warnings if "start has no training_fingerprints.safetensors" in w]
        run = RunDirectory(RUNS / name)
        assert run.unknown_start == "start"
        assert not any(occurring(theirs, run.read_fingerprints()["source"]))


def test_fingerprints_of_both_directions_are_kept_once(tmp_path: Path) -> None:
    ids = np.arange(1000, dtype=np.uint64)
    sides = {"source": ids, "target": ids + np.uint64(1)}
    sizes = []
    for name, each in (("two", sides), ("one", {"source": ids, "target": ids.copy()})):
        prepared = PreparedDirectory(tmp_path / name)
        prepared.path.mkdir()
        prepared.write_fingerprints(each)
        run = RunDirectory(tmp_path / f"run-{name}")
        run.path.mkdir()
        run.keep_fingerprints(prepared, None)
        known = run.read_fingerprints()
        assert [*known] == [*each]
        assert all(np.array_equal(known[side], each[side]) for side in each)
        sizes.append(run.fingerprints_file.stat().st_size)
    assert sizes[0] - sizes[1] > 7900


def test_damaged_fingerprints_are_made_again_when_a_training_goes_on() -> None:
    list(train(tiny("training.max_steps=2")))
    file = RunDirectory(RUNS / "tiny").fingerprints_file
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    list(train(tiny("training.max_steps=2")))
    assert file.read_bytes() == whole


def test_fingerprints_of_another_type_are_damaged(trained_run: RunDirectory) -> None:
    shutil.copytree(trained_run.path, "start")
    file = RunDirectory(Path("start")).fingerprints_file
    small = {side: ids.astype("int8") for side, ids in safetensors.numpy.load_file(file).items()}
    safetensors.numpy.save_file(small, file)
    with pytest.raises(RunError, match="it holds int8"):
        list(train(from_run("start", "training.max_steps=1")))


def test_the_prepared_ids_are_those_of_the_tokenizer_it_starts_with(
    trained_run: RunDirectory,
) -> None:
    started, new = from_run(trained_run.path), tiny("name=new")
    data = [prepare_data(each, RunDirectory(RUNS / each.name)) for each in (started, new)]
    assert data[0].fingerprint != data[1].fingerprint
    assert {part.tokenizer.sha256 for part in data} == {
        trained_run.read_tokenizer().sha256,
        RunDirectory(RUNS / "new").read_tokenizer().sha256,
    }
    source, _ = data[0].train[0]
    [text] = data[0].tokenizer.decode([source[:-1].tolist()])
    assert set(text.split()) <= set(DIGITS)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.d_model=64"], r"another shape \(model.d_model: 64 → 32\)"),
        (["tokenizer.algorithm=bpe"], "tokenizer.algorithm: bpe → unigram"),
        (["data.max_tokens_per_sentence=64"], "max_positions 64 is too small"),
        (["training.start_from=nowhere"], "there is no run directory nowhere"),
    ],
)
def test_what_contradicts_the_run_to_start_from_is_refused(
    trained_run: RunDirectory, overrides: list[str], message: str
) -> None:
    path = f"training.start_from={trained_run.path}"
    config = load_config(None, ["data.train=digits.en-es.tsv", path, *overrides])
    with pytest.raises(TranslatorError, match=message) as raised:
        list(train(config))
    assert raised.value.hint
    assert not RUNS.exists()


def test_the_dropout_of_the_run_to_start_from_may_be_another(trained_run: RunDirectory) -> None:
    overrides = [f"training.start_from={trained_run.path}", "data.max_tokens_per_sentence=40"]
    config = load_config(None, [*overrides, "model.dropout=0.3"])
    theirs = trained_run.read_config()
    expected = theirs.model.model_copy(update={"dropout": 0.3})
    assert starting_from(config, theirs).model == expected
    kept = starting_from(load_config(None, overrides), theirs)
    assert kept.model.dropout == theirs.model.dropout == 0.0


def test_a_tokenizer_that_changed_since_is_not_mixed_with_the_old_one(
    trained_run: RunDirectory,
) -> None:
    shutil.copytree(trained_run.path, "start")
    config = from_run("start")
    run_to_step(config, 0)
    start, weights = (
        RunDirectory(Path("start")),
        trained_run.read_model(trained_run.read_tokenizer()),
    )
    lines = Path("digits.en-es.tsv").read_text(encoding="utf-8").splitlines()
    size = trained_run.read_tokenizer().vocabulary_size
    other = Tokenizer.train(lines, TokenizerConfig.model_construct(vocabulary_size=size))
    start.write_tokenizer(other)
    start.write_model(weights, other)
    with pytest.raises(RunError, match="another tokenizer now"):
        list(train(config))


def test_weights_that_changed_since_are_not_those_that_a_run_begins_anew_with(
    trained_run: RunDirectory,
) -> None:
    start = half_forgotten(trained_run, Path("start"))
    before = start.model_file.read_bytes()
    config = from_run("start")
    run_to_step(config, 1)  # before its first checkpoint
    tokenizer = start.read_tokenizer()
    start.write_model(trained_run.read_model(tokenizer), tokenizer)
    with pytest.raises(RunError, match="start has other weights now"):
        list(train(config))
    start.model_file.write_bytes(before)
    list(train(config))


# --- going on exactly -----------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("last", [1, 7])
def test_an_interrupted_run_ends_in_the_same_bytes(optimizer: str, last: int) -> None:
    config = tiny(f"training.optimizer={optimizer}")
    list(train(config))
    expected = trained_bytes()
    metrics = RunDirectory(RUNS / "tiny").read_metrics()
    (RUNS / "tiny").rename(RUNS / "uninterrupted")

    run_to_step(config, last)
    list(train(config))
    assert trained_bytes() == expected
    again = RunDirectory(RUNS / "tiny").read_metrics()
    timing = {"seconds", "tokens_per_second"}
    assert [{k: v for k, v in entry.items() if k not in timing} for entry in again] == [
        {k: v for k, v in entry.items() if k not in timing} for entry in metrics
    ]


@pytest.mark.parametrize("last", [0, 1, 7])
def test_an_interrupted_run_that_started_from_another_ends_in_the_same_bytes(
    trained_run: RunDirectory, last: int
) -> None:
    shutil.copytree(trained_run.path, "start")
    config = from_run("start")
    list(train(config))
    run = RunDirectory(RUNS / "tiny")
    expected, metrics = trained_bytes(), [entry["step"] for entry in run.read_metrics()]
    run.path.rename(RUNS / "uninterrupted")

    run_to_step(config, last)
    if last == 7:  # from a checkpoint on, the other run is not needed
        Path("start").rename("elsewhere")
    list(train(config))
    assert trained_bytes() == expected
    assert [entry["step"] for entry in run.read_metrics()] == metrics
    assert metrics[0] == 0


def test_bfloat16_resumes_to_the_same_bytes() -> None:
    config = tiny("precision=bfloat16")
    list(train(config))
    expected = trained_bytes()
    (RUNS / "tiny").rename(RUNS / "uninterrupted")
    run_to_step(config, 7)
    list(train(config))
    assert trained_bytes() == expected


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    made = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        list(train(tiny(f"name={name}", f"seed={seed}", "training.max_steps=4")))
        made.append(trained_bytes(name))
    assert made[0] == made[1] != made[2]


def test_a_damaged_checkpoint_is_passed_over_with_a_warning() -> None:
    config = tiny()
    list(train(config))
    expected = trained_bytes()
    (RUNS / "tiny").rename(RUNS / "uninterrupted")
    run_to_step(config, 11)
    file = RUNS / "tiny" / "checkpoints" / "step-10" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-7] + b"flipped")
    events = list(train(config))
    assert isinstance(events[0], Plan)
    assert events[0].first_step == 5
    assert "damaged" in events[0].warnings[0]
    assert trained_bytes() == expected


def test_a_lost_configuration_is_told_since_nothing_can_be_compared_with_it() -> None:
    run_to_step(tiny(), 6)
    run = RunDirectory(RUNS / "tiny")
    run.config_file.unlink()
    [warning] = plan(train(tiny("training.learning_rate=0.001"))).warnings
    assert warning.startswith(f"{run.config_file} was missing: the settings that it had")
    assert plan(train(tiny("training.learning_rate=0.001"))).warnings == ()


@pytest.mark.parametrize("key", ["max_minutes=1", "tokens_per_batch=auto"])
def test_lost_measurements_are_told_where_a_training_goes_by_them(key: str) -> None:
    steps = ["training.checkpoint_every_steps=31", "training.validate_every_steps=1000"]
    config = tiny("training.max_steps=40", *steps, *LIGHT, f"training.{key}")
    run_to_step(config, 32)
    assert plan(train(config)).warnings == ()
    run = RunDirectory(RUNS / "tiny")
    run.measured_file.unlink()
    [warning] = plan(train(config)).warnings
    assert warning.startswith(f"{run.measured_file} was missing: what was measured")


def test_a_finished_run_is_left_as_it_is() -> None:
    list(train(tiny()))
    before = trained_bytes()
    events = list(train(tiny()))
    assert [type(event) for event in events] == [Plan, Finished]
    assert trained_bytes() == before


def test_another_configuration_may_not_continue_a_run() -> None:
    run_to_step(tiny(), 1)
    with pytest.raises(RunError, match=r"training\.learning_rate: 0\.006 → 0\.1"):
        list(train(tiny("training.learning_rate=0.1")))


def test_a_run_is_trained_by_one_process_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("translator.runs.MOMENT", 0.0)
    config = tiny()
    first = train(config)
    assert isinstance(first, Generator)
    next(event for event in first if isinstance(event, StepDone))
    with pytest.raises(RunError, match="another process is training"):
        next(train(config))
    first.close()
    list(train(config))


def test_whoever_asks_if_a_run_is_being_trained_keeps_no_one_from_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for patience in ("MOMENT", "_GLANCE"):
        monkeypatch.setattr(f"translator.runs.{patience}", 60.0)  # however busy the machine is
    run, held = RunDirectory(RUNS / "tiny"), threading.Event()

    def ask() -> None:
        with lock(run.path / "training"):  # as `is_in_training` does, but longer
            held.set()
            time.sleep(0.1)

    for answer in (lambda: run.is_in_training, lambda: next(train(tiny()))):
        held.clear()
        asking = threading.Thread(target=ask)
        asking.start()
        held.wait()
        found = answer()
        asking.join()
        assert found is False or isinstance(found, Plan)


def test_what_failed_before_it_learned_anything_claims_no_name() -> None:
    with pytest.raises(TranslatorError, match=r"typo\.en-es\.tsv"):
        list(train(tiny("data.train.path=typo.en-es.tsv")))
    config, run = tiny(), RunDirectory(RUNS / "tiny")
    run.write_config(config)
    prepare_data(config, run)  # what a process leaves that is killed before its first step
    corpus = Path("digits.en-es.tsv")
    corpus.write_text(corpus.read_text(encoding="utf-8").replace("dos", "dues"), encoding="utf-8")
    list(train(config))
    list(train(tiny("name=fresh")))
    assert trained_bytes() == trained_bytes("fresh")
    assert run.read_tokenizer().sha256 == RunDirectory(RUNS / "fresh").read_tokenizer().sha256


def test_the_best_model_is_chosen_by_the_bleu_of_the_target_language() -> None:
    signs = dict(zip(CIFRAS, "零一二三四五六七八九", strict=True))
    chinese = Path("digits.en-es.tsv").read_text(encoding="utf-8")
    for word, sign in signs.items():
        chinese = chinese.replace(word, sign)
    chinese = re.sub(r" (?=[零一二三四五六七八九])", "", chinese)
    Path("digits.en-zh.tsv").write_text(chinese, encoding="utf-8")
    config = tiny(
        "data.train.path=digits.en-zh.tsv",
        "data.target_language=zh",
        "training.max_steps=100",
        "training.learning_rate=0.02",
        "training.validate_every_steps=100",
        "training.validation_pairs=3",
    )
    [last] = [event for event in train(config) if isinstance(event, Validated)]
    _, references, texts = zip(*last.samples, strict=True)
    by_signs, _ = score(texts, references, target_language="zh")
    assert last.scores["bleu"] == pytest.approx(by_signs.score)
    assert last.scores["bleu"] > 2 * score(texts, references)[0].score


def test_of_equal_scores_the_lower_loss_is_the_best() -> None:
    ours = trainer(tiny())
    ours.best = {"step": 4, "loss": 3.0, "bleu": 0.0, "chrf": 9.0}
    assert ours._is_best({"loss": 2.9, "bleu": 0.0, "chrf": 1.0})
    assert not ours._is_best({"loss": 3.0, "bleu": 0.0, "chrf": 1.0})
    assert ours._is_best({"loss": 9.0, "bleu": 0.1, "chrf": 1.0})
    assert not ours._is_best({"loss": math.nan, "bleu": 0.0, "chrf": 1.0})
    ours.best["loss"] = math.nan
    assert ours._is_best({"loss": 9.0, "bleu": 0.0, "chrf": 1.0})


def test_a_model_without_its_checkpoints_is_not_trained_over() -> None:
    list(train(tiny()))
    run = RunDirectory(RUNS / "tiny")
    before = run.model_file.read_bytes()
    for folder in run.checkpoints.iterdir():
        (folder / "state.json").write_text("{", encoding="utf-8")
    for reason in ("step-10 is damaged", *["no checkpoint to go on from"] * 2):
        with pytest.raises(RunError, match=reason):
            list(train(tiny()))
        assert run.model_file.read_bytes() == before
        for folder in run.checkpoints.glob("step-*"):
            shutil.rmtree(folder)
        if reason.startswith("no"):
            shutil.rmtree(run.checkpoints, ignore_errors=True)


def test_a_run_directory_that_cannot_be_written_is_an_error() -> None:
    RUNS.write_text("in the way", encoding="utf-8")
    with pytest.raises(RunError, match=r"cannot write runs.tiny") as caught:
        list(train(tiny()))
    assert "permissions" in caught.value.hint


def test_a_signal_during_a_validation_saves_a_checkpoint() -> None:
    config = tiny("training.validate_every_steps=3", "training.checkpoint_every_steps=100")
    events = []
    for event in train(config):
        events.append(event)
        if isinstance(event, Validated):  # the loop has not looked at signals yet
            signal.raise_signal(signal.SIGINT)
    assert isinstance(events[-1], Finished)
    assert (events[-1].step, events[-1].completed) == (3, False)
    assert events[-1].signal == signal.SIGINT
    assert RunDirectory(RUNS / "tiny").checkpoint_steps() == [3]


@pytest.mark.parametrize("number", [1, 2])
def test_a_signal_does_not_wait_for_a_validation_which_the_next_sitting_makes(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the one after the last step."""
    config = tiny("training.max_steps=6", "training.validate_every_steps=3")
    events = list(train(config))
    expected, metrics = trained_bytes(), validations(RunDirectory(RUNS / "tiny"))
    (RUNS / "tiny").rename(RUNS / "uninterrupted")
    begun: list[int] = []

    def interrupted(*arguments: Any) -> Validator:
        validator = validator_of(*arguments)

        def validate(model: Transformer, tokens_per_batch: int) -> Validation:
            begun.append(len(begun) + 1)
            if begun[-1] == number:
                signal.raise_signal(signal.SIGINT)
            return validator(model, tokens_per_batch)

        return validate

    monkeypatch.setattr("translator.training.run.validator_of", interrupted)
    first = list(train(config))
    assert isinstance(first[-1], Finished)
    assert (first[-1].step, first[-1].completed) == (3 * number, False)
    assert RunDirectory(RUNS / "tiny").progress == Progress("stopped", 3 * number, 6)
    second = list(train(config))
    assert isinstance(second[0], Plan) and not second[0].finished
    assert isinstance(second[1], Validated) and second[1].step == 3 * number
    found = [each for each in first + second if isinstance(each, Validated)]
    assert found == [each for each in events if isinstance(each, Validated)]
    assert trained_bytes() == expected
    assert validations(RunDirectory(RUNS / "tiny")) == metrics


def validations(run: RunDirectory) -> list[dict[str, Any]]:
    return [entry for entry in run.read_metrics() if "valid_loss" in entry]


def test_pairs_that_share_a_text_with_held_out_ones_are_counted() -> None:
    with Path("digits.en-es.tsv").open("a", encoding="utf-8") as file:
        file.write("one\tun\n" * 100)
    data = prepare_data(tiny(), RunDirectory(RUNS / "tiny"))
    counts = data.counts["train"]
    assert counts.dropped["shares a text with a held-out pair"] > 90
    assert counts.read == counts.kept + sum(counts.dropped.values()) == 400 - 20 - 20


@pytest.mark.parametrize("step", [3, 7])  # of six, so that the second run ends
def test_other_data_may_not_continue_a_run(step: int) -> None:
    """Nor does a run that has ended learn from them without a word: another name is named."""
    config = tiny("training.max_steps=6")
    run_to_step(config, step)
    began = RunDirectory(RUNS / "tiny").read_environment()["pairs"]["train"]["read"]
    write_corpus(Path("digits.en-es.tsv"), 301)
    with pytest.raises(RunError) as caught:
        list(train(config))
    assert caught.value.message == (
        "the training data are not those that the run began with: digits.en-es.tsv has changed; "
        f"of train {began} pairs were read then, and {began + 1} now"
    )
    assert caught.value.hint.startswith("Bring the old" if step == 3 else "The run has ended. ")
    assert "--set name=tiny-2" in caught.value.hint


def test_a_run_of_other_streams_is_not_continued_but_left_where_it_is_finished() -> None:
    run = RunDirectory(RUNS / "tiny")
    list(train(tiny()))
    for step in run.checkpoint_steps():  # as an older version wrote them
        file = run.checkpoints / f"step-{step}" / "state.json"
        state = json.loads(file.read_text(encoding="utf-8"))
        assert state.pop("streams") == STREAMS
        del state["sha256"]
        file.write_text(json.dumps(state), encoding="utf-8")
    assert [type(event) for event in train(tiny())] == [Plan, Finished]
    shutil.rmtree(run.checkpoints / "step-12")
    before = trained_bytes()
    with pytest.raises(RunError, match="order of the training pairs otherwise") as caught:
        list(train(tiny()))
    assert "another name" in caught.value.hint
    assert trained_bytes() == before


def start(config: Config, bytes_left: int | None = None, before: str = "") -> subprocess.Popen[str]:
    """A process that trains; with `bytes_left`, where a write beyond that size of a file fails."""
    limit = "" if bytes_left is None else f"limit(RLIMIT_FSIZE, ({bytes_left}, -1)); "
    imports = "from resource import RLIMIT_FSIZE, setrlimit as limit; " * bool(limit)
    program = f"{before}{imports}{limit}from translator.cli import main; main()"
    overrides = [f"--set={key}={value}" for key, value in flat(config.model_dump())]
    return subprocess.Popen(
        [*started_as(program), "train", *overrides],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def flat(section: dict[str, object], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in section.items():
        if isinstance(value, dict) and key in Config.model_fields:
            found += flat(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", json.dumps(value)))
    return found


def wait_for_step(is_alive: Callable[[], bool], step: int) -> None:
    metrics = RunDirectory(RUNS / "tiny").metrics_file
    until = time.monotonic() + 60
    while time.monotonic() < until and is_alive():
        if metrics.is_file() and f'"step": {step},' in metrics.read_text(encoding="utf-8"):
            return
        time.sleep(0.02)
    raise AssertionError(f"step {step} was not reached")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_training_with_everything_saved(number: signal.Signals) -> None:
    config = tiny("training.max_steps=100000", "training.checkpoint_every_steps=100000")
    with ended(start(config)) as process:
        wait_for_step(lambda: process.poll() is None, 10)
        process.send_signal(number)
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "the same command goes on from there" in messages
    assert "Traceback" not in messages
    (step,) = RunDirectory(RUNS / "tiny").checkpoint_steps()
    assert step >= 10


@pytest.mark.slow
def test_a_full_disk_ends_training_with_an_error_and_the_same_command_goes_on() -> None:
    config = tiny("training.checkpoint_every_steps=3", "training.keep_checkpoints=1")
    list(train(config))
    expected = trained_bytes()
    (RUNS / "tiny").rename(RUNS / "uninterrupted")
    run_to_step(config, 5)
    with ended(start(config, bytes_left=100_000)) as process:  # the next model does not fit
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "model.safetensors: File too large" in messages
    assert "hint: Make room" in messages
    assert "Traceback" not in messages
    assert RunDirectory(RUNS / "tiny").checkpoint_steps() == [3]
    list(train(config))
    assert trained_bytes() == expected


@pytest.mark.slow
def test_a_process_killed_six_times_goes_on_to_the_same_bytes() -> None:
    """A checkpoint after every step: a good part of the kills falls into the writing of one."""
    config = tiny(
        "training.max_steps=100",
        "training.validate_every_steps=25",
        "training.checkpoint_every_steps=1",
        "training.log_every_steps=1",
    )
    with ended(start(config)) as whole:
        whole.communicate(timeout=300)
    expected = trained_bytes()
    (RUNS / "tiny").rename(RUNS / "uninterrupted")
    moments = random.Random(1)
    run = RunDirectory(RUNS / "tiny")
    for kill in range(6):
        with ended(start(config)) as process:
            # so there is a checkpoint of the first
            wait_for_step(lambda: process.poll() is None, 2 + 16 * kill)
            time.sleep(moments.uniform(0, 0.2))
            process.kill()
            assert process.wait() == -signal.SIGKILL
        assert run.checkpoint_steps()
    with ended(start(config)) as last:
        _, messages = last.communicate(timeout=300)
    assert last.returncode == 0, messages
    assert "continuing at step" in messages
    assert trained_bytes() == expected
