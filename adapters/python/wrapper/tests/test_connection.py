"""Frames through a socket, however they are cut."""

from __future__ import annotations

import socket
import threading
from typing import Iterator

import numpy as np
import pytest

from vivace_wrapper._connection import Connection
from vivace_wrapper._frames import BrokenFrame, Frame, Tensor, encode


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Connection]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, Connection(theirs)


def call(number: int, array: np.ndarray, datatype: str = "FP32") -> Frame:
    return Frame("PREDICT", number, {"rows": len(array)}, [Tensor("x", datatype, array)])


def raw(frame: Frame) -> bytes:
    return b"".join(bytes(piece) for piece in encode(frame))


def test_frames_that_come_byte_by_byte(ends: tuple[socket.socket, Connection]) -> None:
    ours, connection = ends
    sent = raw(call(1, np.array([[1, 2.5]]))) + raw(call(2, np.array([[3, 4]])))
    sender = threading.Thread(target=lambda: [ours.send(sent[i : i + 1]) for i in range(len(sent))])
    sender.start()
    for number, expected in ((1, [[1, 2.5]]), (2, [[3, 4]])):
        frame = connection.receive()
        assert frame is not None and frame.call == number
        assert frame.tensors[0].array.tolist() == expected
    sender.join()


def test_frames_that_come_together(ends: tuple[socket.socket, Connection]) -> None:
    ours, connection = ends
    # Some end within what is read at once, and one is larger than that.
    arrays = [np.full((rows, 2), rows, dtype=np.float32) for rows in (1, 700, 1, 900, 5_000, 3)]
    sent = b"".join(raw(call(i + 1, array)) for i, array in enumerate(arrays))
    sender = threading.Thread(target=lambda: ours.sendall(sent))
    sender.start()
    received = [connection.receive() for _ in arrays]
    sender.join()
    for frame, array in zip(received, arrays):
        assert frame is not None
        # Memory of its own: what came later has not changed it.
        assert np.array_equal(frame.tensors[0].array, array)
        assert not frame.tensors[0].array.flags.writeable


def test_memory_of_a_frame_is_used_again_unless_a_view_of_it_is_held(ends: tuple[socket.socket, Connection]) -> None:
    ours, connection = ends

    def receive(value: float) -> np.ndarray:
        sender = threading.Thread(target=lambda: ours.sendall(raw(call(1, np.full((5_000, 2), value, np.float32)))))
        sender.start()
        frame = connection.receive()
        sender.join()
        assert frame is not None
        return frame.tensors[0].array

    first = receive(1)
    # A view of a view.
    column = first[:, 1].reshape(50, 100)
    assert not np.shares_memory(receive(2), first)
    del first
    third = receive(3)
    assert (column == 1).all()
    assert (third == 3).all()
    address = third.ctypes.data
    del third
    fourth = receive(4)
    assert (fourth.ctypes.data, fourth[0, 0]) == (address, 4)
    del fourth
    kept = receive(5).astype(np.float32, copy=False)
    assert receive(6)[0, 0] == 6
    assert (kept == 5).all()


@pytest.mark.parametrize("left", [1, 15, 16, 17, 60])
def test_an_end_within_a_frame(ends: tuple[socket.socket, Connection], left: int) -> None:
    ours, connection = ends
    ours.sendall(raw(call(1, np.zeros((1, 2)))) + raw(call(2, np.zeros((1, 2))))[:left])
    ours.shutdown(socket.SHUT_WR)
    assert connection.receive() is not None
    with pytest.raises(BrokenFrame, match="ended within a frame"):
        connection.receive()


def test_an_end_between_frames(ends: tuple[socket.socket, Connection]) -> None:
    ours, connection = ends
    ours.sendall(raw(call(1, np.zeros((1, 2)))))
    ours.shutdown(socket.SHUT_WR)
    assert connection.receive() is not None
    assert connection.receive() is None


@pytest.mark.parametrize("rows", [1, 100, 20_000, 400_000])
def test_an_answer_of_any_size(ends: tuple[socket.socket, Connection], rows: int) -> None:
    ours, connection = ends
    answer = Frame(
        "RESULT",
        7,
        tensors=[
            Tensor("y", "FP64", np.arange(rows, dtype=np.float64)),
            Tensor("words", "BYTES", np.array(["a", "bc"] * rows, dtype=object)),
            Tensor("flags", "BOOL", np.arange(rows) % 3 == 0),
        ],
    )
    sender = threading.Thread(target=connection.send, args=(answer,))
    sender.start()
    frame = Connection(ours).receive()
    sender.join()
    assert frame is not None and frame.call == 7
    for got, given in zip(frame.tensors, answer.tensors):
        assert np.array_equal(got.array, given.array)


def test_an_answer_of_many_pieces(ends: tuple[socket.socket, Connection]) -> None:
    ours, connection = ends
    # Each has padding behind it, and every third has nothing.
    answer = Frame("RESULT", 7, tensors=[Tensor(f"y{i}", "FP32", np.full((i % 3) * 1_001, i)) for i in range(1_500)])
    sender = threading.Thread(target=connection.send, args=(answer,))
    sender.start()
    frame = Connection(ours).receive()
    sender.join()
    assert frame is not None
    for got, given in zip(frame.tensors, answer.tensors):
        assert np.array_equal(got.array, given.array)
