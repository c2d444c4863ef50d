"""Which pairs may be set aside, which are left out, and which are replayed how often."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from translator.config import Config
from translator.data import Counts, SentencePair, Splits, bare_text
from translator.errors import DataError


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("true", "made"):
        lines = [f"{name} sentence {n}\t{name} frase {n}\n" for n in range(200)]
        Path(f"{name}.en-es.tsv").write_text("".join(lines), encoding="utf-8")
    Path("test.en-es.tsv").write_text("True sentence 7!\totra cosa\nx\ttrue frase 9\n", "utf-8")


def splits(true: dict[str, Any], made: dict[str, Any], **data: Any) -> Splits:
    train = [{"path": "true.en-es.tsv", **true}, {"path": "made.en-es.tsv", **made}]
    return Splits(Config.model_validate({"data": {"train": train, **data}}))


def learned(splits: Splits) -> list[SentencePair]:
    return [p for corpus in splits.config.data.train for p in splits.train(corpus, Counts())]


def test_a_corpus_that_is_no_test_is_only_trained_on() -> None:
    found = splits({}, {"held_out": False}, held_out_pairs=20)
    drawn = [pair for pairs in found.drawn.values() for pair in pairs]
    assert len(drawn) == 40
    assert all(pair.source.startswith("true") for pair in drawn)
    assert {*learned(found), *drawn} == set(learned(splits({}, {}, valid=VALID, test={"t": VALID})))


def test_where_no_corpus_is_a_test_a_test_must_be_named() -> None:
    with pytest.raises(DataError, match="no train pair is left"):
        _ = splits({"held_out": False}, {"held_out": False}).drawn


def test_what_is_left_out_is_neither_trained_on_nor_set_aside() -> None:
    found = splits({}, {}, leave_out=["test.en-es.tsv"], held_out_pairs=20)
    used = {*learned(found), *(pair for pairs in found.drawn.values() for pair in pairs)}
    everything = set(learned(splits({}, {}, valid=VALID, test={"t": VALID})))
    gone = {bare_text(pair.source) for pair in everything - used}
    assert gone == {"truesentence7", "truesentence9"}


def test_pairs_are_replayed_by_the_weight_of_their_corpus() -> None:
    none = {"valid": VALID, "test": {"t": VALID}}
    alike = splits({}, {}, **none).replay(100)
    assert alike == splits({"weight": 5.0}, {"weight": 5.0}, **none).replay(100)
    assert len(alike) == 100
    heavy = splits({"weight": 1000.0}, {"weight": 0.001}, **none).replay(100)
    assert Counter(pair.source.split()[0] for pair in heavy) == {"true": 100}
    assert set(splits({}, {}, **none).replay(1000)) == set(learned(splits({}, {}, **none)))


VALID = {"path": "test.en-es.tsv"}
