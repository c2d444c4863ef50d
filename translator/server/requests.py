"""Who may ask, how often and how much: requests are read within limits, and checked."""

import secrets
import time
from collections import Counter
from typing import TypeVar
from urllib.parse import parse_qs

import anyio
from fastapi import HTTPException, Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from translator.server.interface import FORM, JSON, ApiRequest
from translator.server.settings import ServerSettings

_Request = TypeVar("_Request", bound=ApiRequest)


class Gate:
    """What a request must pass."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._minute = 0
        self._asked: Counter[str] = Counter()  # of this minute, by address

    def check_rate(self, request: Request) -> None:
        """429 for an address that has asked too often within this minute of the clock."""
        minute, second = divmod(int(time.time()), 60)
        if minute != self._minute:
            self._minute = minute
            self._asked.clear()
        address = request.client.host if request.client else ""
        self._asked[address] += 1
        limit = self._settings.requests_per_minute
        if limit and self._asked[address] > limit:
            raise HTTPException(
                429, f"more than {limit} requests in a minute", {"Retry-After": str(60 - second)}
            )

    def check_key(self, asked: ApiRequest) -> None:
        """403 without the right key; how long that takes tells nothing about the key."""
        key = self._settings.api_key
        if key is not None and not secrets.compare_digest(asked.api_key.encode(), key.encode()):
            raise HTTPException(403, "the api_key is missing or wrong")

    def check_size(self, texts: list[str]) -> None:
        """413 for more characters than a request may have; a text counts one more than it has."""
        if sum(len(text) + 1 for text in texts) > self._settings.max_characters + 1:
            limit = self._settings.max_characters
            raise HTTPException(413, f"more than {limit:,} characters")

    async def read(self, request: Request) -> bytes:
        """The body. 413 when it is too long, 408 when it does not come in time."""
        body = bytearray()
        too_long = False
        try:
            with anyio.fail_after(self._settings.request_seconds):
                async for part in request.stream():
                    too_long |= len(body) + len(part) > self._settings.max_bytes
                    if not too_long:  # else it is thrown away: many clients read no answer before
                        body += part
        except TimeoutError:
            raise HTTPException(
                408, "the body did not come in time", {"Connection": "close"}
            ) from None
        except ClientDisconnect:
            raise HTTPException(400, "the client has left") from None
        if too_long:
            raise HTTPException(413, f"more than {self._settings.max_bytes:,} bytes")
        return bytes(body)


def parse(model: type[_Request], body: bytes, content_type: str) -> _Request:
    """The body as a request of this kind; 400 says what is wrong with it, 415 not JSON or form."""
    kind = content_type.split(";")[0].strip().lower()
    try:
        if kind == JSON:
            return model.model_validate_json(body, strict=True)
        if kind == FORM:
            fields = parse_qs(body.decode(), keep_blank_values=True, errors="strict")
            plain = {k: each[0] if len(each) == 1 else each for k, each in fields.items()}
            return model.model_validate_strings(plain)
    except ValidationError as error:
        raise HTTPException(400, _mistakes(error)) from None
    except ValueError:  # UnicodeDecodeError, too many fields
        raise HTTPException(400, "the form is not valid UTF-8") from None
    raise HTTPException(415, f"the Content-Type must be {JSON} or {FORM}")


def _mistakes(error: ValidationError) -> str:
    """One sentence about each mistake, and nothing of what was sent."""
    mistakes = []
    for each in error.errors(include_input=False, include_url=False, include_context=False):
        place = ".".join(str(part) for part in each["loc"])
        mistakes.append(f"{place}: {each['msg']}" if place else each["msg"])
    return "; ".join(mistakes)
