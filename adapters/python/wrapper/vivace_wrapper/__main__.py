"""The command line: `python -m vivace_wrapper --help`."""

from __future__ import annotations

import argparse
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
    inner = commands.add_parser("_worker")
    inner.add_argument("--fd", type=int, required=True)
    inner.add_argument("--parent", type=int, required=True)
    inner.add_argument("--models")
    given = parser.parse_args(arguments)
    from . import _supervisor

    if given.command == "worker":
        return _supervisor.supervise_one(socket.socket(fileno=3), [])
    _supervisor.die_with_parent(given.parent)
    from ._worker import run

    return run(socket.socket(fileno=given.fd), models=given.models)


if __name__ == "__main__":
    sys.exit(main())
