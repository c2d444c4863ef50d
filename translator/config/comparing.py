"""Two configurations are compared key by key, and what differs is told in a line each."""

from collections.abc import Iterator, Sequence
from typing import Any

from translator.config.schema import INTERVALS, Config, CorpusConfig

_LONGEST = 60  # characters of a value
_MOST = 3  # settings that a label names


def differences(old: Config, new: Config) -> list[str]:
    """What differs, as `model.dropout: 0.1 → 0.2`; of corpora their paths, unless these are equal.

    Names are no setting: a run is called as its directory. Of a corpus's own cleaning those keys
    count that are set.
    """
    before, after = dict(_leaves(_values(old))), dict(_leaves(_values(new)))
    corpora = [
        f"{key}: {_paths(mine)} → {_paths(theirs)}"
        for key, mine, theirs in _corpora(old, new)
        if [each.path for each in mine] != [each.path for each in theirs]
    ]
    named = tuple(each.partition(":")[0] for each in corpora)  # and their other keys follow
    return corpora + [
        f"{key}: {_short(before.get(key))} → {_short(after.get(key))}"
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key) and not key.startswith(named)
    ]


def distinguishing(configs: Sequence[Config]) -> list[str]:
    """What sets each of some configurations apart: `dropout 0.1, norm pre`; empty for nothing.

    The intervals of logging, validation and checkpoints are left out: they teach nothing.
    """
    values = [dict(_leaves(_values(config))) for config in configs]
    intervals = {f"training.{key}" for key in INTERVALS}
    keys = dict.fromkeys(key for each in values for key in each if key not in intervals)
    differing = [key for key in keys if any(v.get(key) != values[0].get(key) for v in values)]
    return [
        ", ".join(f"{key.rpartition('.')[2]} {_short(each.get(key))}" for key in differing[:_MOST])
        for each in values
    ]


def _corpora(
    old: Config, new: Config
) -> Iterator[tuple[str, list[CorpusConfig], list[CorpusConfig]]]:
    before, after = old.data, new.data
    yield "data.train", before.train, after.train
    yield "data.valid", [before.valid] if before.valid else [], [after.valid] if after.valid else []
    yield "data.test", list(before.test.values()), list(after.test.values())


def _values(config: Config) -> dict[str, Any]:
    values = config.model_dump(  # without what is not learned by
        exclude={"name": True, "export": True, "training": {"trackers"}}
    )
    for corpus, own in zip(values["data"]["train"], config.data.train, strict=True):
        corpus["cleaning"] = own.cleaning and own.cleaning.model_dump(exclude_unset=True)
    return values


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Values by dotted keys; an item of a list has its number as its key."""
    match value:
        case dict():
            nested = list(value.items())
        case list() if value and isinstance(value[0], dict):
            nested = [(str(number), item) for number, item in enumerate(value)]
        case _:
            yield prefix, value
            return
    for key, item in nested:
        yield from _leaves(item, f"{prefix}.{key}" if prefix else key)


def _paths(corpora: list[CorpusConfig]) -> str:
    if not corpora:
        return "pairs set aside"
    if all(corpus.kind == "embedded" for corpus in corpora):
        return "embedded corpus"
    return corpora[0].path + (f" and {len(corpora) - 1} more" if len(corpora) > 1 else "")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
