"""What is said of errors and written to a log: however a model fails, and whatever it has closed, its process goes on."""

from __future__ import annotations

import sys
import traceback
from typing import Any


def said(error: BaseException) -> str:
    """The type of an error, and its text where that can be had."""
    name = type(error).__name__
    try:
        return f"{name}: {error}"
    except BaseException:
        return f"{name}, whose text cannot be had"


def say(text: str, stream: Any = None) -> None:
    """Writes a line; standard error unless another stream is given."""
    try:
        print(text, file=sys.stderr if stream is None else stream, flush=True)
    except Exception:
        # Nobody reads it any more.
        pass


def say_traceback(error: BaseException) -> None:
    """Writes where an error came from to standard error."""
    try:
        traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)
    except Exception:
        # Nobody reads it any more.
        pass
