"""The command line: `python -m vivace_wrapper --help`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
from typing import Any, Iterator, TextIO

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(arguments: list[str] | None = None) -> int:
    """Runs a command.

    Returns:
        The exit code.
    """
    given = _parser().parse_args(arguments)
    if given.command == "serve":
        return _serve(given)
    if given.command == "check":
        return _check(given)
    if given.command == "inspect":
        return _inspect(given)
    if given.command == "_answer":
        return _answer(given)
    from . import _supervisor

    if given.command == "worker":
        return _supervisor.supervise_one(socket.socket(fileno=3), [])
    _supervisor.die_with_parent(given.parent)
    from ._worker import run

    return run(socket.socket(fileno=given.fd), models=given.models)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vivace_wrapper", description="Predictors in Python for Vivace.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_check(commands)
    _add_inspect(commands)
    _add_serve(commands)
    commands.add_parser("worker", help="what a server starts for each instance: frames on descriptor 3")
    inner = commands.add_parser("_worker")
    inner.add_argument("--fd", type=int, required=True)
    inner.add_argument("--parent", type=int, required=True)
    inner.add_argument("--models")
    commands.add_parser("_answer").add_argument("directory")
    return parser


def _add_check(commands: Any) -> None:
    checking = commands.add_parser(
        "check",
        help="loads a model's folder as a server does, asks it its self-test, and times it",
        description="Loads a model's folder as a server does, asks it its self-test, and times one row and 1,000 rows.",
        epilog="exit codes: 0 it serves; 1 it does not load, fails a call or its self-test; 2 the folder does not say enough",
    )
    checking.add_argument("directory", metavar="DIR", help="the folder: its model, and model.yaml where the model does not say it")
    checking.add_argument("--signature", metavar="FILE", help="inputs and outputs as JSON, instead of what the folder says")
    checking.add_argument(
        "--threads",
        type=_count,
        default=1,
        metavar="N",
        help="threads of OpenMP, OpenBLAS and MKL; 0 = as many as the CPU limit of the container; default 1",
    )
    checking.add_argument(
        "--requirements",
        choices=("warn", "strict"),
        default="warn",
        help="what a difference from requirements.txt does: a warning, or exit code 1; default warn",
    )
    checking.add_argument("--json", action="store_true", help="prints one line of JSON")


def _add_inspect(commands: Any) -> None:
    inspecting = commands.add_parser(
        "inspect",
        help="says the columns and outputs that a model's file knows",
        description="Says the columns and outputs that a file of scikit-learn, LightGBM or XGBoost knows.",
        epilog="exit codes: 0 it is known; 1 the model does not say it; 2 there is no such model",
    )
    inspecting.add_argument("path", metavar="PATH", help="a model's file, or a folder")
    inspecting.add_argument("--runtime", help="sklearn, lightgbm or xgboost; default: by the name of the file")
    inspecting.add_argument("--json", action="store_true", help="prints one line of JSON")


def _add_serve(commands: Any) -> None:
    serving = commands.add_parser(
        "serve",
        help="serves models to a server in another container, over a Unix socket",
        description="Serves models to a server in another container, over a Unix socket: each in a process of its own.",
        epilog="exit codes: 0 it was asked to stop; 1 nothing can be served",
    )
    serving.add_argument("--socket", required=True, metavar="PATH", help="the socket that both containers see")
    serving.add_argument("--models", required=True, metavar="DIR", help="where all directories of models must lie")
    serving.add_argument(
        "--max-workers",
        type=_positive,
        default=16,
        metavar="N",
        help="most models loaded at once: at least twice the instances of all predictors; default 16",
    )
    serving.add_argument(
        "--threads",
        type=_count,
        default=1,
        metavar="N",
        help="threads of OpenMP, OpenBLAS and MKL in each; 0 = as many as the CPU limit of the container; default 1",
    )
    serving.add_argument(
        "--grace",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="how long models go on after the first SIGTERM, until their servers hang up; default 30",
    )


def _serve(given: argparse.Namespace) -> int:
    from ._serve import ServeFailed, serve

    _take_threads(given.threads)
    try:
        return serve(given.socket, given.models, given.max_workers, given.grace)
    except ServeFailed as error:
        print(error, file=sys.stderr)
        return 1


def _take_threads(given: int) -> None:
    """Sets how many threads libraries take; 0 is the CPU limit of the container."""
    from ._cpu import cpu_limit

    for name in _THREADS:
        os.environ[name] = str(given or cpu_limit())


def _check(given: argparse.Namespace) -> int:
    # Before numpy starts its threads.
    _take_threads(given.threads)
    from ._check import CheckFailed, check, described, read_signature
    from ._folder import WrongFolder

    with _output() as out:
        try:
            signature = None if given.signature is None else read_signature(given.signature)
            report = check(described(given.directory, signature))
            if given.requirements == "strict" and report.differences:
                raise CheckFailed(f"the environment differs from requirements.txt: {'; '.join(report.differences)}")
        except (WrongFolder, CheckFailed) as error:
            return _failed(out, error, given.json, 2 if isinstance(error, WrongFolder) else 1)
        print(json.dumps(report.to_json()) if given.json else report, file=out)
        return 0


def _inspect(given: argparse.Namespace) -> int:
    from ._folder import WrongFolder, read_folder
    from ._known import NotKnown, inspect_file

    with _output() as out:
        try:
            path, runtime = given.path, given.runtime
            if os.path.isdir(path):
                folder = read_folder(path)
                path, runtime = folder.path, runtime or folder.runtime
            elif not os.path.exists(path):
                raise WrongFolder(f"{path} does not exist")
            known = inspect_file(path, runtime)
        except (WrongFolder, NotKnown) as error:
            return _failed(out, error, given.json, 2 if isinstance(error, WrongFolder) else 1)
        print(json.dumps(known.to_json()) if given.json else known, file=out)
        return 0


def _answer(given: argparse.Namespace) -> int:
    from ._check import answers, described
    from ._model import LoadFailed, PredictFailed
    from ._self_test import values_of

    with _output() as out:
        try:
            found = {tensor.name: values_of(tensor.array) for tensor in answers(described(given.directory))}
        except (LoadFailed, PredictFailed) as error:
            print(error, file=sys.stderr)
            return 1
        print(json.dumps(found), file=out)
        return 0


def _failed(out: TextIO, error: Exception, as_json: bool, code: int) -> int:
    if as_json:
        print(json.dumps({"ok": False, "error": str(error)}), file=out)
    cause = error.__cause__
    if cause is not None:
        import traceback

        traceback.print_exception(type(cause), cause, cause.__traceback__, file=sys.stderr)
    if not as_json:
        print(error, file=sys.stderr)
    return code


@contextlib.contextmanager
def _output() -> Iterator[TextIO]:
    """Where a command prints. What a model prints meanwhile, to descriptor 1 too, goes to standard error."""
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(own, "w", encoding="utf-8") as out:
            yield out
    finally:
        sys.stdout.flush()


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
