"""How do two vocabularies become one? Marian has a SentencePiece model for each language.

Its ids are those of a joint list, vocab.json, so ids are mapped to and fro. Here each model gets
the whole list as its pieces, in the order of the ids, and needs no map: a piece that the language
lacked is marked as unused, which leaves the way in which a text is cut as it was. The tag of a
target language, such as >>es<<, is a control piece, which no text has.

What Marian reads without `<unk>`, a joint model reads as the same pieces. What is `<unk>` to
Marian, since vocab.json lacks the piece, may be spelled in smaller pieces here.
"""

import re
from collections.abc import Sequence

import sentencepiece

from translator.errors import RunError
from translator.protobuf import bytes_field, fields, float_field, integer, integer_field, payload

_PIECES, _TRAINER, _SELF_TEST = (number << 3 | 2 for number in (1, 2, 4))  # fields of a model
_WRITTEN_ANEW = (_PIECES, _TRAINER, _SELF_TEST)  # the last speaks of the old ids: left out
_MODEL_TYPE, _UNIGRAM = 3 << 3, 1  # in the trainer's settings
_NORMAL, _UNKNOWN, _CONTROL, _UNUSED = 1, 2, 3, 5  # types of pieces
_TAG = re.compile(">>.+<<")  # of a target language
_SPECIAL = (("<pad>", _CONTROL), ("<unk>", _UNKNOWN), ("<s>", _CONTROL), ("</s>", _CONTROL))
_UNKNOWN_PENALTY = 10.0  # SentencePiece's: an unknown character has the lowest score less this


def joint_model(model: bytes, pieces: Sequence[str]) -> bytes:
    """A SentencePiece model that cuts texts as `model` does, with ids in the order of `pieces`.

    The first four are <pad>, <unk>, <s> and </s>. Raises RunError for a model that is not unigram:
    in another kind, unused pieces are steps on the way to used ones.
    """
    own = sentencepiece.SentencePieceProcessor(model_proto=model)
    entries = list(fields(model))
    settings = b"".join(payload(field) for tag, field in entries if tag == _TRAINER)
    others = b"".join(field for tag, field in entries if tag not in _WRITTEN_ANEW)
    _check(own, settings, set(pieces))
    names = (own.id_to_piece(i) for i in range(own.get_piece_size()))
    known = dict(zip(names, (field for tag, field in entries if tag == _PIECES), strict=True))
    score, alphabet = _rare_score(own), _alphabet(own)
    joint = [_piece(text, 0.0, kind) for text, kind in _SPECIAL]
    for text in pieces[len(_SPECIAL) :]:
        # Characters that are unknown to this language have a piece in the other one, and so an id.
        kind = _NORMAL if alphabet.isdisjoint(text) else _UNUSED
        if _TAG.fullmatch(text):
            joint.append(_piece(text, 0.0, _CONTROL))
        else:
            joint.append(known.get(text) or _piece(text, score, kind))
    return b"".join(joint) + bytes_field(2, settings + _special_settings()) + others


def _normal_ids(own: sentencepiece.SentencePieceProcessor) -> list[int]:
    ids = range(own.get_piece_size())
    return [i for i in ids if not own.is_control(i) and not own.is_unknown(i)]


def _alphabet(own: sentencepiece.SentencePieceProcessor) -> set[str]:
    """The characters that have a piece, or are part of one."""
    return {character for i in _normal_ids(own) for character in own.id_to_piece(i)}


def _rare_score(own: sentencepiece.SentencePieceProcessor) -> float:
    """The log-probability that SentencePiece gives a character it does not know."""
    lowest: float = min(own.get_score(i) for i in _normal_ids(own))
    return lowest - _UNKNOWN_PENALTY


def _check(own: sentencepiece.SentencePieceProcessor, settings: bytes, joint: set[str]) -> None:
    kinds = [integer(field) for tag, field in fields(settings) if tag == _MODEL_TYPE]
    if kinds and kinds[-1] != _UNIGRAM:
        raise RunError(
            "its SentencePiece models are not of the kind unigram",
            "Only unigram models, which Marian's usually are, can be joined.",
        )
    size = own.get_piece_size()
    if any(own.is_byte(i) and own.id_to_piece(i) not in joint for i in range(size)):
        raise RunError(
            "its SentencePiece models spell characters in bytes, which vocab.json lacks",
            "Only models without these pieces, or with all of them, can be joined.",
        )


def _piece(text: str, score: float, kind: int) -> bytes:
    content = bytes_field(1, text.encode()) + float_field(2, score) + integer_field(3, kind)
    return bytes_field(1, content)


def _special_settings() -> bytes:
    """The trainer's settings that name the special pieces: the last of a field counts."""
    ids = {43: 0, 40: 1, 41: 2, 42: 3}
    names = {48: 0, 45: 1, 46: 2, 47: 3}
    numbers = b"".join(integer_field(field, number) for field, number in ids.items())
    texts = (bytes_field(field, _SPECIAL[number][0].encode()) for field, number in names.items())
    return numbers + b"".join(texts)
