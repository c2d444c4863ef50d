"""What may be asked of a server, and by whom."""

from dataclasses import dataclass

MAX_ALTERNATIVES = 10
_BYTES_OF_A_CHARACTER = 12  # as %F0%9F%98%80, the longest of its spellings


@dataclass(frozen=True)
class ServerSettings:
    """Limits of a server. What passes a limit is refused before it costs much."""

    api_key: str | None = None  # what requests must carry
    allowed_origins: tuple[str, ...] = ()  # other sites whose pages may ask: CORS
    max_characters: int = 5000  # of all texts of a request
    max_waiting: int = 256  # requests in the queue; one more gets 503
    request_seconds: float = 30.0  # in which a body must have come, then a translation be done
    requests_per_minute: int = 0  # of one address; one more gets 429; 0: any number

    @property
    def max_bytes(self) -> int:
        """How long a body may be: all characters in their longest spelling, and their names."""
        return _BYTES_OF_A_CHARACTER * self.max_characters + 4096
