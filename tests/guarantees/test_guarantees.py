"""What is promised of every processor, shown through the command line: see docs/reliability.md."""

import json
from typing import Any

import pytest

from tests.commands import MAIN, run_command
from translator.data import SentencePair
from translator.runs import RunDirectory

PRECISIONS = ("float32", "bfloat16")


@pytest.fixture(scope="module")
def lines(cipher_pairs: list[SentencePair]) -> list[str]:
    """Sentences of many lengths, and what no corpus holds."""
    whole = [pair.source for pair in cipher_pairs[:20]]
    return [*whole, " ".join(whole[:12]), "zebra quux", "ANA NINA", "¿nina? 😀", "ana"]


def translated(
    run: RunDirectory, lines: list[str], *, threads: int, precision: str, batch: int
) -> list[dict[str, Any]]:
    """What `translator translate --json` prints for the lines, in a process of its own."""
    settings = {"precision": precision, "tokens_per_batch": batch, "length_penalty": 0}
    changes = [word for key in settings for word in ("--set", f"decoding.{key}={settings[key]}")]
    done = run_command(
        *("translate", "--run", run.path, "--json", *changes),
        stdin="".join(f"{line}\n" for line in lines),
        program=f"import torch; torch.set_num_threads({threads}); {MAIN}",
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_line_has_one_translation_whatever_the_batch_and_its_cache_changes_nothing(
    trained_run: RunDirectory, lines: list[str], precision: str, threads: int
) -> None:
    """Cached: the score of the search. Uncached: the token scores, of a pass over the whole."""
    asked: dict[str, Any] = {"threads": threads, "precision": precision}
    together = translated(trained_run, lines, batch=4096, **asked)
    apart = translated(trained_run, lines[::-1], batch=16, **asked)[::-1]
    assert [each["translation"] for each in together] == [each["translation"] for each in apart]
    assert [each["score"] for each in together] == [each["score"] for each in apart]
    assert [each["source"] for each in together] == lines
    tolerance = {"float32": 1e-3, "bfloat16": 0.5}[precision]  # bfloat16 keeps two to three digits
    for each in together[:40]:  # of one sentence each
        uncached = sum(token["log_prob"] for token in each["tokens"])
        assert each["score"] == pytest.approx(uncached, abs=tolerance)
