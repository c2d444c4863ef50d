import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import annotated_types
import pytest
import yaml
from pydantic import ValidationError

from tests.helpers import ROOT
from translator.config import (
    INTERVALS,
    AugmentationConfig,
    CleaningConfig,
    Config,
    CorpusConfig,
    DataConfig,
    DecodingConfig,
    ExportConfig,
    ImageConfig,
    ModelConfig,
    NoiseConfig,
    Section,
    SpeechConfig,
    TokenizerConfig,
    TrainingConfig,
    changed_decoding,
    dump_config,
    load_config,
    starting_from,
)
from translator.errors import ConfigError

CONFIGS = ROOT / "configs"
TINY = 1e-9


@pytest.fixture
def write(tmp_path):
    """Write a configuration file and give its path."""

    def write(text: str | bytes) -> Path:
        file = tmp_path / "mine.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write


def refusal(path: Path | None = None, overrides: list[str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides or [])
    assert caught.value.hint
    return caught.value


# --- mistakes -------------------------------------------------------------------------------------

MISTAKES = [
    ("training:\n  max_setps: 5", ["line 2", "training.max_setps", "did you mean max_steps?"]),
    ("modle: {}", ["line 1", "modle: unknown key", "did you mean model?"]),
    ("seed: 1\nzzz: 2", ["line 2", "zzz: unknown key", "known here: name, seed"]),
    ("data: {train: {path: a, colums: 1}}", ["data.train.colums", "did you mean columns?"]),
    ("data: {test: {x: {path: a, splt: b}}}", ["data.test.x.splt", "did you mean split?"]),
    ("data: {valid: {path: a, pth: b}}", ["data.valid.pth", "did you mean path?"]),
    ("data: {train: {split: a}}", ["data.train.path", "required"]),
    (
        "data:\n  train:\n    - path: a\n    - path: b\n      wight: 2",
        ["line 5", "data.train.1.wight", "did you mean weight?"],
    ),
    ("data: {train: []}", ["data.train", "at least 1"]),
    ("training: {start_from: ''}", ["training.start_from", "at least 1 character"]),
    ("data: {train: 7}", ["data.train", "not 7"]),
    ("data: {train: [a.tsv, 7]}", ["data.train.1", "dictionary"]),
    ("data: {train: ''}", ["data.train.path", "at least 1 character"]),
    ("data: {train: {path: a, format: docx}}", ["data.train.format", "'tmx'", "not 'docx'"]),
    ("data: {train: {path: a, max_pairs: 0}}", ["data.train.max_pairs", "not 0"]),
    ("data: {valid: {path: a, format: text}}", ["data.valid", "two files", "{language}"]),
    ("data: {valid: {path: '{language}', format: tsv}}", ["data.valid", "format tsv", "fit"]),
    ("data: {valid: {path: 'hf:a', format: tsv}}", ["data.valid", "format tsv", "fit"]),
    ("data: {valid: {path: 'embedded:valid', format: csv}}", ["data.valid", "format csv", "fit"]),
    ("training:\n  learning_rate: fast", ["line 2", "training.learning_rate", "not 'fast'"]),
    ("training: {max_steps: 1.5}", ["training.max_steps", "integer", "not 1.5"]),
    ("training: {optimizer: sgd}", ["training.optimizer", "'adamw'", "'muon'", "not 'sgd'"]),
    ("training: [1]", ["training", "dictionary"]),
    ("device: tpu", ["device", "'cuda'", "not 'tpu'"]),
    ("name: ../elsewhere", ["name", "pattern", "not '../elsewhere'"]),
    ("name: .hidden", ["name", "pattern"]),
    ("name: ''", ["name", "pattern"]),
    (f"name: {'x' * 101}", ["name", "at most 100"]),
    ("name: 7", ["name", "string", "not 7", 'put it in quotes ("…")']),
    ("name: 2024-01-02", ["line 1: name", "string", 'put it in quotes ("…")']),
    ("seed: 1\ntraining:\n", ["line 2: training: nothing stands below it"]),
    (f"training: {{max_steps: 1{'0' * 400}}}", ["training.max_steps", "fewer digits"]),
    ("training: {max_steps: yes}", ["training.max_steps", "a number, not True"]),
    ("training: {patience: true}", ["training.patience", "a number, not True"]),
    ("training: {max_minutes: on}", ["training.max_minutes", "a number, not True"]),
    ("training: {max_minutes: 1:30}", ["training.max_minutes", "number", "not '1:30'"]),
    ("training: {max_minutes: 1:30.5}", ["training.max_minutes", "number", "not '1:30.5'"]),
    ("training: {max_minutes: .inf}", ["training.max_minutes", "1000000", "not inf"]),
    ("data: {train: {path: a, columns: {source: no}}}", ["columns.source", "booleans"]),
    ("1: 2", ["1", "keys should be strings"]),
    ("model: {d_model: 10, num_heads: 4}", ["model", "d_model 10", "num_heads 4"]),
    ("model: {d_model: 9, num_heads: 3}", ["model", "even d_model"]),
    ("model: {max_positions: 100}", ["model", "max_positions 100", "max_tokens_per_sentence 128"]),
    ("data: {max_tokens_per_sentence: 512}", ["model", "max_positions 512", "sentence 512"]),
    ("data: {source_language: English!}", ["data.source_language", "pattern"]),
    ("data:\n  target_language: no", ["line 2", "data.target_language", "booleans", '"no"']),
    ("data: {train: {path: a, columns: {no: 1}}}", ["data.train.columns", "booleans"]),
    ("model: {dropout: .nan}", ["model.dropout", "not nan"]),
    ("model: {architecture: encoder_only}", ["encoder_only", "translate", "only masked"]),
    ("training: {objective: masked}", ["encoder_decoder", "translate or denoise"]),
    (
        "training: {objective: denoise, best_metric: bleu}",
        ["training", "best_metric bleu", "objective denoise"],
    ),
    ("data: {train: {path: a.txt}}", ["data.train", "single texts", "NAME.{language}.txt"]),
    ("data: {train: {path: a.tsv, columns: {text: 0}}}", ["data.train", "single texts"]),
    (
        "model: {architecture: decoder_only, max_positions: 256}",
        ["model", "max_positions 256", "on both sides"],
    ),
    ("- a\n- b", ["key: value"]),
    ("only words", ["key: value"]),
]


@pytest.mark.parametrize(("text", "fragments"), MISTAKES, ids=[text for text, _ in MISTAKES])
def test_a_mistake_is_told_with_its_key_and_its_value(write, text, fragments):
    message = refusal(write(text)).message
    assert [fragment for fragment in fragments if fragment not in message] == []


def test_all_mistakes_are_told_at_once(write):
    file = write(
        "seed: -1\nmodle: {}\ntraining:\n  max_setps: 5\n  learning_rate: 11\n"
        "data:\n  target_language: no\n"
    )
    assert refusal(file).message.splitlines() == [
        f"5 mistakes in {file}:",
        "  line 1: seed: input should be greater than or equal to 0, not -1",
        "  line 7: data.target_language: YAML reads no, yes, on and off as booleans: "
        'put it in quotes ("no"), not False',
        "  line 5: training.learning_rate: input should be less than or equal to 10, not 11",
        "  line 4: training.max_setps: unknown key (did you mean max_steps?)",
        "  line 2: modle: unknown key (did you mean model?)",
    ]


def test_a_single_mistake_is_one_line(write):
    file = write("name: everyday\nsede: 3\n")
    expected = f"{file}: line 2: sede: unknown key (did you mean seed?)"
    assert refusal(file).message == expected


def test_a_quoted_no_is_norwegian(write):
    assert load_config(write('data: {target_language: "no"}')).data.target_language == "no"


def test_a_rate_in_scientific_notation_is_a_number(write):
    assert load_config(write("training: {learning_rate: 6e-4}")).training.learning_rate == 0.0006


@pytest.mark.parametrize(("text", "seed"), [("010", 10), ("0x10", 16), ("1_000", 1000), ("0", 0)])
def test_a_number_that_begins_with_zero_is_not_octal(write, text, seed):
    assert load_config(write(f"seed: {text}")).seed == load_config(None, [f"seed={text}"]).seed
    assert load_config(write(f"seed: {text}")).seed == seed


# --- bounds ---------------------------------------------------------------------------------------

BOUNDS: dict[str, tuple[list[float], list[float]]] = {  # the values at the edge, those just beyond
    "Config.seed": ([0, 2**32 - 1], [-1, 2**32]),
    "CorpusConfig.max_pairs": ([1], [0]),
    "CleaningConfig.min_characters": ([1], [0]),
    "CleaningConfig.max_characters": ([1], [0]),
    "CleaningConfig.max_length_ratio": ([1 + TINY], [1]),
    "CleaningConfig.min_letter_share": ([0, 1], [-TINY, 1 + TINY]),
    "CleaningConfig.min_script_share": ([0, 1], [-TINY, 1 + TINY]),
    "CleaningConfig.min_copied_words": ([1], [0]),
    "CleaningConfig.min_number_digits": ([2], [1]),
    "CleaningConfig.min_similarity": ([TINY, 1], [0, 1 + TINY]),
    "CleaningConfig.max_repeats": ([1, 250], [0, 251]),
    "CorpusConfig.weight": ([TINY, 1000], [0, 1000 + TINY * 1000]),
    "DataConfig.held_out_pairs": ([1], [0]),
    "DataConfig.max_tokens_per_sentence": ([2, 4096], [1, 4097]),
    "DataConfig.temperature": ([1, 100], [1 - TINY, 100 + TINY * 100]),
    "AugmentationConfig.upper_case": ([0, 0.9], [-TINY, 1 + TINY]),
    "AugmentationConfig.lower_case": ([0, 0.9], [-TINY, 1 + TINY]),
    "AugmentationConfig.title_case": ([0, 0.9], [-TINY, 1 + TINY]),
    "AugmentationConfig.no_final_punctuation": ([0, 1], [-TINY, 1 + TINY]),
    "AugmentationConfig.typos": ([0, 1], [-TINY, 1 + TINY]),
    "AugmentationConfig.other_pieces": ([0, 1], [-TINY, 1 + TINY]),
    "AugmentationConfig.shift": ([0, 0.5], [-TINY, 0.5 + TINY]),
    "AugmentationConfig.zoom": ([0, 0.5], [-TINY, 0.5 + TINY]),
    "AugmentationConfig.tempo": ([0, 1], [-TINY, 1 + TINY]),
    "AugmentationConfig.bend": ([0, 0.5], [-TINY, 0.5 + TINY]),
    "AugmentationConfig.turn": ([0, 180], [-TINY, 180 + 180 * TINY]),
    "AugmentationConfig.colour": ([0, 1], [-TINY, 1 + TINY]),
    "AugmentationConfig.noise": ([0, 1], [-TINY, 1 + TINY]),
    "AugmentationConfig.frequency_mask": ([0, 1 - TINY], [-TINY, 1]),
    "AugmentationConfig.time_mask": ([0, 1 - TINY], [-TINY, 1]),
    "AugmentationConfig.alpha": ([0, 1], [-TINY, 1 + TINY]),
    "TokenizerConfig.vocabulary_size": ([300, 256_000], [299, 256_001]),
    "TokenizerConfig.character_coverage": ([0.9 + TINY, 1], [0.9, 1 + TINY]),
    "TokenizerConfig.sample_sentences": ([100], [99]),
    "ImageConfig.size": ([4, 1024], [3, 1025]),
    "ImageConfig.patch_size": ([1, 32], [0, 33]),
    "ImageConfig.convolutions": ([0, 2], [-1, 6]),
    "ImageConfig.codebook_size": ([2, 65_000], [1, 65_001]),
    "SpeechConfig.sample_rate": ([2000, 48_000], [1999, 48_001]),
    "SpeechConfig.mel_bins": ([8, 256], [7, 257]),
    "SpeechConfig.channels": ([0, 1024], [-1, 1025]),
    "SpeechConfig.max_seconds": ([0.1, 600], [0.1 - TINY, 600 + 600 * TINY]),
    "ModelConfig.d_model": ([8, 8192], [4, 8196]),
    "ModelConfig.num_heads": ([1, 128], [0, 256]),
    "ModelConfig.d_ff": ([8, 65536], [7, 65537]),
    "ModelConfig.encoder_layers": ([1, 64], [0, 65]),
    "ModelConfig.decoder_layers": ([1, 64], [0, 65]),
    "ModelConfig.dropout": ([0, 1 - TINY], [-TINY, 1]),
    "ModelConfig.max_positions": ([8, 65536], [7, 65537]),
    "TrainingConfig.max_steps": ([1], [0]),
    "NoiseConfig.share": ([TINY, 1 - TINY], [0, 1]),
    "NoiseConfig.mean_span": ([1, 100], [1 - TINY, 101]),
    "TrainingConfig.max_minutes": ([TINY, 1e6], [0, 1e6 + 1]),
    "TrainingConfig.tokens_per_batch": ([16], [15]),
    "TrainingConfig.accumulate_batches": ([1], [0]),
    "TrainingConfig.learning_rate": ([TINY, 10], [0, 10 + TINY]),
    "TrainingConfig.warmup_steps": ([0], [-1]),
    "TrainingConfig.weight_decay": ([0, 1], [-TINY, 1 + TINY]),
    "TrainingConfig.beta1": ([0, 1 - TINY], [-TINY, 1]),
    "TrainingConfig.beta2": ([0, 1 - TINY], [-TINY, 1]),
    "TrainingConfig.max_gradient_norm": ([TINY], [0]),
    "TrainingConfig.label_smoothing": ([0, 1 - TINY], [-TINY, 1]),
    "TrainingConfig.log_every_steps": ([1], [0]),
    "TrainingConfig.validate_every_steps": ([1], [0]),
    "TrainingConfig.validation_pairs": ([1], [0]),
    "TrainingConfig.checkpoint_every_steps": ([1], [0]),
    "TrainingConfig.keep_checkpoints": ([1], [0]),
    "TrainingConfig.patience": ([1], [0]),
    "DecodingConfig.beam_size": ([1, 256], [0, 257]),
    "DecodingConfig.length_penalty": ([0, 5], [-TINY, 5 + TINY]),
    "DecodingConfig.max_length_ratio": ([TINY, 20], [0, 20 + TINY * 20]),
    "DecodingConfig.max_length_extra": ([1, 1000], [0, 1001]),
    "DecodingConfig.min_length_ratio": ([0, 5], [-TINY, 5 + TINY]),
    "DecodingConfig.no_repeat_ngram_size": ([0, 20], [-1, 21]),
    "DecodingConfig.n_best": ([1, 256], [0, 257]),
    "DecodingConfig.diversity": ([0, 100], [-TINY, 100.001]),
    "DecodingConfig.temperature": ([TINY, 10], [0, 10.001]),
    "DecodingConfig.top_k": ([0], [-1]),
    "DecodingConfig.top_p": ([TINY, 1], [0, 1 + TINY]),
    "DecodingConfig.sampling_seed": ([0, 2**32 - 1], [-1, 2**32]),
    "DecodingConfig.tokens_per_batch": ([16], [15]),
}
SECTIONS: dict[str, type[Section]] = {
    section.__name__: section
    for section in (
        Config,
        CleaningConfig,
        CorpusConfig,
        DataConfig,
        AugmentationConfig,
        TokenizerConfig,
        ImageConfig,
        SpeechConfig,
        ModelConfig,
        NoiseConfig,
        TrainingConfig,
        DecodingConfig,
        ExportConfig,
    )
}


def sections(section: type[Section] = Config) -> Iterator[type[Section]]:
    """The section and all below it, however they are wrapped."""

    def within(annotation: Any) -> Iterator[type[Section]]:
        if isinstance(annotation, type) and issubclass(annotation, Section):
            yield from sections(annotation)
        for argument in get_args(annotation):
            yield from within(argument)

    yield section
    for field in section.model_fields.values():
        yield from within(field.annotation)


def bounds_of_schema() -> dict[str, int]:
    """Every numeric key of the schema, optional ones too, with the number of its bounds."""
    kinds = annotated_types.Ge | annotated_types.Gt | annotated_types.Le | annotated_types.Lt

    def kinds_of(annotation: Any) -> Iterator[Any]:
        """The members of a union, and what they are annotated with."""
        yield annotation
        if get_origin(annotation) in (Annotated, Union, UnionType):
            for argument in get_args(annotation):
                yield from kinds_of(argument)
        yield from getattr(annotation, "metadata", ())

    return {
        f"{section.__name__}.{name}": sum(
            isinstance(m, kinds) for m in (*field.metadata, *kinds_of(field.annotation))
        )
        for section in set(sections())
        for name, field in section.model_fields.items()
        if {int, float} & {kind for kind in kinds_of(field.annotation) if isinstance(kind, type)}
    }


def make(key: str, value: float) -> Section:
    section, _, name = key.partition(".")
    required: dict[str, object] = {"path": "a.tsv"} if section == "CorpusConfig" else {}
    if name == "num_heads":
        required["d_model"] = 256  # a multiple of the most heads
    return SECTIONS[section](**required, **{name: value})


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ([], (50, 235, 235)),
        (["max_steps=100000"], (50, 235, 235)),
        (["max_steps=500"], (50, 125, 125)),
        (["max_steps=60"], (6, 15, 15)),
        (["max_steps=62"], (7, 16, 16)),  # four validations and no fifth, two steps later
        (["max_steps=8"], (1, 15, 15)),
        (["max_steps=60", "log_every_steps=50", "validate_every_steps=60"], (50, 60, 15)),
        (["max_steps=60", "max_minutes=5"], (50, 235, 235)),
    ],
)
def test_intervals_that_are_not_set_fit_a_short_training(
    sets: list[str], expected: tuple[int, int, int]
) -> None:
    training = load_config(None, [f"training.{each}" for each in sets]).training
    assert tuple(getattr(training, key) for key in INTERVALS) == expected
    assert training.model_fields_set == {each.partition("=")[0] for each in sets}


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ([], (20, 50, 50)),
        (["max_steps=60"], (6, 15, 15)),
        (["max_steps=2000"], (50, 50, 235)),
        (["validate_every_steps=100"], (20, 100, 50)),
    ],
)
def test_intervals_of_fine_tuning_fit_its_steps(
    sets: list[str], expected: tuple[int, int, int]
) -> None:
    config = load_config(None, ["training.start_from=x", *(f"training.{each}" for each in sets)])
    training = starting_from(config, Config()).training
    assert tuple(getattr(training, key) for key in INTERVALS) == expected


def test_the_table_of_bounds_covers_every_number_of_the_schema():
    assert {key: len(beyond) for key, (_, beyond) in BOUNDS.items()} == bounds_of_schema()


@pytest.mark.parametrize("key", BOUNDS)
def test_a_number_at_the_edge_is_accepted(key):
    at_edge, _ = BOUNDS[key]
    name = key.partition(".")[2]
    assert [getattr(make(key, value), name) for value in at_edge] == at_edge


@pytest.mark.parametrize("key", BOUNDS)
def test_a_number_beyond_the_edge_is_refused(key):
    for value in BOUNDS[key][1]:
        with pytest.raises(ValidationError) as caught:
            make(key, value)
        assert [error["loc"] for error in caught.value.errors()] == [(key.partition(".")[2],)]
        assert "than" in caught.value.errors()[0]["msg"]  # by the bound, not by another rule


# --- files ----------------------------------------------------------------------------------------


def test_a_key_that_is_set_twice_is_refused_with_both_lines(write):
    message = refusal(write("training:\n  max_steps: 5\n  seed: 1\n  max_steps: 6\n")).message
    assert message.endswith("training.max_steps is set twice, in lines 2 and 4")


def test_a_key_beside_what_it_is_merged_with_is_no_duplicate(write):
    file = write("data: {train: [&first {path: a.tsv, weight: 3}, {<<: *first, path: b.tsv}]}")
    corpora = load_config(file).data.train
    assert [(each.path, each.weight) for each in corpora] == [("a.tsv", 3), ("b.tsv", 3)]


def test_the_same_key_in_two_sections_is_no_duplicate(write):
    file = write("training: {tokens_per_batch: 100}\ndecoding: {tokens_per_batch: 200}\n")
    assert load_config(file).decoding.tokens_per_batch == 200


def test_the_same_key_in_two_corpora_of_a_list_is_no_duplicate(write):
    corpora = load_config(write("data: {train: [{path: a.tsv}, {path: b.tsv}]}")).data.train
    assert [corpus.path for corpus in corpora] == ["a.tsv", "b.tsv"]


@pytest.mark.parametrize(
    ("text", "line"),
    [("name: a\n b: c", 2), ("seed: 1\nname: [", 2), ("\tname: a", 1), ("a: 1\n---\nb: 2", 2)],
)
def test_broken_yaml_is_told_with_its_line(write, text, line):
    assert f"line {line}: broken YAML" in refusal(write(text)).message


@pytest.mark.parametrize(
    "text", ["name: 2024-13-45", f"seed: {'9' * 5000}", "data: &data {train: *data}"]
)
def test_a_value_that_yaml_cannot_read_is_an_error_of_the_file(write, text):
    file = write(text)
    assert str(file) in refusal(file).message


def test_a_missing_file_is_named(tmp_path):
    missing = tmp_path / "nowhere.yaml"
    assert refusal(missing).message == f"there is no configuration file {missing}"


def test_a_hint_names_a_configuration_that_is_there(tmp_path, monkeypatch):
    def named(path):
        words = re.split(r"[\s;]+|:\s", refusal(path).hint.rstrip("."))
        return [Path(word) for word in words if "configs" in word]

    mistaken = tmp_path / "mistaken.yaml"
    mistaken.write_text("sede: 1\n", encoding="utf-8")
    monkeypatch.chdir(CONFIGS.parent)
    assert named(mistaken) == [Path("configs/default.yaml")]
    monkeypatch.chdir(tmp_path)
    for path, meant in [
        (mistaken, CONFIGS / "default.yaml"),
        (Path("configs/tatoeba.yaml"), CONFIGS / "tatoeba.yaml"),
        (Path("mine.yaml"), CONFIGS),
    ]:
        [hinted] = named(path)
        assert hinted.samefile(meant)


def test_a_directory_is_refused_and_a_file_in_it_proposed(write):
    file = write("name: a")
    error = refusal(file.parent)
    assert "is a directory" in error.message
    assert str(file) in error.hint


def test_a_file_that_is_not_utf8_is_refused_with_the_place(write):
    file = write("name: señal".encode("latin-1"))
    assert refusal(file).message == f"{file} is not UTF-8 (byte 8)"


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "{}"])
def test_an_empty_file_means_the_defaults(write, text):
    assert load_config(write(text)) == Config()


def test_a_byte_order_mark_is_no_part_of_the_first_key(write):
    assert load_config(write("\ufeffname: marked")).name == "marked"


# --- overrides ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("training.max_steps=500", "training.max_steps", 500),
        ("training.learning_rate=6e-4", "training.learning_rate", 0.0006),
        ("model.tie_embeddings=false", "model.tie_embeddings", False),
        ("name=2024-13-45", "name", "2024-13-45"),
        ('data.target_language="no"', "data.target_language", "no"),
        ("data.valid={path: v.tsv}", "data.valid.path", "v.tsv"),
        ("data.valid.path=a=b.tsv", "data.valid.path", "a=b.tsv"),
        ("data.valid.path=C: d.tsv", "data.valid.path", "C: d.tsv"),
        ("data.valid.path={language}.txt", "data.valid.path", "{language}.txt"),
        ("data.valid.path=/a/{language}.txt", "data.valid.path", "/a/{language}.txt"),
        ("data.valid=null", "data.valid", None),
    ],
)
def test_an_override_sets_one_key(override, key, value):
    found: Any = load_config(None, [override])
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value


def test_an_override_wins_over_the_file_and_the_last_over_the_first(write):
    file = write("training: {max_steps: 1, warmup_steps: 2}")
    training = load_config(file, ["training.max_steps=3", "training.max_steps=4"]).training
    assert (training.max_steps, training.warmup_steps) == (4, 2)


def test_an_override_does_not_reach_through_an_alias(write):
    file = write("data: {train: &corpus {path: a.tsv}, valid: *corpus}")
    data = load_config(file, ["data.valid.path=b.tsv"]).data
    assert data.train[0].path == "a.tsv"


@pytest.mark.parametrize(
    ("override", "fragment"),
    [
        ("training.max_steps", "not of the form key=value"),
        ("=3", "not of the form key=value"),
        ("training..max_steps=3", "not of the form key=value"),
        ("training.max_setps=3", "did you mean max_steps?"),
        ("seed=-1", "seed: input should be greater than or equal to 0, not -1"),
        ("name=", "name"),
    ],
)
def test_a_wrong_override_is_refused(override, fragment):
    assert fragment in refusal(overrides=[override]).message


def test_an_override_below_a_value_is_refused(write):
    assert "name has no keys below it" in refusal(write("name: a"), ["name.b=1"]).message


# --- the corpus of one's own ----------------------------------------------------------------------


@pytest.mark.parametrize("train", ["{path: mine.tsv}", "[{path: mine.tsv}]"])
def test_a_training_corpus_of_ones_own_drops_the_embedded_valid_and_test_sets(write, train):
    data = load_config(write(f"data: {{train: {train}}}")).data
    assert (data.train, data.valid, data.test) == ([CorpusConfig(path="mine.tsv")], None, {})


def test_a_path_alone_is_a_corpus_wherever_one_is_asked_for(write):
    data = load_config(
        write("data: {train: [a.tsv, {path: b.tsv, weight: 2}], valid: v.tsv, test: {x: t.tsv}}")
    ).data
    assert data.train == [CorpusConfig(path="a.tsv"), CorpusConfig(path="b.tsv", weight=2)]
    assert (data.valid, data.test) == (
        CorpusConfig(path="v.tsv"),
        {"x": CorpusConfig(path="t.tsv")},
    )
    alone = load_config(write("data: {train: a.tsv, test: t.tsv}"), ["data.valid=v.tsv"]).data
    assert (alone.train, alone.valid, alone.test) == (
        [CorpusConfig(path="a.tsv")],
        CorpusConfig(path="v.tsv"),
        {"test": CorpusConfig(path="t.tsv")},
    )


def test_a_path_alone_drops_the_embedded_valid_and_test_sets(write):
    assert load_config(write("data: {train: a.tsv}")) == load_config(
        write("data: {train: {path: a.tsv}}")
    )


@pytest.mark.parametrize(
    ("corpus", "kind"),
    [
        ({"path": "a.tsv"}, None),
        ({"path": "a.{language}.tsv"}, "text"),
        ({"path": "*.{language}", "format": "text"}, "text"),
        ({"path": "hf:a/b"}, "dataset"),
        ({"path": "a", "format": "dataset"}, "dataset"),
        ({"path": "embedded:valid", "format": None}, "embedded"),
    ],
)
def test_the_kind_of_a_corpus_follows_from_its_path_and_format(corpus, kind):
    assert CorpusConfig(**corpus).kind == kind


def test_a_valid_set_named_beside_the_own_corpus_stays(write):
    data = load_config(write("data: {train: {path: a.tsv}, valid: {path: b.tsv}}")).data
    assert (data.valid, data.test) == (CorpusConfig(path="b.tsv"), {})


def test_without_an_own_corpus_the_embedded_sets_stay(write):
    assert load_config(write("data: {held_out_pairs: 1000}")) == Config()


# --- shipped files and dumps ----------------------------------------------------------------------


def test_a_shipped_configuration_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(Path("ten-minutes")) == load_config(CONFIGS / "ten-minutes.yaml")
    with pytest.raises(ConfigError, match="no configuration file twenty-minutes") as error:
        load_config(Path("twenty-minutes"))
    assert "ten-minutes" in error.value.hint
    (tmp_path / "ten-minutes").write_text("name: my-own\n", encoding="utf-8")
    assert load_config(Path("ten-minutes")).name == "my-own"


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.name)
def test_a_shipped_configuration_loads(file):
    assert load_config(file).name


@pytest.mark.parametrize(
    ("overrides", "ratio", "words"),
    [
        ((), 3.0, 4),
        (("data.target_language=en",), None, None),
        (("data.source_language=es",), None, None),
        (("data.target_language=en", "data.cleaning.max_length_ratio=50"), 50.0, None),
        (("data.target_language=en", "data.cleaning.duplicates=false"), None, None),
    ],
)
def test_rules_of_translation_are_none_within_one_language(overrides, ratio, words):
    config = load_config(None, ["data.train.path=a.tsv", *overrides])
    assert config.data.cleaning.max_length_ratio == ratio
    assert config.data.cleaning.min_copied_words == words
    assert config.data.cleaning.min_number_digits == words
    assert Config.model_validate(yaml.safe_load(dump_config(config))) == config


def test_the_shares_of_cases_are_no_more_than_one():
    with pytest.raises(ConfigError, match="together more than 1"):
        load_config(None, ["data.augmentation.upper_case=0.6", "data.augmentation.lower_case=0.6"])


def test_the_default_file_says_what_the_schema_says():
    text = (CONFIGS / "default.yaml").read_text(encoding="utf-8")
    _header, _, body = text.partition("\n\n")
    assert body == dump_config(Config())


def test_the_default_file_means_the_defaults():
    assert load_config(CONFIGS / "default.yaml") == Config()


def test_every_key_of_the_default_file_carries_a_comment():
    lines = (CONFIGS / "default.yaml").read_text(encoding="utf-8").splitlines()
    corpora = ("    ", "  - ")  # deeper than the schema: explained above `train`
    keys = [n for n, line in enumerate(lines) if ":" in line and not line.lstrip().startswith("#")]
    shallow = [n for n in keys if not lines[n].startswith(corpora)]
    assert [lines[n] for n in shallow if not lines[n - 1].lstrip().startswith("#")] == []


def test_every_field_of_the_schema_has_a_sentence():
    fields = [f for section in set(sections()) for f in section.model_fields.values()]
    assert [field for field in fields if not field.description] == []


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["data.train.path=a.tsv", 'data.train.columns={"no": 0, en: 1}'],
        ["data.train=[{path: a.tsv, weight: 0.5}, {path: 'hf:b', subset: c, split: 'train[:9]'}]"],
        ["data.valid=null", "data.test={}"],
        ["data.test={'on': {path: '{language}: ñ.txt'}}", "training.learning_rate=1e-7"],
        ["training.max_gradient_norm=.inf", 'data.target_language="no"'],
        ["model.source=image", "data.train=a.tsv"],
        ["model.target=image", "data.train=[{path: a.tsv, cleaning: {max_characters: 9}}]"],
        ["training.objective=denoise", "data.train=a.txt", "data.cleaning.language=true"],
        ["data.source_language=es", "data.train=a.tsv"],
    ],
)
def test_a_dumped_configuration_is_read_back_unchanged(write, overrides):
    config = load_config(None, overrides)
    again = load_config(write(dump_config(config)))
    assert again == config
    for corpus in config.data.train:
        assert again.cleaning_of(corpus) == config.cleaning_of(corpus)


@pytest.mark.parametrize("corpus", [CorpusConfig(path="a.tsv"), {"path": "a.tsv"}])
@pytest.mark.parametrize("as_model", [True, False])
def test_pictures_are_not_cleaned_unless_it_is_said(corpus, as_model):
    model = ModelConfig(source="image") if as_model else {"source": "image"}
    data = DataConfig(train=[corpus]) if as_model else {"train": [corpus]}
    assert not Config(model=model, data=data).data.cleaning.enabled
    said = {"train": [corpus], "cleaning": {"enabled": True}}
    assert Config(model=model, data=DataConfig(**said) if as_model else said).data.cleaning.enabled


def test_a_dump_spells_every_default_out():
    values = yaml.safe_load(dump_config(Config()))
    assert values["training"] == TrainingConfig().model_dump()
    assert values["model"] == ModelConfig().model_dump()


def test_the_command_line_is_imported_without_the_heavy_libraries():
    code = (
        "import sys, translator.cli, translator.config;"
        "print([m for m in ('torch', 'datasets', 'sacrebleu', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=60
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_changed_settings_of_decoding_keep_their_bounds():
    settings = DecodingConfig(length_penalty=0.5)
    assert changed_decoding(settings, beam_size=3) == DecodingConfig(
        length_penalty=0.5, beam_size=3
    )
    with pytest.raises(ConfigError, match=r"decoding\.beam_size: .* 256, not 100000"):
        changed_decoding(settings, beam_size=100_000)


@pytest.mark.parametrize(
    ("override", "mistake"),
    [
        ("decoding.beam_size=100000", "decoding.beam_size: input should be"),
        ("decoding={beam_size: 100000}", "decoding.beam_size: input should be"),
        ("modle.d_model=8", "modle: unknown key"),
        ("model.num_heads=5", "model: d_model 192 is not a multiple"),
        ("name=7", "name: input should be a valid string, not 7: put it in quotes (--set 'name="),
    ],
)
def test_a_mistake_of_set_is_not_blamed_on_a_line_of_the_file(write, override, mistake):
    file = write("decoding:\n  beam_size: 3\n")
    assert refusal(file, [override]).message.startswith(f"{file}: --set {mistake}")


# --- bombs ----------------------------------------------------------------------------------------

LISTS = ["a: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))]
MERGED = ["a0: &a0 {x: 1}", *(f"a{n}: &a{n}\n  <<: [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n".join(LISTS), "aliases stand for more than 10,000 values"),
        ("\n".join(MERGED), "aliases stand for more than 10,000 values"),
        ("a: &a [*a]", "aliases stand for more than 10,000 values"),
        ("a: " + "[" * 20_000, "line 1: broken YAML: more than 100 brackets"),
        ("{a: " * 20_000, "line 1: broken YAML: more than 100 brackets"),
        ("".join(" " * n + "a:\n" for n in range(500)), "nested too deeply"),
        ('name: "\\ud800"', "holds a value that YAML cannot read"),
    ],
)
def test_what_multiplies_or_never_ends_is_refused(write, text, message):
    assert message in refusal(write(text)).message


def test_a_bomb_of_the_command_line_is_refused():
    bomb = "training={" + ", ".join(LISTS) + "}"
    assert "aliases stand for more than" in refusal(overrides=[bomb]).message
    assert "is not UTF-8" in refusal(overrides=["data.train.path=\udcff.tsv"]).message


def test_many_corpora_may_share_an_anchor(write):
    own = ["&c {max_characters: 90}", *["*c"] * 200]
    corpora = [f"    - {{path: {n}.tsv, cleaning: {each}}}" for n, each in enumerate(own)]
    data = load_config(write("\n".join(["data:", "  train:", *corpora]))).data
    assert {each.cleaning and each.cleaning.max_characters for each in data.train} == {90}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("corpus.tsv", b"hello\thola\n"),
        ("corpus.txt", b"hello\n"),
        ("corpus.tsv.gz", b"\x1f\x8b\xff"),
        ("corpus.jsonl", b'{"en": "a"}\n{"en": "b"}\n'),
    ],
)
def test_a_corpus_in_place_of_a_configuration_is_explained(
    tmp_path: Path, name: str, content: bytes
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load_config(file)
    assert f"--set data.train={file}" in error.value.hint
    other = file.with_suffix(".yaml")
    other.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load_config(other)
    assert "data.train" not in error.value.hint


def test_a_path_may_begin_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    config = load_config(None, ["data.train=~/a.tsv", "data.valid.path=~/b~/c.tsv"])
    assert config.data.train[0].path == str(tmp_path / "a.tsv")
    assert config.data.valid and config.data.valid.path == str(tmp_path / "b~" / "c.tsv")
