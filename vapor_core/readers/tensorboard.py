"""Scalars from a TensorBoard event file, without TensorBoard.

The file is a sequence of TFRecords (length, its checksum, payload, its checksum), each payload an `Event`
protobuf message; only the fields that hold scalars are read. Formats: tensorflow/core/lib/io/record_writer and
tensorflow/core/util/event.proto.
"""

import math
import struct
from collections.abc import Iterator

from vapor_core.errors import InvalidUpload

_HEAD, _TAIL = 12, 4  # bytes around a payload
_LARGEST_RECORD = 64_000_000
_MOST_POINTS = 5_000_000
_EVENT_TIME, _EVENT_STEP, _EVENT_SUMMARY = 1, 2, 5
_SUMMARY_VALUE = 1
_VALUE_TAG, _VALUE_SIMPLE, _VALUE_TENSOR = 1, 2, 8
_TENSOR_DTYPE, _TENSOR_CONTENT = 1, 4
# DataType of tensorflow/core/framework/types.proto -> its packing, and the field of TensorProto that holds it.
_TENSORS = {
    1: ("<f", 5),
    2: ("<d", 6),
    3: ("<i", 7),
    9: ("<q", 10),
    14: ("bfloat16", 13),
    19: ("<e", 13),
}
_WIDTH = {"<f": 4, "<d": 8, "<i": 4, "<q": 8, "<e": 2, "bfloat16": 2}
_FLOAT_BYTES = 4  # a field of another length holds no float, whatever its number

Field = tuple[int, int | bytes]


def is_event_file(content: bytes) -> bool:
    """Whether bytes begin like an event file: a first record that names its version."""
    return b"brain.Event" in content[:64]


def scalars(content: bytes) -> Iterator[tuple[str, int, float, float]]:
    """(tag, step, value, seconds since 1970) of every scalar, in the file's order; a torn last record is ignored.

    The time is NaN where an event has none.

    Raises:
        InvalidUpload: where a record cannot be read.
    """
    points = 0
    for payload in _records(content):
        fields = dict(_fields(payload))
        summary = fields.get(_EVENT_SUMMARY)
        step = fields.get(_EVENT_STEP, 0)
        if not isinstance(summary, bytes) or not isinstance(step, int):
            continue
        step = step - 2**64 if step >= 2**63 else step
        time = fields.get(_EVENT_TIME)
        (wall,) = struct.unpack("<d", time) if isinstance(time, bytes) and len(time) == 8 else (math.nan,)
        for number, value in _fields(summary):
            if number == _SUMMARY_VALUE and isinstance(value, bytes):
                point = _scalar(value)
                if point is not None and points < _MOST_POINTS:
                    points += 1
                    yield point[0], step, point[1], wall


def _records(content: bytes) -> Iterator[bytes]:
    at = 0
    while at + _HEAD <= len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        if length > _LARGEST_RECORD:
            raise InvalidUpload(
                f"the TensorBoard file has a record of {length:,} bytes at byte {at:,}; it is broken"
            )
        end = at + _HEAD + length
        if end + _TAIL > len(content):
            return
        yield content[at + _HEAD : end]
        at = end + _TAIL


def _scalar(value: bytes) -> tuple[str, float] | None:
    tag, number = "", None
    for field, data in _fields(value):
        if field == _VALUE_TAG and isinstance(data, bytes):
            tag = data.decode("utf-8", errors="replace")[:200]
        elif field == _VALUE_SIMPLE and isinstance(data, bytes) and len(data) == _FLOAT_BYTES:
            (number,) = struct.unpack("<f", data)
        elif field == _VALUE_TENSOR and isinstance(data, bytes):
            number = _tensor(data)
    return (tag, float(number)) if tag and number is not None else None


def _tensor(data: bytes) -> float | None:
    """The one number of a scalar tensor, in whatever precision."""
    fields = dict(_fields(data))
    kind = fields.get(_TENSOR_DTYPE)
    layout = _TENSORS.get(kind) if isinstance(kind, int) else None
    if layout is None:
        return None
    code, place = layout
    raw = fields.get(_TENSOR_CONTENT) or fields.get(place)
    if isinstance(raw, bytes) and not fields.get(_TENSOR_CONTENT) and code not in ("<f", "<d"):
        raw = _varint(raw, 0)[0] if raw else b""  # packed whole numbers, halves by their bits
    if isinstance(raw, int):
        raw = (raw & (2 ** (8 * _WIDTH[code]) - 1)).to_bytes(_WIDTH[code], "little")
    if not isinstance(raw, bytes) or len(raw) != _WIDTH[code]:
        return None
    if code == "bfloat16":  # the upper half of a float
        code, raw = "<f", b"\0\0" + raw
    return float(struct.unpack(code, raw)[0])


def _fields(message: bytes) -> Iterator[Field]:
    """(number, value) of each field of a protobuf message: an int for a varint, else bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise InvalidUpload("the TensorBoard file holds a record that is no event; it is broken")
        if at + size > len(message):
            raise InvalidUpload("the TensorBoard file holds a torn event; it is broken")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise InvalidUpload("the TensorBoard file holds a torn number; it is broken")
