"""`serve`: one connection is one process; sockets that are stale, taken or open to others; and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import numpy as np
import pytest

from vivace_wrapper import _serve
from vivace_wrapper._connection import Connection
from vivace_wrapper._frames import Frame, Tensor

PACKAGE = str(Path(__file__).parent.parent)
MODEL = """
import os, signal, sys, time

class Model:
    def load(self, model_dir):
        if os.path.exists(f"{model_dir}/slow"):
            open(f"{model_dir}/loading", "w").close()
            time.sleep(600)

    def predict(self, request):
        if request["a"][0] == 1:
            time.sleep(600)
        if request["a"][0] == 2:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True: pass
        if request["a"][0] == 3 and os.fork() == 0:
            os.setsid()
            os._exit(0) if os.fork() else time.sleep(0.2)
            os._exit(0)
        return [os.getpid()] * request.rows
"""
SIGNATURE = {
    "inputs": [{"name": "a", "datatype": "FP32", "shape": [-1]}],
    "outputs": [{"name": "pid", "datatype": "INT64", "shape": [-1]}],
}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")


class Served:
    """A running `serve`, and what it has printed."""

    def __init__(self, directory: Path, *more: str, **popen: Any) -> None:
        self.models = directory / "models"
        self.models.mkdir(exist_ok=True)
        (self.models / "predictor.py").write_text(MODEL)
        self.socket = str(directory / "private" / "model.sock")
        command = [sys.executable, "-m", "vivace_wrapper", "serve", "--models", str(self.models)]
        if "--socket" not in more:
            command += ["--socket", self.socket]
        self.process = subprocess.Popen(
            [*command, *more],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": PACKAGE, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **popen,
        )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()

    def connect(self) -> Connection:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.socket)
        sock.settimeout(60)
        return Connection(sock)

    def load(self, directory: str | None = None) -> Connection:
        connection = self.connect()
        greet(connection)
        ask_to_load(connection, directory or str(self.models))
        assert received(connection).type == "READY"
        return connection

    def stop(self) -> int:
        # Two of a kind may arrive as one.
        self.process.terminate()
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(120)


def greet(connection: Connection) -> None:
    connection.send(Frame("HELLO", header={"versions": [1], "max_frame_bytes": 1 << 20}))
    assert received(connection).type == "HELLO"


def ask_to_load(connection: Connection, directory: str, entry: str = "predictor.py") -> None:
    header = {"directory": directory, "name": "m", "version": "1", "runtime": "python", "entry": entry}
    connection.send(Frame("LOAD", header={**header, "signature": SIGNATURE, "requirements": "warn"}))


def ask(connection: Connection, value: float, call: int = 1) -> None:
    connection.send(Frame("PREDICT", call, {"rows": 1}, [Tensor("a", "FP32", np.array([value], np.float32))]))


def received(connection: Connection) -> Frame:
    frame = connection.receive()
    assert frame is not None
    return frame


def close(connection: Connection) -> None:
    connection._socket.close()


def pid_of(connection: Connection, call: int = 1) -> int:
    ask(connection, 0, call)
    return int(received(connection).tensors[0].array[0])


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return "\nState:\tZ" not in file.read()
    except OSError:
        return False


def until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


@pytest.fixture
def directory() -> Iterator[Path]:
    # pytest's own are too long for the path of a socket.
    with tempfile.TemporaryDirectory(prefix="vw-") as name:
        yield Path(name)


@pytest.fixture
def served(directory: Path) -> Iterator[Served]:
    one = Served(directory, "--max-workers", "2", "--grace", "600")
    yield one
    if one.process.poll() is None:
        one.stop()


def test_serves_each_connection_from_a_process_of_its_own(served: Served) -> None:
    first, second = served.load(), served.load()
    pids = {pid_of(first), pid_of(second)}
    assert len(pids | {served.process.pid}) == 3
    mode = os.stat(served.socket).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(served.socket)).st_mode) == 0o700


def test_refuses_more_than_its_workers_and_takes_another_when_one_has_left(served: Served) -> None:
    first, second = served.load(), served.load()
    refusal = received(served.connect())
    assert (refusal.type, refusal.header["code"]) == ("REFUSED", "RESOURCE_EXHAUSTED")
    assert refusal.header["message"].startswith("all 2 workers are taken: --max-workers is at least twice the instances")
    pid = pid_of(first)
    close(first)
    until(lambda: not alive(pid))
    assert pid_of(served.load()) > 0
    assert pid_of(second) > 0


@pytest.mark.parametrize("entry", ["../models2/predictor.py", "link/predictor.py"])
def test_refuses_an_entry_that_is_not_below_its_models(served: Served, entry: str) -> None:
    other = served.models.parent / "models2"
    other.mkdir()
    (other / "predictor.py").write_text(MODEL)
    (served.models / "link").symlink_to(other)
    connection = served.connect()
    greet(connection)
    ask_to_load(connection, str(served.models), entry)
    refusal = received(connection)
    assert (refusal.type, refusal.header["code"]) == ("REFUSED", "FAILED_PRECONDITION")
    assert "does not lie below" in refusal.header["message"]


@pytest.mark.parametrize("path", ["/", "{models}/../models2", "{models}/link", "{models}/missing"])
def test_refuses_a_directory_that_is_not_below_its_models(served: Served, path: str) -> None:
    (served.models.parent / "models2").mkdir()
    (served.models / "link").symlink_to(served.models.parent / "models2")
    connection = served.connect()
    greet(connection)
    ask_to_load(connection, path.format(models=served.models))
    refusal = received(connection)
    assert (refusal.type, refusal.header["code"]) == ("REFUSED", "FAILED_PRECONDITION")
    assert ("is not a directory here" if "missing" in path else "does not lie below") in refusal.header["message"]


@pytest.mark.parametrize("what", [1, 2])
def test_a_load_waits_for_the_place_of_a_worker_that_is_ending(directory: Path, what: int) -> None:
    one = Served(directory, "--max-workers", "1")
    try:
        first = one.load()
        pid = pid_of(first)
        ask(first, what, 2)
        # It ignores being asked to end, so that its place is free only later.
        close(first)
        second = one.load()
        assert pid_of(second) != pid
        assert received(one.connect()).header["code"] == "RESOURCE_EXHAUSTED"
    finally:
        one.stop()


def test_goes_on_where_nobody_reads_what_it_prints(directory: Path) -> None:
    one = Served(directory, "--max-workers", "1", "--grace", "600")
    first = one.load()
    one.process.stdout.close()  # type: ignore[union-attr]
    assert received(one.connect()).header["code"] == "RESOURCE_EXHAUSTED"
    assert pid_of(first) > 0
    one.process.terminate()
    until(lambda: not os.path.exists(one.socket))
    assert pid_of(first, 2) > 0
    close(first)
    # Python's own code where it cannot write the last of its output.
    assert one.process.wait(60) == 120


def test_takes_the_place_of_one_that_was_killed(served: Served, directory: Path) -> None:
    pid = pid_of(served.load())
    served.process.kill()
    served.process.wait()
    until(lambda: not alive(pid))
    assert os.path.exists(served.socket)
    another = Served(directory)
    try:
        assert another.first_line.startswith("listening on")
        assert pid_of(another.load()) > 0
    finally:
        another.stop()


def test_does_not_take_the_place_of_one_that_listens(served: Served, directory: Path) -> None:
    second = Served(directory)
    assert second.first_line == f"another process listens on {served.socket}\n"
    assert second.process.wait() == 1
    assert pid_of(served.load()) > 0


def test_does_not_wait_for_one_that_listens_and_is_busy(directory: Path) -> None:
    path = str(directory / "busy.sock")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as waiting:
        listener.bind(path)
        listener.listen(0)
        waiting.connect(path)
        with pytest.raises(_serve.ServeFailed, match="another process listens on"):
            _serve._remove_stale(path)


@pytest.mark.parametrize("make", [lambda p: p.write_text("x"), lambda p: p.mkdir(), lambda p: p.symlink_to("nowhere")])
def test_leaves_alone_what_is_not_a_socket(directory: Path, make: Callable[[Path], Any]) -> None:
    (directory / "private").mkdir(mode=0o700)
    make(directory / "private" / "model.sock")
    second = Served(directory)
    assert second.first_line.endswith("is there already, and is not a socket: name another in --socket\n")
    assert second.process.wait() == 1


def test_closes_a_directory_that_is_empty_and_no_other(directory: Path) -> None:
    shared = directory / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    _serve._make_private(str(shared), "model.sock")
    assert stat.S_IMODE(shared.stat().st_mode) == 0o700
    shared.chmod(0o755)
    (shared / "of-another").write_text("")
    message = r"open to other users, and holds more than the socket: name a directory of its own in --socket, such as .*/shared/vivace/"
    with pytest.raises(_serve.ServeFailed, match=message):
        _serve._make_private(str(shared), "model.sock")
    (shared / "of-another").unlink()
    shared.chmod(0o1777)
    with pytest.raises(_serve.ServeFailed, match=message):
        _serve._make_private(str(shared), "model.sock")
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777


def test_says_that_the_models_are_not_there(directory: Path) -> None:
    with pytest.raises(_serve.ServeFailed, match="is not a directory: mount the volume"):
        _serve.serve(str(directory / "m.sock"), str(directory / "nowhere"), 1, 1)
    with pytest.raises(_serve.ServeFailed, match="cannot be listened on: .*too long"):
        _serve._bind(str(directory / ("x" * 120)))


def test_models_go_on_after_the_first_sigterm_until_their_server_hangs_up(served: Served, directory: Path) -> None:
    connection = served.load()
    pid = pid_of(connection)
    served.process.terminate()
    # Another may take its place at once.
    until(lambda: not os.path.exists(served.socket))
    another = Served(directory)
    try:
        assert pid_of(connection, 2) == pid
        close(connection)
        assert served.process.wait(60) == 0
        assert pid_of(another.load()) > 0
    finally:
        another.stop()


def test_models_end_after_the_grace(directory: Path) -> None:
    one = Served(directory, "--grace", "0.2")
    connection = one.load()
    pid = pid_of(connection)
    one.process.terminate()
    assert connection.receive() is None
    assert one.process.wait(60) == 0
    assert not alive(pid)


@pytest.mark.parametrize("what", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_at_once_when_it_is_asked_twice_though_a_model_predicts(served: Served, what: int, number: int) -> None:
    connection = served.load()
    pid = pid_of(connection)
    ask(connection, what, 2)
    for _ in range(2):
        served.process.send_signal(number)
        until(lambda: not os.path.exists(served.socket))
    assert served.process.wait(60) == 0
    assert not alive(pid)


def test_ends_a_model_whose_server_hangs_up_while_it_loads(served: Served) -> None:
    (served.models / "slow").write_text("")
    connection = served.connect()
    greet(connection)
    ask_to_load(connection, str(served.models))
    until((served.models / "loading").exists)
    (pid,) = children(served.process.pid)
    close(connection)
    until(lambda: not alive(pid))
    (served.models / "slow").unlink()
    assert pid_of(served.load()) > 0


def test_ends_where_it_is_asked_twice_while_a_model_loads(served: Served) -> None:
    (served.models / "slow").write_text("")
    connection = served.connect()
    greet(connection)
    ask_to_load(connection, str(served.models))
    until((served.models / "loading").exists)
    (pid,) = children(served.process.pid)
    assert served.stop() == 0
    assert not alive(pid)


def test_keeps_no_descriptor_of_connections_that_have_ended(served: Served) -> None:
    def descriptors() -> int:
        return len(os.listdir(f"/proc/{served.process.pid}/fd"))

    close(served.load())
    until(lambda: not children(served.process.pid))
    before = descriptors()
    for _ in range(200):
        close(served.connect())
    until(lambda: descriptors() == before and not children(served.process.pid))
    assert pid_of(served.load()) > 0


def test_goes_on_where_no_process_can_be_started(directory: Path) -> None:
    import resource

    one = Served(directory, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (14, 14)))
    try:
        first = one.load()
        others = [one.connect() for _ in range(12)]
        assert "can be" in one.process.stdout.readline()  # type: ignore[union-attr]
        for each in others:
            close(each)
        assert pid_of(first) > 0
    finally:
        one.stop()


def test_forgets_what_a_model_leaves_behind_where_it_is_the_first_process(directory: Path) -> None:
    import ctypes

    libc = ctypes.CDLL(None)
    # As the first process of a container does, it inherits the processes whose parents have ended.
    one = Served(directory, preexec_fn=lambda: libc.prctl(36, 1, 0, 0, 0))
    try:
        connection = one.load()
        pid = pid_of(connection)
        ask(connection, 3, 2)
        received(connection)
        time.sleep(0.3)
        until(lambda: children(one.process.pid) == [pid])
    finally:
        one.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed")
def test_refuses_another_user(served: Served) -> None:
    program = f"""
import os, socket
os.setuid(65534)
sock = socket.socket(socket.AF_UNIX)
sock.connect({served.socket!r})
print(sock.recv(65536)[16:].decode())
"""
    # As a volume's rights may be.
    private = os.path.dirname(served.socket)
    for path in (os.path.dirname(private), private, served.socket):
        os.chmod(path, 0o777)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert '"PERMISSION_DENIED"' in ran.stdout
    assert f"user 65534 is not the user of this wrapper, {os.geteuid()}" in ran.stdout


def children(pid: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8") as file:
                after = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(after[1]) == pid:
            found.append(int(name))
    return found
