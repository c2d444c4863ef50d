"""Files that are sent to be translated: read within limits, and kept until they are fetched."""

import io
import secrets
import threading
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import NamedTuple

from translator.documents import (
    Aligned,
    Attention,
    Format,
    Settings,
    blocks,
    check_document,
    read_document,
    translate_block,
)
from translator.errors import DataError
from translator.hypotheses import Translation
from translator.server.settings import ServerSettings
from translator.server.worker import BusyError

_MAX_KEPT_FILES = 8  # of the largest size
_LOOK_SECONDS = 0.5  # how often it is looked whether the client is still there
_TEXTS_AT_ONCE = 64

Submit = Callable[[list[str]], "Future[list[Translation]]"]


class Upload(NamedTuple):
    """A file that was sent."""

    name: str
    data: bytes


class Downloads:
    """Translated files, in memory, under names that nobody can guess.

    The oldest go when `seconds` are over, or when all have more than `max_bytes`.
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._files: dict[str, tuple[float, bytes]] = {}

    @classmethod
    def of(cls, settings: ServerSettings) -> "Downloads":
        """As many as a server may keep."""
        return cls(settings.file_seconds, _MAX_KEPT_FILES * settings.max_file_bytes)

    def add(self, name: str, data: bytes) -> str:
        """Keep a file; what it is found by."""
        found_by = f"{secrets.token_urlsafe(16)}.{name}"
        self._files[found_by] = (time.monotonic(), data)
        self._drop()
        return found_by

    def get(self, found_by: str) -> bytes | None:
        """A file, if it is still kept."""
        self._drop()
        return self._files.get(found_by, (0.0, None))[1]

    def _drop(self) -> None:
        now, size = time.monotonic(), sum(len(data) for _, data in self._files.values())
        for name, (added, data) in list(self._files.items()):
            if now - added > self._seconds or size > self._max_bytes:
                del self._files[name]
                size -= len(data)


class FileTranslation:
    """The translation of a file, by texts that a worker gets between those of others."""

    def __init__(
        self, upload: Upload, languages: tuple[str, str], settings: ServerSettings
    ) -> None:
        """Read the file; DataError for what cannot be, or is larger than it may be."""
        name = Path(upload.name)
        if name.suffix.lower() not in Format.endings():
            raise DataError("files of this format are not translated here", _formats())
        if name.suffix.lower() in Format.endings_of_zips():
            _check_unpacked(upload.data, settings.max_file_bytes)
        self.name = f"{name.stem}_{languages[1]}{name.suffix}"
        self._settings = settings
        self._language = languages[1]
        check_document(upload.data, Format.of(name))
        lines = io.BytesIO(upload.data)
        self._document = read_document(lines, Settings(Format.of(name), languages))
        self._segments = list(self._document.segments)
        texts = [text for segment in self._segments for text in segment.texts]
        self.texts = list(dict.fromkeys(texts))

    def run(
        self,
        submit: Submit,
        word_attention: Callable[[str, str], Attention],
        gone: threading.Event,
    ) -> bytes:
        """Translate it. BusyError when its time is over, or the client is said to be gone."""
        deadline = time.monotonic() + self._settings.file_seconds

        def translate(texts: list[str]) -> list[str]:
            found: list[str] = []
            for group in _groups(texts, self._settings.max_characters):
                found += [
                    Aligned(each.text, each.source, word_attention, self._language)
                    for each in _waited_for(submit, group, deadline, gone)
                ]
            return found

        parts = [
            translate_block(each, translate) for each in blocks(self._segments, _TEXTS_AT_ONCE)
        ]
        data = b"".join(map(self._document.encode, parts))
        return self._document.pack(data) if self._document.pack else data


def _formats() -> str:
    return f"Send one of {', '.join(Format.endings())}."


def _check_unpacked(data: bytes, max_bytes: int) -> None:
    """Raise DataError for a zip that holds much more than it seems."""
    try:
        size = sum(each.file_size for each in zipfile.ZipFile(io.BytesIO(data)).infolist())
    except (zipfile.BadZipFile, ValueError, OSError):
        return  # whoever reads it says so
    if size > 10 * max_bytes:
        raise DataError("unpacked it is too large", f"At most {10 * max_bytes:,} bytes are read.")


def _groups(texts: list[str], characters: int) -> list[list[str]]:
    """Texts in groups of at most `characters` characters, or of one text that has more."""
    groups: list[list[str]] = []
    room = 0
    for text in texts:
        if not groups or len(text) > room:
            groups.append([])
            room = characters
        groups[-1].append(text)
        room -= len(text)
    return groups


def _waited_for(
    submit: Submit, texts: list[str], deadline: float, gone: threading.Event
) -> list[Translation]:
    """The translations of texts; while the worker has too much to do, they wait outside."""
    while not gone.is_set() and time.monotonic() < deadline:
        try:
            future = submit(texts)
        except BusyError:
            gone.wait(_LOOK_SECONDS)
            continue
        while not gone.is_set() and time.monotonic() < deadline:
            if wait([future], timeout=_LOOK_SECONDS).done:
                return future.result()
        future.cancel()
    raise BusyError("the translation took too long")
