"""What an address gives, downloaded once into a folder of the cache, and the same bytes ever after.

A folder is whole or not there: a download grows beside it, goes on where it was interrupted, and is
renamed at its end. A record in it keeps the SHA-256 of what came and of each file, which are
compared before they are used again.
"""

import fnmatch
import hashlib
import http.client
import os
import re
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from lzma import LZMAError
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from typing_extensions import TypedDict  # pydantic wants it before Python 3.12

from translator.config import FORMATS
from translator.errors import DataError, writing
from translator.files import COMPRESSIONS
from translator.integrity import read_object, sealed_json
from translator.progress import activity
from translator.version import __version__

CACHE_VARIABLE = "TRANSLATOR_CACHE"
_RECORD = ".download.json"  # no member of an archive that is kept
_PATIENCE = 10.0  # seconds without an answer
_CHUNK = 1 << 16  # bytes
_MEGABYTE = 1_000_000
_ARCHIVES = tuple(ending for _, endings, _ in shutil.get_unpack_formats() for ending in endings)
_DAMAGED = (
    *(shutil.ReadError, zipfile.BadZipFile, tarfile.TarError, zlib.error, LZMAError, EOFError),
    RuntimeError,  # of a zip with a password, or packed as few are
)


class AbsentError(DataError):
    """An address that gives nothing."""


@dataclass(frozen=True)
class Address:
    """Where a file is, and what is known of it."""

    url: str
    # Of an archive: what the files that are wanted match, and what to call them; empty: all, as is.
    members: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, Any] = field(default_factory=dict)  # of a corpus, by which it is read


class Download(NamedTuple):
    """A folder of the cache."""

    folder: Path
    url: str  # that it came from, without a password
    sha256: str  # of what came
    files: tuple[str, ...]  # paths in the folder
    keys: Mapping[str, Any]  # of a corpus, by which it is read


class DownloadRecord(TypedDict):
    """What is kept of a download."""

    url: str
    download_sha256: str
    files: dict[str, str]  # the SHA-256 of each by its path
    keys: dict[str, Any]


_known: dict[Path, Download] = {}  # compared with their records by this process


def downloaded(
    name: str, addresses: Callable[[], Sequence[Address]], *, part: str = "", title: str = ""
) -> Download:
    """The download of a name, or a part of it, from the first of some addresses that has it.

    They are asked for only where the cache has nothing. Other processes wait, and find it there.
    `title` is what it is called while it is under way. Raises DataError for what is not to be had,
    and for a folder that is not what was downloaded.
    """
    folder = _cache() / "corpora" / _folder_name(name) / part
    if folder not in _known:
        try:
            if not (folder / _RECORD).is_file():
                with activity(f"downloading {title or file_name(name)}"), _alone(folder):
                    if not (folder / _RECORD).is_file():
                        _fetch(addresses(), folder)
            with activity(f"comparing {title or file_name(name)} with its checksums"):
                _known[folder] = _compared(folder)
        except OSError as error:
            raise DataError(
                f"{folder.parent} cannot keep {shown(name)}: {error.strerror or error}",
                f"Make room there, or name another folder in {CACHE_VARIABLE}.",
            ) from None
    return _known[folder]


def shown(url: str) -> str:
    """An address without a user's name and password."""
    return re.sub(r"(?<=://)[^/@]*@", "", url)


def file_name(url: str) -> str:
    """The name of what an address gives: the last part of it that ends as files that are read do.

    >>> file_name("https://example.org/download.php?f=Books/v1/moses/en-es.txt.zip&raw=1")
    'en-es.txt.zip'
    """
    parts = [part for part in re.split(r"[/?&=#]+", unquote(url)) if part]
    known = (*FORMATS, *COMPRESSIONS, *_ARCHIVES)
    named = [part for part in parts if part.lower().endswith(known)]
    return named[-1] if named else Path(urlsplit(unquote(url)).path).name or parts[-1]


def _cache() -> Path:
    own = os.environ.get(CACHE_VARIABLE)
    if own:
        return Path(own).expanduser().absolute()
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "translator"


def _folder_name(name: str) -> str:
    """A name for people, and a hash that no other has."""
    words = re.sub(r"[^A-Za-z0-9._-]+", "-", shown(name).partition("://")[2] or name)
    return f"{words[-80:].strip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only process that makes a folder; wait for another one."""
    import filelock

    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        with activity("waiting for another process"):
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


# --- making a folder ------------------------------------------------------------------------------


def _fetch(addresses: Sequence[Address], folder: Path) -> None:
    """Download into a folder beside it, of which the next process goes on, and make the folder."""
    partial = folder.with_name(f".{folder.name}.partial")
    made = folder.with_name(f".{folder.name}.made")
    address, received = _received(addresses, partial)
    try:
        with activity("storing"):
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            sha256 = _sha256(received)
            _unpack(received, made)
            files = {name: _sha256(made / name) for name in _wanted(made, address.members)}
            record = DownloadRecord(
                url=shown(address.url),
                download_sha256=sha256,
                files=files,
                keys={**address.keys},
            )
            (made / _RECORD).write_bytes(sealed_json({**record}))
            shutil.rmtree(folder, ignore_errors=True)  # what somebody has left of it
            made.rename(folder)
            shutil.rmtree(partial)
    except _DAMAGED as error:
        shutil.rmtree(partial)
        raise DataError(
            f"{shown(address.url)} gives a damaged archive, or none ({_reason(error)})",
            "Try again; if it stays so, only its owners can mend it.",
        ) from None
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _received(addresses: Sequence[Address], partial: Path) -> tuple[Address, Path]:
    """The first address that gives something, and what it gives as a file of a folder."""
    for number, address in enumerate(addresses, start=1):
        file = partial / file_name(address.url)
        try:
            if not file.is_file():
                _receive(address.url, file)
        except AbsentError:
            if number == len(addresses):
                raise
        else:
            return address, file
    raise ValueError("there are no addresses")


def _unpack(file: Path, folder: Path) -> None:
    """Put a file, or what it holds if it is an archive, into a folder."""
    name = file.name.lower()
    is_named = name.endswith((*FORMATS, *COMPRESSIONS, *_ARCHIVES))
    if zipfile.is_zipfile(file) if not is_named else name.endswith(".zip"):
        shutil.unpack_archive(file, folder, "zip")
    elif tarfile.is_tarfile(file) if not is_named else name.endswith(_ARCHIVES):
        with tarfile.open(file) as archive:
            archive.extractall(folder, filter="data")
    else:
        file.rename(folder / file.name)


def _wanted(folder: Path, members: Mapping[str, str]) -> list[str]:
    """The paths of the files of a folder that are wanted, under the names that they are to have.

    All others are deleted.
    """
    wanted = []
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        name = file.relative_to(folder).as_posix()
        own = next((new for each, new in members.items() if fnmatch.fnmatch(name, each)), None)
        is_hidden = any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
        is_text = file.suffix != ".ids"  # OPUS: where in which documents the sentences stand
        if own or (is_text and not is_hidden and (own is not None or not members)):
            wanted.append(own or name)
            file.rename(folder / wanted[-1])
        else:
            file.unlink()
    return wanted


# --- receiving ------------------------------------------------------------------------------------


class _Answer(NamedTuple):
    """What a server begins to send."""

    stream: IO[bytes] | http.client.HTTPResponse
    first: int  # number of the first byte of it
    size: int | None  # of the whole, where that is known
    version: str  # a tag or a time that changes with the content


def _receive(url: str, file: Path) -> None:
    """Download a file, from where an earlier process was interrupted, if it is the same still."""
    part, version = (file.with_name(f"{file.name}.{each}") for each in ("part", "version"))
    with activity("receiving", unit="MB") as progress:
        known = version.is_file() and part.is_file()
        answer = _ask(
            url,
            part.stat().st_size if known else 0,
            version.read_text(encoding="utf-8") if known else "",
        )
        with closing(answer.stream):
            file.parent.mkdir(parents=True, exist_ok=True)
            if not answer.first:
                part.unlink(missing_ok=True)  # before it could be taken for one of this version
            version.write_text(answer.version, encoding="utf-8")
            done = answer.first
            progress.total = None if answer.size is None else -(-answer.size // _MEGABYTE)
            progress.first = done // _MEGABYTE
            with _room_for(part, answer.size), part.open("ab" if done else "wb") as output:
                for chunk in _chunks(answer, url):
                    output.write(chunk)
                    done += len(chunk)
                    progress.done = done // _MEGABYTE
                output.flush()
                os.fsync(output.fileno())
        if answer.size not in (None, done):
            raise _broken(url, f"{done:,} of {answer.size:,} bytes came")
    part.replace(file)


@contextmanager
def _room_for(part: Path, size: int | None) -> Iterator[None]:
    """Leave no disk full: a part that cannot grow is deleted, and what is free then is told."""
    with writing(part, size):
        try:
            yield
        except OSError:
            part.unlink(missing_ok=True)
            raise


def _ask(url: str, first: int, version: str) -> _Answer:
    """Ask for what an address gives, of this version from the first byte that is not there yet."""
    if not url.startswith(("http://", "https://")):
        return _ask_fsspec(url)
    headers = {"User-Agent": f"translator/{__version__}", "Accept-Encoding": "identity"}
    if first and version:
        headers |= {"Range": f"bytes={first}-", "If-Range": version}
    request = urllib.request.Request(quote(url, safe="%/:=&?~#+!$,;'@()*[]"), headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=_PATIENCE)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # all of it came, and no process lived to say so
            return _ask(url, 0, "")
        raise _refused(url, error) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(
            f"cannot reach {shown(url)} ({_reason(error)})",
            "Check the network and the address; what was downloaded before needs no network.",
        ) from None
    if response.headers.get_content_type() == "text/html":
        response.close()
        raise DataError(
            f"{shown(url)} gives a web page, not a file",
            "Name the address of the file itself; where a page shows it, that of Download or Raw.",
        )
    is_rest = response.status == http.HTTPStatus.PARTIAL_CONTENT
    begin = first if is_rest else 0
    length = response.headers.get("Content-Length")
    tag = response.headers.get("ETag", "")
    return _Answer(
        response,
        begin,
        None if length is None else begin + int(length),
        response.headers.get("Last-Modified", "") if tag.startswith("W/") else tag,
    )


def _ask_fsspec(url: str) -> _Answer:
    """The same by fsspec, of which each protocol may need a package; from the first byte."""
    import fsspec

    try:
        system, path = fsspec.url_to_fs(url)
        return _Answer(system.open(path, "rb"), 0, system.size(path), "")
    except FileNotFoundError:
        raise AbsentError(f"there is nothing at {shown(url)}", "Check the address.") from None
    except Exception as error:  # those of a protocol are its own
        raise DataError(
            f"fsspec cannot open {shown(url)}: {_reason(error)}",
            "Check the address, and that the package which fsspec needs for it is installed.",
        ) from None


def _chunks(answer: _Answer, url: str) -> Iterator[bytes]:
    try:
        while chunk := answer.stream.read(_CHUNK):
            yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise _broken(url, _reason(error)) from None


def _refused(url: str, error: urllib.error.HTTPError) -> DataError:
    if error.code in (404, 410):
        return AbsentError(f"there is nothing at {shown(url)} ({error.code})", "Check the address.")
    if error.code in (401, 403):
        return DataError(
            f"{shown(url)} is not for everybody ({error.code} {error.reason})",
            "Download it as its owners ask, and name the file.",
        )
    return DataError(
        f"{shown(url)}: the server answers {error.code} {_reason(error)}", "Try again later."
    )


def _broken(url: str, reason: str) -> DataError:
    return DataError(
        f"the download of {shown(url)} broke off ({reason})",
        "The same command goes on from there, if the server allows it.",
    )


def _reason(error: BaseException) -> str:
    reason = str(getattr(error, "reason", None) or error)
    return next(iter(reason.strip().splitlines()), type(error).__name__)


# --- using a folder again -------------------------------------------------------------------------


def _compared(folder: Path) -> Download:
    """A folder, after its files were compared with its record."""
    again = f"Delete {folder}, and it is downloaded again."
    try:
        record = read_object(folder / _RECORD, DownloadRecord)
    except ValueError as error:
        raise DataError(f"{folder / _RECORD} is damaged ({error})", again) from None
    for name, sha256 in record["files"].items():
        file = folder / name
        if not file.is_file() or _sha256(file) != sha256:
            raise DataError(f"{file} is not what {record['url']} gave any more", again)
    return Download(
        folder, record["url"], record["download_sha256"], (*record["files"],), record["keys"]
    )


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
