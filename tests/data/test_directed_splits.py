"""Corpora in several directions: each pair in each of them, and nothing held out in one trained
on in another."""

from pathlib import Path

import numpy as np
import pytest

from tests.helpers import tiny_config
from translator.config import Config, load_config
from translator.data import (
    Augmenter,
    Corpus,
    Counts,
    SentencePair,
    Splits,
    encode_pairs,
    read_corpus,
)
from translator.tokenizer import EOS_ID, Tokenizer

NUMBERS = [f"number {n} of many" for n in range(60)]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "some.en-es.tsv"
    file.write_text("".join(f"{text}\tes el {text}\n" for text in NUMBERS), encoding="utf-8")
    return file


def both_ways(corpus: Path) -> Config:
    values = tiny_config(corpus).model_dump(exclude_unset=True)
    values["data"]["directions"] = ["en-es", "es-en"]
    return Config.model_validate(values)


def learned(splits: Splits) -> list[SentencePair]:
    [corpus] = splits.config.data.train
    return list(splits.train(corpus, Counts()))


def swapped(pairs: list[SentencePair]) -> list[SentencePair]:
    return [SentencePair(target, source) for source, target in pairs]


def test_one_direction_has_the_pairs_of_the_other_the_other_way_round(corpus: Path) -> None:
    there, back = Splits.by_direction(both_ways(corpus))
    assert learned(back) == swapped(learned(there))
    assert there.valid == "valid.en-es"
    assert back.names == ["valid.es-en", "test/held-out.es-en"]
    assert list(back.held_out.values()) == [swapped(each) for each in there.held_out.values()]


def test_one_of_two_directions_has_what_a_configuration_of_one_has(corpus: Path) -> None:
    there, _ = Splits.by_direction(both_ways(corpus))
    alone = Splits(tiny_config(corpus))
    assert learned(there) == learned(alone)
    assert list(there.held_out.values()) == list(alone.held_out.values())
    assert alone.names == ["valid", "test/held-out"]


def test_what_one_pair_of_languages_holds_out_the_other_does_not_train_on(
    corpus: Path, tmp_path: Path
) -> None:
    french = tmp_path / "some.en-fr.tsv"
    french.write_text("".join(f"{text}\tla {text}\n" for text in NUMBERS[::-1]), encoding="utf-8")
    values = tiny_config(corpus).model_dump(exclude_unset=True)
    values["data"]["directions"] = ["en-es", "en-fr"]
    values["data"]["train"] = [
        {"path": str(corpus), "languages": "en-es"},
        {"path": str(french), "languages": "en-fr"},
    ]
    all_splits = Splits.by_direction(Config.model_validate(values))
    held = {pair.source for each in all_splits for pairs in each.drawn.values() for pair in pairs}
    for each in all_splits:
        counts = Counts()
        pairs = list(each.train(each.config.data.train[0], counts))
        own = {pair.source for drawn in each.drawn.values() for pair in drawn}
        assert own < held
        assert {pair.source for pair in pairs} == set(NUMBERS) - held
        each.leave_out_held_out(counts)
        assert counts.dropped == {"shares a text with a held-out pair": len(held - own)}


def test_roles_are_those_of_the_languages_of_the_corpus(tmp_path: Path) -> None:
    file = tmp_path / "roles.tsv"
    file.write_text("hola\thello\n", encoding="utf-8")
    train = f"{{path: {file}, columns: {{source: 0, target: 1}}, languages: es-en}}"
    config = load_config(None, ["data.directions=[en-es, es-en]", f"data.train={train}"])
    found = [list(read_corpus(each.data.train[0], each)) for each in config.by_direction]
    assert found == [[("hello", "hola")], [("hola", "hello")]]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("valid", ["valid.es-en"]),
        ("valid.es-en", ["valid.es-en"]),
        ("test", ["test/a.es-en", "test/ab.es-en"]),
        ("test/a", ["test/a.es-en"]),
        ("test/a.es-en", ["test/a.es-en"]),
        ("test/a.en-es", []),
        ("a", []),
    ],
)
def test_a_set_belongs_to_its_split_by_name_with_or_without_direction(
    split: str, expected: list[str]
) -> None:
    config = load_config(
        None, ["data.directions=[en-es, es-en]", "data.test={a: x.en-es.tsv, ab: y.en-es.tsv}"]
    )
    _, back = Splits.by_direction(config)
    assert [name for name in back.names if back.belongs_to(split, name)] == expected


def test_the_tag_stays_before_a_source_that_is_shown_otherwise() -> None:
    tokenizer = Tokenizer.train(NUMBERS, load_config().tokenizer, [">>es<<", ">>en<<"])
    pairs = [SentencePair(text, text) for text in NUMBERS]
    settings = {"lower_case": 0.0, "upper_case": 1.0, "title_case": 0.0, "typos": 0.0}
    options = [f"data.augmentation.{key}={value}" for key, value in settings.items()]
    config = load_config(None, ["data.directions=[en-es, es-en]", *options])
    ids = [tokenizer.tag_id(pair.tag) for pair in config.data.directions]
    parts = [each for tag in ids for each in encode_pairs(pairs, tokenizer, 100, Counts(), [tag])]
    corpus = Corpus.join(parts)
    shown = Augmenter(config.data, tokenizer)(corpus, 101, np.random.default_rng(1))
    for index in range(len(corpus)):
        before, after = corpus[index].source.tolist(), shown[index].source.tolist()
        assert before[0] == after[0] == ids[index >= len(pairs)]
        [text] = tokenizer.decode([after[1:-1]])
        assert after[-1] == EOS_ID
        assert text.startswith(f"NUMBER {index % len(pairs)}")


def test_a_tag_counts_as_a_token_of_its_source() -> None:
    tokenizer = Tokenizer.train(NUMBERS, load_config().tokenizer, [">>es<<"])
    pair = SentencePair(NUMBERS[0], "a")
    [ids] = tokenizer.encode([pair.source])
    tag = [tokenizer.tag_id(">>es<<")]
    for limit, kept in ((len(ids), 0), (len(ids) + 1, 1)):
        [corpus] = encode_pairs([pair], tokenizer, limit, Counts(), tag)
        assert len(corpus) == kept
    assert corpus[0].source.tolist() == [*tag, *ids, EOS_ID]
