"""Frames between a server and its workers, to the byte as in docs/worker-frames.md."""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import dataclass, field
from typing import Any, Sequence

import numpy as np

from ._layout import (
    ALIGNMENT,
    MAX_FRAME_BYTES,
    MAX_HEADER_BYTES,
    PREFIX,
    TYPES,
    head,
    header_bytes,
    padded,
)

LARGEST_SIZE = 2_147_483_647
_NAMES = {number: name for name, number in TYPES.items()}
_OF_CALL = {"PREDICT", "RESULT", "ERROR", "CANCEL"}
_TENSOR_LIST = {"PREDICT": "inputs", "RESULT": "outputs"}

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


@dataclass(frozen=True)
class Tensor:
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
    header = dict(frame.header)
    if frame.type in _TENSOR_LIST:
        header[_TENSOR_LIST[frame.type]] = [
            {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": list(tensor.array.shape),
                "parameters": {"binary_data_size": len(body)},
            }
            for tensor, body in zip(frame.tensors, bodies)
        ]
    text = header_bytes(header)
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


def _tensor_bytes(tensor: Tensor) -> bytes | memoryview:
    array = tensor.array
    if tensor.datatype != "BYTES":
        array = np.ascontiguousarray(array, dtype=DTYPES[tensor.datatype])
        return memoryview(array.reshape(-1).view(np.uint8)) if array.size else b""
    elements = []
    for element in array.reshape(-1).tolist():
        raw = element if isinstance(element, bytes) else element.encode("utf-8")
        elements.append(struct.pack("<I", len(raw)))
        elements.append(raw)
    return b"".join(elements)


class Connection:
    """Frames through a blocking stream socket."""

    def __init__(self, sock: socket.socket, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._socket = sock
        self.max_frame_bytes = max_frame_bytes
        self._prefix = bytearray(PREFIX.size)

    def receive(self) -> Frame | None:
        """The next frame; None where the other side has closed the connection between two frames.

        Raises:
            BrokenFrame: for bytes that are not a frame, or end within one.
        """
        if not self._fill(memoryview(self._prefix), may_end=True):
            return None
        prefix = read_prefix(self._prefix, self.max_frame_bytes)
        # Memory of its own: the arrays are views of it, and lie at multiples of 8.
        body = np.empty(prefix.length, dtype=np.uint8)
        self._fill(memoryview(body), may_end=False)
        return read_frame(prefix, body)

    def send(self, frame: Frame) -> None:
        """Sends a frame, and waits until the system has taken it."""
        pieces = encode(frame, self.max_frame_bytes)
        if sum(len(piece) for piece in pieces) <= 65_536:
            self._socket.sendall(b"".join(pieces))
            return
        for piece in pieces:
            self._socket.sendall(piece)

    def _fill(self, view: memoryview, may_end: bool) -> bool:
        at = 0
        while at < len(view):
            taken = self._socket.recv_into(view[at:])
            if taken == 0:
                if at == 0 and may_end:
                    return False
                raise BrokenFrame("the connection ended within a frame")
            at += taken
        return True


@dataclass(frozen=True)
class Prefix:
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
    kind = prefix.type
    try:
        header = json.loads(bytes(body[: prefix.header_length]), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BrokenFrame(f"the header of {kind} is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise BrokenFrame(f"the header of {kind} is not a JSON object")
    start = padded(prefix.header_length)
    _check_zeros(body[prefix.header_length : start])
    listed = _TENSOR_LIST.get(kind)
    if listed is None:
        if prefix.length > start:
            raise BrokenFrame(f"{kind} carries {prefix.length - start} bytes behind its header")
        return Frame(kind, prefix.call, header)
    descriptions = header.pop(listed, None)
    if not isinstance(descriptions, list):
        raise BrokenFrame(f'{kind} without a list "{listed}"')
    return Frame(kind, prefix.call, header, _read_tensors(listed, descriptions, body[start:]))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _read_tensors(listed: str, descriptions: list[Any], raw: np.ndarray) -> list[Tensor]:
    tensors = []
    at = 0
    for i, description in enumerate(descriptions):
        path = f"{listed}[{i}]"
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
        end = at + int(length)
        if padded(end) > len(raw):
            raise BrokenFrame(f"{path} goes beyond the frame")
        shape = _read_shape(description.get("shape"), path)
        array = _read_array(raw[at:end], datatype, shape, path)
        _check_zeros(raw[end : padded(end)])
        array.flags.writeable = False
        tensors.append(Tensor(name, datatype, array))
        at = padded(end)
    if at != len(raw):
        raise BrokenFrame(f"{len(raw) - at} bytes of a frame belong to no tensor")
    return tensors


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


def _read_array(raw: np.ndarray, datatype: str, shape: tuple[int, ...], path: str) -> np.ndarray:
    size = int(np.prod(shape, dtype=np.int64))
    if datatype == "BYTES":
        return _read_byte_strings(raw, size, path).reshape(shape)
    dtype = DTYPES[datatype]
    if len(raw) != size * dtype.itemsize:
        raise BrokenFrame(
            f"{path}: {len(raw)} bytes, but {size} elements of {datatype} have {size * dtype.itemsize}"
        )
    if datatype == "BOOL" and raw.size and raw.max() > 1:
        raise BrokenFrame(f"{path}: a BOOL is 0 or 1")
    return raw.view(dtype).reshape(shape) if size else np.empty(shape, dtype)


def _read_byte_strings(raw: np.ndarray, size: int, path: str) -> np.ndarray:
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


def _check_zeros(padding: np.ndarray) -> None:
    if padding.any():
        raise BrokenFrame("the padding of a frame is not zero")
