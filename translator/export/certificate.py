"""What was compared of an export and its run, and what may differ."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from translator.integrity import read_object
from translator.runs import CERTIFICATE

MOST_BLEU_LOST = 0.5  # on the references, unless by luck
LEAST_ALIKE = 60.0  # chrF2 of the export's translations, those of the run being the references
MOST_DIFFERENT = 0.01  # share of greedy translations, where numbers are (almost) as they were
_CHECKS = "checks"
HARDLY_ROUNDED = ("float32", "float16")


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
    decoding: dict[str, Any] = field(default_factory=dict)  # of both, with the beam
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
        from translator.evaluation.significance import LUCK, binomial_tail  # imports torch

        checks = []
        if self.quantization in HARDLY_ROUNDED:
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
            least = LUCK / 2  # the bootstrap counts one tail
            checks.append(
                Check(
                    f"BLEU {self.export.bleu:.1f} against the run's {self.run.bleu:.1f} (allowed: "
                    f"{MOST_BLEU_LOST} less, or luck at p ≥ {least:g} of a paired bootstrap; "
                    f"p = {self.bleu_p:.2g})",
                    self.bleu_difference >= -MOST_BLEU_LOST or self.bleu_p >= least,
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
        if not self.files and bytes_of(folder) != self.export.bytes:
            return "a file"
        for name, checksum in self.files.items():
            file = folder / name
            if not file.is_file() or sha256_of(file) != checksum:
                return name
        return None


def bytes_of(folder: Path) -> int:
    """The size of an export, without its certificate."""
    return sum(file.stat().st_size for file in files_of(folder))


def files_of(folder: Path) -> list[Path]:
    """The files of an export, without its certificate."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return [file for file in files if file != folder / CERTIFICATE]


def sha256_of(file: Path) -> str:
    """The checksum of a file of an export."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
