"""How text becomes ids and comes back: one SentencePiece model for both languages.

A run that was imported may have two, one for each language, with the same pieces under the same
ids; those that only the other language uses are marked as unused.

Everything lives in the model file: the pieces, their scores and the normalisation, which is NFC
(canonical composition), white space to single spaces; control characters, byte-order marks and
invisible ones (soft hyphens, zero-width spaces, marks of direction) are removed. Nothing else
changes: case, quotes, ellipses, ligatures and emoji come back as they went in, and a character
without a piece is spelled in bytes (byte fallback).

The file has no room for the eleven thousand rules of Hangul, so texts are composed here before
they are encoded. A program that reads the file without us must compose decomposed Hangul itself;
any other text, all but some rare orders of marks, it reads as we do.
"""

import hashlib
import io
import itertools
import re
import sys
import tempfile
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import sentencepiece

from translator.config import TokenizerConfig
from translator.errors import DataError, RunError, check_list, check_texts, writing
from translator.progress import activity
from translator.protobuf import bytes_field, fields, payload

PAD_ID, UNK_ID, BOS_ID, EOS_ID = 0, 1, 2, 3
MASK_ID = UNK_ID  # no text has it, since bytes spell what has no piece
_MAX_LINE_BYTES = 16384  # of what SentencePiece learns from
_SAMPLING = threading.Lock()

_SPACES = [0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)]
_SPACES += [0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
_REMOVED = [*range(0x01, 0x09), *range(0x0E, 0x20), *range(0x7F, 0x85), *range(0x86, 0xA0)]
_REMOVED += [0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, 0xFEFF]


class Tokenizer:
    """Text to ids and back. `encode` adds no special ids; `decode` ignores them.

    It is that of the source language; `target` is that of the target language, mostly the same.
    """

    def __init__(self, model: bytes, target_model: bytes | None = None) -> None:
        """Load a serialized SentencePiece model, or two; RunError when one is none of ours."""
        self.model = model
        self.target = self if target_model is None else Tokenizer(target_model)
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        except RuntimeError:
            raise RunError(
                "the tokenizer is not a SentencePiece model", "Restore it, or train the run anew."
            ) from None
        processor = self._processor
        ids = (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id())
        if ids != (PAD_ID, UNK_ID, BOS_ID, EOS_ID):
            raise RunError(
                f"the tokenizer has <pad> <unk> <s> </s> at {ids}, not at 0 1 2 3",
                "Only tokenizers that `translator train` or `translator import` made fit.",
            )
        if self.target.vocabulary_size != self.vocabulary_size:
            raise RunError(
                "the tokenizers of the two languages have different pieces",
                "Both files must come from the same run.",
            )

    def __reduce__(self) -> tuple[type["Tokenizer"], tuple[bytes, ...]]:
        return Tokenizer, self.models

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Load a model file that serves both languages."""
        return cls(path.read_bytes())

    @classmethod
    def train(
        cls, sentences: Iterable[str], config: TokenizerConfig, tags: Sequence[str] = ()
    ) -> "Tokenizer":
        """Learn the pieces from sentences of all languages.

        `tags`, such as >>es<<, get an id each that no text has, and that is decoded to nothing.

        When the sentences do not hold `vocabulary_size` different pieces, as many as there are
        are learned; compare `vocabulary_size` afterwards. DataError when there is no text.
        """
        check_list("train", sentences)
        texts = _valid(sentences)
        nothing = DataError(
            "there is no text to train a tokenizer on",
            f"Check data.train; lines over {_MAX_LINE_BYTES:,} bytes are not read.",
        )
        if not any(text.strip() for text in texts):
            raise nothing
        size = config.vocabulary_size
        for _ in range(8):
            try:
                return cls(_train_sentencepiece(texts, config, size, tags))
            except RuntimeError as error:
                limit = re.search(r"(?:<=|smaller than or equal to)\s*(\d+)", str(error))
                needed = re.search(r"required_chars.*?(\d+)\s*(?:vs|>)", str(error))
                if re.search(r"all_chars_count|sentences_\.empty", str(error)):
                    raise nothing from None  # invisible characters or endless lines only
                if limit:
                    size = int(limit.group(1))
                elif needed or "vocab" in str(error).lower():
                    size += size // 4
                else:
                    raise DataError(f"SentencePiece could not be trained: {error}") from None
        raise DataError(
            f"SentencePiece found no vocabulary near {config.vocabulary_size} pieces",
            "Set another tokenizer.vocabulary_size, or bring more text.",
        )

    @property
    def models(self) -> tuple[bytes, ...]:
        """The one model, or that of the source language and that of the target language."""
        return (self.model,) if self.target is self else (self.model, self.target.model)

    @property
    def sha256(self) -> str:
        """A hash of all that decides which ids a text has."""
        return hashlib.sha256(b"".join(self.models)).hexdigest()

    @property
    def vocabulary_size(self) -> int:
        """Number of pieces, the four special ones and 256 bytes included."""
        return int(self._processor.get_piece_size())

    def tag_id(self, tag: str) -> int:
        """The id of a tag such as >>es<<; RunError where the tokenizer was made without it."""
        number = int(self._processor.piece_to_id(tag))
        if not self._processor.is_control(number):
            raise RunError(
                f"the tokenizer has no {tag}, the tag of a target language",
                "Tags are learned with the tokenizer: name all of data.directions when a run is "
                "trained from the beginning, without training.start_from.",
            )
        return number

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, without start and end."""
        check_texts("encode", texts)
        ids: list[list[int]] = self._processor.encode(_valid(texts), num_threads=1)
        return ids

    def sample(self, texts: Sequence[str], alpha: float, seed: int) -> list[list[int]]:
        """Ids of each text, cut into pieces at random: subword regularisation (Kudo, 2018).

        The smaller `alpha`, the more any way to cut is as likely as another. For a BPE model it is
        the share of merges that are left out (Provilkov et al., 2020).
        """
        check_texts("sample", texts)
        with _SAMPLING:  # SentencePiece has one seed, and one generator for each thread
            sentencepiece.set_random_generator_seed(seed)
            ids: list[list[int]] = self._processor.encode(
                _valid(texts), enable_sampling=True, alpha=alpha, nbest_size=-1, num_threads=1
            )
        return ids

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Texts of lists of ids; start, end, padding and bytes of no character are skipped."""
        check_list("decode", ids)
        plain = [[i for i in sentence if i not in (PAD_ID, BOS_ID, EOS_ID)] for sentence in ids]
        # A piece may spell any byte, a line feed too: a text is one line.
        return [" ".join(self._text(sentence).splitlines()) for sentence in plain]

    def _text(self, ids: list[int]) -> str:
        text = str(self._processor.decode(ids))
        if "\ufffd" in text:  # bytes of no character, if it is not a sign that was copied
            text = str(self._processor.decode(self._whole_characters(ids)))
        return text

    def _whole_characters(self, ids: list[int]) -> list[int]:
        """The ids without bytes that are no part of a whole character."""
        kept: list[int] = []
        for are_bytes, run in itertools.groupby(ids, self._processor.is_byte):
            if are_bytes:
                spelled = bytes.fromhex("".join(piece[3:5] for piece in self.pieces([*run])))
                whole = spelled.decode("utf-8", "ignore").encode()
                kept += map(self._processor.piece_to_id, (f"<0x{byte:02X}>" for byte in whole))
            else:
                kept += run
        return kept

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The pieces as SentencePiece spells them (`▁` begins a word)."""
        return [str(self._processor.id_to_piece(i)) for i in ids]

    def scores(self, ids: Sequence[int]) -> list[float]:
        """How likely each piece is, by the text that the tokenizer was trained on.

        For unigram it is a log-probability, for BPE a rank: the higher, the likelier.
        """
        return [float(self._processor.get_score(i)) for i in ids]


def _valid(texts: Iterable[str]) -> list[str]:
    """The texts composed (NFC), with a question mark for each lone surrogate."""
    return [
        unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode()) for text in texts
    ]


def _train_sentencepiece(
    texts: list[str], config: TokenizerConfig, size: int, tags: Sequence[str]
) -> bytes:
    model = io.BytesIO()
    symbols: dict[str, Any] = {"control_symbols": [*tags]} if tags else {}  # None would be one
    with tempfile.TemporaryDirectory() as directory, activity("training the tokenizer"):
        rules = Path(directory) / "rules.tsv"
        with writing(rules):
            rules.write_text(_normalization_rules(), encoding="utf-8", newline="\n")
        _interruptibly(
            texts,
            model_writer=model,
            model_type=config.algorithm,
            vocab_size=size,
            character_coverage=config.character_coverage,
            normalization_rule_tsv=str(rules),
            byte_fallback=True,
            split_digits=True,
            pad_id=PAD_ID,
            unk_id=UNK_ID,
            bos_id=BOS_ID,
            eos_id=EOS_ID,
            unk_surface="�",
            **symbols,
            max_sentence_length=_MAX_LINE_BYTES,
            num_threads=1,  # the pieces must not depend on the number of cores
            minloglevel=2,
        )
    return _without_rules_path(model.getvalue())


def _interruptibly(texts: list[str], **settings: Any) -> None:
    """Train in another thread: SentencePiece hears no signal, and Ctrl-C is not to wait for it.

    Whoever is interrupted leaves the thread behind, which ends with the process.
    """
    given_up = threading.Event()
    failures: list[Exception] = []

    def train() -> None:
        sentences = itertools.takewhile(lambda _: not given_up.is_set(), texts)
        try:
            sentencepiece.SentencePieceTrainer.train(sentence_iterator=sentences, **settings)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=train, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.1)  # without a time it would hear no signal on Windows
    finally:
        given_up.set()
    if failures:
        raise failures[0]


def _without_rules_path(model: bytes) -> bytes:
    """Drop the temporary path of the rules file: the same text must give the same bytes.

    The rules themselves are compiled into the model. It is a protocol buffer, whose fields are a
    tag, a length and bytes: the path is field 6 (normalization_rule_tsv) of field 3
    (normalizer_spec) in sentencepiece_model.proto.
    """
    spec_tag, path_tag = 3 << 3 | 2, 6 << 3 | 2
    kept = bytearray()
    for tag, field in fields(model):
        if tag == spec_tag:
            parts = [part for inner, part in fields(payload(field)) if inner != path_tag]
            spec = b"".join(parts)
            field = bytes_field(3, spec)
        kept += field
    return bytes(kept)


@cache
def _normalization_rules() -> str:
    """The lines of `_rules`, which take as long as the pieces of a small corpus."""
    return "".join(f"{rule}\n" for rule in _rules())


def _rules() -> Iterator[str]:
    """NFC and white space as SentencePiece rules: hexadecimal code points, a tab, their image.

    Hangul syllables are left out: they are composed by arithmetic, and eleven thousand rules
    would weigh more than the pieces.
    """
    for space in _SPACES:
        yield f"{space:X}\t20"
    for removed in _REMOVED:
        yield f"{removed:X}\t"
    for code in range(0xA0, min(sys.maxunicode, 0x2FFFF)):
        if 0xAC00 <= code <= 0xD7A3:
            continue
        character = chr(code)
        decomposed = unicodedata.normalize("NFD", character)
        if decomposed == character:
            continue
        composed = unicodedata.normalize("NFC", character)
        image = " ".join(f"{ord(c):X}" for c in composed)
        for spelling in sorted({character, *_spellings(decomposed)} - {composed}):
            yield " ".join(f"{ord(c):X}" for c in spelling) + f"\t{image}"


def _spellings(decomposed: str) -> Iterator[str]:
    """Every way to write a letter with marks: in any order, none, some or all composed."""
    for marks in itertools.permutations(decomposed[1:]):
        letters = decomposed[0] + "".join(marks)
        for end in range(1, len(letters) + 1):
            spelling = unicodedata.normalize("NFC", letters[:end]) + letters[end:]
            if unicodedata.normalize("NFD", spelling) == decomposed:
                yield spelling
