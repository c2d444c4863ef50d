"""What can be set: every key with its default, its bounds and a sentence about it.

The schema is closed: an unknown key is an error.
"""

import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)


def _refuse_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError('YAML reads no, yes, on and off as booleans: put it in quotes ("no")')
    return value


Language = Annotated[
    str,
    BeforeValidator(_refuse_boolean),
    Field(pattern=r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$"),
]

_LANGUAGE = r"[a-z]{2,8}(?:_[A-Za-z0-9]{1,8}|-[A-Z0-9][A-Za-z0-9]{0,7})*"
_LANGUAGE_PAIR = re.compile(f"({_LANGUAGE})-({_LANGUAGE})")  # a language begins in small letters


class LanguagePair(NamedTuple):
    """From which language into which; written en-es, or with variants en-pt-BR."""

    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.source}-{self.target}"

    @property
    def tag(self) -> str:
        """What stands before a source to say into which language it goes, as in OPUS-MT."""
        return f">>{self.target}<<"

    @property
    def languages(self) -> frozenset[str]:
        """Both, whichever is the source."""
        return frozenset(self)

    @classmethod
    def of(cls, text: str) -> "LanguagePair | None":
        """The pair that a text means; None if it means none."""
        match = _LANGUAGE_PAIR.fullmatch(text)
        return cls(*match.groups()) if match else None


def _language_pair(value: object) -> object:
    if not isinstance(value, str):
        return value
    pair = LanguagePair.of(value)
    if pair is None or pair.source == pair.target:
        raise ValueError("two languages are written en-es, or with variants en-pt-BR")
    return pair


LanguagePairText = Annotated[
    LanguagePair, BeforeValidator(_language_pair), PlainSerializer(str, return_type=str)
]

NumberOrAuto = Annotated[  # None in the program
    int | None,
    BeforeValidator(lambda value: None if value == "auto" else value),
    PlainSerializer(lambda value: "auto" if value is None else value),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"const": "auto"}]}),
]


class Section(BaseModel):
    """A frozen part of the configuration that knows all its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _check_number(cls, value: Any, info: ValidationInfo) -> Any:
        """`patience: yes` is no patience of 1, and no number needs more than 64 bits."""
        if isinstance(value, int) and abs(value) >= 2**63:
            raise ValueError("input should have fewer digits")
        if isinstance(value, bool) and info.field_name is not None:
            annotation = cls.model_fields[info.field_name].annotation
            kinds = (annotation, *get_args(annotation))
            if (int in kinds or float in kinds) and bool not in kinds:
                raise ValueError("input should be a number")
        return value


HUB_PREFIX = "hf:"
OPUS_PREFIX = "opus:"
MTDATA_PREFIX = "mtdata:"
LANGUAGE_PLACEHOLDER = "{language}"
TEXT_ROLE = "text"  # of a column that holds single texts
_REMOTE = re.compile(f"{OPUS_PREFIX}|{MTDATA_PREFIX}|[a-z][a-z0-9+.-]*://")
_LINES_OF_TEXT = re.compile(r"\.txt(\.gz|\.xz|\.bz2|\.zst)?$")
CorpusFormat = Literal[
    "tsv", "csv", "json", "jsonl", "parquet", "tmx", "xliff", "po", "text", "dataset"
]
TrackerName = Literal["tensorboard", "wandb", "trackio"]
FORMATS: dict[str, CorpusFormat] = {  # of files, by the ending of their names
    ".tsv": "tsv",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".tmx": "tmx",
    ".xlf": "xliff",
    ".xliff": "xliff",
    ".po": "po",
    ".txt": "text",
    ".parquet": "parquet",
}


def is_remote(path: str) -> bool:
    """Whether a corpus is downloaded by its name or its address, once."""
    return bool(_REMOTE.match(path))


class CleaningConfig(Section):
    """Which training pairs are mended, and which are dropped; every one is counted."""

    enabled: bool = Field(True, description="false lets every pair through as it was read.")
    min_characters: int = Field(1, ge=1, description="Pairs with a shorter side are dropped.")
    max_characters: int = Field(2000, ge=1, description="Pairs with a longer side are dropped.")
    max_length_ratio: float | None = Field(
        3.0,
        gt=1.0,
        description="The longer side has at most this many times the characters of the other; 20 "
        "are added to both first, since the lengths of short texts vary. null: any. Where both "
        "sides are in one language, null is the default.",
    )
    min_letter_share: float = Field(
        0.2,
        ge=0.0,
        le=1.0,
        description="Share of letters among the characters of a text, spaces aside.",
    )
    min_script_share: float = Field(
        0.5,
        ge=0.0,
        le=1.0,
        description="Share of the script of the language among the letters of a text.",
    )
    language: bool = Field(
        False,
        description="Drop pairs with a side in another language, as far as fastText's identifier "
        "knows the languages: 176.",
    )
    markup: Literal["alike", "strip", "keep"] = Field(
        "alike",
        description="HTML tags: alike drops a pair unless both sides have the same, strip removes "
        "them all, keep leaves them.",
    )
    boilerplate: list[str] = Field(
        ["cookie policy", "uses cookies", "política de cookies", "utiliza cookies", "lorem ipsum"],
        description="Phrases that stand around the text of web pages, in any case: pairs with one "
        "are dropped. A text of addresses alone (URL, e-mail) is boilerplate too.",
    )
    min_copied_words: int | None = Field(
        4,
        ge=1,
        description="A pair with the same text on both sides is dropped from this many words on: "
        "fewer may be a name. null keeps copies; it is the default where both sides are in one "
        "language.",
    )
    min_number_digits: int | None = Field(
        4,
        ge=2,
        description="A pair is dropped if a side has a number of this many digits (those of 1,500 "
        "are 15), and none of its numbers is on the other. null keeps them; it is the default "
        "where both sides are in one language.",
    )
    min_similarity: float | None = Field(
        None,
        gt=0.0,
        le=1.0,
        description="Pairs whose sides are less alike in meaning, by the cosine of their "
        "embeddings, are dropped. null: any.",
    )
    similarity_run: str | None = Field(
        None,
        min_length=1,
        description="Of min_similarity: the directory of a run whose encoder has read both "
        "languages, such as runs/both.",
    )
    duplicates: bool = Field(
        True,
        description="Drop a pair that was there before. About eight million pairs of a corpus are "
        "remembered; what comes later is compared with those.",
    )
    max_repeats: int | None = Field(
        100,
        ge=1,
        le=250,
        description="How often a text may occur on its side, with other translations. null: at "
        "will.",
    )

    @property
    def compares_meanings(self) -> bool:
        """Whether pairs are embedded."""
        return self.enabled and self.min_similarity is not None


class CorpusConfig(Section):
    """Where text pairs come from."""

    path: str = Field(
        description="A file: .tsv, .csv, .json, .jsonl, .parquet, .tmx, .xliff (.xlf) or .po; two "
        "files of which line n translates line n, named by {language}: news.{language}.txt; for "
        "objectives that learn from single texts also a .txt file of which each line is one; all "
        "but Parquet also packed: .gz, .xz, .bz2, .zst. Many files of one format: a glob such as "
        "shards/*.tsv.gz (also with {language}) or a folder, read in the order of their names. "
        "hf:NAME, or a folder that was saved by Hugging Face datasets; embedded:NAME for a corpus "
        "of this package. opus:CORPUS/VERSION, mtdata:ID, or the address (https://…) of any of "
        "these files or of an archive with one (.zip, .tar.gz, …) is downloaded once. A corpus "
        "that needs no other key may be its path alone.",
        min_length=1,
    )
    format: CorpusFormat | None = Field(
        None,
        description="Where the name does not tell it: tsv, csv, json, jsonl, parquet, tmx, xliff, "
        "po, text (two files, named by {language}, or one of single texts), or dataset (a folder "
        "that Hugging Face datasets is to load).",
    )
    columns: dict[Language, Annotated[int | str, BeforeValidator(_refuse_boolean)]] | None = Field(
        None,
        description="Where each language stands, if not under its own name: {en: 0, es: 1} in a "
        "TSV file, or a CSV file without header; {en: english, es: spanish} by header, JSON key or "
        "column; {en: en-GB, es: es} in TMX; {en: source, es: target} in XLIFF; {en: msgid, "
        "es: msgstr} in PO. Or by role: {source: article, target: summary}, also where both sides "
        "are in one language; {text: article} for single texts. In JSON the target may be a list, "
        "of several references: evaluation uses them all, all else the first. Not needed for "
        "NAME.en-es.tsv, a header or keys en and es, {translation: {en: …, es: …}}, and where the "
        "file says its languages.",
    )
    languages: LanguagePairText | None = Field(
        None,
        description="Of a corpus beside others in other languages: en-fr, the first that of source "
        "in columns. null: those of data.directions, where it has only two.",
    )
    max_pairs: int | None = Field(
        None, ge=1, description="Read only the first pairs, at most this many. null reads all."
    )
    subset: str | None = Field(None, description="The subset (configuration) of a hub dataset.")
    split: str = Field("train", description="The split of a Hugging Face dataset.", min_length=1)
    streaming: bool = Field(
        False,
        description="Read a Hugging Face dataset while it arrives, and not download or convert all "
        "of it first. Files are always read so.",
    )
    weight: float = Field(
        1.0,
        gt=0.0,
        le=1000.0,
        description="How often each pair occurs in an epoch of training: 3 repeats it, 0.5 takes "
        "each pair with a probability of one half, drawn anew in every epoch.",
    )
    held_out: bool = Field(
        True,
        description="Of train: whether pairs are set aside from it for a missing valid or test "
        "set. false for pairs that are no test, such as translations by a machine.",
    )
    cleaning: CleaningConfig | None = Field(
        None, description="Keys of data.cleaning that are different for this corpus."
    )

    @property
    def kind(self) -> Literal["text", "dataset", "embedded"] | None:
        """What the path and the format mean, where that is more than files of one format."""
        if self.path.startswith("embedded:"):
            return "embedded"
        if self.format == "dataset" or (self.path.startswith(HUB_PREFIX) and not self.is_remote):
            return "dataset"
        return "text" if LANGUAGE_PLACEHOLDER in self.path else None

    @property
    def is_remote(self) -> bool:
        """Whether it is downloaded, once, and then read from the cache."""
        return is_remote(self.path)

    @property
    def of_texts(self) -> bool:
        """Whether it holds single texts and no pairs."""
        name = re.split("[?#]", self.path)[0] if self.is_remote else self.path
        lines = bool(_LINES_OF_TEXT.search(name)) or self.format == "text"
        return TEXT_ROLE in (self.columns or {}) or (lines and self.kind is None)

    @field_validator("path")
    @classmethod
    def _with_home(cls, path: str) -> str:
        """No shell replaces the tilde of `--set data.train=~/a.tsv`, nor that of a file."""
        return str(Path(path).expanduser()) if path.startswith(("~/", "~\\")) else path

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _format_fits_path(self) -> "CorpusConfig":
        if self.kind and self.format not in (None, self.kind):
            raise ValueError(f"format {self.format} does not fit the path {self.path}")
        if self.is_remote and self.format == "dataset":
            raise ValueError(f"{self.path} is downloaded; datasets are hf:NAME, or folders here")
        return self


class AugmentationConfig(Section):
    """Which share of the training pairs is shown in another shape, drawn anew in every epoch."""

    upper_case: float = Field(
        0.01,
        ge=0.0,
        le=1.0,
        description="Share of the pairs shown IN CAPITALS, both sides. They have few pieces longer "
        "than a letter, so they take more tokens, and many steps to learn.",
    )
    lower_case: float = Field(
        0.05,
        ge=0.0,
        le=1.0,
        description="Share of the pairs in small letters only, both sides; every other one also "
        "without final punctuation, as one writes in a hurry.",
    )
    title_case: float = Field(
        0.01,
        ge=0.0,
        le=1.0,
        description="Share of the pairs whose source is In Title Case. Most such headings are read "
        "in small letters when they are translated; this is for the others.",
    )
    no_final_punctuation: float = Field(
        0.05, ge=0.0, le=1.0, description="Share without the full stop or ¿? at the end."
    )
    typos: float = Field(
        0.01, ge=0.0, le=1.0, description="Share with a letter wrong in a word of the source."
    )
    other_pieces: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="Share cut into other pieces than the likeliest (subword regularisation).",
    )
    alpha: float = Field(
        0.2,
        ge=0.0,
        le=1.0,
        description="How other_pieces are chosen: the smaller, the more unlikely ones (unigram), "
        "or the share of merges left out (bpe).",
    )

    shift: float = Field(
        0.1,
        ge=0.0,
        le=0.5,
        description="Of pictures: moved by at most this share of their size, each way; of "
        "recordings: the frequencies higher or lower by at most this share of the bands.",
    )
    zoom: float = Field(
        0.1,
        ge=0.0,
        le=0.5,
        description="Of pictures: smaller, larger or sheared by at most this share; of recordings: "
        "the frequencies nearer or farther, as of another throat.",
    )
    tempo: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="Of recordings: slower by at most this share or faster by as much, here more "
        "and there less; 1 is between half and twice as long.",
    )
    turn: float = Field(
        0.0, ge=0.0, le=180.0, description="By how many degrees pictures are turned, at most."
    )
    bend: float = Field(
        0.0,
        ge=0.0,
        le=0.5,
        description="Of pictures: each part moved by at most this share of their size, its "
        "neighbours by much the same, as of another hand.",
    )
    colour: float = Field(
        0.2,
        ge=0.0,
        le=1.0,
        description="Of pictures: by how much red, green and blue may change and mix; of "
        "recordings: the deviation of a gain that changes slowly from band to band, as of another "
        "microphone.",
    )
    noise: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="Of pictures: the deviation of what is added to each number, as a share of "
        "white; of recordings: up to which share of the range from silence to the loudest is "
        "drowned in noise.",
    )
    frequency_mask: float = Field(
        0.15,
        ge=0.0,
        lt=1.0,
        description="Of recordings: at most this share of the frequencies is silent, twice "
        "(SpecAugment; Park et al., 2019).",
    )
    time_mask: float = Field(
        0.1,
        ge=0.0,
        lt=1.0,
        description="Of recordings: at most this share of the time is silent, twice.",
    )

    @model_validator(mode="after")
    def _check_cases(self) -> "AugmentationConfig":
        if self.upper_case + self.lower_case + self.title_case > 1.0:
            raise ValueError("upper_case, lower_case and title_case are together more than 1")
        return self


class DataConfig(Section):
    """Which languages, which files, which pairs."""

    source_language: Language = Field("en", description="The language to translate from.")
    target_language: Language = Field("es", description="The language to translate into.")
    directions: list[LanguagePairText] = Field(
        [],
        description="For one model of several directions: [en-es, es-en]. A pair is shown in each "
        "of them that its languages allow, and a tag such as >>es<< before the source says which. "
        "The first is the default, and need not be set as source_language and target_language.",
    )
    train: list[CorpusConfig] = Field(
        [
            CorpusConfig(path="embedded:train-grammar"),
            CorpusConfig(path="embedded:train-figures", weight=2.0),
            CorpusConfig(path="embedded:train-handwritten", weight=8.0),
        ],
        description="The pairs to learn from: one corpus, or a list of them. "
        "A corpus has these keys:",
    )
    valid: CorpusConfig | None = Field(
        CorpusConfig(path="embedded:valid"),
        description="The pairs that choose the best model. null, or a train set alone, sets "
        "held_out_pairs of train aside.",
    )
    test: dict[str, CorpusConfig] = Field(
        {
            "handwritten": CorpusConfig(path="embedded:test-handwritten"),
            "grammar": CorpusConfig(path="embedded:test-grammar"),
            "figures": CorpusConfig(path="embedded:test-figures"),
        },
        description="Named sets for `translator evaluate`. {}, or a train set alone, sets "
        "held_out_pairs of train aside.",
    )
    cleaning: CleaningConfig = Field(
        CleaningConfig(),
        description="How the pairs of train are cleaned; valid and test are left as they are.",
    )
    leave_out: list[CorpusConfig] = Field(
        [],
        description="Pairs of train that share a text with these are neither trained on nor set "
        "aside: other test sets, so that their scores say something.",
    )
    held_out_pairs: int = Field(
        1000,
        ge=1,
        description="How many pairs of train to set aside for a missing valid or test set; "
        "at most a tenth of the corpus each.",
    )
    max_tokens_per_sentence: int = Field(
        128, ge=2, le=4096, description="Longer pairs are dropped from training, and counted."
    )
    temperature: float = Field(
        1.0,
        ge=1.0,
        le=100.0,
        description="Above 1, small corpora of train occur more often: shares of an epoch are as "
        "size^(1/temperature), times weight, and the largest corpus keeps its size.",
    )
    augmentation: AugmentationConfig = Field(
        AugmentationConfig(),
        description="Other shapes in which training pairs are shown; valid and test never are.",
    )

    @field_validator("train", "leave_out", mode="before")
    @classmethod
    def _one_corpus_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict | str | CorpusConfig) else value

    @field_validator("test", mode="before")
    @classmethod
    def _one_path_is_a_set(cls, value: Any) -> Any:
        return {"test": value} if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def _own_corpus_own_tests(cls, values: Any) -> Any:
        """Whoever names a training corpus does not mean the embedded valid and test sets."""
        if isinstance(values, dict) and values.get("train") is not None:
            return {"valid": None, "test": {}, **values}
        return values

    @model_validator(mode="before")
    @classmethod
    def _first_direction_is_default(cls, values: Any) -> Any:
        """The languages are those of the first direction that has the ones that are set."""
        keys = ("source_language", "target_language")
        if not isinstance(values, dict) or not isinstance(values.get("directions"), list):
            return values
        for each in map(str, values["directions"]):
            pair = LanguagePair.of(each)
            if pair and all(
                values.get(k, side) == side for k, side in zip(keys, pair, strict=True)
            ):
                return {**values, **dict(zip(keys, pair, strict=True))}
        return values

    @model_validator(mode="before")
    @classmethod
    def _rules_of_translation(cls, values: Any) -> Any:
        """Within one language, such as from articles to summaries, sides may be alike or not."""
        if isinstance(values, dict) and isinstance(values.get("cleaning", {}), dict):
            languages = [
                values.get(key, cls.model_fields[key].default)
                for key in ("source_language", "target_language")
            ]
            if languages[0] == languages[1]:
                rules = ("max_length_ratio", "min_copied_words", "min_number_digits")
                free = dict.fromkeys(rules)
                return {**values, "cleaning": {**free, **values.get("cleaning", {})}}
        return values

    @model_validator(mode="after")
    def _check_directions(self) -> "DataConfig":
        if self.directions and self.direction not in self.directions:
            raise ValueError(
                f"source_language {self.source_language} and target_language "
                f"{self.target_language} are none of the directions "
                f"{', '.join(map(str, self.directions))}: leave them out"
            )
        if len(set(self.directions)) < len(self.directions):
            raise ValueError("directions names one of them twice")
        self._check_corpora()
        return self

    def _check_corpora(self) -> None:
        """Each corpus has a direction, and of several each has a corpus to learn from."""
        known = {pair.languages for pair in self.all_directions}
        for corpus in self.corpora:
            if corpus.languages is None and len(known) > 1:
                raise ValueError(
                    f"{corpus.path} needs languages, such as {self.directions[-1]}: the directions "
                    "have more than two"
                )
            if corpus.languages is not None and corpus.languages.languages not in known:
                raise ValueError(
                    f"{corpus.path} has the languages {corpus.languages}, and no direction is "
                    f"between these ({', '.join(map(str, self.all_directions))})"
                )
        for pair in self.directions if self.train else ():
            if not any(self.languages_of(each).languages == pair.languages for each in self.train):
                raise ValueError(f"no corpus of train has the languages of the direction {pair}")

    @property
    def corpora(self) -> list[CorpusConfig]:
        """All that train, valid and test name."""
        return [*self.train, *([self.valid] if self.valid else []), *self.test.values()]

    @property
    def direction(self) -> LanguagePair:
        """From which language into which, unless something else is said."""
        return LanguagePair(self.source_language, self.target_language)

    @property
    def all_directions(self) -> list[LanguagePair]:
        """The directions, of which there may be only one."""
        return self.directions or [self.direction]

    def languages_of(self, corpus: CorpusConfig) -> LanguagePair:
        """The languages of a corpus, in the order in which it is read."""
        return corpus.languages or self.all_directions[0]

    def toward(self, pair: LanguagePair) -> "DataConfig":
        """The same with one of the directions as the default."""
        return self.model_copy(
            update={"source_language": pair.source, "target_language": pair.target}
        )

    def with_corpora_of(self, pair: LanguagePair) -> "DataConfig":
        """The same with the corpora of two languages, and no others."""

        def fits(corpus: CorpusConfig) -> bool:
            return self.languages_of(corpus).languages == pair.languages

        return self.model_copy(
            update={
                "train": list(filter(fits, self.train)),
                "valid": self.valid if self.valid and fits(self.valid) else None,
                "test": {name: corpus for name, corpus in self.test.items() if fits(corpus)},
            }
        )


class TokenizerConfig(Section):
    """The SentencePiece model that is trained on the training pairs."""

    algorithm: Literal["unigram", "bpe"] = Field("unigram", description="unigram or bpe.")
    vocabulary_size: int = Field(
        4000,
        ge=300,
        le=256_000,
        description="Pieces for both languages together; fewer when the corpus is too small.",
    )
    character_coverage: float = Field(
        0.9999,
        gt=0.9,
        le=1.0,
        description="Share of the characters that get a piece; the rest is spelled in bytes.",
    )
    sample_sentences: int = Field(
        1_000_000, ge=100, description="It is trained on at most this many sentences."
    )


class ImageConfig(Section):
    """How the encoder reads a picture, and how the decoder draws one."""

    size: int = Field(
        32, ge=4, le=1024, description="Pictures are scaled to size × size pixels, on white."
    )
    trim: bool = Field(
        False,
        description="Cut white borders away, so that what is shown has one size and place.",
    )
    patch_size: int = Field(
        4, ge=1, le=32, description="A token is a patch of patch_size × patch_size pixels."
    )
    convolutions: int = Field(
        0,
        ge=0,
        le=5,
        description="How many convolutions see a source picture before its patches are projected; "
        "each halves height and width, and finds what has another place or outline.",
    )
    codebook_size: int = Field(
        512,
        ge=2,
        le=65_000,
        description="Of target image: how many different patches the decoder can draw.",
    )

    @property
    def patches(self) -> int:
        """How many a picture has."""
        return (self.size // self.patch_size) ** 2

    @model_validator(mode="after")
    def _whole_patches(self) -> "ImageConfig":
        if self.patch_size % 2**self.convolutions:
            raise ValueError(
                f"patch_size {self.patch_size} is not a multiple of 2^convolutions, "
                f"{2**self.convolutions}"
            )
        if self.size % self.patch_size:
            raise ValueError(f"size {self.size} is not a multiple of patch_size {self.patch_size}")
        return self


class SpeechConfig(Section):
    """How the encoder hears a recording."""

    sample_rate: int = Field(
        16_000,
        ge=2000,
        le=48_000,
        description="Recordings are resampled to this many samples a second; 8000 is a telephone.",
    )
    mel_bins: int = Field(80, ge=8, le=256, description="Bands of frequency in a frame of 10 ms.")
    normalization: Literal["whole", "spoken"] = Field(
        "whole",
        description="What makes loud and soft recordings alike. whole: each has mean 0 and "
        "deviation 1; spoken: the mean is that of the frames within 30 dB of the loudest, however "
        "much silence or noise is around them, and a decibel is the same in each.",
    )
    channels: int = Field(
        0,
        ge=0,
        le=1024,
        description="What two convolutions over time and frequency alike find at each place, so "
        "that a sound may be higher or lower; 0: they go over time alone, as Whisper's do.",
    )
    max_seconds: float = Field(
        30.0, ge=0.1, le=600.0, description="Longer recordings are refused; in training, dropped."
    )


class ModelConfig(Section):
    """The shape of the transformer."""

    source: Literal["text", "image", "speech"] = Field(
        "text",
        description="What the encoder reads: text, pictures or recordings. Of the last two a "
        "corpus names the files, or holds them as Hugging Face datasets does (Parquet).",
    )
    target: Literal["text", "image"] = Field(
        "text", description="What the decoder writes: text, or a picture, patch by patch."
    )
    image: ImageConfig = Field(ImageConfig(), description="Of source or target image.")
    speech: SpeechConfig = Field(SpeechConfig(), description="Of source speech.")
    architecture: Literal["encoder_decoder", "decoder_only", "encoder_only"] = Field(
        "encoder_decoder",
        description="encoder_decoder: an encoder reads the source, and a decoder that looks at it "
        "through cross-attention writes the target. decoder_only: one stack reads the source and "
        "goes on with the target, by self-attention alone. encoder_only: nothing is written; what "
        "is read gets states that embed it.",
    )
    prefix_attention: Literal["bidirectional", "causal"] = Field(
        "bidirectional",
        description="Of decoder_only: whether the tokens of a source see all of it, or, as those "
        "of the target, only what stands before them.",
    )
    d_model: int = Field(192, ge=8, le=8192, description="Width of the hidden states.")
    num_heads: int = Field(4, ge=1, le=128, description="Attention heads; divides d_model.")
    d_ff: int = Field(768, ge=8, le=65536, description="Inner width of the feed-forward layers.")
    encoder_layers: int = Field(
        3, ge=1, le=64, description="Layers of the encoder, where there is one."
    )
    decoder_layers: int = Field(
        2, ge=1, le=64, description="Layers of the decoder, where there is one."
    )
    dropout: float = Field(0.05, ge=0.0, lt=1.0, description="Share of activations dropped.")
    activation: Literal["relu", "gelu", "silu"] = Field(
        "relu", description="relu, gelu or silu (also called swish)."
    )
    norm: Literal["pre", "post"] = Field(
        "pre", description="LayerNorm before each sublayer (pre) or after the residual sum (post)."
    )
    positions: Literal["sinusoidal", "learned", "none"] = Field(
        "sinusoidal", description="sinusoidal (computed), learned (a table) or none (an ablation)."
    )
    max_positions: int = Field(
        512, ge=8, le=65536, description="The longest sequence, in tokens, that the model can see."
    )
    tie_embeddings: bool = Field(
        True, description="Source, target and output embeddings share one matrix."
    )
    output_bias: bool = Field(
        False, description="Each piece has a learned bias where the next one is scored."
    )

    @model_validator(mode="after")
    def _check_shape(self) -> "ModelConfig":
        if self.d_model % self.num_heads:
            raise ValueError(
                f"d_model {self.d_model} is not a multiple of num_heads {self.num_heads}"
            )
        if self.d_model % 2 and "sinusoidal" in (self.positions, *self._heard):
            raise ValueError("sinusoidal positions need an even d_model")
        return self

    @property
    def _heard(self) -> tuple[str, ...]:
        return ("sinusoidal",) if self.source == "speech" else ()

    @model_validator(mode="after")
    def _check_media(self) -> "ModelConfig":
        if self.is_textual:
            return self
        if self.architecture != "encoder_decoder":
            raise ValueError(
                f"source {self.source} and target {self.target} need architecture encoder_decoder"
            )
        if self.source != "text" and self.target != "text":
            raise ValueError(f"target {self.target} needs source text")
        if self.target == "image" and self.image.patches >= self.max_positions:
            raise ValueError(
                f"max_positions {self.max_positions} is too small for pictures of "
                f"{self.image.patches} patches"
            )
        return self

    @property
    def is_textual(self) -> bool:
        """Whether it reads and writes text."""
        return self.source == self.target == "text"


# Of training that starts from a run, for keys that are not set (docs/recipes.md): the rate and the
# steps that teach a new model make this one forget what it knows.
FINE_TUNING: dict[str, int | float | str] = {
    "learning_rate": 0.0006,
    "warmup_steps": 20,
    "max_steps": 200,
    "validate_every_steps": 50,
    "best_metric": "chrf",  # BLEU, near zero in a domain that is far, moves by luck
}


# How many times a short training logs, validates and saves, and the fewest steps between two times,
# for keys that are not set: its curves have points, and a validation, which costs some seven steps
# of a small model on a CPU, stays rare.
INTERVALS = {
    "log_every_steps": (10, 1),
    "validate_every_steps": (4, 15),
    "checkpoint_every_steps": (4, 15),
}


class NoiseConfig(Section):
    """What the objectives denoise and masked hide of a text."""

    share: float = Field(
        0.3, gt=0.0, lt=1.0, description="Share of the tokens that are hidden, on average."
    )
    mean_span: float = Field(
        3.0,
        ge=1.0,
        le=100.0,
        description="Of denoise: the mean number of tokens that are hidden in one piece, behind "
        "one mask.",
    )


Objective = Literal["translate", "denoise", "language_model", "masked"]

OBJECTIVES: dict[str, tuple[Objective, ...]] = {  # what each architecture can learn
    "encoder_decoder": ("translate", "denoise"),
    "decoder_only": ("translate", "denoise", "language_model"),
    "encoder_only": ("masked",),
}


class TrainingConfig(Section):
    """How the model learns."""

    objective: Objective = Field(
        "translate",
        description="translate: the target of each source. The others learn from single texts (a "
        "file of lines, one column, or both sides of pairs): denoise writes a text of which pieces "
        "are hidden, language_model each text from its beginning on (decoder_only), and masked "
        "tells hidden tokens (encoder_only).",
    )
    noise: NoiseConfig = Field(NoiseConfig(), description="What denoise and masked hide.")
    start_from: str | None = Field(
        None,
        min_length=1,
        description="A run whose weights and tokenizer training starts from: its directory, such "
        "as runs/everyday, hf:USER/NAME of the Hugging Face Hub, or model:NAME of a package. Its "
        "sections tokenizer and model hold here too, except for model.dropout. Of this section, "
        "keys that are not set are then "
        f"{', '.join(f'{key} {value}' for key, value in FINE_TUNING.items())}. Where objective or "
        "architecture differ, the weights are taken of which there are the same, and the keys "
        "of this section keep their defaults. null: random weights and a new tokenizer.",
    )
    max_steps: int = Field(940, ge=1, description="Optimizer steps; the learning rate ends there.")
    max_minutes: float | None = Field(
        None,
        gt=0.0,
        le=1_000_000.0,
        description="All minutes of a run, in place of max_steps: reading, steps, validations and "
        "checkpoints of all sittings, but none in which the process is stopped. After 30 steps it "
        "is decided how many fit, and again and again as the machine gets slower or faster, so "
        "that the learning rate ends with the minutes.",
    )
    tokens_per_batch: NumberOrAuto = Field(
        2048,
        ge=16,
        description="A batch holds at most this many tokens on either side, at least a sentence; "
        "auto takes what fits into memory, and no more than serves speed.",
    )
    accumulate_batches: int = Field(
        1, ge=1, description="Batches whose gradients are summed for one optimizer step."
    )
    optimizer: Literal["adamw", "muon"] = Field(
        "muon",
        description="adamw, or muon for the matrices inside the layers and adamw for the rest.",
    )
    learning_rate: float = Field(
        0.006, gt=0.0, le=10.0, description="The peak learning rate, for AdamW and Muon alike."
    )
    schedule: Literal["linear", "cosine", "inverse_sqrt", "constant"] = Field(
        "linear",
        description="How the rate falls after warm-up: linear, cosine, inverse_sqrt, constant.",
    )
    warmup_steps: int = Field(
        100, ge=0, description="Steps over which the rate rises from zero, at most half of all."
    )
    weight_decay: float = Field(
        0.01, ge=0.0, le=1.0, description="Decoupled weight decay of matrices."
    )
    beta1: float = Field(0.9, ge=0.0, lt=1.0, description="AdamW's decay of the mean gradient.")
    beta2: float = Field(0.98, ge=0.0, lt=1.0, description="AdamW's decay of the squared gradient.")
    max_gradient_norm: float = Field(
        1.0, gt=0.0, description="Gradients are scaled down to this norm."
    )
    label_smoothing: float = Field(
        0.1, ge=0.0, lt=1.0, description="Share of the target's probability spread over all pieces."
    )
    log_every_steps: int = Field(
        50,
        ge=1,
        description="Steps from one line in metrics.jsonl to the next; where this is not set, at "
        "most a tenth of max_steps.",
    )
    validate_every_steps: int = Field(
        235,
        ge=1,
        description="Steps between validations (loss, BLEU, chrF, samples); one comes at the end. "
        "Where this is not set, at most a quarter of max_steps, but not under 15.",
    )
    validation_pairs: int = Field(
        300, ge=1, description="At most this many pairs of valid are translated at each validation."
    )
    checkpoint_every_steps: int = Field(
        235,
        ge=1,
        description="Steps between checkpoints, from which training goes on exactly. Where this "
        "is not set, at most a quarter of max_steps, but not under 15.",
    )
    keep_checkpoints: int = Field(2, ge=1, description="Older checkpoints are deleted.")
    best_metric: Literal["bleu", "chrf", "loss"] = Field(
        "bleu",
        description="What chooses the best model on valid: bleu, chrf or loss. BLEU says little "
        "of languages that write no spaces, unless they are Chinese or Japanese. Where nothing is "
        "translated it is the loss.",
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="Stop after this many validations without a better model; null: never.",
    )
    trackers: list[TrackerName] = Field(
        [],
        description="Who else keeps the curves: tensorboard (in runs/NAME/tensorboard), wandb "
        "(Weights & Biases), trackio. Each needs the package of its name.",
    )

    @model_validator(mode="before")
    @classmethod
    def _tensorboard_of_old(cls, values: Any) -> Any:
        """Version 0.1 knew one tracker, and a key of its name."""
        if isinstance(values, dict) and isinstance(values.get("tensorboard"), bool):
            rest = {key: value for key, value in values.items() if key != "tensorboard"}
            return {"trackers": ["tensorboard"] * values["tensorboard"], **rest}
        return values

    @model_validator(mode="before")
    @classmethod
    def _loss_without_translations(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("objective", "translate") != "translate":
            return {"best_metric": "loss", **values}
        return values

    @model_validator(mode="after")
    def _check_metric(self) -> "TrainingConfig":
        if self.objective != "translate" and self.best_metric != "loss":
            raise ValueError(
                f"best_metric {self.best_metric} is of translations; objective {self.objective} "
                "has its loss only"
            )
        return self

    @model_validator(mode="after")
    def _fit(self) -> "TrainingConfig":
        self.__dict__.update(self.fitting_intervals(self.model_fields_set))  # they stay unset
        return self

    def fitting_intervals(self, chosen: Collection[str]) -> dict[str, int]:
        """Steps between log lines, validations and checkpoints that fit max_steps, by key.

        Without the keys that were chosen. Where minutes end the training its steps are not known.
        """
        if self.max_minutes is not None:
            return {}
        return {
            key: min(getattr(self, key), max(fewest, math.ceil(self.max_steps / times)))
            for key, (times, fewest) in INTERVALS.items()
            if key not in chosen
        }


class DecodingConfig(Section):
    """How a translation is searched."""

    beam_size: int = Field(5, ge=1, le=256, description="1 is greedy search.")
    length_penalty: float = Field(
        1.0,
        ge=0.0,
        le=5.0,
        description="Exponent of the length penalty of Wu et al. (2016), eq. 14.",
    )
    length_normalization: Literal["gnmt", "length"] = Field(
        "gnmt",
        description="What length_penalty is the exponent of: gnmt, (5 + length) / 6, or length.",
    )
    max_length_ratio: float = Field(
        2.0, gt=0.0, le=20.0, description="At most ratio × source tokens + extra target tokens."
    )
    max_length_extra: int = Field(10, ge=1, le=1000, description="See max_length_ratio.")
    min_length_ratio: float = Field(
        0.0, ge=0.0, le=5.0, description="At least ratio × source tokens."
    )
    no_repeat_ngram_size: int = Field(
        0,
        ge=0,
        le=20,
        description="No sequence of this many target tokens occurs twice; 0: it may.",
    )
    n_best: int = Field(
        1,
        ge=1,
        le=256,
        description="Alternatives for each text, no two alike, so there may be fewer; the beam has "
        "room for them all.",
    )
    diversity: float = Field(
        0.0,
        ge=0.0,
        le=100.0,
        description="What the second best token after a prefix loses in the beam, the third twice, "
        "so that alternatives differ early.",
    )
    sampling: bool = Field(
        False,
        description="Draw each token by its probability instead of searching the best: the default "
        "of language models, with top_p 0.9.",
    )
    temperature: float = Field(
        1.0, gt=0.0, le=10.0, description="Of sampling: below 1 sharpens the probabilities."
    )
    top_k: int = Field(0, ge=0, description="Of sampling: only the k most probable tokens; 0: all.")
    top_p: float = Field(
        1.0,
        gt=0.0,
        le=1.0,
        description="Of sampling: only the most probable tokens that together have this share.",
    )
    sampling_seed: int = Field(
        1, ge=0, lt=2**32, description="The same seed and text give the same sample."
    )
    split_sentences: bool = Field(
        True, description="Translate the sentences of a text one by one; false: as one."
    )
    recover_lost: bool = Field(
        True,
        description="Where placeholders, addresses, emoji or numbers of a text are missing in its "
        "translation, search again with them as required terms.",
    )
    tokens_per_batch: int = Field(
        4096, ge=16, description="Source tokens encoded together; it changes speed only."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Of the products; bfloat16 is faster where the hardware computes it, as fast "
        "as float32 on other processors, and changes a translation here and there.",
    )

    def greedy(self) -> "DecodingConfig":
        """The same, but of each step the most probable token, and what is lost stays so."""
        changes = {"beam_size": 1, "n_best": 1, "sampling": False, "recover_lost": False}
        return self.model_copy(update=changes)


_RULES_OF_PAIRS: dict[str, Any] = {  # and the values with which they let everything through
    "min_script_share": 0.0,
    "language": False,
    "max_length_ratio": None,
    "min_copied_words": None,
    "min_number_digits": None,
}


def _set(section: Any) -> dict[str, Any] | None:
    """The keys of a section that are set; None if it is none."""
    if isinstance(section, Section):
        return section.model_dump(exclude_unset=True)
    return section if isinstance(section, dict) else None


class ExportConfig(Section):
    """What `translator train` makes of the model when it has ended."""

    after_training: Literal["none", "float32", "float16", "bfloat16", "int8", "int8_float32"] = (
        Field(
            "none",
            description="Numbers of a CTranslate2 export that `translator train` makes at its end, "
            "as `translator export` does. With float32 and float16 `translator translate` uses it, "
            "and starts without torch; others need its --engine ctranslate2.",
        )
    )


class Config(Section):
    """One run from text pairs to a model."""

    name: str = Field(
        "everyday",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=100,
        description="The run is kept in runs/NAME.",
    )
    seed: int = Field(
        1,
        ge=0,
        lt=2**32,
        description="On a CPU, the same seed, machine and threads give the same model.",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="Of training; auto takes cuda, else mps, else cpu."
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="Of training; auto takes bfloat16 where the hardware computes it."
    )
    data: DataConfig = Field(DataConfig(), description="Which languages, which files, which pairs.")
    tokenizer: TokenizerConfig = Field(
        TokenizerConfig(), description="The SentencePiece model, trained on the training pairs."
    )
    model: ModelConfig = Field(
        ModelConfig(), validate_default=True, description="The shape of the transformer."
    )
    training: TrainingConfig = Field(TrainingConfig(), description="How the model learns.")
    decoding: DecodingConfig = Field(DecodingConfig(), description="How a translation is searched.")
    export: ExportConfig = Field(ExportConfig(), description="What is made of the trained model.")

    @model_validator(mode="before")
    @classmethod
    def _language_models_are_sampled(cls, values: Any) -> Any:
        """The most probable text is a dull one, that of a language model more than others."""
        if not isinstance(values, dict):
            return values
        training, decoding = values.get("training"), values.get("decoding", {})
        objective = training.get("objective") if isinstance(training, dict) else None
        if objective == "language_model" and isinstance(decoding, dict):
            return {**values, "decoding": {"sampling": True, "top_p": 0.9, **decoding}}
        return values

    @model_validator(mode="before")
    @classmethod
    def _pictures_have_a_loss(cls, values: Any) -> Any:
        model = values.get("model") if isinstance(values, dict) else None
        if isinstance(model, dict) and model.get("target") == "image":
            training = values.get("training", {})
            if isinstance(training, dict):
                return {**values, "training": {"best_metric": "loss", **training}}
        return values

    @model_validator(mode="before")
    @classmethod
    def _rules_of_what_is_read(cls, values: Any) -> Any:
        """What is cleaned where nothing else is set, told by the configuration that a run keeps.

        Of single texts, whose language nothing tells, rules of languages and of translations
        let everything through. Pictures and recordings with words are not cleaned.
        """
        if not isinstance(values, dict):
            return values
        data, model, training = (_set(values.get(key, {})) for key in ("data", "model", "training"))
        cleaning = _set((data or {}).get("cleaning", {}))
        if data is None or cleaning is None or model is None or training is None:
            return values  # what they are instead is refused
        free: dict[str, Any] = {}
        if training.get("objective", "translate") != "translate":
            free |= _RULES_OF_PAIRS
        if (model.get("source", "text"), model.get("target", "text")) != ("text", "text"):
            free["enabled"] = False
        return {**values, "data": {**data, "cleaning": {**free, **cleaning}}} if free else values

    @model_validator(mode="after")
    def _something_to_learn(self) -> "Config":
        if not self.data.train and not self.starts_from_hub:
            raise ValueError("data.train must name at least 1 corpus")
        return self

    def toward(self, pair: LanguagePair) -> "Config":
        """The same with one of data.directions as the default."""
        return self.model_copy(update={"data": self.data.toward(pair)})

    def toward_languages_of(self, corpus: CorpusConfig) -> "Config":
        """The same with the first direction between the languages of a corpus as the default."""
        languages = self.data.languages_of(corpus).languages
        pairs = self.data.all_directions
        return self.toward(next(pair for pair in pairs if pair.languages == languages))

    @property
    def by_direction(self) -> "list[Config]":
        """One of each direction, with the corpora of its languages; itself where none is named."""
        return [
            self.model_copy(update={"data": self.data.with_corpora_of(pair).toward(pair)})
            for pair in self.data.directions
        ] or [self]

    @property
    def learns_from_texts(self) -> bool:
        """Whether it learns from single texts, each of them both sides of a pair."""
        return self.training.objective != "translate"

    def cleaning_of(self, corpus: CorpusConfig) -> CleaningConfig:
        """The cleaning of a training corpus: its own keys, and those of the section."""
        own = corpus.cleaning
        changes = {key: getattr(own, key) for key in own.model_fields_set} if own else {}
        return self.data.cleaning.model_copy(update=changes)

    @model_validator(mode="after")
    def _objective_fits(self) -> "Config":
        architecture, objective = self.model.architecture, self.training.objective
        if objective not in OBJECTIVES[architecture]:
            fitting = " or ".join(OBJECTIVES[architecture])
            able = " and ".join(
                name for name, learned in OBJECTIVES.items() if objective in learned
            )
            raise ValueError(
                f"model.architecture {architecture} cannot learn training.objective {objective}, "
                f"only {fitting}; {able} can"
            )
        if objective != "translate" and not self.model.is_textual:
            raise ValueError(
                f"training.objective {objective} learns from texts alone: model.source and "
                "model.target must be text"
            )
        if self.data.directions and (objective != "translate" or not self.model.is_textual):
            raise ValueError(
                "data.directions are of translation from text into text: training.objective "
                "translate, model.source and model.target text"
            )
        if self.model.target == "image" and self.training.best_metric != "loss":
            raise ValueError(
                f"training.best_metric {self.training.best_metric} is of translations; of pictures "
                "there is the loss only"
            )
        texts = [key for key, corpus in self._corpora() if corpus.of_texts]
        if objective == "translate" and texts:
            raise ValueError(
                f"{', '.join(texts)}: a file of single texts holds no pairs to learn to translate "
                "from; two files side by side are named NAME.{language}.txt, and other values of "
                "training.objective learn from single texts"
            )
        return self

    def _corpora(self) -> Iterator[tuple[str, CorpusConfig]]:
        for corpus in self.data.train:
            yield "data.train", corpus
        if self.data.valid:
            yield "data.valid", self.data.valid
        for name, corpus in self.data.test.items():
            yield f"data.test.{name}", corpus
        for corpus in self.data.leave_out:
            yield "data.leave_out", corpus

    @model_validator(mode="after")
    def _similarity_has_its_run(self) -> "Config":
        for cleaning in map(self.cleaning_of, self.data.train):
            if cleaning.min_similarity is not None and cleaning.similarity_run is None:
                raise ValueError("data.cleaning.min_similarity needs data.cleaning.similarity_run")
        return self

    @property
    def starts_from_hub(self) -> bool:
        """Whether training starts from a run of the Hub, or an import was made of a model there."""
        return (self.training.start_from or "").startswith(HUB_PREFIX)

    @field_validator("model")
    @classmethod
    def _positions_fit(cls, model: ModelConfig, info: ValidationInfo) -> ModelConfig:
        data: DataConfig | None = info.data.get("data")
        sides, said = (2, " on both sides") if model.architecture == "decoder_only" else (1, "")
        if data and sides * (data.max_tokens_per_sentence + 1) > model.max_positions:
            raise ValueError(
                f"max_positions {model.max_positions} is too small for sentences of "
                f"data.max_tokens_per_sentence {data.max_tokens_per_sentence} and their end{said}"
            )
        return model
