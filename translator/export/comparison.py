"""Does an export translate as its run does? Both translate a sample, and are compared."""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from translator.config import DecodingConfig
from translator.errors import DataError
from translator.evaluation import EvaluationSet, score
from translator.evaluation.significance import bootstrap_p
from translator.export.certificate import Certificate, Measured, bytes_of, files_of, sha256_of
from translator.hardware import processor
from translator.runs import RunDirectory
from translator.text.directions import directions_among
from translator.text.parts import TextProcessor
from translator.translation import Translator

TranslateWith = Callable[[Sequence[str], DecodingConfig, str | None], Sequence[str]]
"""Texts, how to search, and the direction where it is said which → translations."""


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
    translator = Translator.from_run(run.name, device="cpu")
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
        export=Measured(their_bleu.score, len(sample) / their_seconds, bytes_of(export.folder)),
        bleu_signature=own_bleu.signature,
        versions=export.versions,
        threads=threads,
        made=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        bleu_p=bootstrap_p(sample, own, theirs),
        alike=alike.score,
        processor=processor(),
        decoding=beam.model_dump(),
        files={
            str(file.relative_to(export.folder)): sha256_of(file)
            for file in files_of(export.folder)
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
