"""What a model learns a new domain from, and what keeps what it knows.

The pairs of the new domain are mixed with *replay*: pairs that the model was trained on, or where
those are gone its own translations. What is prepared lies in the new run, so that the same call
goes on where another was interrupted.
"""

import functools
import itertools
import json
import math
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translator.adaptation.measuring import bleu_of, shortened
from translator.config import Config, CorpusConfig, LanguagePair, config_of_values
from translator.data import Counts, SentencePair, Splits, occurring, read_pairs, side_names
from translator.data.sides import exchanged_sides
from translator.documents import fingerprint_of
from translator.errors import ConfigError, DataError, RunError, TranslatorError
from translator.evaluation import (
    STAND_IN_LANGUAGES,
    STAND_INS,
    EvaluationSet,
    known_sets,
    translate,
)
from translator.progress import activity
from translator.runs import (
    RUNS,
    Adaptation,
    RunDirectory,
    write_atomically,
)
from translator.similarity import similarity_of
from translator.text.glossary import Glossary
from translator.text.languages import primary
from translator.tokenizer import Tokenizer
from translator.translation import Translator

# What is known of these: docs/adapting.md.
EPOCHS = 6  # of the new pairs, in each direction

_RATE = 0.002  # above that of other fine-tuning: replay keeps what the model knows
_LOW_RATE = 0.0003  # of a model that translates the new domain already
_KNOWN_BLEU = 15.0  # from which on it does
_MOST_TRANSLATED = 200  # pairs by which that is judged
_KNOWN_SHARE = 0.1  # of the new pairs; a warning if as many were trained on before

_FEWEST_PAIRS = 200  # fewer give no test that could tell an effect from luck
_MIN_STEPS, _MAX_STEPS = 300, 10_000
_TOKENS_PER_BATCH = 2048
_MOST_UNSAVED = 235  # steps from one checkpoint to the next
_SHORT_PAIR = 16  # tokens: with as many for each, no pair of the replay comes twice
_MOST_DISTILLED = 3000  # sentences that the old model translates
_MOST_MEASURED = 5000  # pairs whose tokens are counted


@dataclass(frozen=True, kw_only=True)
class Domain:
    """What a model is adapted to."""

    corpora: tuple[str, ...]  # paths of pairs, in any format that readers know
    glossary: Path | None
    replay_share: float  # of the tokens that are trained on; below 1
    replay_text: str | None = None  # sentences that the model shall translate as it does

    def made_of(self, start: RunDirectory) -> dict[str, str]:
        """What must be the same to go on adapting a run."""
        return {
            "model": start.model_sha256(),
            "corpora": "\n".join(self.corpora),
            "content of the corpora": fingerprint_of(
                *filter(Path.is_file, map(Path, self.corpora))
            ),
            "glossary": json.dumps(dict(self.read_glossary(start).terms)),
            "share of replay": str(self.replay_share),
            "text of replay": self.replay_text or "",
        }

    def read_glossary(self, start: RunDirectory) -> Glossary:
        """The terms in the languages that a run translates between."""
        default = start.read_config().data.direction
        return Glossary.read(self.glossary, languages=(default.source, default.target))


def prepare(
    start: RunDirectory, domain: Domain, name: str, overrides: Sequence[str] = ()
) -> tuple[Config, Adaptation]:
    """The configuration that adapts a run in runs/NAME, and what it was made of.

    Writes the replay, the terms and what is not to be trained on into the new run, or finds them
    there. `overrides` are `key.key=value`, as `load_config` has them. Raises DataError where pairs
    are too few, RunError where runs/NAME holds something else.
    """
    run = RunDirectory(RUNS / name)
    known = start.read_config()
    if known.learns_from_texts or not known.model.is_textual:
        raise RunError(f"{start.name} does not translate texts", "Adapt a run that does.")
    made_of = domain.made_of(start)
    # A mistake is found before anything is written.
    if config_of_values({"name": name}, overrides, "the adaptation").name != name:
        raise ConfigError("an adaptation is not named by --set name", "Name it with --name.")
    with run.claimed(keep=False):
        adaptation = _begun(run, made_of)
        if adaptation is None:
            with _nothing_left_of_failures(run):
                adaptation = _make(start, run, domain, made_of)
    config = config_of_values(_values(start, run, domain, adaptation), overrides, "the adaptation")
    return config, adaptation


# --- what is trained on ---------------------------------------------------------------------------


def _begun(run: RunDirectory, made_of: dict[str, str]) -> Adaptation | None:
    """What was prepared before; None where nothing was, or nothing that training has used."""
    found = run.read_adaptation()
    if found is None:
        if run.has_begun:
            raise RunError(f"there is a run {run.path} already", "Name another one with --name.")
        return None
    changed = [k for k, value in made_of.items() if found["made_of"].get(k, value) != value]
    if not changed:
        return found
    if not run.has_begun:
        return None
    raise RunError(
        f"{run.path} was begun otherwise: {' and '.join(changed)} changed",
        "Name another run with --name, or delete the directory.",
    )


@contextmanager
def _nothing_left_of_failures(run: RunDirectory) -> Iterator[None]:
    run.adaptation_file.unlink(missing_ok=True)  # it speaks of files that are about to change
    try:
        yield
    except BaseException:
        shutil.rmtree(run.adaptation, ignore_errors=True)
        raise


def _make(
    start: RunDirectory, run: RunDirectory, domain: Domain, made_of: dict[str, str]
) -> Adaptation:
    """Prepare the corpora of an adaptation, and choose its length by theirs."""
    tokenizer = start.read_tokenizer()
    left_out, warnings = _held_out(start)
    _write_pairs(_left_out_file(run), left_out, start)
    new = _splits(config_of_values(_values(start, run, domain)))
    for exchanged in exchanged_sides(new.config):  # the test of such pairs would find a gain, too
        raise DataError(*exchanged)
    pairs, tokens, known = _measured(new, start, tokenizer)
    if known:
        warnings.append(known)
    before = _before(start, new)
    share = domain.replay_share
    default = new.config.data.direction
    shown = sum(each.languages == default.languages for each in new.config.data.all_directions)
    steps = round(EPOCHS * shown * tokens / (1.0 - share) / _TOKENS_PER_BATCH)
    steps = min(_MAX_STEPS, max(_MIN_STEPS, steps))
    wanted = round(share * steps * _TOKENS_PER_BATCH / _SHORT_PAIR)
    aside = new.config.data.leave_out
    replay, distilled = _replay(start, domain, aside, wanted, warnings) if wanted else ([], False)
    _write_pairs(_replay_file(run), replay, start)
    glossary = domain.read_glossary(start)
    terms = glossary.terms
    warnings += glossary.warnings
    _write_pairs(_terms_file(run), list(itertools.starmap(SentencePair, terms.items())), start)
    replayed = _tokens(replay, tokenizer)
    made: Adaptation = {
        "made_of": made_of,
        "pairs": pairs,
        "replayed": len(replay),
        "distilled": distilled,
        "terms": len(terms),
        "before": before,
        "learning_rate": _RATE if before < _KNOWN_BLEU else _LOW_RATE,
        "max_steps": steps,
        "replay_weight": tokens * share / (1.0 - share) / max(1, replayed),
        "warnings": warnings,
    }
    run.write_adaptation(made)
    return made


def _splits(config: Config) -> Splits:
    return Splits(config, functools.cache(similarity_of))


def _values(
    start: RunDirectory, run: RunDirectory, domain: Domain, made: Adaptation | None = None
) -> dict[str, Any]:
    """The values of the configuration; before anything is made, those of the new corpora alone."""
    known = start.read_config()
    data = known.data.model_dump(exclude={"train", "valid", "test", "leave_out"})
    train: list[dict[str, Any]] = [{"path": path} for path in domain.corpora]
    training: dict[str, Any] = {"start_from": start.name}
    own = {"held_out": False, "cleaning": {"enabled": False}}
    if made and made["terms"]:
        train.append({"path": str(_terms_file(run)), **own})
    if made and made["replayed"]:
        weight = min(1000.0, made["replay_weight"])
        train.append({"path": str(_replay_file(run)), "weight": weight, **own})
    if made:
        every = math.ceil(made["max_steps"] / 6)
        training |= {
            "learning_rate": made.get("learning_rate", _RATE),  # older versions had one
            "max_steps": made["max_steps"],
            "tokens_per_batch": _TOKENS_PER_BATCH,
            "validate_every_steps": every,
            "checkpoint_every_steps": min(every, _MOST_UNSAVED),
        }
    left_out = _left_out_file(run)
    data |= {"train": train, "valid": None, "test": {}, "temperature": 1.0}
    data["leave_out"] = [{"path": str(left_out)}] if left_out.stat().st_size else []
    sections = {key: getattr(known, key).model_dump() for key in ("tokenizer", "model", "decoding")}
    own_keys = {key: getattr(known, key) for key in ("seed", "device", "precision")}
    return {"name": run.path.name, **own_keys, "data": data, **sections, "training": training}


def _held_out(start: RunDirectory) -> tuple[list[SentencePair], list[str]]:
    """The pairs of the held-out sets of a run, and warnings of those that cannot be read.

    Of a run of several directions they are those between the languages of the default one, and
    they stand as there.
    """
    default = start.read_config().data.direction
    pairs: list[SentencePair] = []
    warnings = []
    for split in ("valid", "test"):
        known, missing = known_sets(start, split)
        for each in known:
            sides = each.sources, each.first_references
            direction = LanguagePair.of(each.direction) or default
            if direction.languages == default.languages:
                pairs += map(SentencePair, *(sides if direction == default else sides[::-1]))
        if missing:
            warnings.append(
                f"{start.name} has no {split} set here ({missing}): "
                + ("everyday sentences of this package stand in" if known else "there is none")
            )
            if split == "test" and not known:
                warnings.append("what the model forgets is not measured")
    return list(dict.fromkeys(pairs)), warnings  # those of both directions are the same


def _measured(new: Splits, start: RunDirectory, tokenizer: Tokenizer) -> tuple[int, float, str]:
    """How many pairs of the new domain are learned from, and about how many tokens they have.

    And a warning if many of them are known to the old model.
    """
    counts = Counts()
    data = new.config.data
    more = (
        f"Bring {_FEWEST_PAIRS * 5 // 4} or more, of which a fifth is set aside, and none of which "
        f"is in the validation and test sets of {start.name}, or in what stands in for those."
    )
    read = itertools.chain.from_iterable(new.train(corpus, counts) for corpus in data.train)
    try:
        measured = list(itertools.islice(read, _MOST_MEASURED))
    except DataError as error:  # its hint may name keys that adaptation sets
        languages = f"{data.source_language} → {data.target_language}"
        hints = {
            "data.source_language": f"The run translates {languages}: bring pairs of these "
            "languages.",
            "data.valid": more,
        }
        hint = next((own for key, own in hints.items() if key in error.hint), error.hint)
        raise DataError(error.message, hint) from None
    most = data.max_tokens_per_sentence
    lengths = [each for each in _lengths(measured, tokenizer) if each <= most]
    pairs = len(lengths) + sum(1 for _ in read)
    new.leave_out_held_out(counts)
    if pairs < _FEWEST_PAIRS or not lengths:
        too_long = {f"longer than {most} tokens": len(measured) - len(lengths)}
        counts.follow(Counts(dropped={k: n for k, n in too_long.items() if n}))
        aside = sum(map(len, new.drawn.values()))
        raise DataError(
            f"too few pairs to adapt to: {pairs:,} are left beside the {aside:,} that are set "
            f"aside to validate and test on ({counts.reasons or 'none was dropped'})",
            f"{more} For terms alone there is `translate --glossary`.",
        )
    tokens = (1 + sum(lengths) / len(lengths)) * pairs
    return pairs, tokens, _known_pairs(start, measured)


def _known_pairs(start: RunDirectory, pairs: Sequence[SentencePair]) -> str:
    """A warning if a good part of pairs were trained on; nothing where that cannot be told."""
    trained_on = start.read_fingerprints()
    if not trained_on:
        return ""
    sources, targets = zip(*pairs, strict=True)
    sides = ((sources, trained_on["source"]), (targets, trained_on["target"]))
    found = itertools.starmap(occurring, sides)
    share = sum(map(all, zip(*found, strict=True))) / len(pairs)
    if share < _KNOWN_SHARE:
        return ""
    return (
        f"{share:.0%} of the new pairs are among those that {start.name} was trained on: it can "
        "learn little from them, and a test of them says nothing of new texts"
    )


def _before(start: RunDirectory, new: Splits) -> float:
    """BLEU of the old model, by greedy search, of pairs of the new domain."""
    sources, targets = zip(*new.held_out[new.valid], strict=True)
    data = new.config.data
    whole = EvaluationSet(new.valid, sources, (targets,), data.target_language, str(data.direction))
    with activity("the new domain, before"):
        return bleu_of(Translator.from_run(start.name), shortened(whole, _MOST_TRANSLATED))


def _tokens(pairs: Sequence[SentencePair], tokenizer: Tokenizer) -> int:
    """How much of batches pairs take: the tokens of the longer side, and its end."""
    return sum(_lengths(pairs, tokenizer)) + len(pairs)


def _lengths(pairs: Sequence[SentencePair], tokenizer: Tokenizer) -> Iterator[int]:
    """The tokens of the longer side of each pair, without its end."""
    sources = tokenizer.encode([pair.source for pair in pairs])
    targets = tokenizer.target.encode([pair.target for pair in pairs])
    for sides in zip(sources, targets, strict=True):
        yield max(map(len, sides))


# --- what the model knows -------------------------------------------------------------------------


def _replay(
    start: RunDirectory, domain: Domain, aside: list[CorpusConfig], size: int, warnings: list[str]
) -> tuple[list[SentencePair], bool]:
    """Pairs that the old model knows, and whether it has translated them itself."""
    known = start.read_config()
    if domain.replay_text is None and aside and known.data.train:  # else nothing was held out
        update = {"valid": aside[0], "test": {"old": aside[0]}, "leave_out": aside}
        config = known.model_copy(update={"data": known.data.model_copy(update=update)})
        try:
            if pairs := _splits(config).replay(size):
                return pairs, False
        except TranslatorError as error:
            warnings.append(f"the corpora of {start.name} are not here ({error.message})")
    sources = _sources(known, domain.replay_text)
    if not sources:
        warnings.append(
            f"there is nothing to keep what {start.name} knows: --replay-text may bring sentences"
        )
    sources = sources[: min(size, _MOST_DISTILLED)]
    translator = Translator.from_run(start.name)
    texts, _ = translate(translator, sources, translator.config.decoding.greedy())
    pairs = [SentencePair(*pair) for pair in zip(sources, texts, strict=True) if pair[1].strip()]
    return pairs, True


def _sources(known: Config, text: str | None) -> list[str]:
    """Sentences for the old model to translate: those that are given, or the package's own."""
    source, target = known.data.source_language, known.data.target_language
    paths = (text,) if text else STAND_INS["train"]
    if text is None:
        if primary(source) not in STAND_IN_LANGUAGES:
            return []
        source = primary(source)
        target = next(each for each in STAND_IN_LANGUAGES if each != source)
    pairs = (read_pairs(CorpusConfig(path=path), source, target) for path in paths)
    return [*dict.fromkeys(pair.source for pair in itertools.chain.from_iterable(pairs))]


# --- files ----------------------------------------------------------------------------------------


def _left_out_file(run: RunDirectory) -> Path:
    return run.adaptation / "left_out.jsonl"


def _replay_file(run: RunDirectory) -> Path:
    return run.adaptation / "replay.jsonl"


def _terms_file(run: RunDirectory) -> Path:
    return run.adaptation / "terms.jsonl"


def _write_pairs(file: Path, pairs: Iterable[SentencePair], start: RunDirectory) -> None:
    """Write JSON lines, the texts by their language."""
    data = start.read_config().data
    names = side_names((data.source_language, data.target_language))
    lines = (json.dumps(dict(zip(names, p, strict=True)), ensure_ascii=False) for p in pairs)
    write_atomically(file, "".join(f"{line}\n" for line in lines).encode())
