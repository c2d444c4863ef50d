"""Does an export translate as its run does? What was compared, and what may differ."""

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translator.capitals import encode_sentences
from translator.config import DecodingConfig
from translator.errors import DataError
from translator.evaluation import EvaluationSet, score
from translator.runs import RunDirectory
from translator.translation import Translator

Translate = Callable[[Sequence[str], DecodingConfig], Sequence[str]]

CERTIFICATE = "certificate.json"
LEAST_IDENTICAL = 0.99  # share of greedy translations, where numbers are (almost) as they were
MOST_BLEU_DIFFERENCE = 0.5  # where they were rounded to three digits and fewer
_HARDLY_ROUNDED = ("float32", "float16")


@dataclass(frozen=True)
class Measured:
    """One engine on the sample."""

    bleu: float
    sentences_per_second: float
    bytes: int  # of all files that translate


@dataclass(frozen=True)
class Certificate:
    """How an export translates a sample, beside the run that it was made from."""

    format: str
    quantization: str
    model_sha256: str  # of the run's weights
    test_set: str
    sentences: int
    beam_size: int
    length_penalty: float
    identical_greedy: float  # share of the sample, 0 … 1
    identical: float  # the same with the beam
    run: Measured
    export: Measured
    bleu_signature: str
    versions: dict[str, str]
    threads: int
    made: str

    @property
    def bleu_difference(self) -> float:
        """BLEU of the export less that of the run."""
        return self.export.bleu - self.run.bleu

    @property
    def problem(self) -> str:
        """What is beyond the tolerance; empty when nothing is."""
        if self.quantization in _HARDLY_ROUNDED:
            if self.identical_greedy < LEAST_IDENTICAL:
                return (
                    f"only {self.identical_greedy:.1%} of {self.sentences} greedy translations are "
                    f"those of the run, not {LEAST_IDENTICAL:.0%}"
                )
        elif abs(self.bleu_difference) > MOST_BLEU_DIFFERENCE:
            return (
                f"BLEU is {self.export.bleu:.1f} and that of the run {self.run.bleu:.1f}: "
                f"more than {MOST_BLEU_DIFFERENCE} apart"
            )
        return ""

    def write(self, folder: Path) -> None:
        """Write certificate.json into the folder of the export."""
        text = json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"
        (folder / CERTIFICATE).write_text(text, encoding="utf-8", newline="\n")

    @classmethod
    def read(cls, folder: Path) -> "Certificate | None":
        """The certificate of an export; None where there is none that can be read."""
        try:
            content: dict[str, Any] = json.loads((folder / CERTIFICATE).read_text("utf-8"))
            sides = {side: Measured(**content[side]) for side in ("run", "export")}
            return cls(**{**content, **sides})
        except (OSError, ValueError, KeyError, TypeError):
            return None


@dataclass(frozen=True)
class Export:
    """Files in a folder and the engine that translates with them."""

    format: str
    quantization: str
    folder: Path
    translate: Translate
    versions: dict[str, str]


def certify(run: RunDirectory, export: Export, sample: EvaluationSet, threads: int) -> Certificate:
    """Translate the sample with the run and with the export, both alike, and compare.

    Both compute on the CPU with `threads` threads, first greedily, then with the beam and the
    length penalty of the run; only the second time is measured.
    """
    translator = Translator.from_run(run.path, device="cpu")
    whole = {"split_sentences": False}  # the others know nothing of sentences
    beam = translator.config.decoding.model_copy(update=whole)
    greedy = beam.model_copy(update={"beam_size": 1})

    def translate(texts: Sequence[str], decoding: DecodingConfig) -> list[str]:
        return [translation.text for translation in translator.translate(texts, decoding)]

    engines = (translate, export.translate)
    own_greedy, their_greedy = (_timed(each, sample, greedy)[0] for each in engines)
    (own, own_seconds), (theirs, their_seconds) = (_timed(each, sample, beam) for each in engines)
    language = translator.config.data.target_language
    (own_bleu,), (their_bleu,) = (
        score(texts, *sample.references, metrics=("bleu",), target_language=language)
        for texts in (own, theirs)
    )
    return Certificate(
        export.format,
        export.quantization,
        run.model_sha256(),
        sample.name,
        len(sample),
        beam.beam_size,
        beam.length_penalty,
        _identical(own_greedy, their_greedy),
        _identical(own, theirs),
        Measured(own_bleu.score, len(sample) / own_seconds, _run_bytes(run)),
        Measured(their_bleu.score, len(sample) / their_seconds, _bytes(export.folder)),
        own_bleu.signature,
        export.versions,
        threads,
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def sample_of(test_set: EvaluationSet, run: RunDirectory, sentences: int) -> EvaluationSet:
    """So many sentences from all over a test set: those that a run and its exports read alike.

    None is blank, would be cut in parts, or is in capitals or Title Case that the run reads in
    other letters.
    """
    config = run.read_config()
    limit = min(config.data.max_tokens_per_sentence, config.model.max_positions - 1)
    tokenizer = run.read_tokenizer()
    read, _ = encode_sentences(tokenizer, test_set.sources, config.data.source_language)
    plain = tokenizer.encode(test_set.sources)
    usable = [
        i
        for i, (ids, others) in enumerate(zip(read, plain, strict=True))
        if 0 < len(ids) <= limit and ids == others
    ]
    chosen = usable[:: max(1, len(usable) // sentences)][:sentences]
    if not chosen:
        raise DataError(
            f"{test_set.name} has no sentence to compare the export on",
            "Name others with --source and --reference.",
        )
    return EvaluationSet(
        test_set.name,
        tuple(test_set.sources[i] for i in chosen),
        tuple(tuple(each[i] for i in chosen) for each in test_set.references),
        test_set.target_language,
    )


def _timed(
    translate: Translate, sample: EvaluationSet, decoding: DecodingConfig
) -> tuple[list[str], float]:
    started = time.perf_counter()
    texts = translate(sample.sources, decoding)
    seconds = time.perf_counter() - started
    return [text.strip() for text in texts], max(seconds, 1e-9)


def _identical(own: Sequence[str], theirs: Sequence[str]) -> float:
    return sum(a == b for a, b in zip(own, theirs, strict=True)) / len(own)


def _run_bytes(run: RunDirectory) -> int:
    return sum(file.stat().st_size for file in run.files)


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
