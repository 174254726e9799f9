"""Finds the predictor of a bundle, and lets it load."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from ._answer import WrongAnswer, outputs_of
from ._frames import Tensor
from ._request import Request
from ._said import said
from ._signature import Signature


class LoadFailed(Exception):
    """A bundle that cannot serve, and what to do about it."""


class PredictFailed(Exception):
    """A call that the predictor failed, or answered with something else than its outputs."""


@dataclass(frozen=True)
class Model:
    """A loaded predictor: its class' name, and its `predict`."""

    name: str
    predict: Callable[[Request], Any]
    signature: Signature

    def answer(self, inputs: list[Tensor], rows: int, offsets: np.ndarray | None) -> list[Tensor]:
        """Predicts, and checks what comes.

        Raises:
            PredictFailed: with what the predictor raised as its cause, where it raised.
        """
        request = Request({tensor.name: tensor.array for tensor in inputs}, self.signature, rows, offsets)
        try:
            answer = self.predict(request)
        except BaseException as error:
            raise PredictFailed(f"{self.name}.predict raised {said(error)}") from error
        try:
            return outputs_of(answer, self.signature, rows)
        except WrongAnswer as error:
            raise PredictFailed(f"{self.name}.predict: {error}") from None
        except BaseException as error:
            raise PredictFailed(f"{self.name}.predict gave what cannot be read: {said(error)}") from error


def load_model(directory: str, entry: str, runtime: str, signature: Signature) -> Model:
    """Loads the predictor of a bundle.

    Raises:
        LoadFailed: where it cannot be.
    """
    from . import _ready_made

    # Files and modules beside the entry are found as in a script.
    os.chdir(directory)
    sys.path.insert(0, os.path.dirname(os.path.join(directory, entry)) or ".")
    if runtime in _ready_made.RUNTIMES:
        return Model(runtime, _ready_made.load(runtime, os.path.join(directory, entry), signature), signature)
    if runtime != "python":
        raise LoadFailed(f"{runtime} is none of the runtimes python, {', '.join(_ready_made.RUNTIMES)}")
    predictor = _predictor_class(directory, entry)
    if inspect.iscoroutinefunction(predictor.predict):
        raise LoadFailed(f"{predictor.__name__}.predict is async, and calls are answered one at a time: leave out async")
    try:
        instance = predictor()
    except BaseException as error:
        raise LoadFailed(f"{predictor.__name__}() raised {said(error)}") from error
    try:
        load = getattr(instance, "load", None)
        if load is not None:
            load(directory)
    except BaseException as error:
        raise LoadFailed(f"{predictor.__name__}.load raised {said(error)}") from error
    return Model(predictor.__name__, instance.predict, signature)


def _predictor_class(directory: str, entry: str) -> Any:
    path = os.path.join(directory, entry)
    name = os.path.splitext(os.path.basename(entry))[0]
    if name in getattr(sys, "stdlib_module_names", ()) or name in ("numpy", "vivace_wrapper"):
        raise LoadFailed(f"{entry} would hide the module {name}: give it another name, such as predictor.py")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise LoadFailed(f"{entry} is not a Python module: its name ends with .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        raise LoadFailed(f"{entry} does not import: {said(error)}") from error
    # A class may have several names.
    classes = dict.fromkeys(
        value
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == name and callable(getattr(value, "predict", None))
    )
    # A class that others of the module build on is not meant.
    finals = [c for c in classes if not any(c is not other and issubclass(other, c) for other in classes)]
    if len(finals) == 1:
        return finals[0]
    if not finals:
        raise LoadFailed(f"{entry} has no class with a method predict(self, request)")
    names = ", ".join(each.__name__ for each in finals)
    raise LoadFailed(f"{entry} has several classes with a method predict: {names}; leave one in it")
