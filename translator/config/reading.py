"""Configurations are read from YAML, `--set` and keywords; all mistakes are reported at once."""

import copy
import difflib
import itertools
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from translator.config.schema import (
    FINE_TUNING,
    FORMATS,
    INTERVALS,
    Config,
    DataConfig,
    DecodingConfig,
    LanguagePair,
    ModelConfig,
)
from translator.errors import ConfigError, check_texts

_SET = -1  # in place of the line of a key that --set gives
_PLACE_OF_SET = "--set "
_OCTAL_OR_SEXAGESIMAL = re.compile(r"[-+]?0[0-9]|.*:")
_DEEPEST = 100  # brackets of a YAML text within one another
_MOST_ALIASED = 10_000  # values that the aliases of a YAML text stand for; more are a bomb


def load_config(
    path: Path | None = None,
    overrides: Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
) -> Config:
    """Read a YAML file (or the defaults) and apply `key.key=value` overrides, values in YAML.

    `given` are values by their dotted keys, which replace those of the file and yield to the
    overrides. Raises ConfigError with every mistake at once, each with its key, value and line.
    """
    values, lines = ({}, {}) if path is None else _read_yaml(path)
    for key, value in (given or {}).items():
        _put(values, key.split("."), value, key)
    return config_of_values(values, overrides, str(path) if path else "the configuration", lines)


def config_of_values(
    values: dict[str, Any],
    overrides: Sequence[str] = (),
    origin: str = "the configuration",
    lines: dict[str, int] | None = None,
) -> Config:
    """The configuration of some values with `key.key=value` overrides, as `load_config` has it.

    The values come from `origin`, keys from these lines of it.
    """
    check_texts("load_config", overrides)
    lines = lines or {}
    for override in overrides:
        _apply_override(values, override)
        lines = _lines_with(lines, override.partition("=")[0].strip())
    return validated(values, origin, lines)


def changed_decoding(decoding: DecodingConfig, **changes: Any) -> DecodingConfig:
    """Settings with others in place of some; ConfigError for one out of its bounds."""
    try:
        return DecodingConfig.model_validate({**decoding.model_dump(), **changes})
    except ValidationError as error:
        details = error.errors()[0]
        mistake = _explain({**details, "loc": ("decoding", *details["loc"])}, {})
        raise ConfigError(mistake, f"{shipped_config()} explains every key.") from None


def starting_from(config: Config, start: Config, *, has_begun: bool = False) -> Config:
    """A configuration with the tokenizer and the model of another, whose weights it starts from.

    The dropout may differ, and the architecture, with the layers of a half that the other has not.
    Raises ConfigError when another key of these sections was set, and to something else. Keys of
    training that were not set have the values of FINE_TUNING if what is learned stays the same.
    Where directions were not set they are those of the other, or the languages that were set.
    With `has_begun`, `start` is what an earlier call has given, and its values hold.
    """
    own_keys = {"dropout", "architecture", *_layers_of_its_own(config.model, start.model)}
    values = {name: getattr(config, name) for name in type(config).model_fields}
    differing = []
    for name in ("tokenizer", "model"):
        own, theirs = getattr(config, name), getattr(start, name)
        chosen = {key: getattr(own, key) for key in own.model_fields_set}
        changes = {key: chosen.pop(key) for key in own_keys & chosen.keys()}
        differing += [
            f"{name}.{key}: {value} → {getattr(theirs, key)}"
            for key, value in chosen.items()
            if value != getattr(theirs, key)
        ]
        values[name] = theirs.model_copy(update=changes)
    if start.data.directions and "directions" not in config.data.model_fields_set:
        values["data"] = _with_directions(config.data, start.data.directions)
    if has_begun or goes_on(config, start):
        known = {k: getattr(start.training, k) for k in FINE_TUNING} if has_begun else FINE_TUNING
        own_training = config.training.model_fields_set
        unset = {k: v for k, v in known.items() if k not in own_training}
        training = config.training.model_copy(update=unset)
        values["training"] = training.model_copy(update=training.fitting_intervals(own_training))
    if differing:
        raise ConfigError(
            f"{config.training.start_from} has another shape ({'; '.join(differing)})",
            "Leave these keys out: the run that training starts from gives them.",
        )
    return validated(values, f"the configuration with {config.training.start_from}")


def going_on(config: Config, begun: Config, chosen: Collection[str]) -> Config:
    """A configuration with the intervals of the run that it continues, but for keys chosen.

    Earlier versions fitted none of them to the steps of a training.
    """
    kept = {key: getattr(begun.training, key) for key in INTERVALS if key not in chosen}
    return config.model_copy(update={"training": config.training.model_copy(update=kept)})


def _with_directions(data: DataConfig, directions: list[LanguagePair]) -> dict[str, Any]:
    """Values of a section with the directions of another, as far as they are of its languages."""
    languages = data.model_fields_set & {"source_language", "target_language"}
    own = {key: getattr(data, key) for key in languages}
    meant = [
        pair
        for pair in directions
        if own.get("source_language", pair.source) == pair.source
        and own.get("target_language", pair.target) == pair.target
    ]
    return {**data.model_dump(exclude_unset=True), "directions": meant or [data.direction]}


def goes_on(config: Config, start: Config) -> bool:
    """Whether a configuration learns, with the same architecture, what another has learned."""
    same_model = config.model.architecture == start.model.architecture
    return same_model and config.training.objective == start.training.objective


def _layers_of_its_own(model: ModelConfig, start: ModelConfig) -> list[str]:
    """The number of layers of the half that a model has and the one it starts from has not."""
    match start.architecture, model.architecture:
        case ("encoder_only", "encoder_decoder" | "decoder_only"):
            return ["decoder_layers"]
        case ("decoder_only", "encoder_decoder" | "encoder_only"):
            return ["encoder_layers"]
    return []


def validated(values: dict[str, Any], origin: str, lines: dict[str, int] | None = None) -> Config:
    """The configuration of some values, which come from `origin`, keys from these lines of it.

    Raises ConfigError with every mistake at once.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        mistakes = [_explain(details, lines or {}) for details in error.errors()]
        message = (
            f"{origin}: {mistakes[0]}"
            if len(mistakes) == 1
            else (
                f"{len(mistakes)} mistakes in {origin}:"
                + "".join(f"\n  {each}" for each in mistakes)
            )
        )
        raise ConfigError(message, f"{shipped_config()} explains every key.") from None


def shipped_config(name: str = "default.yaml") -> Path:
    """Where a configuration that comes with this package lies on this machine.

    Below the current directory, in an installed package, or beside the package in a checkout.
    """
    package = Path(__file__).parents[1]
    folders = [Path("configs"), package / "configs", package.parent / "configs"]
    found = (folder / name for folder in folders if (folder / name).is_file())
    return next(found, folders[0] / name)


# --- reading YAML ---------------------------------------------------------------------------------


def _read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """The values of a YAML file, and the line on which each dotted key stands."""
    path = _meant(path)
    values, keys = copy.deepcopy(_parse_file(path, _text_of(path)))
    if values is None:
        return {}, {}
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path} holds no `key: value` lines",
            _if_a_corpus(path) or f"See {shipped_config()} for an example.",
        )
    lines: dict[str, int] = {}
    for key, line in keys:
        if key in lines:
            raise ConfigError(
                f"{path}: {key} is set twice, in lines {lines[key]} and {line}",
                "Delete one of them.",
            )
        lines[key] = line
    return values, lines


def _meant(path: Path) -> Path:
    """A path itself, or what comes with this package for a bare name such as `ten-minutes`."""
    shipped = shipped_config(f"{path}.yaml")
    is_bare = path.name == str(path) and not path.suffix and not path.exists()
    return shipped if is_bare and shipped.is_file() else path


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration file {path}", _instead_of(path)) from None
    except IsADirectoryError:
        raise ConfigError(
            f"{path} is a directory, not a configuration file", _near_yaml(path)
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not UTF-8 (byte {error.start})",
            _if_a_corpus(path) or "Save the file as UTF-8.",
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", _near_yaml(path)) from None


@lru_cache(maxsize=8)  # a command asks for the same file several times: 30 ms each
def _parse_file(path: Path, text: str) -> tuple[Any, list[tuple[str, int]]]:
    """The value of a file's text, and the line of each dotted key as often as it is set."""
    try:
        return _parse_yaml(text, str(path))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}, line {mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(
            f"{place}: broken YAML: {problem}", _if_a_corpus(path) or "Mind the indentation."
        ) from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply", "See configs/default.yaml.") from None
    except ValueError as error:  # a 13th month, half of a surrogate pair
        raise ConfigError(
            f"{path} holds a value that YAML cannot read: {error}", 'Put it in quotes ("…").'
        ) from None


def _parse_yaml(text: str, origin: str) -> tuple[Any, list[tuple[str, int]]]:
    """The value of a YAML text, which comes from `origin`, and the line of each dotted key.

    Raises ConfigError for aliases that stand for more values than anybody writes, yaml.YAMLError
    or ValueError for what else cannot be read, RecursionError for endless nesting.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, []
        sizes: dict[int, float] = {}
        if _size(node, sizes) - len(sizes) > _MOST_ALIASED:
            raise ConfigError(
                f"{origin}: its aliases stand for more than {_MOST_ALIASED:,} values",
                "Aliases (*name) within one another multiply: write out what they name.",
            )
        keys = list(_keys_with_lines(node, ()))  # to construct it mixes in what `<<` names
        return loader.construct_document(node), keys
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """Refuses deep nesting in brackets: PyYAML takes the square of its depth as time.

    Numbers are those of YAML 1.2: 010 is not 8, and 1:30 is not 90 but a text.
    """

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:  # noqa: N803
        if self.flow_level >= _DEEPEST:
            raise yaml.MarkedYAMLError(
                problem=f"more than {_DEEPEST} brackets within one another",
                problem_mark=self.get_mark(),
            )
        super().fetch_flow_collection_start(TokenClass)

    def _int(self, node: yaml.ScalarNode) -> int | str:
        is_other = _OCTAL_OR_SEXAGESIMAL.match(node.value)
        return node.value if is_other else self.construct_yaml_int(node)

    def _float(self, node: yaml.ScalarNode) -> float | str:
        return node.value if ":" in node.value else self.construct_yaml_float(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader._int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader._float)


def _size(node: yaml.Node, sizes: dict[int, float]) -> float:
    """How many nodes a node holds with its aliases written out; `sizes` are those known by id."""
    if id(node) not in sizes:
        sizes[id(node)] = math.inf  # of an alias within itself
        children: list[yaml.Node] = []
        match node:
            case yaml.ScalarNode():
                node.value.encode("utf-8")
            case yaml.SequenceNode():
                children = node.value
            case yaml.MappingNode():
                children = list(itertools.chain.from_iterable(node.value))
        sizes[id(node)] = 1 + sum(_size(child, sizes) for child in children)
    return sizes[id(node)]


def _instead_of(path: Path) -> str:
    """What there is instead of a configuration file that is not there."""
    shipped = shipped_config(path.name)
    if shipped.is_file():
        return f"This package has it: {shipped}"
    folder = shipped_config().parent
    names = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
    return f"Name a .yaml file, a corpus such as mine.en-es.tsv, or one of {folder}: {names}."


def _if_a_corpus(path: Path) -> str:
    """What to do with a file that is given in place of a configuration; empty for YAML."""
    endings = {suffix.lower() for suffix in path.suffixes}
    if endings & {".yaml", ".yml"} or endings == {".json"}:
        return ""
    if endings & FORMATS.keys():
        return f"A configuration is a .yaml file. To train on a corpus: --set data.train={path}"
    return f"A configuration is a .yaml file; a corpus ends in {', '.join(FORMATS)}."


def _near_yaml(path: Path) -> str:
    files = sorted(path.glob("*.yaml")) if path.is_dir() else []
    return f"Name the file, such as {files[0]}." if files else "Name a readable .yaml file."


def _keys_with_lines(node: yaml.Node | None, parents: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _keys_with_lines(item, (*parents, str(index)))
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            path = (*parents, str(key_node.value))
            yield ".".join(path), key_node.start_mark.line + 1
            yield from _keys_with_lines(value_node, path)


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(
            f"--set {override!r} is not of the form key=value",
            "For example: --set training.max_steps=500",
        )
    try:
        override.encode("utf-8")
        value, _ = _parse_yaml(text, f"--set {override!r}")
    except UnicodeEncodeError:
        raise ConfigError(f"--set {override!r} is not UTF-8", "Write it in UTF-8.") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        value = text  # a path with a colon or a brace is meant as it stands
    if isinstance(value, dict) and not text.lstrip().startswith("{"):
        value = text
    _put(values, parts, value, f"--set {override!r}")


def _lines_with(lines: dict[str, int], key: str) -> dict[str, int]:
    """Where keys come from after --set has given one, and what the file had below it is no more.

    A section around it that the file does not have comes from --set, too.
    """
    parts = key.split(".")
    around = {".".join(parts[:length]): _SET for length in range(1, len(parts))}
    kept = {each: line for each, line in lines.items() if not each.startswith(f"{key}.")}
    return {**around, **kept, key: _SET}


def _put(values: dict[str, Any], parts: Sequence[str], value: Any, origin: str) -> None:
    """Set a key that lies within sections; `origin` is what asks for it."""
    for part in parts[:-1]:
        nested = values.get(part)
        if not isinstance(nested, dict | None):
            raise ConfigError(f"{origin}: {part} has no keys below it", "Check the key.")
        values[part] = dict(nested or {})  # a copy: a YAML alias may name it elsewhere too
        values = values[part]
    values[parts[-1]] = value


# --- explaining mistakes --------------------------------------------------------------------------


def _explain(details: ErrorDetails, lines: dict[str, int]) -> str:
    """One mistake as `line 3: training.max_setps: unknown key (did you mean max_steps?)`."""
    location = _location(details, lines)
    place = _place(location, lines)
    key = ".".join(location)
    problem = (
        _unknown_key(location) if details["type"] == "extra_forbidden" else _wrong_value(details)
    )
    if details["type"] == "string_type" and isinstance(details["input"], int | float | date):
        quoted = f"--set '{key}=\"…\"'" if place == _PLACE_OF_SET else '"…"'
        problem += f": put it in quotes ({quoted})"
    return place + ": ".join(filter(None, [key, problem]))


def _location(details: ErrorDetails, lines: dict[str, int]) -> list[str]:
    """The keys that lead to a mistake, as they stand in the file."""
    location = [str(part) for part in details["loc"] if part != "[key]"]
    if location[:3] == ["data", "train", "0"] and "data.train.0.path" not in lines:
        del location[2]  # a single corpus was written without a list
    return location


def _place(location: Sequence[str], lines: dict[str, int]) -> str:
    """The line of a key, or else of the innermost section around it that has one."""
    keys = (".".join(location[:length]) for length in range(len(location), 0, -1))
    line = next((lines[key] for key in keys if key in lines), None)
    if line is None:
        return ""
    return _PLACE_OF_SET if line == _SET else f"line {line}: "


def _unknown_key(location: Sequence[str]) -> str:
    known = _known_keys(location[:-1])
    close = difflib.get_close_matches(location[-1], known, n=1)
    guess = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
    return f"unknown key ({guess})"


def _wrong_value(details: ErrorDetails) -> str:
    if details["type"] == "model_type" and details["input"] is None:
        return "nothing stands below it: indent its keys, or delete the line"
    message = details["msg"].removeprefix("Value error, ")
    if message[1:2].islower():
        message = message[0].lower() + message[1:]
    if details["type"] == "model_type" or isinstance(details["input"], dict | BaseModel):
        return message
    return f"{message}, not {details['input']!r}"


def _known_keys(location: Sequence[str]) -> list[str]:
    """The keys that the schema knows below a location; falls back to the top level."""
    section: type[BaseModel] = Config
    for part in location:
        field = section.model_fields.get(part)
        nested = _section_of(field.annotation) if field else None
        section = nested or section
    return list(section.model_fields)


def _section_of(annotation: Any) -> type[BaseModel] | None:
    """The Section in `Section`, `Section | None`, `list[Section]` or `dict[str, Section]`."""
    candidates = [annotation, *get_args(annotation)]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
