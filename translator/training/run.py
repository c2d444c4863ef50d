"""From a configuration to a run directory: one run, one configuration, one corpus."""

import platform
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import torch

from translator.config import Config, differences, goes_on, going_on, starting_from
from translator.data import SentencePair, Splits, checksums, occurring, stream_seed
from translator.data.sides import exchanged_sides
from translator.distributed import World, joined
from translator.errors import ConfigError, OtherConfigurationError, RunError
from translator.evaluation import Change, changes_since
from translator.hardware import describe
from translator.preparation import TrainingData, corpora_hashes, prepare_data
from translator.runs import RUNS, RunDirectory
from translator.training.budget import MEASURED_STEPS
from translator.training.clock import WorkClock
from translator.training.events import Event, Finished, Plan, Warned
from translator.training.trainer import Trainer, fitting_tokens_per_batch
from translator.training.validation import check_metrics, validator_of
from translator.version import __version__

_LEAKED_SHARE = 0.1  # of the pairs of a set: from here on its scores say little


def train(
    config: Config, *, seconds: float = 0.0, compare: bool = True
) -> Generator[Event, None, None]:
    """Train a model in runs/NAME, or continue the unfinished run of the same configuration.

    With `compare`, training that starts from a run ends with BLEU before and after.
    Yields what happens, as it happens. SIGINT and SIGTERM end it after the step under way, with a
    checkpoint written. Raises RunError when runs/NAME holds another configuration or other data.
    Under torchrun every process calls it; they train one model together, and the first writes.
    training.max_minutes counts from the first event that is asked for, and these seconds before.
    """
    with WorkClock(seconds) as clock, joined() as world:
        run = RunDirectory(RUNS / config.name)
        chosen = config.training.model_fields_set
        config = _with_start(config, run)
        warnings = [*_lost(run, config)]
        if run.has_begun and run.config_file.is_file():
            config = going_on(config, run.read_config(), chosen)
        check_metrics(config)
        with _claimed(run, config) if world.is_main else nullcontext():
            world.gather(None)  # the others find the configuration written
            if not run.config_file.is_file():  # in another directory: they will disagree
                run.write_config(config)
            _check_same(run, config)
            yield from _train(config, run, world, clock, warnings, compare=compare)


def _train(
    config: Config,
    run: RunDirectory,
    world: World,
    clock: WorkClock,
    warnings: list[str],
    *,
    compare: bool,
) -> Iterator[Event]:
    downloads = _downloads(config, run)
    data = prepare_data(config, run)
    world.agree("the training data", data.fingerprint)
    tokens = _tokens_per_batch(config, run, data, world)
    torch.manual_seed(stream_seed(config.seed, "first weights"))
    trainer = Trainer(config, run, data, world, tokens_per_batch=tokens, clock=clock)
    warnings += trainer.resume()
    if not trainer.step:
        warnings += map(str, exchanged_sides(config, run.adaptation))
        warnings += [*_leaked(config, run, data), *_unknown_texts(run)]
    known = run.read_environment()
    if known and not trainer.step:
        warnings.append("it was stopped before its first checkpoint, so it begins anew")
    first = {} if known else {**_lineage(config), "corpora": corpora_hashes(config)}
    environment = {**_environment(config, trainer), **downloads, **first, **known}
    _check_fingerprint(environment, trainer)
    if world.is_main:
        _keep_held_out(run, data, environment)
        run.write_json(run.environment_file, environment)
    yield Plan(
        run=run,
        config=config,
        counts=data.counts,
        vocabulary_size=data.tokenizer.vocabulary_size,
        parameters=sum(p.numel() for p in trainer.model.parameters()),
        device=describe(trainer.device),
        precision=str(trainer.precision).removeprefix("torch."),
        processes=world.size,
        tokens_per_batch=tokens,
        first_step=trainer.step,
        finished=trainer.finished,
        max_steps=trainer.max_steps,
        taken=trainer.taken,
        warnings=tuple(warnings),
    )
    for event in trainer.fit(validator_of(config, data, trainer.world)):
        start = config.training.start_from if compare else None
        if isinstance(event, Finished) and event.completed and start is not None:
            changes, warnings = _outcome(run, start, config, world)
            yield from (Warned(event.step, warning) for warning in warnings)
            event = replace(event, changes=tuple(changes))
        yield event


def _outcome(
    run: RunDirectory, start: str, config: Config, world: World
) -> tuple[list[Change], list[str]]:
    """What fine-tuning has changed, and warnings; the other processes wait for the first."""
    changes: list[Change] = []
    warnings: list[str] = []
    if world.is_main:
        if run.weights_of is not None:
            warnings.append(f"nothing improved: the weights of {run.path} are those of {start}")
        else:
            changes, warnings = _changes(RunDirectory.named(start), run, config)
    world.gather(None)
    return changes, warnings


def _changes(
    start: RunDirectory, run: RunDirectory, config: Config
) -> tuple[list[Change], list[str]]:
    """What has changed on the test sets, and warnings; only translations are compared."""
    is_other = start.config_file.is_file() and not goes_on(config, start.read_config())
    if config.learns_from_texts or is_other:
        return [], []
    return changes_since(start, run)


def _with_start(config: Config, run: RunDirectory) -> Config:
    """The configuration with tokenizer and model of the run to start from, if there is one.

    A run that has begun has taken them over: it goes on where the other one is no more.
    """
    if config.training.start_from is None:
        return config
    if not config.data.train:
        raise ConfigError(
            f"data.train names no corpus: {config.name} was imported, and not trained",
            "Name corpora, and the run as training.start_from of another.",
        )
    if run.has_begun and config.starts_from_hub:  # where there may be something else by now
        return starting_from(config, run.read_config(), has_begun=True)
    start = RunDirectory.named(config.training.start_from)
    if not run.has_begun:
        start.check_model()
    elif not start.config_file.is_file():
        return starting_from(config, run.read_config(), has_begun=True)
    return starting_from(config, start.read_config())


def _tokens_per_batch(config: Config, run: RunDirectory, data: TrainingData, world: World) -> int:
    """The size that the configuration names, or the one that fits, found once in a run's life."""
    wanted = config.training.tokens_per_batch
    if wanted is not None:
        return wanted
    measured = run.read_measured()
    if "tokens_per_batch" not in measured:
        fitting = min(world.gather(fitting_tokens_per_batch(config, run, data)))
        measured["tokens_per_batch"] = fitting * world.size
        if world.is_main:
            run.write_measured(measured)
    return int(measured["tokens_per_batch"])


@contextmanager
def _claimed(run: RunDirectory, config: Config) -> Iterator[None]:
    """Be the only training of a run, and write its configuration if nothing was trained yet."""
    with ExitStack() as held:
        try:
            held.enter_context(run.claimed())
            run.delete_leftovers()
            if not run.has_begun:
                run.forget()
            if not run.config_file.is_file():
                run.checkpoints.mkdir(exist_ok=True)
                run.write_config(config)
        except OSError as error:
            raise RunError(
                f"cannot write {run.path}: {error.strerror}", "Check the permissions and the disk."
            ) from None
        yield


def _lost(run: RunDirectory, config: Config) -> Iterator[str]:
    """Warnings of what a run that has begun goes by, and has no more."""
    if run.has_begun and not run.config_file.is_file():
        yield (
            f"{run.config_file} was missing: the settings that it had are not known, and those of "
            "this command take their place"
        )
    settings, step = config.training, max(run.checkpoint_steps(), default=0)
    goes_by = settings.max_minutes is not None and step > MEASURED_STEPS
    goes_by = goes_by or (settings.tokens_per_batch is None and step > 0)
    if goes_by and not run.measured_file.is_file():
        yield (
            f"{run.measured_file} was missing: what was measured and decided is so anew, and the "
            "training does not end as it would have"
        )


def _check_same(run: RunDirectory, config: Config) -> None:
    """Refuse to mix two configurations in one directory."""
    if differing := differences(run.read_config(), config):
        name = run.next_name
        raise OtherConfigurationError(
            f"{run.path} was made with another configuration:"
            + "".join(f"\n  {each}" for each in differing),
            f"Train under another name (--set name={name}), or delete the directory.",
            name,
            f"To go on from what it has learned, also --set training.start_from={run.path}."
            if run.model_file.is_file()
            else "",
        )


def _downloads(config: Config, run: RunDirectory) -> dict[str, Any]:
    """The SHA-256 of all that is downloaded, by address; RunError where a run began with others."""
    corpora = [*config.data.corpora, *config.data.leave_out]
    found: dict[str, str] = {}
    for corpus in corpora:
        found |= checksums(corpus, config.data.languages_of(corpus))
    for url, sha256 in run.read_environment().get("downloads", {}).items():
        if found.get(url, sha256) != sha256:
            raise RunError(
                f"{url} gives other bytes than when the run began: SHA-256 {found[url]}, and then "
                f"{sha256}",
                "Bring the old file back and name it, or train under another name (--set name=…).",
            )
    return {"downloads": found} if found else {}


def _check_fingerprint(environment: dict[str, Any], trainer: Trainer) -> None:
    """RunError where a run, also one that has ended, learned from other data than these."""
    data = trainer.data
    if environment["data_fingerprint"] == data.fingerprint:
        return
    known = environment.get("corpora", {})
    found = corpora_hashes(trainer.config)
    told = [f"{path} has changed" for path in found if known.get(path, found[path]) != found[path]]
    for split, before in environment["pairs"].items():
        read, now = before["read"], data.counts[split].read
        if read != now:
            told.append(f"of {split} {read:,} pairs were read then, and {now:,} now")
    other = f"train under another name (--set name={trainer.run.next_name})"
    hint = f"Bring the old files back, or {other}."
    if trainer.finished:
        hint = (
            f"The run has ended. To learn from the new data, {other}; --set "
            f"training.start_from={trainer.run.path} begins with what it has learned."
        )
    raise RunError(
        "the training data are not those that the run began with"
        + ": " * bool(told)
        + "; ".join(told),
        hint,
    )


def _leaked(config: Config, run: RunDirectory, data: TrainingData) -> list[str]:
    """A warning if a good part of a held-out set that the configuration names is trained on."""
    trained_on = run.read_fingerprints()

    def known(pairs: list[SentencePair]) -> int:
        sides = [[pair.source for pair in pairs], [pair.target for pair in pairs]]
        found = map(occurring, sides, (trained_on["source"], trained_on["target"]))
        return sum(map(all, zip(*found, strict=True)))

    leaked = []
    for splits, valid in zip(Splits.by_direction(config), data.valid_pairs, strict=True):
        for name in splits.named:
            pairs = valid if name == splits.valid else splits.read_named(name)
            if pairs and (count := known(pairs)) >= _LEAKED_SHARE * len(pairs):
                leaked.append(f"{count:,} of the {len(pairs):,} pairs of {name}")
    if not leaked:
        return []
    return [
        f"{' and '.join(leaked)} are also trained on: their scores say what was learned by heart; "
        "name other pairs, or leave data.valid and data.test out, and pairs are set aside"
    ]


def _unknown_texts(run: RunDirectory) -> list[str]:
    """A warning where nothing tells what a run was trained on before this one started from it."""
    unknown = run.unknown_start
    if unknown is None:
        return []
    return [
        f"{unknown} has no {run.fingerprints_file.name}: evaluation will not know which sentences "
        "it was trained on"
    ]


def _keep_held_out(run: RunDirectory, data: TrainingData, environment: dict[str, Any]) -> None:
    """Keep the held-out sets that were drawn from these data, with their hashes in the environment.

    So a run of an older version gets them too, and a file that was damaged is mended.
    """
    known = environment.get("held_out_sha256") or {}
    kept = {
        name: run.keep_held_out(
            name, data.drawn[name], splits.config.data.direction, known=known.get(name)
        )
        for splits in Splits.by_direction(run.read_config())
        for name in splits.missing
    }
    if kept:
        environment["held_out_sha256"] = kept


def _lineage(config: Config) -> dict[str, Any]:
    """The runs before this one; nothing once the one to start from is no more."""
    start = config.training.start_from
    if start is None:
        return {}
    before = RunDirectory.named(start)
    return {"lineage": before.descent()} if before.model_file.is_file() else {}


def _environment(config: Config, trainer: Trainer) -> dict[str, Any]:
    packages = ("torch", "sentencepiece", "sacrebleu", "safetensors", "numpy")
    return {
        "packages": {"translator": __version__, **{name: version(name) for name in packages}},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": describe(trainer.device),
        "precision": str(trainer.precision).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "command": " ".join(sys.argv),
        "seed": config.seed,
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "vocabulary_size": trainer.data.tokenizer.vocabulary_size,
        "pairs": {name: vars(counts) for name, counts in trainer.data.counts.items()},
        "data_fingerprint": trainer.data.fingerprint,
        "tokenizer_sha256": trainer.data.tokenizer.sha256,
    }
