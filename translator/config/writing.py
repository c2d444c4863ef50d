"""A configuration is written as YAML, every key below the sentence that explains it."""

import textwrap
from collections.abc import Iterator

import yaml

from translator.config.schema import Config, CorpusConfig, LanguagePair, Section


def dump_config(config: Config, *, only_set: bool = False) -> str:
    """The whole configuration as YAML, every key with the sentence that explains it.

    With `only_set` those keys that were set, the others having their defaults.
    """
    return "\n".join(_section(config, indent="", only_set=only_set)) + "\n"


def _section(section: Section, indent: str, *, only_set: bool) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if only_set and name not in section.model_fields_set:
            continue
        if isinstance(value, Section) and not indent:
            yield ""
        text = field.description or ""
        if only_set:  # without the list that follows
            text = text.removesuffix(" A corpus has these keys:")
        yield from _comment(text, indent + "# ")
        if name == "train" and not only_set:
            for key, of_corpus in CorpusConfig.model_fields.items():
                yield from _comment(f"{key}: {of_corpus.description}", indent + "#   ")
        yield from _entry(name, value, indent, only_set=only_set)


def _entry(name: str, value: object, indent: str, *, only_set: bool) -> Iterator[str]:
    """A key with its value beside it, or with the sections that it holds below it."""
    below = _sections(value, indent + "  ", only_set=only_set)
    yield f"{indent}{name}:" if below else f"{indent}{name}: {_scalar(value)}"
    yield from below


def _sections(value: object, indent: str, *, only_set: bool) -> list[str]:
    """The lines of a section, of a list or of a dict of sections; none for any other value."""
    match value:
        case CorpusConfig():
            return [indent + line for line in _corpus(value)]
        case Section():
            return list(_section(value, indent, only_set=only_set))
        case list() if all(isinstance(each, CorpusConfig) for each in value):
            return [indent + line for corpus in value for line in _item(_corpus(corpus))]
        case dict() if all(isinstance(each, Section) for each in value.values()):
            entries = (
                _entry(_scalar(key), each, indent, only_set=only_set) for key, each in value.items()
            )
            return [line for entry in entries for line in entry]
    return []


def _item(lines: list[str]) -> list[str]:
    """Lines as an item of a YAML list."""
    return [("  " if number else "- ") + line for number, line in enumerate(lines)]


def _comment(text: str, prefix: str) -> list[str]:
    return textwrap.wrap(text, 98, initial_indent=prefix, subsequent_indent=prefix)


def _corpus(corpus: CorpusConfig) -> list[str]:
    """Only the keys that are set: the others mean nothing for most formats."""
    values = corpus.model_dump(exclude_defaults=True)
    if corpus.cleaning:  # a default counts here too: it wins over data.cleaning
        values["cleaning"] = corpus.cleaning.model_dump(exclude_unset=True)
    return [f"{k}: {_scalar(v)}" for k, v in values.items()]


def _scalar(value: object) -> str:
    if isinstance(value, list):
        value = [str(each) if isinstance(each, LanguagePair) else each for each in value]
    text: str = yaml.safe_dump(
        value, allow_unicode=True, default_flow_style=True, width=10_000, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
