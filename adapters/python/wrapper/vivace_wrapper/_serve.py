"""Serves models to servers that connect from another container: one connection is one process is one loaded model."""

from __future__ import annotations

import os
import select
import socket
import stat
import struct
import sys
import time
from dataclasses import dataclass, field

from ._layout import head, header_bytes
from ._supervisor import HANG_UP, Wakeup, Worker, start_worker

#: How long a refused connection stays open for its refusal to be read, seconds.
_REFUSAL_SECONDS = 1.0


class ServeFailed(Exception):
    """Why nothing can be served, and what to do about it."""


def serve(path: str, models: str, max_workers: int, grace_seconds: float) -> int:
    """Listens on a Unix socket until it is asked to stop.

    The first SIGTERM ends the listening; models go on until their servers hang up, at most `grace_seconds`, because a
    pod's containers are asked to stop at the same moment. The second ends all at once.

    Returns:
        The exit code.

    Raises:
        ServeFailed: where the socket cannot be made.
    """
    if not os.path.isdir(models):
        raise ServeFailed(f"--models {models} is not a directory: mount the volume of the orchestrator's workspace there")
    listener = _listen(path)
    print(f"listening on {path} for at most {max_workers} workers", flush=True)
    try:
        _Pool(listener, models, max_workers, grace_seconds).run()
    finally:
        _unlink_own(path, listener)
    return 0


def _listen(path: str) -> socket.socket:
    directory = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        # Whoever may connect may have a model of the volume loaded and asked.
        if stat.S_IMODE(os.stat(directory).st_mode) & 0o077:
            os.chmod(directory, 0o700)
    except OSError as error:
        raise ServeFailed(
            f"{directory} cannot be made a directory for this user alone: {error.strerror}; name another in --socket"
        ) from None
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        mask = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(mask)
        listener.listen(64)
    except OSError as error:
        raise ServeFailed(f"{path} cannot be listened on: {error.strerror or error}") from None
    listener.setblocking(False)
    return listener


def _remove_stale(path: str) -> None:
    """Removes a socket that a process has left behind when it was killed."""
    if not os.path.exists(path):
        return
    if not stat.S_ISSOCK(os.stat(path).st_mode):
        raise ServeFailed(f"{path} is there already, and is not a socket: name another in --socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise ServeFailed(f"another process listens on {path}")


def _unlink_own(path: str, listener: socket.socket) -> None:
    listener.close()
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


@dataclass
class _Pool:
    listener: socket.socket
    models: str
    max_workers: int
    grace_seconds: float
    #: By the descriptor of the pool's copy of the socket.
    workers: dict[int, Worker] = field(default_factory=dict)
    #: Refused connections, and when they are closed.
    refused: dict[int, tuple[socket.socket, float]] = field(default_factory=dict)

    def run(self) -> None:
        wakeup = Wakeup()
        poll = select.poll()
        poll.register(wakeup.reader.fileno(), select.POLLIN)
        poll.register(self.listener.fileno(), select.POLLIN)
        listening = True
        give_up_at: float | None = None
        while listening or self.workers:
            for number, event in poll.poll(self._wait_ms(give_up_at)):
                if number == self.listener.fileno() and listening:
                    self._accept(poll)
                elif number in self.workers and event & HANG_UP:
                    _forget(poll, number)
                    self.workers[number].end()
                elif number in self.refused:
                    self._close_refused(poll, number)
            wakeup.drain()
            self._bury(poll)
            now = time.monotonic()
            for number in [n for n, (_, close_at) in self.refused.items() if now >= close_at]:
                self._close_refused(poll, number)
            if wakeup.stops > 0 and listening:
                listening = False
                poll.unregister(self.listener.fileno())
                give_up_at = now + self.grace_seconds
            if wakeup.stops > 1 or (give_up_at is not None and now >= give_up_at):
                for worker in self.workers.values():
                    worker.end()
            for worker in self.workers.values():
                worker.kill_if_due()

    def _wait_ms(self, give_up_at: float | None) -> float | None:
        moments = [worker.kill_at for worker in self.workers.values() if worker.kill_at is not None]
        moments += [close_at for _, close_at in self.refused.values()]
        if give_up_at is not None and not moments:
            moments.append(give_up_at)
        return max(0.0, min(moments) - time.monotonic()) * 1000 + 1 if moments else None

    def _accept(self, poll: "select.poll") -> None:
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        connection.setblocking(True)
        uid = _peer_uid(connection)
        if uid is not None and uid not in (os.geteuid(), 0):
            self._refuse(poll, connection, "PERMISSION_DENIED", f"user {uid} is not the user of this wrapper, {os.geteuid()}")
        elif len(self.workers) >= self.max_workers:
            message = (
                f"all {self.max_workers} workers are taken: --max-workers is at least twice the instances of all "
                "predictors, because a new version loads beside the old"
            )
            self._refuse(poll, connection, "RESOURCE_EXHAUSTED", message)
        else:
            worker = start_worker(connection, ["--models", self.models])
            self.workers[connection.fileno()] = worker
            poll.register(connection.fileno(), HANG_UP)

    def _refuse(self, poll: "select.poll", connection: socket.socket, code: str, message: str) -> None:
        print(f"refused a connection: {message}", file=sys.stderr, flush=True)
        try:
            connection.sendall(head("REFUSED", 0, header_bytes({"code": code, "message": message})))
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        self.refused[connection.fileno()] = (connection, time.monotonic() + _REFUSAL_SECONDS)
        poll.register(connection.fileno(), HANG_UP)

    def _close_refused(self, poll: "select.poll", number: int) -> None:
        connection, _ = self.refused.pop(number)
        poll.unregister(number)
        connection.close()

    def _bury(self, poll: "select.poll") -> None:
        for number, worker in list(self.workers.items()):
            if worker.process.poll() is None:
                continue
            del self.workers[number]
            _forget(poll, number)
            worker.bury()


def _forget(poll: "select.poll", number: int) -> None:
    """Looks at a descriptor no more, if it still was looked at."""
    try:
        poll.unregister(number)
    except KeyError:
        pass


def _peer_uid(connection: socket.socket) -> int | None:
    """The user at the other end, where the system says it: on Linux. Elsewhere the mode of the directory guards the socket."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return int(uid)
