"""How frames lie in memory, without anything heavy: see docs/worker-frames.md."""

from __future__ import annotations

import json
import struct
from typing import Any

VERSION = 1
PREFIX = struct.Struct("<IB3sII")
ALIGNMENT = 8
#: Most bytes of a frame unless both sides have said something else, and most that they may say.
MAX_FRAME_BYTES = 256 * 1024 * 1024
LARGEST_FRAME_BYTES = 2_147_483_640
MAX_HEADER_BYTES = 4 * 1024 * 1024

TYPES = {
    "HELLO": 1,
    "LOAD": 2,
    "READY": 3,
    "REFUSED": 4,
    "PREDICT": 5,
    "RESULT": 6,
    "ERROR": 7,
    "CANCEL": 8,
    "BYE": 9,
}


def padded(size: int) -> int:
    """A number of bytes with the zeros behind it."""
    return -(-size // ALIGNMENT) * ALIGNMENT


# Made once: `json.dumps` makes one for each call that has options.
_encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def header_bytes(header: dict[str, Any]) -> bytes:
    """A header as it is sent, without its padding."""
    return _encoder.encode(header).encode("utf-8", "replace")


def head(kind: str, call: int, header: bytes, tensor_bytes: int = 0) -> bytes:
    """The prefix, the header and its padding; `tensor_bytes` follow."""
    padding = bytes(padded(len(header)) - len(header))
    length = len(header) + len(padding) + tensor_bytes
    return PREFIX.pack(length, TYPES[kind], b"\0\0\0", call, len(header)) + header + padding
