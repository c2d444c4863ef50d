"""The keys of a server, each with limits of its own, in a file."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from translator.errors import ConfigError

_HINT = (
    'It is a YAML list of entries such as "- key: SECRET", each with requests_per_minute and '
    "max_characters if wanted."
)


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
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}", _HINT) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: bytes, a 13th month
        mark = getattr(error, "problem_mark", None)
        place = f"{file}, line {mark.line + 1}," if mark else f"{file}"
        raise ConfigError(f"{place} is no YAML", _HINT) from None
    if not isinstance(content, list) or not content:
        found = "is empty" if content in (None, []) else "is no list"
        raise ConfigError(f"{file} {found}: a list of keys is wanted", _HINT)
    try:
        keys = TypeAdapter(tuple[AccessKey, ...]).validate_python(content)
    except ValidationError as error:
        raise ConfigError(f"{file}: {_first_mistake(error)}", _HINT) from None
    if len({each.key for each in keys}) < len(keys):
        raise ConfigError(f"{file}: a key is there twice", _HINT)
    return keys


def _first_mistake(error: ValidationError) -> str:
    """What is wrong with which entry, without what may be a key: neither values nor other names."""
    first = error.errors(include_input=False, include_url=False)[0]
    number, *name = first["loc"]
    place = " ".join([f"entry {int(number) + 1}", *map(str, name)])
    match first["type"]:
        case "model_type" | "missing":
            return f'entry {int(number) + 1} is not of the form "key: SECRET"'
        case "extra_forbidden":  # beside a key: one that is missing comes first
            return f"{place} is unknown: {', '.join(AccessKey.model_fields)} are known"
        case "string_type":
            return f'{place} is no text: put it in quotes ("…")'
    return f"{place}: {first['msg'].lower()}"
