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
from ._said import say
from ._supervisor import HANG_UP, Wakeup, Worker, reap_orphans, start_worker

#: How long a refused connection stays open for its refusal to be read, seconds.
_REFUSAL_SECONDS = 1.0
#: How long to wait where a connection cannot be accepted, seconds.
_REST_SECONDS = 0.05


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
    listener = _Listener.listen(path)
    say(f"listening on {path} for at most {max_workers} workers", sys.stdout)
    try:
        _Pool(listener, models, max_workers, grace_seconds).run()
    finally:
        listener.close()
    return 0


@dataclass
class _Listener:
    """A listening socket, and the file that is its name."""

    sock: socket.socket
    path: str
    #: Device and number of the file, which tell it from one that another process has put there since.
    identity: tuple[int, int]

    @staticmethod
    def listen(path: str) -> "_Listener":
        """Makes the socket's directory one of this user alone, and listens.

        Raises:
            ServeFailed: where it cannot.
        """
        _make_private(os.path.dirname(os.path.abspath(path)), os.path.basename(path))
        sock = _bind(path)
        found = os.stat(path)
        return _Listener(sock, path, (found.st_dev, found.st_ino))

    def close(self) -> None:
        """Listens no more, and removes the file where it still is the one of this socket."""
        if self.sock.fileno() < 0:
            return
        self.sock.close()
        try:
            found = os.lstat(self.path)
            if (found.st_dev, found.st_ino) == self.identity:
                os.unlink(self.path)
        except FileNotFoundError:
            pass


def _make_private(directory: str, name: str) -> None:
    """Whoever may connect may have a model of the volume loaded and asked."""
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        mode = stat.S_IMODE(os.stat(directory).st_mode)
        if not mode & 0o077:
            return
        # Such as /tmp or /run, which are not this process' to close.
        others = [entry for entry in os.listdir(directory) if entry != name]
        if others or mode & stat.S_ISVTX:
            raise ServeFailed(
                f"{directory} is open to other users, and holds more than the socket: name a directory of its own in "
                f"--socket, such as {os.path.join(directory, 'vivace', name)}"
            )
        os.chmod(directory, 0o700)
    except OSError as error:
        raise ServeFailed(
            f"{directory} cannot be made a directory for this user alone: {error.strerror}; name one below it in --socket, "
            f"such as {os.path.join(directory, 'vivace', name)}"
        ) from None


def _bind(path: str) -> socket.socket:
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
        listener.close()
        raise ServeFailed(f"{path} cannot be listened on: {error.strerror or error}") from None
    except ServeFailed:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _remove_stale(path: str) -> None:
    """Removes a socket that a process has left behind when it was killed."""
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise ServeFailed(f"{path} is there already, and is not a socket: name another in --socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # One that is busy has no place for another connection, and connecting would wait for it.
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass
    raise ServeFailed(f"another process listens on {path}")


@dataclass
class _Pool:
    listener: _Listener
    models: str
    max_workers: int
    grace_seconds: float
    #: By the descriptor of the pool's copy of the socket.
    workers: dict[int, Worker] = field(default_factory=dict)
    #: Refused connections, and when they are closed.
    refused: dict[int, tuple[socket.socket, float]] = field(default_factory=dict)

    def run(self) -> None:
        wakeup = Wakeup(interrupt_stops=True)
        poll = select.poll()
        poll.register(wakeup.reader.fileno(), select.POLLIN)
        accepting = self.listener.sock.fileno()
        poll.register(accepting, select.POLLIN)
        listening = True
        give_up_at: float | None = None
        while listening or self.workers:
            if listening:
                poll.modify(accepting, 0 if self._place_is_coming() else select.POLLIN)
            events = dict(poll.poll(self._wait_ms(give_up_at)))
            for number, event in events.items():
                if number in self.workers and event & HANG_UP:
                    _forget(poll, number)
                    self.workers[number].end()
                elif number in self.refused:
                    self._close_refused(poll, number)
            wakeup.drain()
            self._bury(poll)
            # After those who have hung up or ended: they leave their places.
            if events.get(accepting, 0) & select.POLLIN and not self._place_is_coming():
                self._accept(poll)
            # As the first process of a container, this one inherits what workers have left behind.
            reap_orphans({worker.process.pid for worker in self.workers.values()})
            now = time.monotonic()
            for number in [n for n, (_, close_at) in self.refused.items() if now >= close_at]:
                self._close_refused(poll, number)
            if wakeup.stops > 0 and listening:
                listening = False
                poll.unregister(accepting)
                # Servers try again: by then another process may listen.
                self.listener.close()
                give_up_at = now + self.grace_seconds
                if self.workers:
                    say("stopping: models go on until their servers hang up; once more ends them at once", sys.stdout)
            if wakeup.stops > 1 or (give_up_at is not None and now >= give_up_at):
                give_up_at = None
                for worker in self.workers.values():
                    worker.end()
            for worker in self.workers.values():
                worker.kill_if_due()

    def _wait_ms(self, give_up_at: float | None) -> float | None:
        due = [worker.due_at for worker in self.workers.values()]
        moments = [moment for moment in (*due, give_up_at) if moment is not None]
        moments += [close_at for _, close_at in self.refused.values()]
        return max(0.0, min(moments) - time.monotonic()) * 1000 + 1 if moments else None

    def _place_is_coming(self) -> bool:
        """Whether all places are taken, one of them by a worker that is ending: the next connection waits for that one."""
        is_full = len(self.workers) >= self.max_workers
        return is_full and any(worker.kill_at is not None for worker in self.workers.values())

    def _accept(self, poll: "select.poll") -> None:
        try:
            connection, _ = self.listener.sock.accept()
        except BlockingIOError:
            return
        except OSError as error:
            # Too many files are open: those who wait stay in the queue, and this process must not spin.
            say(f"no connection can be accepted: {error.strerror}")
            time.sleep(_REST_SECONDS)
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
            self._start(poll, connection)

    def _start(self, poll: "select.poll", connection: socket.socket) -> None:
        try:
            worker = start_worker(connection, ["--models", self.models])
        except OSError as error:
            # The others go on.
            self._refuse(poll, connection, "RESOURCE_EXHAUSTED", f"no process can be started: {error.strerror}")
            return
        self.workers[connection.fileno()] = worker
        poll.register(connection.fileno(), HANG_UP)

    def _refuse(self, poll: "select.poll", connection: socket.socket, code: str, message: str) -> None:
        say(f"refused a connection: {message}")
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
