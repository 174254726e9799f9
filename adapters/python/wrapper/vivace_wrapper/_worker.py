"""The process of one loaded model: it answers the calls that come through its socket, one at a time."""

from __future__ import annotations

import os
import platform
import signal
import socket
import sys
import time
from typing import Any

from . import __version__
from ._connection import Connection
from ._frames import BrokenFrame, Frame, Tensor
from ._layout import LARGEST_FRAME_BYTES, VERSION
from ._model import LoadFailed, Model, PredictFailed, load_model
from ._requirements import differences
from ._said import say, say_traceback
from ._signature import parse_signature


#: How long a server may take to say HELLO and LOAD, seconds: it says both at once.
GREETING_SECONDS = 30.0


class _Leave(Exception):
    """Why the worker says goodbye."""


def run(sock: socket.socket, models: str | None = None) -> int:
    """Serves one connection to its end.

    Args:
        sock: connected to the server, blocking.
        models: where the directories of models must lie; None where the server is trusted to name any.

    Returns:
        The exit code of the process: 0 where the server said goodbye or closed the connection.
    """
    # Texts of the model become lines of a log as they are written.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # The server decides when a worker ends, not the keyboard of its terminal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What the model starts is not of the connection: it could answer, and it would keep the connection open.
    sock.set_inheritable(False)
    os.register_at_fork(after_in_child=sock.close)
    connection = Connection(sock)
    try:
        # One that says nothing must not keep the place of another.
        sock.settimeout(GREETING_SECONDS)
        _greet(connection)
        load = _expect(connection, "LOAD").header
        sock.settimeout(None)
        model = _load(connection, load, models)
        if model is not None:
            _serve(connection, model)
        return 0
    except (BrokenFrame, _Leave) as error:
        reason = str(error)
        say(f"the connection is closed: {reason}")
        _try_send(connection, Frame("BYE", header={"reason": reason}))
        return 1
    except (BrokenPipeError, ConnectionResetError):
        return 0
    except socket.timeout:
        say(f"the connection is closed: no LOAD within {GREETING_SECONDS:g} s")
        return 1


def _greet(connection: Connection) -> None:
    import numpy as np

    hello = _expect(connection, "HELLO")
    versions = hello.header.get("versions")
    if not isinstance(versions, list) or VERSION not in versions:
        raise _Leave(f"this worker speaks version {VERSION} of the frames, the server {versions!r}")
    limit = hello.header.get("max_frame_bytes")
    if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
        connection.max_frame_bytes = min(limit, LARGEST_FRAME_BYTES)
    connection.send(
        Frame(
            "HELLO",
            header={
                "version": VERSION,
                "max_frame_bytes": connection.max_frame_bytes,
                "wrapper": __version__,
                "python": platform.python_version(),
                "numpy": np.__version__,
                "pid": os.getpid(),
            },
        )
    )


def _load(connection: Connection, load: dict[str, Any], models: str | None) -> Model | None:
    try:
        directory = _directory(load, models)
        entry = _text(load, "entry")
        if models is not None:
            _check_below(models, os.path.join(directory, entry))
        signature = parse_signature(_object(load, "signature"))
        differing = differences(directory)
        if differing and load.get("requirements") == "strict":
            raise LoadFailed(f"the environment differs from requirements.txt: {'; '.join(differing)}")
        model = load_model(directory, entry, _text(load, "runtime"), signature)
    except (LoadFailed, ValueError, OSError) as error:
        if error.__cause__ is not None:
            say_traceback(error.__cause__)
        connection.send(Frame("REFUSED", header={"code": "FAILED_PRECONDITION", "message": str(error)}))
        return None
    connection.send(Frame("READY", header={"predictor": model.name, "warnings": differing}))
    return model


def _directory(load: dict[str, Any], models: str | None) -> str:
    given = _text(load, "directory")
    directory = os.path.realpath(given)
    if models is not None:
        _check_below(models, given)
    if not os.path.isdir(directory):
        raise LoadFailed(
            f"{given} is not a directory here: both containers mount the volume of the models, and where the paths "
            f"differ, the part's option `directory: {{ from, to }}` says how"
        )
    return directory


def _check_below(models: str, path: str) -> None:
    below = os.path.realpath(models)
    if os.path.commonpath([below, os.path.realpath(path)]) != below:
        raise LoadFailed(f"{path} does not lie below {models}, where this worker takes models from")


def _serve(connection: Connection, model: Model) -> None:
    last = 0
    while True:
        frame = connection.receive()
        if frame is None or frame.type == "BYE":
            return
        if frame.type == "CANCEL":
            # A call is cancelled while it runs, or as it is answered: it has been answered by now.
            if _is_after(frame.call, last):
                raise _Leave(f"CANCEL of call {frame.call}, which has not begun")
            continue
        if frame.type != "PREDICT":
            raise _Leave(f"{frame.type} where a call was expected")
        if not _is_after(frame.call, last):
            raise _Leave(f"call {frame.call} after call {last}")
        last = frame.call
        answer = _answer(frame, model)
        try:
            connection.send(answer)
        except ValueError as error:
            # Nothing has been sent of an answer that no frame can hold.
            message = f"{model.name}.predict: the answer cannot be sent: {error}"
            connection.send(_error(frame, "PREDICTOR_FAILED", message, started=True))
        # Their memory may be that of the next frame.
        del frame, answer


def _is_after(call: int, last: int) -> bool:
    """Whether a call comes after another: their numbers grow, and begin anew after the largest."""
    return 0 < (call - last) % 2**32 < 2**31


def _answer(frame: Frame, model: Model) -> Frame:
    received = time.monotonic()
    rows, inputs, offsets = _call_of(frame, model)
    timeout_ms = frame.header.get("timeout_ms")
    if isinstance(timeout_ms, (int, float)) and timeout_ms <= (time.monotonic() - received) * 1000:
        return _error(frame, "DEADLINE_EXCEEDED", "no time is left for the call", started=False)
    try:
        return Frame("RESULT", frame.call, tensors=model.answer(inputs, rows, offsets))
    except PredictFailed as error:
        if error.__cause__ is not None:
            say_traceback(error.__cause__)
        return _error(frame, "PREDICTOR_FAILED", str(error), started=True)


def _call_of(frame: Frame, model: Model) -> tuple[int, list[Tensor], Any]:
    header = frame.header
    rows = header.get("rows")
    if not isinstance(rows, int) or isinstance(rows, bool) or rows < 0:
        raise _Leave(f"call {frame.call} has {rows!r} rows")
    inputs = list(frame.tensors)
    offsets = None
    requests = header.get("requests")
    if model.signature.over == "request":
        if not isinstance(requests, int) or not inputs or inputs[-1].datatype != "INT32":
            raise _Leave(f"call {frame.call} does not say its requests, which the model is over")
        offsets = inputs.pop().array
        steps = offsets[1:] >= offsets[:-1]
        if offsets.shape != (requests + 1,) or offsets[0] != 0 or offsets[-1] != rows or not steps.all():
            raise _Leave(f"call {frame.call} has offsets that are not those of {requests} requests and {rows} rows")
    elif requests is not None:
        raise _Leave(f"call {frame.call} has requests, which the model is not over")
    specs = model.signature.inputs
    if len(inputs) != len(specs):
        raise _Leave(f"call {frame.call} has other inputs than the model")
    for tensor, spec in zip(inputs, specs):
        if tensor.name != spec.name or tensor.datatype != spec.datatype:
            raise _Leave(f"call {frame.call} has other inputs than the model")
        shape = tensor.array.shape
        inner, declared = shape[1:], spec.shape[1:]
        fits = inner == declared or (len(inner) == len(declared) and all(d in (-1, i) for d, i in zip(declared, inner)))
        if shape[:1] != (rows,) or not fits:
            raise _Leave(f'call {frame.call}: the input "{tensor.name}" has the shape {list(shape)}')
    return rows, inputs, offsets


def _error(frame: Frame, code: str, message: str, started: bool) -> Frame:
    return Frame("ERROR", frame.call, {"code": code, "message": message[:10_000], "started": started})


def _expect(connection: Connection, kind: str) -> Frame:
    frame = connection.receive()
    if frame is None:
        raise ConnectionResetError
    if frame.type != kind:
        raise _Leave(f"{frame.type} where {kind} was expected")
    return frame


def _text(header: dict[str, Any], name: str) -> str:
    value = header.get(name)
    if not isinstance(value, str):
        raise ValueError(f"LOAD without a text {name!r}")
    return value


def _object(header: dict[str, Any], name: str) -> dict[str, Any]:
    value = header.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"LOAD without an object {name!r}")
    return value


def _try_send(connection: Connection, frame: Frame) -> None:
    try:
        connection.send(frame)
    except OSError:
        pass
