"""From a run to an export that has proved itself: written aside, compared, moved in."""

import dataclasses
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import torch

from translator.config import Config, DecodingConfig
from translator.errors import DataError, RunError, TranslatorError, writing
from translator.evaluation import EvaluationSet
from translator.export.argos import export_argos
from translator.export.certificate import Certificate
from translator.export.comparison import Export, TranslateWith, certify, sample_of
from translator.export.ctranslate2 import Quantization, export_ctranslate2
from translator.export.engine import CTranslate2Translator
from translator.export.huggingface import TransformersTranslator, export_huggingface
from translator.runs import CERTIFICATE, RunDirectory, lock
from translator.tokenizer import Tokenizer
from translator.version import __version__

ExportFormat = Literal["ctranslate2", "huggingface", "argos"]

_HARDLY_TRAINED = 10.0  # BLEU of a run, below which its translations are much by chance


def export_certified(
    run: RunDirectory,
    form: ExportFormat,
    test_set: EvaluationSet,
    *,
    others: Sequence[EvaluationSet] = (),
    folder: Path | None = None,
    quantization: Quantization = "float32",
    sentences: int = 200,
    force: bool = False,
) -> Certificate:
    """Export a run and prove on sentences of a test set that it translates as the run does.

    The folder, RUN/export/FORMAT if none is named, appears when the proof has succeeded, with
    certificate.json in it, behind a symbolic link at its target; a failure leaves what was there
    before. `others` are test sets of the other directions of the run, which must succeed too.
    `force` replaces an older export. Raises DataError for a folder that holds anything else,
    RunError when the export translates otherwise than the run, or another process exports to the
    same folder.
    """
    run.check_model()
    folder = (folder or run.exports / form).resolve()
    _check_replaceable(folder, force)
    samples = [sample_of(each, run, sentences) for each in (test_set, *others)]
    with (
        _alone(folder),
        _moved_in(folder, force) as partial,
        tempfile.TemporaryDirectory() as scratch,
    ):
        export = _write(run, form, quantization, partial, Path(scratch))
        first, *more = (certify(run, export, each, torch.get_num_threads()) for each in samples)
        certificate = dataclasses.replace(first, others=tuple(more))
        if certificate.problem:
            raise RunError(
                f"the export does not translate as {run.name}: {certificate.problem}",
                f"Nothing was kept. {_way_out(certificate, quantization, sentences)}",
            )
        certificate.write(partial)
    return certificate


def _way_out(certificate: Certificate, quantization: Quantization, sentences: int) -> str:
    """What to try where an export was found to translate otherwise than its run."""
    directions = (certificate, *certificate.others)
    bleu = min(each.run.bleu for each in directions)
    if bleu < _HARDLY_TRAINED:
        return (
            f"The run itself hardly translates these sentences (BLEU {bleu:.1f}): where nothing is "
            "much likelier than the rest, two searches find different texts. Train it further, or "
            "name sentences that it translates, with --source and --reference."
        )
    if min(each.sentences for each in directions) < sentences:  # no more in the test set
        more = "Try more sentences, with --source and --reference"
    else:
        more = "Try a larger --sample"
    if quantization != "float32":
        return f"{more}, or --quantization float32."
    return f"{more}; if that does not help, this is a defect: report it."


def _write(
    run: RunDirectory, form: ExportFormat, quantization: Quantization, folder: Path, scratch: Path
) -> Export:
    """Write the files of an export, and load them as those who get them will."""
    config = run.read_config()
    match form:
        case "ctranslate2":
            export_ctranslate2(run, folder, quantization)
            tokenizer = RunDirectory(folder).read_tokenizer()  # named as in a run
            translate = _texts(_engine(config, folder, tokenizer))
        case "argos":
            with zipfile.ZipFile(export_argos(run, folder, quantization)) as archive:
                archive.extractall(scratch)
            (package,) = scratch.iterdir()
            tokenizer = Tokenizer.load(package / "sentencepiece.model")
            translate = _texts(_engine(config, package / "model", tokenizer))
        case "huggingface":
            export_huggingface(run, folder)
            translate = TransformersTranslator(config, folder).translate
    library = "transformers" if form == "huggingface" else "ctranslate2"
    versions = {"translator": __version__, library: version(library)}
    return Export(form, quantization, folder, translate, versions)


def _engine(config: Config, model: Path, tokenizer: Tokenizer) -> CTranslate2Translator:
    threads = torch.get_num_threads()
    return CTranslate2Translator(config, model, tokenizer, device="cpu", threads=threads)


def _texts(engine: CTranslate2Translator) -> TranslateWith:
    def translate(texts: Sequence[str], decoding: DecodingConfig, to: str | None) -> list[str]:
        return [translation.text for translation in engine.translate(texts, decoding, to=to)]

    return translate


# --- the folder -----------------------------------------------------------------------------------


def _check_replaceable(folder: Path, force: bool) -> None:
    """Only an older export is replaced, and only if that was asked for."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / CERTIFICATE).is_file():
        raise DataError(f"{folder} exists and is no export", "Name another --output.")
    if not force:
        raise DataError(
            f"{folder} holds an export already", "Replace it with --force, or name an --output."
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only process that exports to a folder."""
    with ExitStack() as held:
        try:
            held.enter_context(lock(folder, seconds=0.0, keep=False))
        except TimeoutError:
            raise RunError(
                f"another process is exporting to {folder}", "Wait for its end, or stop it."
            ) from None
        except OSError as error:
            raise _cannot_write(folder, error) from None
        yield


def _cannot_write(folder: Path, error: OSError) -> TranslatorError:
    why = error.strerror or error
    return TranslatorError(f"cannot write {folder}: {why}", "Name another --output.")


@contextmanager
def _moved_in(folder: Path, force: bool) -> Iterator[Path]:
    """A folder beside `folder` that takes its place if nothing is raised, and vanishes if not."""
    partial, old = (folder.with_name(f".{folder.name}.{kind}") for kind in ("partial", "old"))
    try:
        if old.exists() and not folder.exists():  # killed between the two renames
            old.rename(folder)
        _check_replaceable(folder, force)  # anew: another process may have made one meanwhile
        for leftover in (partial, old):  # of a killed process
            if leftover.exists():
                shutil.rmtree(leftover)
        partial.mkdir(parents=True)
    except OSError as error:
        raise _cannot_write(partial, error) from None
    try:
        with writing(folder):
            yield partial
        try:
            if folder.exists():
                folder.rename(old)
            partial.rename(folder)
        except OSError as error:  # such as of a mount point
            raise _cannot_write(folder, error) from None
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        for leftover in (partial, old):
            shutil.rmtree(leftover, ignore_errors=True)
