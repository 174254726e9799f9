"""Frames between a server and its workers, to the byte as in docs/worker-frames.md."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Sequence

import numpy as np

from ._layout import ALIGNMENT, MAX_FRAME_BYTES, MAX_HEADER_BYTES, PREFIX, TYPES, head, header_bytes, padded

LARGEST_SIZE = 2_147_483_647
_NAMES = {number: name for name, number in TYPES.items()}
_OF_CALL = {"PREDICT", "RESULT", "ERROR", "CANCEL"}
_TENSOR_LIST = {"PREDICT": "inputs", "RESULT": "outputs"}

#: Frames up to this are sent in one piece, which costs a copy.
SMALL_BYTES = 65_536
#: How many headers are remembered, and how long they are at most.
_MOST_REMEMBERED = 512
_LONGEST_REMEMBERED = 8_192
#: Headers that were read, by type, length and text; and headers that were written, by what they describe.
_layouts: dict[tuple[str, int, bytes], "_Layout"] = {}
_texts: dict[Any, bytes] = {}

DTYPES = {
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "BOOL": np.dtype("?"),
    "BYTES": np.dtype(object),
}


class BrokenFrame(Exception):
    """Bytes that are not a frame: nothing that follows can be understood."""


class Tensor(NamedTuple):
    """A named array. A BYTES tensor is an array of objects: `str`, or `bytes` where they are not UTF-8."""

    name: str
    datatype: str
    array: np.ndarray


@dataclass(frozen=True)
class Frame:
    """What a worker and its server say to one another. `call` is 0 where the frame is of the connection."""

    type: str
    call: int = 0
    header: dict[str, Any] = field(default_factory=dict)
    tensors: Sequence[Tensor] = ()


def encode(frame: Frame, max_frame_bytes: int = MAX_FRAME_BYTES) -> list[bytes | memoryview]:
    """The bytes of a frame in pieces, some of which are memory of its arrays.

    Raises:
        ValueError: where they would be more than `max_frame_bytes`.
    """
    bodies = [_tensor_bytes(tensor) for tensor in frame.tensors]
    text = _header_text(frame, bodies)
    behind = sum(padded(len(body)) for body in bodies)
    length = padded(len(text)) + behind
    if length > max_frame_bytes or len(text) > MAX_HEADER_BYTES:
        raise ValueError(
            f"a frame of {length} bytes, its header {len(text)}: "
            f"at most {max_frame_bytes} and {MAX_HEADER_BYTES} are sent"
        )
    pieces: list[bytes | memoryview] = [head(frame.type, frame.call, text, behind)]
    for body in bodies:
        pieces.append(body)
        if padding := padded(len(body)) - len(body):
            pieces.append(bytes(padding))
    return pieces


def _header_text(frame: Frame, bodies: list[bytes | memoryview]) -> bytes:
    listed = _TENSOR_LIST.get(frame.type)
    if listed is None:
        return header_bytes(frame.header)
    # The headers of a model's answers differ in nothing but how many rows there are.
    key = (listed, *((t.name, t.datatype, t.array.shape, len(body)) for t, body in zip(frame.tensors, bodies)))
    text = None if frame.header else _texts.get(key)
    if text is None:
        header = dict(frame.header)
        header[listed] = [
            {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": list(tensor.array.shape),
                "parameters": {"binary_data_size": len(body)},
            }
            for tensor, body in zip(frame.tensors, bodies)
        ]
        text = header_bytes(header)
        if not frame.header:
            _remember(_texts, key, text)
    return text


def _remember(cache: dict[Any, Any], key: Any, value: Any) -> None:
    if len(cache) >= _MOST_REMEMBERED:
        cache.clear()
    cache[key] = value


def _tensor_bytes(tensor: Tensor) -> bytes | memoryview:
    array = tensor.array
    if tensor.datatype != "BYTES":
        array = np.ascontiguousarray(array, dtype=DTYPES[tensor.datatype])
        # Memory that a library has written, or that nobody has, may hold another byte for true.
        if tensor.datatype == "BOOL" and array.size > 0 and array.view(np.uint8).max() > 1:
            array = array.view(np.uint8) != 0
        if array.nbytes <= SMALL_BYTES:
            return array.tobytes()
        return memoryview(array.reshape(-1).view(np.uint8))
    elements = []
    for element in array.reshape(-1).tolist():
        raw = element if isinstance(element, bytes) else element.encode("utf-8")
        elements.append(struct.pack("<I", len(raw)))
        elements.append(raw)
    return b"".join(elements)


class Prefix(NamedTuple):
    """The sixteen bytes before a frame's header."""

    type: str
    call: int
    length: int
    header_length: int


def read_prefix(raw: bytes | bytearray, max_frame_bytes: int = MAX_FRAME_BYTES) -> Prefix:
    """Reads and checks a prefix.

    Raises:
        BrokenFrame: for one that no frame has.
    """
    length, number, reserved, call, header_length = PREFIX.unpack(raw)
    kind = _NAMES.get(number)
    if kind is None:
        raise BrokenFrame(f"{number} is not a type of frames")
    if reserved != b"\0\0\0":
        raise BrokenFrame("bytes 5 to 7 of a frame are not zero")
    if length > max_frame_bytes:
        raise BrokenFrame(f"a frame of {length} bytes: at most {max_frame_bytes} are taken")
    if header_length > MAX_HEADER_BYTES:
        raise BrokenFrame(f"a header of {header_length} bytes: at most {MAX_HEADER_BYTES} are taken")
    if padded(header_length) > length:
        raise BrokenFrame(f"a header of {header_length} bytes in a frame of {length}")
    if length % ALIGNMENT:
        raise BrokenFrame(f"a frame of {length} bytes, which is not a multiple of 8")
    if kind in _OF_CALL and call == 0:
        raise BrokenFrame(f"{kind} without a call")
    if kind not in _OF_CALL and call != 0:
        raise BrokenFrame(f"{kind} of call {call}: it is of the connection")
    return Prefix(kind, call, length, header_length)


def read_frame(prefix: Prefix, body: np.ndarray) -> Frame:
    """Reads what follows a prefix; the arrays of the frame are views of `body`, and read-only.

    Raises:
        BrokenFrame: where it is not what the prefix says.
    """
    view = memoryview(body).toreadonly()
    text = view[: prefix.header_length].tobytes()
    # The headers of a model's calls differ in nothing but how many rows there are, and how much time is left.
    key = (prefix.type, prefix.length, text)
    layout = _layouts.get(key)
    if layout is None:
        layout = _read_layout(prefix, text)
        if len(text) <= _LONGEST_REMEMBERED:
            _remember(_layouts, key, layout)
    _check_zeros(view[prefix.header_length : padded(prefix.header_length)])
    tensors = [_read_tensor(place, view) for place in layout.places]
    return Frame(prefix.type, prefix.call, dict(layout.header), tensors)


class _Place(NamedTuple):
    """Where a tensor lies behind the prefix."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    size: int
    begin: int
    end: int
    path: str


class _Layout(NamedTuple):
    """What a header says; frames of one type and length with the same text have the same."""

    header: dict[str, Any]
    places: tuple[_Place, ...]


def _read_layout(prefix: Prefix, text: bytes) -> _Layout:
    kind = prefix.type
    try:
        # Of bytes, json would take other encodings too.
        header = json.loads(text.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise BrokenFrame(f"the header of {kind} is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise BrokenFrame(f"the header of {kind} is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise BrokenFrame(f"the header of {kind} is not a JSON object")
    begin = padded(prefix.header_length)
    listed = _TENSOR_LIST.get(kind)
    if listed is None:
        if prefix.length > begin:
            raise BrokenFrame(f"{kind} carries {prefix.length - begin} bytes behind its header")
        return _Layout(header, ())
    descriptions = header.pop(listed, None)
    if not isinstance(descriptions, list):
        raise BrokenFrame(f'{kind} without a list "{listed}"')
    places = []
    for i, description in enumerate(descriptions):
        place = _read_place(description, f"{listed}[{i}]", begin, prefix.length)
        places.append(place)
        begin = padded(place.end)
    if begin != prefix.length:
        raise BrokenFrame(f"{prefix.length - begin} bytes of a frame belong to no tensor")
    return _Layout(header, tuple(places))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _read_place(description: Any, path: str, begin: int, frame_end: int) -> _Place:
    if not isinstance(description, dict):
        raise BrokenFrame(f"{path} is not an object")
    name = description.get("name")
    datatype = description.get("datatype")
    parameters = description.get("parameters")
    if not isinstance(name, str):
        raise BrokenFrame(f"{path} has no name")
    if not isinstance(datatype, str) or datatype not in DTYPES:
        raise BrokenFrame(f"{path}: {json.dumps(datatype)} is not a datatype of a frame")
    length = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if not _is_size(length):
        raise BrokenFrame(f'{path} does not say its "binary_data_size"')
    length = int(length)
    if padded(begin + length) > frame_end:
        raise BrokenFrame(f"{path} goes beyond the frame")
    shape = _read_shape(description.get("shape"), path)
    size = math.prod(shape)
    if datatype != "BYTES" and length != size * DTYPES[datatype].itemsize:
        raise BrokenFrame(
            f"{path}: {length} bytes, but {size} elements of {datatype} have {size * DTYPES[datatype].itemsize}"
        )
    return _Place(name, datatype, shape, size, begin, begin + length, path)


def _read_tensor(place: _Place, view: memoryview) -> Tensor:
    name, datatype, shape, size, begin, end, path = place
    _check_zeros(view[end : padded(end)])
    if datatype == "BYTES":
        array = _read_byte_strings(view[begin:end], size, path).reshape(shape)
        array.flags.writeable = False
    elif size == 0:
        array = np.empty(shape, DTYPES[datatype])
        array.flags.writeable = False
    else:
        if datatype == "BOOL" and np.frombuffer(view[begin:end], np.uint8).max() > 1:
            raise BrokenFrame(f"{path}: a BOOL is 0 or 1")
        # Read-only, as the view is.
        array = np.ndarray(shape, DTYPES[datatype], view, begin)
    return Tensor(name, datatype, array)


def _is_size(value: object) -> bool:
    # 3.0 is the same JSON number as 3.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return value == value and 0 <= value <= LARGEST_SIZE and int(value) == value


def _read_shape(shape: object, path: str) -> tuple[int, ...]:
    if not isinstance(shape, list):
        raise BrokenFrame(f"{path}: the shape is missing: a list of dimensions")
    size = 1
    for dimension in shape:
        if not _is_size(dimension):
            raise BrokenFrame(f"{path}: a dimension is a whole number from 0 to {LARGEST_SIZE}")
        size *= int(dimension)
    if size > LARGEST_SIZE or (size == 0 and any(int(dimension) > 65_536 for dimension in shape)):
        raise BrokenFrame(f"{path}: the shape has more than {LARGEST_SIZE} elements")
    if len(shape) > 32:
        raise BrokenFrame(f"{path}: {len(shape)} dimensions, but an array has at most 32")
    return tuple(int(dimension) for dimension in shape)


def _read_byte_strings(raw: memoryview, size: int, path: str) -> np.ndarray:
    # Before anything is allocated for them.
    if size * 4 > len(raw):
        raise BrokenFrame(f"{path}: {len(raw)} bytes are too few for {size} elements of BYTES")
    data = raw.tobytes()
    elements = np.empty(size, dtype=object)
    at = 0
    for i in range(size):
        if at + 4 > len(data):
            raise BrokenFrame(f"{path}: the bytes end before element {i}")
        (length,) = struct.unpack_from("<I", data, at)
        at += 4
        if length > len(data) - at:
            raise BrokenFrame(f"{path}: element {i} has {length} bytes, but {len(data) - at} are left")
        element = data[at : at + length]
        try:
            elements[i] = element.decode("utf-8")
        except UnicodeDecodeError:
            elements[i] = element
        at += length
    if at != len(data):
        raise BrokenFrame(f"{path}: {len(data) - at} bytes are left after {size} elements")
    return elements


def _check_zeros(padding: memoryview) -> None:
    if any(padding):
        raise BrokenFrame("the padding of a frame is not zero")
