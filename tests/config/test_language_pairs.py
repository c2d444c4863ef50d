"""Directions: how they are written, what they make the default, and which corpora they need."""

from pathlib import Path

import pytest

from translator.config import Config, LanguagePair, dump_config, load_config, starting_from
from translator.errors import ConfigError, RunError
from translator.text.directions import directions_among

TSV = "[{path: a.tsv, languages: en-es}, {path: b.tsv, languages: fr-en}]"


def configured(*overrides: str) -> Config:
    return load_config(None, [f"data.{each}" for each in overrides])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("en-es", ("en", "es")),
        ("en-pt-BR", ("en", "pt-BR")),
        ("zh-Hant-TW-en", ("zh-Hant-TW", "en")),
        ("en-pt_br", ("en", "pt_br")),
        ("no-en", ("no", "en")),
        ("pt-BR", None),
        ("en", None),
        ("en-es-fr", None),
    ],
)
def test_a_pair_is_two_languages_of_which_each_begins_small(
    text: str, expected: tuple[str, str] | None
) -> None:
    pair = LanguagePair.of(text)
    assert pair == expected
    assert pair is None or str(pair) == text


def test_the_first_direction_is_the_default_unless_languages_are_set() -> None:
    assert configured("directions=[es-en, en-es]").data.direction == ("es", "en")
    both = "directions=[en-es, es-en]"
    assert configured(both, "source_language=es").data.direction == ("es", "en")
    assert configured(both, "target_language=es").data.direction == ("en", "es")
    assert configured().data.all_directions == [("en", "es")]


def test_directions_and_languages_are_written_as_they_are_read(tmp_path: Path) -> None:
    config = configured("directions=[en-es, fr-en]", f"train={TSV}")
    file = tmp_path / "config.yaml"
    file.write_text(dump_config(config), encoding="utf-8")
    assert load_config(file) == config
    assert "  directions: [en-es, fr-en]\n" in dump_config(config)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["directions=[en]"], "data.directions.0: two languages are written en-es"),
        (["directions=[en-en]"], "data.directions.0: two languages are written en-es"),
        (["directions=[en-es, en-es]"], "directions names one of them twice"),
        (["directions=[en-es, es-en]", "source_language=fr"], "none of the directions en-es"),
        (["directions=[en-es, en-fr]"], "embedded:train-grammar needs languages, such as en-fr"),
        (
            ["directions=[en-es, en-de]", f"train={TSV}"],
            "has the languages fr-en, and no direction",
        ),
        (
            ["directions=[en-es, en-fr]", "train={path: a.tsv, languages: en-es}"],
            "no corpus of train has the languages of the direction en-fr",
        ),
        (["train={path: a.tsv, languages: en-fr}"], "has the languages en-fr, and no direction"),
    ],
)
def test_what_does_not_go_together_is_said(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(*overrides)
    assert message in caught.value.message


@pytest.mark.parametrize("override", ["training.objective=denoise", "model.source=image"])
def test_directions_are_of_translations_of_text(override: str) -> None:
    with pytest.raises(ConfigError, match="directions are of translation from text into text"):
        load_config(None, ["data.directions=[en-es, es-en]", override])


def test_each_direction_has_the_corpora_of_its_languages() -> None:
    config = configured("directions=[en-es, en-fr, es-en]", f"train={TSV}")
    found = [[corpus.path for corpus in each.data.train] for each in config.by_direction]
    assert found == [["a.tsv"], ["b.tsv"], ["a.tsv"]]
    assert [each.data.direction for each in config.by_direction] == config.data.directions
    assert configured().by_direction == [configured()]


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("es", "en-es"),
        ("en", "es-en fr-en"),
        ("fr-en", "fr-en"),
        ("spa", "en-es"),
        ("es-MX", "en-es"),
        ("fra-eng", "fr-en"),
        ("de", None),
        ("en-fr", None),
        ("en-de", None),
    ],
)
def test_a_direction_is_meant_by_its_target_or_by_both_languages(
    to: str, expected: str | None
) -> None:
    train = f"train={TSV}"
    config = configured("directions=[en-es, es-en, fr-en]", train)
    if expected is None:
        with pytest.raises(RunError, match="it translates en → es, es → en, fr → en"):
            directions_among(to, config)
    else:
        assert " ".join(map(str, directions_among(to, config))) == expected


def test_the_default_is_meant_before_others_into_its_target() -> None:
    config = configured("directions=[en-es, es-en, fr-en]", f"train={TSV}")
    from_french = config.toward(LanguagePair("fr", "en"))
    assert directions_among("en", from_french)[0] == ("fr", "en")


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], ["en-es", "es-en"]),
        (["data.source_language=es", "data.target_language=en"], ["es-en"]),
        (["data.target_language=en"], ["es-en"]),
        (["data.directions=[]"], []),
        (["data.directions=[es-en, en-es]"], ["es-en", "en-es"]),
    ],
)
def test_a_run_has_the_directions_of_the_run_that_it_starts_from(
    overrides: list[str], expected: list[str]
) -> None:
    start = configured("directions=[en-es, es-en]")
    config = load_config(None, ["training.start_from=runs/both", "data.train=x.tsv", *overrides])
    found = starting_from(config, start)
    assert list(map(str, found.data.directions)) == expected
    assert starting_from(load_config(None, overrides), found, has_begun=True).data.directions == (
        found.data.directions
    )
