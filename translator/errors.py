"""What a user can get wrong, each with a hint that mends it."""

import errno
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class TranslatorError(Exception):
    """A mistake that the user can mend; the command line prints it without a traceback.

    `message` says what is wrong and where (file, line, key); `hint` says what to do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        self.message, self.hint = _printable(message), _printable(hint)
        super().__init__(self.message)


def _printable(text: str) -> str:
    """The text with what is no character, half of a surrogate pair, written as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


class ConfigError(TranslatorError):
    """A configuration file or a `--set` that the schema refuses."""


class DataError(TranslatorError):
    """A corpus or an input file that cannot be read as text pairs or lines."""


class RunError(TranslatorError):
    """A run directory that is missing, incomplete, damaged or from another configuration."""


class VerdictError(TranslatorError):
    """What a command was asked to judge is not good enough; the command itself has succeeded."""


class OtherConfigurationError(RunError):
    """A run directory that holds a run of another configuration; `free_name` is not taken.

    `onward` says how to go on from what that run has learned, if it has learned something.
    """

    def __init__(self, message: str, hint: str, free_name: str, onward: str) -> None:
        super().__init__(message, f"{hint} {onward}".rstrip())
        self.free_name = free_name
        self.onward = onward


_EXTRAS = {  # as in pyproject.toml
    "export": ("ctranslate2>=4.5", "transformers>=5.0"),
    "rouge": ("rouge-score>=0.1.2",),
    "media": ("pillow>=10", "soundfile>=0.12", "soxr>=0.5", "kaldi-native-fbank>=1.20"),
    "plot": ("matplotlib>=3.9",),
    "tensorboard": ("tensorboard>=2.18",),
    "wandb": ("wandb>=0.19",),
    "trackio": ("trackio>=0.20",),
    "serve": (
        *("fastapi>=0.110", "uvicorn>=0.30", "prometheus-client>=0.20"),
        "python-multipart>=0.0.13",
    ),
}


class MissingLibraryError(TranslatorError):
    """An optional library that is not installed; the hint names the packages of the extra.

    `pip install '.[plot]'` works in a checkout only, and the name of this package without a path
    may be another one's in an index.
    """

    def __init__(self, message: str, extra: str) -> None:
        packages = " ".join(f"'{package}'" for package in _EXTRAS[extra])
        super().__init__(message, f"Install it with: pip install {packages}")


class FullDiskError(OSError):
    """A file for which there is no room; `strerror` says how much it needs and how much is free."""


@contextmanager
def writing(file: Path, size: int | None = None) -> Iterator[None]:
    """Complete an OSError that says of `file`, of `size` bytes if that is known, too little.

    The system says neither which file was being written nor, of a full disk, how full it is.
    """
    try:
        yield
    except FullDiskError:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            error.filename = error.filename or str(file)
            raise
        folder = next(each for each in file.absolute().parents if each.exists())
        needed = f"{size:,} bytes are needed and " if size is not None else ""
        free = f"{shutil.disk_usage(folder).free:,} bytes are free in {folder}"
        why = f"{error.strerror}; {needed}{free}"
        raise FullDiskError(error.errno, why, str(file)) from None


def check_list(function: str, *lists: object) -> None:
    """Raise TypeError for a text where texts are wanted: it would be read letter by letter."""
    if any(isinstance(each, str) for each in lists):
        raise TypeError(f"{function}() takes a list of texts; put the one text in a list")


def check_texts(function: str, *lists: Sequence[str]) -> None:
    """Raise TypeError for what is no list of texts: one text, or a list that holds None."""
    check_list(function, *lists)
    for each in lists:
        if not isinstance(each, Iterable):
            raise TypeError(f"{function}() takes a list of texts, not {_kind(each)}")
        for index, text in enumerate(each):
            if not isinstance(text, str):
                raise TypeError(f"{function}() takes texts, but at index {index} is {_kind(text)}")


def check_text(function: str, text: str) -> None:
    """Raise TypeError for what is no text."""
    if not isinstance(text, str):
        raise TypeError(f"{function}() takes a text, not {_kind(text)}")


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__
