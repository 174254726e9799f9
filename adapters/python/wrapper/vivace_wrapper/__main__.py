"""The command line: `python -m vivace_wrapper --help`."""

from __future__ import annotations

import argparse
import os
import socket
import sys


def main(arguments: list[str] | None = None) -> int:
    """Runs a command.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m vivace_wrapper", description="Predictors in Python for Vivace.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("worker", help="what a server starts for each instance: frames on descriptor 3")
    serving = commands.add_parser("serve", help="serves models to a server in another container, over a Unix socket")
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
        "--threads", type=_positive, default=1, metavar="N", help="threads of OpenMP, OpenBLAS and MKL in each; default 1"
    )
    serving.add_argument(
        "--grace",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="how long models go on after the first SIGTERM, until their servers hang up; default 30",
    )
    inner = commands.add_parser("_worker")
    inner.add_argument("--fd", type=int, required=True)
    inner.add_argument("--parent", type=int, required=True)
    inner.add_argument("--models")
    given = parser.parse_args(arguments)
    if given.command == "serve":
        return _serve(given)
    from . import _supervisor

    if given.command == "worker":
        return _supervisor.supervise_one(socket.socket(fileno=3), [])
    _supervisor.die_with_parent(given.parent)
    from ._worker import run

    return run(socket.socket(fileno=given.fd), models=given.models)


def _serve(given: argparse.Namespace) -> int:
    from ._serve import ServeFailed, serve

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(given.threads)
    try:
        return serve(given.socket, given.models, given.max_workers, given.grace)
    except ServeFailed as error:
        print(error, file=sys.stderr)
        return 1


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
