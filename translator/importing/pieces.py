"""How do two vocabularies become one? Marian has a SentencePiece model for each language.

Its ids are those of a joint list, vocab.json, so ids are mapped to and fro. Here each model gets
the whole list as its pieces, in the order of the ids, and needs no map: a piece that the language
lacked is marked as unused, which leaves the way in which a text is cut as it was.

What Marian reads without `<unk>`, a joint model reads as the same pieces. What is `<unk>` to
Marian, since vocab.json lacks the piece, may be spelled in smaller pieces here.
"""

from collections.abc import Sequence

import sentencepiece

from translator.errors import RunError
from translator.protobuf import bytes_field, fields, float_field, integer, integer_field, payload

_PIECES, _TRAINER, _SELF_TEST = (number << 3 | 2 for number in (1, 2, 4))  # fields of a model
_MODEL_TYPE, _UNIGRAM = 3 << 3, 1  # in the trainer's settings
_NORMAL, _UNKNOWN, _CONTROL, _UNUSED = 1, 2, 3, 5  # types of pieces
_SPECIAL = (("<pad>", _CONTROL), ("<unk>", _UNKNOWN), ("<s>", _CONTROL), ("</s>", _CONTROL))
_UNKNOWN_PENALTY = 10.0  # SentencePiece's: an unknown character has the lowest score less this


def joint_model(model: bytes, pieces: Sequence[str]) -> bytes:
    """A SentencePiece model that cuts texts as `model` does, with ids in the order of `pieces`.

    The first four are <pad>, <unk>, <s> and </s>. Raises RunError for a model that is not unigram:
    in another kind, unused pieces are steps on the way to used ones.
    """
    own = sentencepiece.SentencePieceProcessor(model_proto=model)
    known: dict[str, bytes] = {}
    settings, others = b"", b""
    for tag, field in fields(model):
        if tag == _PIECES:
            known[str(own.id_to_piece(len(known)))] = field
        elif tag == _TRAINER:
            settings = payload(field)
        elif tag != _SELF_TEST:  # which speaks of the old ids
            others += field
    _check(own, settings, set(pieces))
    normal = [i for i in range(len(known)) if not own.is_control(i) and not own.is_unknown(i)]
    rare = min(own.get_score(i) for i in normal) - _UNKNOWN_PENALTY
    spelled = {character for i in normal for character in own.id_to_piece(i)}
    joint = [_piece(text, 0.0, kind) for text, kind in _SPECIAL]
    for text in pieces[len(_SPECIAL) :]:
        # Characters that are unknown to this language have a piece in the other one, and so an id.
        foreign = spelled.isdisjoint(text)
        new = _piece(text, rare, _NORMAL if foreign else _UNUSED)
        joint.append(known.get(text, new))
    return b"".join(joint) + bytes_field(2, settings + _special_settings()) + others


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
