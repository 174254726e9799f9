"""What a model does to the process that it runs in: the worker answers all the same, and nothing outlives it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import pytest

from vivace_wrapper import _supervisor
from vivace_wrapper._connection import Connection
from vivace_wrapper._frames import Frame, Tensor
from vivace_wrapper._supervisor import Worker

PACKAGE = str(Path(__file__).parent.parent)
SIGNATURE = {
    "inputs": [{"name": "a", "datatype": "FP32", "shape": [-1]}],
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1]}],
}
MODEL = """
import multiprocessing, os, signal, subprocess, sys, time

class Silent(Exception):
    def __str__(self): raise RuntimeError("no text")

def double(value):
    return 2 * value

def leave_alone():
    os.setsid()
    os.execlp("sleep", "sleep", "600")

class Model:
    def predict(self, request):
        what = int(request["a"][0])
        if what == 1:
            raise Silent()
        if what == 2:
            sys.stdout.close(), sys.stderr.close()
        if what == 3:
            os.close(1), os.close(2)
        if what == 4:
            sys.stdout = sys.stderr = None
        if what == 5:
            raise ValueError("seven")
        if what == 6:
            os.fork()
            return [os.getpid()]
        if what in (7, 8, 9):
            with multiprocessing.get_context(("fork", "spawn", "forkserver")[what - 7]).Pool(2) as pool:
                return [sum(pool.map(double, [1, 2, 3]))]
        if what == 10:
            return [subprocess.Popen(["sleep", "600"], start_new_session=True).pid]
        if what == 11:
            return [os.fork() or leave_alone()]
        if what == 12:
            os.system("sleep 600 &")
        if what == 13:
            os._exit(3)
        if what == 14:
            subprocess.Popen(["sleep", "600"])
        if what == 15:
            os.fork() or (os.fork() and os._exit(0)) or os._exit(0)
        return [what]
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes as Linux has them")


class Spawned:
    """A worker as a server starts it."""

    def __init__(self, directory: Path) -> None:
        (directory / "predictor.py").write_text(MODEL)
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"]
            + [str(theirs.fileno()), "-m", "vivace_wrapper", "worker"],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": PACKAGE, "PYTHONDONTWRITEBYTECODE": "1"},
            pass_fds=(theirs.fileno(),),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        theirs.close()
        ours.settimeout(60)
        self.connection = Connection(ours)
        self.last = 0
        self.connection.send(Frame("HELLO", header={"versions": [1], "max_frame_bytes": 1 << 20}))
        hello = self.connection.receive()
        assert hello is not None
        self.pid = hello.header["pid"]
        self.connection.send(
            Frame(
                "LOAD",
                header={"directory": str(directory), "runtime": "python", "entry": "predictor.py", "signature": SIGNATURE},
            )
        )
        ready = self.connection.receive()
        assert ready is not None and ready.type == "READY"

    def ask(self, what: int, call: int | None = None) -> Frame | None:
        self.last = self.last + 1 if call is None else call
        self.connection.send(Frame("PREDICT", self.last, {"rows": 1}, [Tensor("a", "FP32", np.array([what], np.float32))]))
        return self.connection.receive()

    def value(self, what: int) -> Any:
        answer = self.ask(what)
        assert answer is not None and answer.type == "RESULT" and answer.call == self.last
        return answer.tensors[0].array[0]

    def close(self) -> None:
        self.connection._socket.close()
        self.process.wait(60)


@pytest.fixture
def spawned(tmp_path: Path) -> Iterator[Spawned]:
    one = Spawned(tmp_path)
    yield one
    one.close()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_error_without_a_text_fails_its_call_alone(spawned: Spawned) -> None:
    answer = spawned.ask(1)
    assert answer is not None and answer.type == "ERROR"
    assert answer.header["message"] == "Model.predict raised Silent, whose text cannot be had"
    assert spawned.value(0) == 0


@pytest.mark.parametrize("what", [2, 3, 4])
def test_standard_output_and_error_may_be_closed(spawned: Spawned, what: int) -> None:
    assert spawned.value(what) == what
    answer = spawned.ask(5)
    assert answer is not None and answer.header["message"] == "Model.predict raised ValueError: seven"
    assert spawned.value(0) == 0


def test_a_copy_of_the_process_does_not_answer(spawned: Spawned) -> None:
    assert spawned.value(6) == spawned.pid
    # What the copy would answer comes before this.
    time.sleep(0.2)
    assert spawned.value(0) == 0


@pytest.mark.parametrize("what", [7, 8, 9])
def test_processes_of_multiprocessing(spawned: Spawned, what: int) -> None:
    assert spawned.value(what) == 12
    assert spawned.value(0) == 0


@pytest.mark.parametrize("what", [10, 11, 12])
def test_nothing_that_it_has_started_keeps_the_connection_open_or_outlives_it(spawned: Spawned, what: int) -> None:
    child = int(spawned.value(what))
    assert spawned.ask(13) is None
    assert spawned.process.wait(60) == 3
    if what != 12:
        assert not alive(child)


def test_what_it_has_started_ends_with_the_server(spawned: Spawned) -> None:
    children = [int(spawned.value(10)), int(spawned.value(11))]
    spawned.close()
    assert not any(alive(child) for child in children)


def test_leaves_no_ended_processes_to_a_server_that_is_the_first_process() -> None:
    # It inherits those whose parents have ended, and does not ask about them.
    program = f"""
import ctypes, os, sys, tempfile
from pathlib import Path
sys.path[:0] = [{PACKAGE!r}, {str(Path(__file__).parent)!r}]
from test_hostile import Spawned
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
with tempfile.TemporaryDirectory() as name:
    one = Spawned(Path(name))
    for what in (10, 11, 12, 14, 15):
        one.value(what)
    one.close()
try:
    print(os.waitpid(-1, 0))
except ChildProcessError:
    print("none")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert ran.stdout == "none\n"


def test_numbers_of_calls_begin_anew_after_the_largest(spawned: Spawned) -> None:
    for call in (2**31 - 1, 2**32 - 2, 2**32 - 1, 1):
        answer = spawned.ask(0, call)
        assert answer is not None and (answer.type, answer.call) == ("RESULT", call)
    # One that ended just before.
    spawned.connection.send(Frame("CANCEL", 2**32 - 1))
    assert spawned.value(0) == 0
    answer = spawned.ask(0, 1)
    assert answer is not None and (answer.type, answer.header["reason"]) == ("BYE", "call 1 after call 2")


def test_a_worker_that_the_system_cannot_end_is_killed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        monkeypatch.setattr(os, "killpg", lambda _pid, number: sent.append(number))
        monkeypatch.setattr(_supervisor, "TERMINATE_SECONDS", 0.0)
        worker = Worker(process, ours)
        assert worker.due_at is None
        worker.end()
        assert worker.due_at is not None
        for _ in range(3):
            worker.kill_if_due()
        # Nothing is left to be waited for but its end.
        assert worker.due_at is None
        assert sent == [signal.SIGTERM, signal.SIGKILL]
    finally:
        process.kill()
        process.wait()
        ours.close()
        theirs.close()
