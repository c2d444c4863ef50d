"""Who may ask, how often and how much: requests are read within limits, and checked."""

import io
import secrets
import time
from collections import Counter
from typing import Any, TypeVar
from urllib.parse import parse_qs

import anyio
import python_multipart
from fastapi import HTTPException, Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from translator.server.files import Upload
from translator.server.interface import FORM, JSON, MULTIPART, ApiRequest
from translator.server.keys import AccessKey
from translator.server.settings import ServerSettings

_MOST_THROWN_AWAY = 100_000_000  # bytes of a body that is too long
_Request = TypeVar("_Request", bound=ApiRequest)


class Gate:
    """What a request must pass."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._minute = 0
        self._asked: Counter[tuple[str, str]] = Counter()  # of this minute, by address or key

    def check_rate(self, request: Request) -> None:
        """429 for an address that has asked too often within this minute of the clock.

        Where keys may have limits of their own, `check_key` sees to it.
        """
        if not self._settings.keys:
            self._count("address", _address(request), self._settings.requests_per_minute)

    def check_key(self, asked: ApiRequest, request: Request) -> AccessKey | None:
        """The key of a request, where one is wanted; 403 without a right one, 429 as above.

        It is the request's `api_key`, else that of the header `Authorization: Bearer KEY`. How long
        the comparison takes tells nothing about the keys.
        """
        sent, found = asked.api_key.encode() or _bearer(request), None
        for key in self._settings.all_keys:
            if secrets.compare_digest(sent, key.key.encode()):
                found = key
        if found and found.requests_per_minute is not None:
            self._count("key", found.key, found.requests_per_minute)
        elif self._settings.keys:
            self._count("address", _address(request), self._settings.requests_per_minute)
        if self._settings.all_keys and not found:
            raise HTTPException(403, "the api_key is missing or wrong")
        return found

    def _count(self, kind: str, name: str, limit: int) -> None:
        minute, second = divmod(int(time.time()), 60)
        if minute != self._minute:
            self._minute = minute
            self._asked.clear()
        self._asked[kind, name] += 1
        if limit and self._asked[kind, name] > limit:
            raise HTTPException(
                429, f"more than {limit} requests in a minute", {"Retry-After": str(60 - second)}
            )

    def check_size(self, texts: list[str], key: AccessKey | None = None) -> None:
        """413 for more characters than a request may have; a text counts one more than it has."""
        limit = (key and key.max_characters) or self._settings.max_characters
        if sum(len(text) + 1 for text in texts) > limit + 1:
            raise HTTPException(413, f"more than {limit:,} characters")

    async def read(self, request: Request, max_bytes: int | None = None) -> bytes:
        """The body. 413 when it is too long, 408 when it does not come in time."""
        body = bytearray()
        max_bytes = max_bytes or self._settings.max_bytes
        too_long = False
        if _declared(request) > max(max_bytes, _MOST_THROWN_AWAY):
            raise HTTPException(413, f"more than {max_bytes:,} bytes", {"Connection": "close"})
        try:
            with anyio.fail_after(self._settings.request_seconds):
                async for part in request.stream():
                    too_long |= len(body) + len(part) > max_bytes
                    if not too_long:  # else it is thrown away: many clients read no answer before
                        body += part
        except TimeoutError:
            raise HTTPException(
                408, "the body did not come in time", {"Connection": "close"}
            ) from None
        except ClientDisconnect:
            raise HTTPException(400, "the client has left") from None
        if too_long:
            raise HTTPException(413, f"more than {max_bytes:,} bytes")
        return bytes(body)


def _declared(request: Request) -> int:
    """How many bytes a body is said to have; 0 where nothing is said."""
    length = request.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0


def _bearer(request: Request) -> bytes:
    """The token of RFC 6750, as its bytes; empty where there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip().encode("latin-1") if scheme.lower() == "bearer" else b""


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def is_form(content_type: str) -> bool:
    """Whether a body has its fields as a query has them."""
    return _kind(content_type) == FORM


def _kind(content_type: str) -> str:
    return content_type.split(";")[0].strip().lower()


def parse(model: type[_Request], body: bytes, content_type: str) -> _Request:
    """The body as a request of this kind; 400 says what is wrong with it, 415 not JSON or form."""
    kind = _kind(content_type)
    try:
        if kind == JSON:
            return model.model_validate_json(body, strict=True)
        if kind == FORM:
            fields = parse_qs(body.decode(), keep_blank_values=True, errors="strict")
            return model.model_validate_strings(_plain(fields))
        if kind == MULTIPART:
            return model.model_validate_strings(_plain(_multipart(body, content_type)[0]))
    except ValidationError as error:
        raise HTTPException(400, _mistakes(error)) from None
    except ValueError:  # UnicodeDecodeError, too many fields
        raise HTTPException(400, "the form is not valid UTF-8") from None
    raise HTTPException(415, f"the Content-Type must be {JSON}, {FORM} or {MULTIPART}")


def parse_with_file(
    model: type[_Request], body: bytes, content_type: str
) -> tuple[_Request, Upload]:
    """The body of a form as a request with a file; errors as of `parse`."""
    if _kind(content_type) != MULTIPART:
        raise HTTPException(415, f"the Content-Type must be {MULTIPART}")
    try:
        fields, files = _multipart(body, content_type)
        asked = model.model_validate_strings(_plain(fields))
    except ValidationError as error:
        raise HTTPException(400, _mistakes(error)) from None
    except ValueError:
        raise HTTPException(400, "the form is broken, or not valid UTF-8") from None
    if "file" not in files:
        raise HTTPException(400, "file: Field required")
    return asked, files["file"]


def _plain(fields: dict[str, list[str]]) -> dict[str, Any]:
    return {name: each[0] if len(each) == 1 else each for name, each in fields.items()}


def _multipart(body: bytes, content_type: str) -> tuple[dict[str, list[str]], dict[str, Upload]]:
    """The fields and the files of a form in several parts; ValueError when it is broken."""
    fields: dict[str, list[str]] = {}
    files: dict[str, Upload] = {}

    def add_field(field: Any) -> None:
        fields.setdefault(field.field_name.decode(), []).append((field.value or b"").decode())

    def add_file(file: Any) -> None:
        file.file_object.seek(0)
        name = (file.file_name or b"").decode()
        files[(file.field_name or b"").decode()] = Upload(name, file.file_object.read())
        file.close()

    headers = {"Content-Type": content_type.encode(), "Content-Length": str(len(body)).encode()}
    python_multipart.parse_form(headers, io.BytesIO(body), add_field, add_file)
    return fields, files


def _mistakes(error: ValidationError) -> str:
    """One sentence about each mistake, and nothing of what was sent."""
    mistakes = []
    for each in error.errors(include_input=False, include_url=False, include_context=False):
        place = ".".join(str(part) for part in each["loc"])
        mistakes.append(f"{place}: {each['msg']}" if place else each["msg"])
    return "; ".join(mistakes)
