"""Is a file what was written? JSON objects of known fields, and checksums that files carry.

A disk or a copy may change any byte. A sealed file holds the SHA-256 of its own content: of JSON
under the key `sha256`, of tensors in the metadata of safetensors. Files that were written before
there were seals have none, and are read as they are.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import TypeAdapter, ValidationError

_SEAL = "sha256"
_TENSORS_SEAL = "tensors_sha256"
_LONGEST_HEADER = 100_000_000  # bytes, as safetensors has it

T = TypeVar("T")


def lines_sha256(lines: Iterable[str]) -> str:
    """The SHA-256 of a file of these lines, each with a line feed at its end."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


# --- JSON -----------------------------------------------------------------------------------------


def read_object(file: Path, kind: type[T]) -> T:
    """The JSON object of a file, without its seal, as a `TypedDict` or dataclass that names fields.

    Raises ValueError where it is anything else, a field has another type, or the seal is broken;
    OSError where the file cannot be read.
    """
    try:
        content = json.loads(file.read_bytes().decode("utf-8"))
        if not isinstance(content, dict):
            raise ValueError(f"it holds a {type(content).__name__}, no object")
        if content.pop(_SEAL, None) not in (None, _digest(content)):
            raise ValueError("it does not match its checksum")
        json.dumps(content, ensure_ascii=False).encode()  # half of a surrogate pair is no text
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg'].lower()}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def sealed_json(content: Mapping[str, Any]) -> bytes:
    """A JSON object with the checksum of its content."""
    return (json.dumps({**content, _SEAL: _digest(content)}, indent=2) + "\n").encode()


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


# --- tensors --------------------------------------------------------------------------------------


def sealed_tensors(data: bytes, metadata: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a safetensors file with this metadata and the checksum of all its tensors.

    Names, types, shapes and numbers count. The same tensors and metadata give the same bytes.
    """
    length = int.from_bytes(data[:8], "little")
    header, numbers = json.loads(data[8 : 8 + length]), memoryview(data)[8 + length :]
    header.pop("__metadata__", None)
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    digest.update(numbers)
    sealed = {"__metadata__": {**(metadata or {}), _TENSORS_SEAL: digest.hexdigest()}, **header}
    text = json.dumps(sealed, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # as safetensors aligns the numbers
    return b"".join((len(text).to_bytes(8, "little"), text, numbers))


def tensors_metadata(file: Path, *, verify: bool = True) -> dict[str, str]:
    """The metadata of a safetensors file, after its tensors were compared with their checksum.

    A checksum costs about 0.1 s for 100 MB; without `verify` only the header is read. Raises
    ValueError where the header is damaged or the checksum is another one, OSError where the file
    cannot be read.
    """
    with file.open("rb") as stream:
        header = _header(stream, file.stat().st_size)
        metadata: dict[str, str] = header.pop("__metadata__", {})
        if not isinstance(metadata, dict):
            raise ValueError("its metadata are damaged")
        if verify and _TENSORS_SEAL in metadata:
            begun = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
            if hashlib.file_digest(stream, lambda: begun).hexdigest() != metadata[_TENSORS_SEAL]:
                raise ValueError("its tensors do not match their checksum")
    return metadata


def _header(stream: BinaryIO, size: int) -> dict[str, Any]:
    length = int.from_bytes(stream.read(8), "little")
    if length > min(size - 8, _LONGEST_HEADER):
        raise ValueError("its header is damaged")
    try:
        header = json.loads(stream.read(length).decode("utf-8"))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise ValueError("its header is damaged")
    return header
