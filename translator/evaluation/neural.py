"""Neural metrics: scores that another program gives, one a sentence.

COMET and its kind bring gigabytes and pins of their own, so they stay in their own
environment: we run their command or read what it has written.
"""

import math
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from translator.errors import DataError
from translator.evaluation.resampling import in_parts, seed
from translator.evaluation.scores import Score
from translator.evaluation.sets import EvaluationSet, read_sentences

_SEGMENT = re.compile(r"\tSegment (\d+)\tscore: (\S+)")  # as comet-score prints, 1.x and 2.x


def neural_score(
    name: str, path: Path, test_set: EvaluationSet, hypotheses: Sequence[str], resamples: int
) -> Score:
    """The mean of a neural metric with its bootstrap interval.

    `path` is the `comet-score` command of any environment, or a file with one score a line.
    Raises DataError when there is not one finite score for each sentence.
    """
    if path.is_file() and os.access(path, os.X_OK):
        lines = _run_comet_score(path, test_set, hypotheses)
        origin = f"{path}"
    else:
        lines = list(read_sentences(path))
        origin = f"{path}"
    try:
        scores = np.array([float(line) for line in lines])
    except ValueError as error:
        raise DataError(f"{origin} gives no number: {error}", "One score a line.") from None
    if len(scores) != len(test_set) or not np.isfinite(scores).all():
        raise DataError(
            f"{origin} gives {np.isfinite(scores).sum():,} scores, but {test_set.name} has "
            f"{len(test_set):,} sentences",
            "There must be one finite score for each sentence, in the order of the test set.",
        )
    mean, interval, drawn_by = bootstrap_mean(scores, resamples)
    signature = f"nsent:{len(scores)}" + f"|bs:{resamples}|seed:{drawn_by}" * (resamples > 1)
    return Score(
        name, float(scores.mean()), f"{signature}|from:{path.name}", mean, interval, decimals=4
    )


def bootstrap_mean(
    scores: "np.typing.NDArray[np.float64]", resamples: int
) -> tuple[float | None, float | None, str]:
    """Mean over resamples, half the width of their 95 % interval, and the seed.

    The same draws and bounds as sacrebleu's (1/40 from either end); nothing if `resamples` < 2.
    """
    if resamples < 2:
        return None, None, str(seed()).lower()
    generator, sentences = np.random.default_rng(seed()), len(scores)
    chosen = in_parts(lambda n: generator.choice(sentences, size=(n, sentences)), resamples)
    means = np.sort(np.concatenate([scores[part].mean(axis=1) for part in chosen]))
    outside = resamples // 40
    half_width = 0.5 * float(means[resamples - outside - 1] - means[outside])
    return float(means.mean()), half_width, str(seed()).lower()


def _run_comet_score(
    command: Path, test_set: EvaluationSet, hypotheses: Sequence[str]
) -> list[str]:
    """The segment scores that `comet-score -s -t -r` prints; the first reference is used."""
    with tempfile.TemporaryDirectory() as directory:
        files = {}
        sides = {"-s": test_set.sources, "-t": hypotheses, "-r": test_set.first_references}
        for option, lines in sides.items():
            file = files[option] = Path(directory) / f"lines{option}.txt"
            text = "".join(_one_line(line) + "\n" for line in lines)
            file.write_text(text, encoding="utf-8", newline="\n")
        arguments = [str(each) for pair in files.items() for each in pair]
        try:
            done = subprocess.run(
                [str(command), *arguments], capture_output=True, encoding="utf-8", check=False
            )
        except OSError as error:
            raise DataError(
                f"cannot run {command}: {error.strerror}", "Name the comet-score command."
            ) from None
    if done.returncode:
        reason = next(reversed(done.stderr.strip().splitlines()), "it says nothing")
        raise DataError(
            f"{command} failed with exit code {done.returncode}: {reason}",
            "Run it by hand to see more, or give a file with its scores.",
        )
    found = {int(number): value for number, value in _SEGMENT.findall(done.stdout)}
    return [found.get(index, str(math.nan)) for index in range(len(test_set))]


def _one_line(text: str) -> str:
    """Python's line reading, which comet-score uses, breaks lines at a lone carriage return."""
    return text.replace("\r", " ")
