"""Watches over workers from outside: a worker that spins, or holds the interpreter's lock, cannot watch itself.

It imports nothing heavy. It keeps a copy of each worker's socket, and ends the worker's processes when the other side has
hung up; and it closes its copy when the worker has ended, so that the other side hears of it at once.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Container

HANG_UP = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR | select.POLLNVAL
TERMINATE_SECONDS = 2.0
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def die_with_parent(parent: int) -> None:
    """Lets the kernel end this process when its parent ends, where the kernel can: on Linux."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Makes processes whose parents have ended children of this one, where the kernel can: on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(own: Container[int]) -> None:
    """Forgets adopted processes that have ended; a worker of one's own is left to `Worker`."""
    if not hasattr(os, "waitid"):
        return
    try:
        while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            # A worker that has ended in the meantime: it is buried in the next round.
            if found.si_pid in own:
                return
            os.waitpid(found.si_pid, os.WNOHANG)
    except ChildProcessError:
        pass


def end_orphans() -> None:
    """Ends all children, and those that become children as these end, and waits for them."""
    give_up_at = time.monotonic() + TERMINATE_SECONDS
    while time.monotonic() < give_up_at:
        try:
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        except ChildProcessError:
            return
        for pid in _children():
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def _children() -> list[int]:
    """The processes whose parent this one is, ended ones too."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{int(name)}/stat", "rb") as file:
                # The name of the program comes before, in parentheses, and may have any.
                parent = file.read().rpartition(b")")[2].split()[1]
        except (ValueError, OSError):
            continue
        if int(parent) == os.getpid():
            found.append(int(name))
    return found


@dataclass
class Worker:
    """A worker's process, and a copy of its socket."""

    process: "subprocess.Popen[bytes]"
    sock: socket.socket
    #: Monotonic seconds when it is killed, once it has been asked to end.
    kill_at: float | None = None
    killed: bool = False

    @property
    def due_at(self) -> float | None:
        """When it is to be killed: None where it has not been asked to end, and where it has been killed."""
        return None if self.killed else self.kill_at

    def signal_group(self, number: int) -> None:
        """Signals all processes of the worker that are left: they are a group of their own."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def end(self) -> None:
        """Asks the worker to end; it is killed where it does not."""
        if self.kill_at is None:
            self.kill_at = time.monotonic() + TERMINATE_SECONDS
            self.signal_group(signal.SIGTERM)

    def kill_if_due(self) -> None:
        """Kills a worker that was asked to end and has not."""
        if self.due_at is not None and time.monotonic() >= self.due_at:
            self.killed = True
            self.signal_group(signal.SIGKILL)

    def bury(self) -> None:
        """Lets the other side know that the worker has ended, and ends what it has started and left behind."""
        try:
            # What it has started may have a copy, and closing this one would not be heard.
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        self.signal_group(signal.SIGKILL)


def start_worker(sock: socket.socket, arguments: list[str]) -> Worker:
    """Starts a fresh interpreter that serves a socket, so that nothing which a model does outlives it."""
    command = [sys.executable, "-m", "vivace_wrapper", "_worker", "--fd", str(sock.fileno()), *arguments]
    process = subprocess.Popen(
        [*command, "--parent", str(os.getpid())],
        stdin=subprocess.DEVNULL,
        pass_fds=(sock.fileno(),),
        start_new_session=True,
    )
    return Worker(process, sock)


class Wakeup:
    """Becomes readable when a child has ended or a signal asks to stop."""

    def __init__(self, interrupt_stops: bool = False) -> None:
        self.reader, self._writer = socket.socketpair()
        self.reader.setblocking(False)
        self._writer.setblocking(False)
        #: How often a signal has asked to stop.
        self.stops = 0
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # The keyboard of a terminal reaches what a server has started too, and the server decides when that ends.
        signal.signal(signal.SIGINT, self._stop if interrupt_stops else signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self.stops += 1

    def drain(self) -> None:
        """Forgets what has woken."""
        try:
            while self.reader.recv(4096):
                pass
        except BlockingIOError:
            pass


def supervise_one(sock: socket.socket, arguments: list[str]) -> int:
    """Runs one worker for a server that started this process.

    Returns:
        The worker's exit code; 128 and the number of the signal that ended it.
    """
    wakeup = Wakeup()
    adopt_orphans()
    worker = start_worker(sock, arguments)
    poll = select.poll()
    poll.register(wakeup.reader.fileno(), select.POLLIN)
    poll.register(sock.fileno(), HANG_UP)
    while True:
        left = None if worker.due_at is None else max(0.0, worker.due_at - time.monotonic())
        events = dict(poll.poll(None if left is None else left * 1000))
        wakeup.drain()
        code = worker.process.poll()
        if code is not None:
            worker.bury()
            end_orphans()
            return code if code >= 0 else 128 - code
        if wakeup.stops > 0:
            worker.end()
        if sock.fileno() in events:
            poll.unregister(sock.fileno())
            worker.end()
        worker.kill_if_due()
        reap_orphans({worker.process.pid})
