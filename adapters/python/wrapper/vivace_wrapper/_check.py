"""Loads a folder as a server does, asks it its self-test, and times it."""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import dataclass, replace
from typing import Any, Sequence

import numpy as np

from . import _ready_made
from ._folder import Folder, WrongFolder, first_difference, read_folder
from ._frames import DTYPES, Tensor
from ._known import NotKnown, inspect_file
from ._model import LoadFailed, Model, PredictFailed, load_model
from ._requirements import differences
from ._self_test import difference, inputs_of
from ._signature import Signature, parse_signature

#: How many rows are timed, and for how long at most, seconds.
SIZES = (1, 1_000)
_SECONDS = 2.0
_MOST_CALLS = 200


class CheckFailed(Exception):
    """A model that would not serve."""


@dataclass
class Timing:
    """How long calls of this many rows took, milliseconds."""

    rows: int
    calls: int
    p50_ms: float
    p99_ms: float


@dataclass
class Report:
    """What was found of a folder."""

    folder: Folder
    predictor: str
    load_seconds: float
    self_test: str
    timings: list[Timing]
    #: Where the environment differs from requirements.txt.
    differences: list[str]

    @property
    def warnings(self) -> list[str]:
        """What does not keep the model from serving."""
        found = [f"requirements.txt: {each}" for each in self.differences]
        if self.folder.self_test is None:
            found.append("there is no self-test, and zeros were timed: give vivace_wrapper.save an example")
        return found

    def _kind(self) -> str:
        return self.predictor if self.predictor == self.folder.runtime else f"{self.folder.runtime}, {self.predictor}"

    def to_json(self) -> dict[str, Any]:
        """As `check --json` prints it."""
        assert self.folder.signature is not None
        return {
            "ok": True,
            "runtime": self.folder.runtime,
            "entry": self.folder.entry,
            "predictor": self.predictor,
            "signature": self.folder.signature.to_json(),
            "loadSeconds": round(self.load_seconds, 3),
            "selfTest": self.self_test,
            "timings": [
                {"rows": t.rows, "calls": t.calls, "p50Ms": round(t.p50_ms, 4), "p99Ms": round(t.p99_ms, 4)}
                for t in self.timings
            ],
            "warnings": self.warnings,
        }

    def __str__(self) -> str:
        assert self.folder.signature is not None
        signature = self.folder.signature
        lines = [
            f"{self.folder.entry} ({self._kind()}), loaded in {self.load_seconds:.2f} s",
            *(f"  input   {spec}" for spec in signature.inputs),
            *(f"  output  {spec}" for spec in signature.outputs),
            f"self-test: {self.self_test}",
            *(f"{t.rows:>5} {'row: ' if t.rows == 1 else 'rows:'} p50 {t.p50_ms:.3f} ms, p99 {t.p99_ms:.3f} ms ({t.calls} calls)" for t in self.timings),
            *(f"warning: {warning}" for warning in self.warnings),
        ]
        return "\n".join(lines)


def described(directory: str, signature: Signature | None = None) -> Folder:
    """A folder with its signature: the one given, else what the folder says, else what the model knows.

    Raises:
        WrongFolder: where nobody says it, or two disagree.
    """
    folder = read_folder(directory)
    if signature is None:
        signature = folder.signature
    if signature is None:
        try:
            known = inspect_file(folder.path, folder.runtime)
        except NotKnown as error:
            raise WrongFolder(str(error)) from error.__cause__
        signature = Signature(folder.inputs or known.inputs, folder.outputs or known.outputs, folder.over)
    return replace(folder, signature=signature)


def check(folder: Folder) -> Report:
    """Loads a described folder, runs its self-test and times it.

    Raises:
        CheckFailed: where the model does not load, fails a call, or answers something else than its self-test expects.
    """
    signature = folder.signature
    assert signature is not None
    directory = os.path.realpath(folder.directory)
    folder = replace(folder, directory=directory)
    begun = time.perf_counter()
    try:
        model = load_model(directory, folder.entry, folder.runtime, signature)
    except LoadFailed as error:
        raise CheckFailed(f"it does not load: {error}") from error.__cause__
    loaded = time.perf_counter() - begun
    _compare_columns(folder)
    try:
        tested = _run_self_test(model, folder)
        rows = _rows(folder)
        timings = [_time(model, _repeated(rows, size), size) for size in SIZES]
    except PredictFailed as error:
        asked = "" if folder.self_test is not None else "; it was asked zeros: give it a self-test with inputs that it knows"
        raise CheckFailed(f"{error}{asked}") from error.__cause__
    return Report(folder, model.name, loaded, tested, timings, differences(directory))


def answers(folder: Folder) -> list[Tensor]:
    """What a folder answers its self-test; nothing where it has none.

    Raises:
        LoadFailed, PredictFailed: where it does not.
    """
    assert folder.signature is not None
    model = load_model(os.path.realpath(folder.directory), folder.entry, folder.runtime, folder.signature)
    if folder.self_test is None:
        return []
    tensors, rows = inputs_of(folder.self_test, folder.signature)
    return model.answer(tensors, rows, _offsets(folder.signature, rows))


def _run_self_test(model: Model, folder: Folder) -> str:
    if folder.self_test is None:
        return "none"
    assert folder.signature is not None
    try:
        tensors, rows = inputs_of(folder.self_test, folder.signature)
    except ValueError as error:
        raise CheckFailed(f"the self-test cannot be run: {error}") from None
    found = difference(folder.self_test, model.answer(tensors, rows, _offsets(folder.signature, rows)))
    if found is not None:
        raise CheckFailed(f"the self-test failed: {found}")
    return "passed"


def _compare_columns(folder: Folder) -> None:
    """Fails where the model's file remembers other columns than are declared."""
    assert folder.signature is not None
    if folder.runtime not in _ready_made.RUNTIMES or all(spec.columns is None for spec in folder.signature.inputs):
        return
    if any(spec.columns is not None and len(spec.columns) != math.prod(spec.shape[1:]) for spec in folder.signature.inputs):
        # Some of them are vectors: the model counts their elements.
        return
    declared = folder.signature.columns
    known = _ready_made.feature_names(folder.runtime, _ready_made.read(folder.runtime, folder.path))
    if known is None:
        return
    if folder.runtime == "lightgbm":
        declared, known = _ready_made.underscored(declared), _ready_made.underscored(known)
    if _are_same(declared, known):
        return
    raise CheckFailed(
        f"the declared columns and those that {folder.entry} remembers disagree: {first_difference(declared, known)}"
    )


def _are_same(declared: Sequence[str], known: Sequence[str]) -> bool:
    """Whether two name the same columns: a model that remembers `distance` was trained on what a pipeline calls `request.distance`."""
    if len(declared) != len(known):
        return False
    return all(any(one == other or one.endswith(f".{other}") for one in declared) for other in known)


def _rows(folder: Folder) -> list[Tensor]:
    assert folder.signature is not None
    if folder.self_test is not None:
        return inputs_of(folder.self_test, folder.signature)[0]
    tensors = []
    for spec in folder.signature.inputs:
        shape = (1, *(1 if size == -1 else size for size in spec.shape[1:]))
        nothing = np.full(shape, "" if spec.datatype == "BYTES" else 0, DTYPES[spec.datatype])
        tensors.append(Tensor(spec.name, spec.datatype, nothing))
    return tensors


def _repeated(tensors: list[Tensor], rows: int) -> list[Tensor]:
    repeated = []
    for tensor in tensors:
        array = np.resize(tensor.array, (rows, *tensor.array.shape[1:]))
        array.flags.writeable = False
        repeated.append(Tensor(tensor.name, tensor.datatype, array))
    return repeated


def _time(model: Model, tensors: list[Tensor], rows: int) -> Timing:
    offsets = _offsets(model.signature, rows)
    model.answer(tensors, rows, offsets)
    took = []
    until = time.perf_counter() + _SECONDS
    while len(took) < _MOST_CALLS and (not took or time.perf_counter() < until):
        begun = time.perf_counter()
        model.answer(tensors, rows, offsets)
        took.append((time.perf_counter() - begun) * 1000)
    took.sort()
    return Timing(rows, len(took), _percentile(took, 0.5), _percentile(took, 0.99))


def _percentile(ordered: list[float], part: float) -> float:
    return ordered[max(0, math.ceil(len(ordered) * part) - 1)]


def _offsets(signature: Signature, rows: int) -> np.ndarray | None:
    return np.array([0, rows], np.int32) if signature.over == "request" else None


def read_signature(path: str) -> Signature:
    """The signature in a file.

    Raises:
        WrongFolder: where it cannot be read.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return parse_signature(json.load(file))
    except (OSError, ValueError) as error:
        raise WrongFolder(f"{path} is not a signature: {error}") from None

