"""A cache of translations. Hypotheses in a run's evaluations/, with what they depend on."""

import json
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict  # pydantic wants it before Python 3.12

from translator.config import DecodingConfig, changed_decoding
from translator.errors import DataError
from translator.evaluation.assessment import Evaluation, directed, translate
from translator.evaluation.sets import EvaluationSet, read_hypotheses
from translator.integrity import lines_sha256, read_object
from translator.runs import RunDirectory, lock, written_aside
from translator.version import __version__


class ScoreRecord(TypedDict):
    """A score in a record."""

    name: str
    score: float
    signature: str


@with_config(ConfigDict(extra="allow"))
class Record(TypedDict):
    """An evaluation on disk, as far as it is read again."""

    set: str
    decoding: dict[str, Any]
    model_sha256: NotRequired[str]
    seconds: NotRequired[float | None]
    hypotheses_sha256: NotRequired[str]
    scores: NotRequired[list[ScoreRecord]]


@dataclass(frozen=True)
class TranslatedSet:
    """The translations of a test set by a run."""

    hypotheses: tuple[str, ...]
    seconds: float  # that they took when they were made
    decoding: DecodingConfig
    file: Path | None  # of the hypotheses; None where it cannot be written
    reused: bool  # from the cache


def translate_or_reuse(
    run: RunDirectory, test_set: EvaluationSet, beam_size: int | None = None
) -> TranslatedSet:
    """Translate a test set, or take the cached ones of the same model, settings and sources."""
    decoding = run.read_config().decoding
    if beam_size:
        decoding = changed_decoding(decoding, beam_size=beam_size)
    file = run.evaluation_file(test_set.name, decoding)
    hypotheses_file = _hypotheses_file(file)
    record = provenance(run, test_set, decoding)
    cached = read_record(file)
    if cached and all(cached.get(key) == value for key, value in record.items()):
        try:
            hypotheses = read_hypotheses(hypotheses_file, test_set)
            if cached.get("hypotheses_sha256") in (None, lines_sha256(hypotheses)):
                seconds = cached.get("seconds") or 0.0
                return TranslatedSet(hypotheses, seconds, decoding, hypotheses_file, True)
        except DataError:
            pass  # deleted, cut or no text: made anew
    from translator.translation import Translator  # and torch

    translator = directed(Translator.from_run(run.name), test_set)
    hypotheses, seconds = translate(translator, test_set.sources, decoding)
    written: Path | None = hypotheses_file
    try:
        _write(file, {**record, **_made(seconds)}, hypotheses)
    except OSError:  # a run that may only be read is no reason to lose the work
        written = None
    return TranslatedSet(hypotheses, seconds, decoding, written, False)


def store(run: RunDirectory, evaluation: Evaluation, decoding: DecodingConfig) -> Path:
    """Store an evaluation and its hypotheses in the run; the file of the hypotheses.

    Raises OSError where the run may not be written.
    """
    file = run.evaluation_file(evaluation.test_set.name, decoding)
    record = provenance(run, evaluation.test_set, decoding)
    content = {**evaluation.summary(), **record, **_made(evaluation.seconds)}
    _write(file, content, evaluation.hypotheses)
    return _hypotheses_file(file)


def provenance(
    run: RunDirectory, test_set: EvaluationSet, decoding: DecodingConfig
) -> dict[str, object]:
    """What the translations of a test set by a run depend on, as JSON."""
    data = run.read_config().data
    direction = test_set.direction if data.directions else ""
    return {
        "versions": {"translator": __version__, "torch": version("torch")},
        "set": test_set.name,
        "sentences": len(test_set),
        "direction": direction or str(data.direction),
        "decoding": decoding.model_dump(),
        "model_sha256": run.model_sha256(),
        "sources_sha256": lines_sha256(test_set.sources),
    }


def _made(seconds: float | None) -> dict[str, object]:
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"seconds": seconds and round(seconds, 3), "made": made}


def _hypotheses_file(file: Path) -> Path:
    return file.with_name(f"{file.stem}.hypotheses.txt")


def read_record(file: Path) -> Record | None:
    """The record of an evaluation; None where there is none, or a damaged one: it is made anew."""
    try:
        return read_object(file, Record)
    except (OSError, ValueError):
        return None


def _write(file: Path, content: dict[str, object], hypotheses: tuple[str, ...]) -> None:
    """Both or neither; and a record is never older than the hypotheses that it speaks of.

    Where two processes evaluate the same, one writes after the other.
    """
    lines = "".join(line + "\n" for line in hypotheses).encode()
    content = {**content, "hypotheses_sha256": lines_sha256(hypotheses)}
    record = json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"
    with (
        lock(file, keep=False),
        written_aside(file, len(record)) as last,
        written_aside(_hypotheses_file(file)) as first,
    ):
        for stream, data in ((last, record), (first, lines)):
            stream.write(data)
            stream.flush()
        file.unlink(missing_ok=True)
