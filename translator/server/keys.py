"""The keys of a server, each with limits of its own, in a file."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from translator.errors import ConfigError

_HINT = """It is a list: "- key: SECRET", with requests_per_minute and max_characters if wanted."""


class AccessKey(BaseModel):
    """A key, and its limits in place of the server's; None leaves these."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(min_length=1)
    requests_per_minute: int | None = Field(None, ge=0)  # 0: any number
    max_characters: int | None = Field(None, ge=1)  # of all texts of a request


def read_keys(file: Path) -> tuple[AccessKey, ...]:
    """The keys of a YAML file; ConfigError where it is none, and for a key that is there twice."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        keys = TypeAdapter(tuple[AccessKey, ...]).validate_python(content)
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}", "Check --keys.") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{file}{place}: no YAML", _HINT) from None
    except ValidationError as error:
        mistakes = error.errors(include_input=False, include_url=False)  # an input may be a key
        said = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in mistakes)
        raise ConfigError(f"{file}: {said}", _HINT) from None
    if len({each.key for each in keys}) < len(keys) or not keys:
        raise ConfigError(f"{file}: {'a key is there twice' if keys else 'no key'}", _HINT)
    return keys
