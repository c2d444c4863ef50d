"""What are the bytes of a SentencePiece model? A protocol buffer: fields, one after the other.

A field is a tag, which is its number and the type of what follows, and a value: an integer of
variable length, eight bytes, four bytes, or a length and as many bytes. sentencepiece_model.proto
names the fields.
"""

import struct
from collections.abc import Iterator


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message in order: tag, and the whole encoding."""
    start = 0
    while start < len(message):
        tag, end = _read_varint(message, start)
        match tag & 7:
            case 0:
                _, end = _read_varint(message, end)
            case 1:
                end += 8
            case 2:
                length, end = _read_varint(message, end)
                end += length
            case 5:
                end += 4
        yield tag, message[start:end]
        start = end


def payload(field: bytes) -> bytes:
    """What a field of bytes, or a message in a message, holds."""
    _, after_tag = _read_varint(field, 0)
    _, after_length = _read_varint(field, after_tag)
    return field[after_length:]


def integer(field: bytes) -> int:
    """What a field of an integer holds."""
    _, after_tag = _read_varint(field, 0)
    return _read_varint(field, after_tag)[0]


def bytes_field(number: int, value: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def integer_field(number: int, value: int) -> bytes:
    """A field of an integer that is not negative."""
    return _varint(number << 3) + _varint(value)


def float_field(number: int, value: float) -> bytes:
    """A field of a float of four bytes."""
    return _varint(number << 3 | 5) + struct.pack("<f", value)


def _read_varint(data: bytes, start: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[start]
        value |= (byte & 0x7F) << shift
        shift += 7
        start += 1
        if byte < 0x80:
            return value, start


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
