"""What may be asked of a server, and by whom."""

from dataclasses import dataclass

from translator.server.keys import AccessKey

MAX_ALTERNATIVES = 10
MAX_TERMS = 1000  # of a glossary
_CHARACTERS_OF_A_FILE = 100  # as many as those of a request
_SECONDS_OF_A_FILE = 20  # as many as those of a request
_BYTES_OF_A_CHARACTER = 12  # as %F0%9F%98%80, the longest of its spellings


@dataclass(frozen=True)
class ServerSettings:
    """Limits of a server. What passes a limit is refused before it costs much."""

    api_key: str | None = None  # what requests must carry
    keys: tuple[AccessKey, ...] = ()  # or one of these, which have limits of their own
    allowed_origins: tuple[str, ...] = ()  # other sites whose pages may ask: CORS
    max_characters: int = 5000  # of all texts of a request
    max_waiting: int = 256  # requests in the queue; one more gets 503
    request_seconds: float = 30.0  # in which a body must have come, then a translation be done
    requests_per_minute: int = 0  # of one address; one more gets 429; 0: any number
    max_file_bytes: int = 10_000_000  # of a file to translate

    @property
    def max_bytes(self) -> int:
        """How long a body may be: all characters in their longest spelling, and their names."""
        allowed = [key.max_characters or 0 for key in self.keys]
        return _BYTES_OF_A_CHARACTER * max(self.max_characters, *allowed, 0) + 4096

    @property
    def all_keys(self) -> tuple[AccessKey, ...]:
        """The keys, one of which requests must carry if there are any."""
        plain = () if self.api_key is None else (AccessKey.model_construct(key=self.api_key),)
        return (*plain, *self.keys)

    @property
    def max_file_characters(self) -> int:
        """Of all texts of a file."""
        return _CHARACTERS_OF_A_FILE * self.max_characters

    @property
    def file_seconds(self) -> float:
        """In which a file must be translated, and how long it is kept then."""
        return _SECONDS_OF_A_FILE * self.request_seconds
