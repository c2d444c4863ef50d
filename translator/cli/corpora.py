"""What is meant by the arguments of `train` and `data`: a configuration, or corpora themselves."""

import glob
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from unicodedata import combining, normalize

import typer

from translator.config import (
    FORMATS,
    HUB_PREFIX,
    LANGUAGE_PLACEHOLDER,
    Config,
    CorpusConfig,
    TrainingConfig,
    is_remote,
    load_config,
)
from translator.errors import ConfigError, DataError
from translator.files import COMPRESSIONS

_YAML = (".yaml", ".yml")
_PAIRS_PER_STEP = 5
_LEAST_STEPS = 100
_DECIDES_STEPS = {
    *("training.max_steps", "training.max_minutes", "training.start_from"),
    *("training.objective", "training.validate_every_steps"),
}

WhatArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CONFIG.yaml|CORPUS",
        help="A configuration, or the corpora themselves: my.en-es.tsv, my.tmx, my.en my.es, "
        "opus:Books/v1, https://…, … Without any: the embedded corpus.",
    ),
]
OverridesOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Set one key, such as training.max_steps=500. Repeatable."),
]


def config_of(
    arguments: Sequence[str] | None, overrides: Sequence[str] | None
) -> tuple[Config, list[str]]:
    """The configuration that arguments mean, and what was made out about the corpora among them.

    A corpus takes the place of those that a configuration names, gives the run its name, and says
    the languages. What `overrides` set stays so.
    """
    file, paths, languages = _told_apart(arguments or ())
    overrides = overrides or ()
    if not paths:
        return load_config(file, overrides), []
    bare = {"data.train": _one_or_all([{"path": path} for path in paths])}
    named = load_config(file, overrides, bare).data.train  # a typo costs no import of torch
    fixed = dict(map(_key_and_value, overrides))
    given, notes = _settings_of(named, languages, fixed, is_default=file is None)
    config = load_config(file, overrides, given)
    return config, [*notes, _summary(config, few="training.max_steps" in given)]


def check_corpora(config: Config) -> None:
    """Raise DataError for a corpus that is not there, before what takes long is imported.

    What is downloaded is, here.
    """
    for corpus in config.data.corpora:
        _check_there(corpus.path)
    remote = [corpus for corpus in config.data.corpora if corpus.is_remote]
    if remote:
        from translator.data import fetched

        for corpus in remote:
            fetched(corpus, config.data.languages_of(corpus))


def _told_apart(
    arguments: Sequence[str],
) -> tuple[Path | None, list[str], tuple[str, str] | None]:
    """The one configuration file among arguments, the paths of corpora, and the languages of two
    files side by side.
    """
    corpora = [argument for argument in arguments if _is_corpus(argument)]
    files = [argument for argument in arguments if argument not in corpora]
    if len(files) == 2 and not corpora and (both := _side_by_side(*files)):
        path, languages = both
        return None, [path], languages
    if len(files) > 1:
        raise ConfigError(
            f"{' and '.join(files)}: one configuration at a time",
            "Corpora are recognised by their endings: " + ", ".join(FORMATS),
        )
    for path in corpora:
        _check_there(path)
    return (Path(files[0]) if files else None), corpora, None


def _is_corpus(argument: str) -> bool:
    """Whether an argument is a corpus and no configuration: by its name, for it may be absent."""
    if _has_no_file(argument):
        return True
    path = Path(argument)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    ending = suffixes[-1] if suffixes else ""
    if ending in _YAML:
        return False
    if ending == ".json" and path.is_file():
        with path.open("rb") as stream:  # JSON is YAML too; corpora are arrays
            return stream.read(64).lstrip().startswith(b"[")
    return ending in FORMATS or path.is_dir() or glob.has_magic(argument)


def _has_no_file(path: str) -> bool:
    """Whether a path names no single file of this machine."""
    named = path.startswith((HUB_PREFIX, "embedded:")) or is_remote(path)
    return named or LANGUAGE_PLACEHOLDER in path


def _side_by_side(first: str, second: str) -> tuple[str, tuple[str, str]] | None:
    """NAME.{language} and its languages for two files NAME.en and NAME.es, which may be packed.

    None for others. Files in further languages may stand beside them.
    """
    suffix = Path(first).suffix
    packing = suffix if suffix.lower() in COMPRESSIONS else ""
    names = [str(Path(path)).removesuffix(packing) for path in (first, second)]
    (one, _, source), (other, _, target) = (name.rpartition(".") for name in names)
    if one != other or source == target or not second.endswith(packing):
        return None
    if not all(re.fullmatch(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*", tag) for tag in (source, target)):
        return None
    for path in (first, second):
        _check_there(path)
    return f"{one}.{LANGUAGE_PLACEHOLDER}{packing}", (source, target)


def _check_there(path: str) -> None:
    """Raise DataError for a file that is not there or empty, before what takes long is imported."""
    if _has_no_file(path):
        return
    if not (glob.has_magic(path) or Path(path).expanduser().exists()):
        raise DataError(
            f"there is no corpus {path}", "Check the path; it is relative to where you are."
        )
    file = Path(path).expanduser()
    if file.is_file() and not file.stat().st_size:
        raise DataError(f"the corpus {path} is empty", "Name a file that holds pairs.")


# --- what corpora tell ----------------------------------------------------------------------------


def _settings_of(
    named: Sequence[CorpusConfig],
    languages: tuple[str, str] | None,
    fixed: dict[str, str],
    *,
    is_default: bool,
) -> tuple[dict[str, Any], list[str]]:
    """The settings by their dotted keys, and remarks.

    What is `fixed` by --set is not guessed, nor are languages that are known.
    """
    from translator.data import told_languages

    told = [told_languages(corpus) for corpus in named]
    corpora = [corpus for corpus, _ in told]
    languages = languages or next((each for _, each in told if each), None)
    given: dict[str, Any] = {
        "name": _run_name(named[0].path),
        "data.train": _one_or_all([corpus.model_dump(exclude_unset=True) for corpus in corpora]),
    }
    given |= _directed(languages, fixed) if languages else {}
    if is_default and not fixed.keys() & _DECIDES_STEPS:
        given |= _short_training(corpora, languages)
    notes = [
        f"{corpus.path}: no name says the languages; by the texts, column 1 is {first} and "
        f"column 2 {second}"
        for before, corpus in zip(named, corpora, strict=True)
        if corpus.columns and corpus.columns != before.columns
        for first, second in [corpus.columns]
    ]
    return given, notes


def _one_or_all(corpora: list[dict[str, Any]]) -> dict[str, Any] | list[dict[str, Any]]:
    """A single corpus as such: `--set data.train.columns=…` then speaks of it."""
    return corpora[0] if len(corpora) == 1 else corpora


def _short_training(
    corpora: list[CorpusConfig], languages: tuple[str, str] | None
) -> dict[str, int]:
    """Fewer steps than by default, for so few pairs.

    900 short pairs (of Tatoeba) were learned as well as they can be after 100 steps: from then on
    the validation loss rose, and chrF stayed. So five pairs, forty epochs, are given a step.
    """
    from translator.data import read_pairs

    default: int = TrainingConfig.model_fields["max_steps"].default
    most = default * _PAIRS_PER_STEP
    if languages is None:
        return {}
    try:
        any_sides = (False, False)  # pictures and recordings, too
        read = (read_pairs(corpus, *languages, are_texts=any_sides) for corpus in corpora)
        pairs = sum(len(list(itertools.islice(each, most))) for each in read)
    except DataError:
        return {}  # whoever reads it all says what is wrong
    if pairs >= most:
        return {}
    return {"training.max_steps": max(_LEAST_STEPS, pairs // _PAIRS_PER_STEP)}


def _directed(languages: tuple[str, str], fixed: dict[str, str]) -> dict[str, str]:
    """Both languages as keys; where --set names one of them, the other is the other side."""
    keys = ("data.source_language", "data.target_language")
    for side in (0, 1):
        if (named := fixed.get(keys[side])) is not None:
            other = [each for each in languages if each != named]
            return {keys[1 - side]: other[0]} if len(other) == 1 else {}
    return dict(zip(keys, languages, strict=True))


def _key_and_value(override: str) -> tuple[str, str]:
    key, _, value = override.partition("=")
    return key.strip(), value.strip()


def _run_name(path: str) -> str:
    """A corpus's name without folder, languages, endings and accents: that of the run."""
    stem = path.removeprefix(HUB_PREFIX).removeprefix("embedded:").rstrip("/\\")
    if is_remote(path):
        from translator.data.readers.remote import bare_name

        stem = bare_name(path)
    parts = Path(stem).name.replace(LANGUAGE_PLACEHOLDER, "").split(".")
    name = next((part for part in parts if part), "") or Path(stem).parent.name
    name = "".join(c for c in normalize("NFKD", name) if not combining(c))  # café: cafe
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:100] or "corpus"


def _summary(config: Config, *, few: bool) -> str:
    paths = [corpus.path for corpus in config.data.train]
    data = config.data
    told = f"{', '.join(paths)}: {data.source_language} → {data.target_language}"
    if few:
        told += f", {config.training.max_steps} steps for so few pairs"
    return f"{told}, into runs/{config.name}"
