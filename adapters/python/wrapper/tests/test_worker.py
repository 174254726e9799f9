"""A worker's own end of a connection: what it does where an answer cannot be sent, and on an older Python."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vivace_wrapper._connection import Connection
from vivace_wrapper._frames import Frame, Tensor

PACKAGE = Path(__file__).parent.parent
MODEL = """
class Model:
    def predict(self, request):
        what = request["a"][0]
        if what == 1:
            return ["x" * 2_000_000]
        if what == 2:
            return ["\\ud800"]
        if what == 3:
            raise ValueError("seven")
        return ["fine"]
"""
SIGNATURE = {
    "inputs": [{"name": "a", "datatype": "FP32", "shape": [-1]}],
    "outputs": [{"name": "word", "datatype": "BYTES", "shape": [-1]}],
}


def test_goes_on_after_an_answer_that_cannot_be_sent(tmp_path: Path) -> None:
    (tmp_path / "predictor.py").write_text(MODEL)
    ours, theirs = socket.socketpair()
    worker = subprocess.Popen(
        [sys.executable, "-m", "vivace_wrapper", "_worker", "--fd", str(theirs.fileno()), "--parent", str(os.getpid())],
        env={"PYTHONPATH": str(PACKAGE), "PATH": os.environ["PATH"]},
        pass_fds=(theirs.fileno(),),
        stderr=subprocess.PIPE,
        text=True,
    )
    theirs.close()
    connection = Connection(ours)
    connection.send(Frame("HELLO", header={"versions": [1], "max_frame_bytes": 65_536}))
    assert connection.receive() is not None
    header = {"directory": str(tmp_path), "runtime": "python", "entry": "predictor.py", "signature": SIGNATURE}
    connection.send(Frame("LOAD", header=header))
    ready = connection.receive()
    assert ready is not None and ready.type == "READY"
    for call, (what, message) in enumerate([(1, "a frame of"), (2, "surrogates not allowed"), (3, "raised ValueError: seven"), (0, "")], 1):
        connection.send(Frame("PREDICT", call, {"rows": 1}, [Tensor("a", "FP32", np.array([what], np.float32))]))
        answer = connection.receive()
        assert answer is not None and answer.call == call
        if message:
            assert (answer.type, answer.header["code"]) == ("ERROR", "PREDICTOR_FAILED")
            assert message in answer.header["message"]
        else:
            assert answer.tensors[0].array.tolist() == ["fine"]
    ours.close()
    assert "ValueError: seven" in worker.communicate(timeout=60)[1]
    assert worker.returncode == 0


@pytest.mark.parametrize("path", sorted((PACKAGE / "vivace_wrapper").glob("*.py")), ids=lambda path: path.name)
def test_is_written_for_python_3_9(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


@pytest.mark.parametrize(("asked", "taken"), [(65_536, 65_536), (400_000_000, 400_000_000), (2**40, 2_147_483_640), (None, 268_435_456)])
def test_takes_frames_as_long_as_the_server_says(asked: int | None, taken: int) -> None:
    ours, theirs = socket.socketpair()
    worker = subprocess.Popen(
        [sys.executable, "-m", "vivace_wrapper", "_worker", "--fd", str(theirs.fileno()), "--parent", str(os.getpid())],
        env={"PYTHONPATH": str(PACKAGE), "PATH": os.environ["PATH"]},
        pass_fds=(theirs.fileno(),),
    )
    theirs.close()
    connection = Connection(ours)
    connection.send(Frame("HELLO", header={"versions": [1], "max_frame_bytes": asked}))
    hello = connection.receive()
    assert hello is not None and hello.header["max_frame_bytes"] == taken
    ours.close()
    assert worker.wait(60) == 0
