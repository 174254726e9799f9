"""Frames through a socket, with few calls of the system and little memory that is new."""

from __future__ import annotations

import socket

import numpy as np

from ._frames import SMALL_BYTES, BrokenFrame, Frame, encode, read_frame, read_prefix
from ._layout import MAX_FRAME_BYTES, PREFIX

#: How much is read at once while a frame is waited for.
_AHEAD_BYTES = 16_384
_SEND_BUFFER_BYTES = 1_048_576
#: How many pieces of a frame are handed to the system at once; it takes 1,024.
_MOST_PIECES = 64
#: Memory of a frame is used for the next where it is as large as this: the system would take it back, and give it page by page.
_WORTH_KEEPING_BYTES = 32_768
_MOST_KEPT_BYTES = 4_194_304


class Connection:
    """Frames through a blocking stream socket."""

    def __init__(self, sock: socket.socket, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._socket = sock
        self.max_frame_bytes = max_frame_bytes
        # What has come and has not been taken: a small frame comes in one piece, prefix and all.
        self._ahead = memoryview(bytearray(_AHEAD_BYTES))
        self._from = 0
        self._to = 0
        self._kept = bytearray()
        # The system takes an answer of some hundred kilobytes at once, where it allows that.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)

    def receive(self) -> Frame | None:
        """The next frame; None where the other side has closed the connection between two frames.

        Raises:
            BrokenFrame: for bytes that are not a frame, or end within one.
        """
        if not self._read_ahead():
            return None
        begin = self._from + PREFIX.size
        prefix = read_prefix(self._ahead[self._from : begin], self.max_frame_bytes)
        body = self._memory(prefix.length)
        view = memoryview(body)
        here = min(prefix.length, self._to - begin)
        if here > 0:
            view[:here] = self._ahead[begin : begin + here]
        self._from = begin + here
        while here < prefix.length:
            taken = self._socket.recv_into(view[here:])
            if taken == 0:
                raise BrokenFrame("the connection ended within a frame")
            here += taken
        return read_frame(prefix, body)

    def send(self, frame: Frame) -> None:
        """Sends a frame, and waits until the system has taken it."""
        pieces = encode(frame, self.max_frame_bytes)
        if sum(len(piece) for piece in pieces) <= SMALL_BYTES:
            self._socket.sendall(b"".join(pieces))
            return
        begin = 0
        while begin < len(pieces):
            sent = self._socket.sendmsg(pieces[begin : begin + _MOST_PIECES])
            while begin < len(pieces) and sent >= len(pieces[begin]):
                sent -= len(pieces[begin])
                begin += 1
            if sent > 0:
                pieces[begin] = memoryview(pieces[begin])[sent:]

    def _memory(self, size: int) -> np.ndarray:
        """Memory for a frame, which begins at a multiple of 8: that of an earlier one, unless somebody still holds a view of it."""
        if not _WORTH_KEEPING_BYTES <= size <= _MOST_KEPT_BYTES:
            return np.empty(size, dtype=np.uint8)
        if len(self._kept) < size or _is_viewed(self._kept):
            self._kept = bytearray(size)
        return np.frombuffer(self._kept, dtype=np.uint8, count=size)

    def _read_ahead(self) -> bool:
        """Waits for a whole prefix; False where the connection has ended before it."""
        if self._to - self._from >= PREFIX.size:
            return True
        rest = self._ahead[self._from : self._to].tobytes()
        self._ahead[: len(rest)] = rest
        self._from, self._to = 0, len(rest)
        while self._to < PREFIX.size:
            taken = self._socket.recv_into(self._ahead[self._to :])
            if taken == 0:
                if self._to == 0:
                    return False
                raise BrokenFrame("the connection ended within a frame")
            self._to += taken
        return True


def _is_viewed(memory: bytearray) -> bool:
    """Whether anything shows bytes of it: Python lets it be resized only where nothing does."""
    try:
        memory.append(memory.pop())
    except BufferError:
        return True
    return False
