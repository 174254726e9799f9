"""What a model's file says of itself, for signatures that nobody has to write."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any, Sequence

import numpy as np

from . import _ready_made
from ._folder import WrongFolder, column_input, runtime_of
from ._request import Request
from ._said import said
from ._signature import Signature, TensorSpec, datatype_of


class NotKnown(Exception):
    """A file that does not say what it takes and gives, and what to do about it."""


@dataclass(frozen=True)
class Known:
    """The inputs and outputs of a model's file."""

    runtime: str
    entry: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def to_json(self) -> dict[str, Any]:
        """As `inspect --json` prints it."""
        return {
            "runtime": self.runtime,
            "entry": self.entry,
            "inputs": [spec.to_json() for spec in self.inputs],
            "outputs": [spec.to_json() for spec in self.outputs],
        }

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.entry} ({self.runtime})",
                *(f"  input   {spec}" for spec in self.inputs),
                *(f"  output  {spec}" for spec in self.outputs),
            ]
        )


def inspect_file(path: str, runtime: str | None = None) -> Known:
    """The signature that a file of scikit-learn, LightGBM or XGBoost knows: one FP32 tensor, and floating outputs as FP32.

    Raises:
        NotKnown: where the file is of something else, does not load, or takes more than numbers.
    """
    try:
        runtime = runtime or runtime_of(os.path.basename(path))
    except WrongFolder as error:
        raise NotKnown(str(error)) from None
    name = os.path.basename(path)
    if runtime not in _ready_made.RUNTIMES:
        raise NotKnown(f"{name} does not describe its inputs and outputs: say its columns and outputs in model.yaml")
    # Modules beside the file are imported as in a script.
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    try:
        model = _ready_made.read(runtime, path)
    except Exception as error:
        raise NotKnown(_ready_made.not_read(name, runtime, error)) from error
    columns = _ready_made.feature_names(runtime, model)
    count = _ready_made.feature_count(runtime, model)
    if columns is None and count is None:
        raise NotKnown(f"{name} does not say how many columns it takes: say them in model.yaml")
    spec = TensorSpec("features", "FP32", (-1, count or 0)) if columns is None else column_input(columns)
    try:
        outputs = probe(runtime, model, (spec,), _ready_made.default_names(runtime, model))
    except Exception as error:
        raise NotKnown(
            f"{name} does not answer numbers alone, so its inputs are to be declared: write model.yaml with "
            f"vivace_wrapper.save and an example ({said(error)})"
        ) from None
    return Known(runtime, name, (spec,), tuple(_single(each) for each in outputs))


def probe(runtime: str, model: Any, inputs: Sequence[TensorSpec], names: Sequence[str]) -> tuple[TensorSpec, ...]:
    """The outputs that a model gives, as two rows of zeros show them."""
    rows = 2
    arrays = {}
    for spec in inputs:
        shape = (rows, *(1 if size == -1 else size for size in spec.shape[1:]))
        arrays[spec.name] = np.full(shape, "", object) if spec.datatype == "BYTES" else np.zeros(shape, np.float32)
    request = Request(arrays, Signature(tuple(inputs), ()), rows)
    return described(_ready_made.raw(runtime, model, inputs, names)(request), rows)


def described(answer: dict[str, Any], rows: int) -> tuple[TensorSpec, ...]:
    """Declarations of what was answered.

    Raises:
        ValueError: for what no tensor can hold.
    """
    return tuple(_described(str(name), np.asarray(values), rows) for name, values in answer.items())


def _described(name: str, array: np.ndarray, rows: int) -> TensorSpec:
    datatype = datatype_of(array.dtype)
    if datatype is None or (array.dtype == object and not all(isinstance(e, (str, bytes)) for e in array.reshape(-1))):
        raise ValueError(f'the output "{name}" is {array.dtype}: numbers of up to 64 bits, truth values and texts are served')
    if array.ndim == 0 or array.shape[0] != rows:
        raise ValueError(f'the output "{name}" has the shape {list(array.shape)}: its first dimension is not the {rows} rows')
    return TensorSpec(name, datatype, (-1, *array.shape[1:]))


def _single(spec: TensorSpec) -> TensorSpec:
    return TensorSpec(spec.name, "FP32", spec.shape) if spec.datatype == "FP64" else spec
