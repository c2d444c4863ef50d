"""Does an export translate as its run does? What was compared, and what may differ."""

import dataclasses
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from translator.config import DecodingConfig
from translator.errors import DataError
from translator.evaluation import EvaluationSet, score
from translator.evaluation.significance import LUCK, binomial_tail, bootstrap_p
from translator.hardware import processor
from translator.integrity import read_object
from translator.runs import RunDirectory
from translator.text.directions import directions_among
from translator.text.parts import TextProcessor
from translator.translation import Translator

TranslateWith = Callable[[Sequence[str], DecodingConfig, str | None], Sequence[str]]
"""Texts, how to search, and the direction where it is said which → translations."""

CERTIFICATE = "certificate.json"
MOST_BLEU_LOST = 0.5  # on the references, unless by luck
LEAST_ALIKE = 60.0  # chrF2 of the export's translations, those of the run being the references
MOST_DIFFERENT = 0.01  # share of greedy translations, where numbers are (almost) as they were
_CHECKS = "checks"
_HARDLY_ROUNDED = ("float32", "float16")


@dataclass(frozen=True)
class Measured:
    """One engine on the sample."""

    bleu: float
    sentences_per_second: float
    bytes: int  # of all files that translate


@dataclass(frozen=True)
class Check:
    """What was tested of an export, with what was found and what is allowed."""

    text: str
    passed: bool


@dataclass(frozen=True, kw_only=True)
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
    bleu_p: float | None = None  # of BLEU's difference; None in certificates of earlier versions
    alike: float | None = None  # chrF2 against the translations of the run, with the beam
    processor: str = ""  # that computed both; 8 bits are not as exact on every one
    files: dict[str, str] = field(default_factory=dict)  # path in the folder → SHA-256
    others: "tuple[Certificate, ...]" = ()  # of the other directions of a run

    @property
    def bleu_difference(self) -> float:
        """BLEU of the export less that of the run."""
        return self.export.bleu - self.run.bleu

    @property
    def different_greedy(self) -> int:
        """How many greedy translations of the sample are not those of the run."""
        return round(self.sentences * (1.0 - self.identical_greedy))

    @property
    def checks(self) -> tuple[Check, ...]:
        """What an export must pass. It may be better than its run, or worse by luck."""
        checks = []
        if self.quantization in _HARDLY_ROUNDED:
            p = binomial_tail(self.different_greedy, self.sentences, MOST_DIFFERENT)
            checks.append(
                Check(
                    f"{self.different_greedy} of {self.sentences} greedy translations are not "
                    f"those of the run (allowed: {MOST_DIFFERENT:.0%}, or luck at p ≥ {LUCK} of "
                    f"a binomial test; p = {p:.2g})",
                    p >= LUCK,
                )
            )
        if self.bleu_p is not None:
            checks.append(
                Check(
                    f"BLEU {self.export.bleu:.1f} against the run's {self.run.bleu:.1f} (allowed: "
                    f"{MOST_BLEU_LOST} less, or luck at p ≥ {LUCK} of a paired bootstrap; "
                    f"p = {self.bleu_p:.2g})",
                    self.bleu_difference >= -MOST_BLEU_LOST or self.bleu_p >= LUCK,
                )
            )
        if self.alike is not None:
            checks.append(
                Check(
                    f"chrF2 {self.alike:.1f} of the translations, with those of the run as the "
                    f"references (allowed: {LEAST_ALIKE:.0f} and more)",
                    self.alike >= LEAST_ALIKE,
                )
            )
        return tuple(checks)

    @property
    def problem(self) -> str:
        """The checks that failed; empty when none did."""
        certificates = (self, *self.others)
        failed = (check for each in certificates for check in each.checks if not check.passed)
        return "; ".join(check.text for check in failed)

    def write(self, folder: Path) -> None:
        """Write certificate.json into the folder of the export."""
        content = {**dataclasses.asdict(self), _CHECKS: [check.text for check in self.checks]}
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        (folder / CERTIFICATE).write_text(text, encoding="utf-8", newline="\n")

    @classmethod
    def read(cls, folder: Path) -> "Certificate | None":
        """The certificate of an export; None where there is none that can be read."""
        try:
            return read_object(folder / CERTIFICATE, cls)
        except (OSError, ValueError):
            return None

    def damaged_file(self, folder: Path) -> str | None:
        """A file of the export that is not what was certified, or missing; None when all are.

        Of an export that was made before checksums were kept only the size of all is known.
        """
        if not self.files and _bytes(folder) != self.export.bytes:
            return "a file"
        for name, checksum in self.files.items():
            file = folder / name
            if not file.is_file() or _sha256(file) != checksum:
                return name
        return None


@dataclass(frozen=True)
class Export:
    """Files in a folder and the engine that translates with them."""

    format: str
    quantization: str
    folder: Path
    translate: TranslateWith
    versions: dict[str, str]


def certify(run: RunDirectory, export: Export, sample: EvaluationSet, threads: int) -> Certificate:
    """Translate the sample with the run and with the export, both alike, and compare.

    Both compute on the CPU with `threads` threads, first greedily, then with the beam and the
    length penalty of the run; only the second time is measured.
    """
    translator = Translator.from_run(run.path, device="cpu")
    whole = {"split_sentences": False, "recover_lost": False}  # the others know nothing of these
    beam = translator.config.decoding.model_copy(update=whole)
    greedy = beam.model_copy(update={"beam_size": 1})

    def translate(texts: Sequence[str], decoding: DecodingConfig, to: str | None) -> list[str]:
        return [translation.text for translation in translator.translate(texts, decoding, to=to)]

    engines = (translate, export.translate)
    own_greedy, their_greedy = (_timed(each, sample, greedy)[0] for each in engines)
    (own, own_seconds), (theirs, their_seconds) = (_timed(each, sample, beam) for each in engines)
    language = sample.target_language
    (own_bleu,), (their_bleu,) = (
        score(texts, *sample.references, metrics=("bleu",), target_language=language)
        for texts in (own, theirs)
    )
    (alike,) = score(theirs, own, metrics=("chrf",))
    return Certificate(
        format=export.format,
        quantization=export.quantization,
        model_sha256=run.model_sha256(),
        test_set=sample.name,
        sentences=len(sample),
        beam_size=beam.beam_size,
        length_penalty=beam.length_penalty,
        identical_greedy=_identical(own_greedy, their_greedy),
        identical=_identical(own, theirs),
        run=Measured(own_bleu.score, len(sample) / own_seconds, _run_bytes(run)),
        export=Measured(their_bleu.score, len(sample) / their_seconds, _bytes(export.folder)),
        bleu_signature=own_bleu.signature,
        versions=export.versions,
        threads=threads,
        made=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        bleu_p=bootstrap_p(sample, own, theirs),
        alike=alike.score,
        processor=processor(),
        files={
            str(file.relative_to(export.folder)): _sha256(file) for file in _files(export.folder)
        },
    )


def sample_of(test_set: EvaluationSet, run: RunDirectory, sentences: int) -> EvaluationSet:
    """Up to `sentences` from all over a test set: those that a run and its exports read alike.

    None is blank, would be cut in parts, is in capitals or Title Case that the run reads in other
    letters, or has something that the run keeps.
    """
    config, tokenizer = run.read_config(), run.read_tokenizer()
    if test_set.direction:
        config = config.toward(directions_among(test_set.direction, config)[0])
    parts = TextProcessor(config, tokenizer).parts(test_set.sources, split=False)
    count = Counter(part.text for part in parts)
    plain = tokenizer.encode(test_set.sources)
    usable = [p.text for p in parts if count[p.text] == 1 and list(p.ids) == plain[p.text]]
    chosen = usable[:: max(1, len(usable) // sentences)][:sentences]
    if not chosen:
        raise DataError(
            f"{test_set.name} has no sentence to compare the export on",
            "Name others with --source and --reference.",
        )
    return dataclasses.replace(
        test_set,
        sources=tuple(test_set.sources[i] for i in chosen),
        references=tuple(tuple(each[i] for i in chosen) for each in test_set.references),
    )


def _timed(
    translate: TranslateWith, sample: EvaluationSet, decoding: DecodingConfig
) -> tuple[list[str], float]:
    started = time.perf_counter()
    texts = translate(sample.sources, decoding, sample.direction or None)
    seconds = time.perf_counter() - started
    return [text.strip() for text in texts], max(seconds, 1e-9)


def _identical(own: Sequence[str], theirs: Sequence[str]) -> float:
    return sum(a == b for a, b in zip(own, theirs, strict=True)) / len(own)


def _run_bytes(run: RunDirectory) -> int:
    return sum(file.stat().st_size for file in run.files)


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in _files(folder))


def _files(folder: Path) -> list[Path]:
    """The files of an export, without its certificate."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return [file for file in files if file != folder / CERTIFICATE]


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
