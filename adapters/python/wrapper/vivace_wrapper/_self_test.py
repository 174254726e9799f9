"""Rows that a bundle keeps with the answer they must get: flat lists by tensor, as a manifest writes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

import numpy as np

from ._frames import DTYPES, Tensor
from ._signature import Signature, TensorSpec

#: Beyond it, a number in a file is not every reader's same integer.
_LARGEST_SAFE = 2**53 - 1


@dataclass(frozen=True)
class SelfTest:
    """Inputs, and the outputs that they must give within a tolerance, which is relative for values beyond 1."""

    inputs: Mapping[str, Sequence[Any]]
    outputs: Mapping[str, Sequence[Any]]
    tolerance: float = 1e-4

    def to_json(self) -> dict[str, Any]:
        """As a manifest writes it."""
        return {
            "inputs": {name: list(values) for name, values in self.inputs.items()},
            "outputs": {name: list(values) for name, values in self.outputs.items()},
            "tolerance": self.tolerance,
        }


def parse_self_test(value: Any) -> SelfTest:
    """Reads the JSON of a self-test.

    Raises:
        ValueError: where it is not one.
    """
    try:
        inputs = {str(name): list(values) for name, values in value["inputs"].items()}
        outputs = {str(name): list(values) for name, values in value.get("outputs", {}).items()}
        return SelfTest(inputs, outputs, float(value.get("tolerance", 1e-4)))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not a self-test: {error!r}") from None


def values_of(array: np.ndarray) -> list[Any]:
    """An array as a flat list of what JSON has."""
    return [_value(each) for each in array.reshape(-1).tolist()]


def _value(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, int) and abs(value) > _LARGEST_SAFE:
        return str(value)
    if isinstance(value, bytes):
        raise ValueError(f"{value!r} is not UTF-8, which a self-test cannot keep")
    return value


def inputs_of(test: SelfTest, signature: Signature) -> tuple[list[Tensor], int]:
    """The tensors of a self-test's inputs, and the number of rows.

    Raises:
        ValueError: where they do not fit the signature.
    """
    tensors = [Tensor(spec.name, spec.datatype, _array(spec, test.inputs)) for spec in signature.inputs]
    unknown = [name for name in test.inputs if name not in {spec.name for spec in signature.inputs}]
    if unknown:
        raise ValueError(f'the self-test gives "{unknown[0]}", which is not an input')
    rows = len(tensors[0].array)
    for tensor in tensors:
        if len(tensor.array) != rows:
            raise ValueError(f'the self-test has {rows} rows of "{tensors[0].name}" and {len(tensor.array)} of "{tensor.name}"')
    return tensors, rows


def _array(spec: TensorSpec, inputs: Mapping[str, Sequence[Any]]) -> np.ndarray:
    if spec.name not in inputs:
        raise ValueError(f'the self-test does not give the input "{spec.name}"')
    values = inputs[spec.name]
    width = math.prod(spec.shape[1:])
    # With an inner dimension of any size the values are one row.
    rows = 1 if width < 0 else len(values) // max(width, 1)
    inner = [len(values) // -width if size == -1 else size for size in spec.shape[1:]]
    try:
        array = np.array([_parsed(each, spec.datatype) for each in values], DTYPES[spec.datatype])
        array = array.reshape(rows, *inner)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f'the self-test\'s input "{spec.name}" is not {spec.datatype} {list(spec.shape)}: {error}') from None
    array.flags.writeable = False
    return array


def _parsed(value: Any, datatype: str) -> Any:
    if datatype == "BYTES":
        return str(value)
    if datatype.startswith("FP"):
        return float(value)
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"{value} is not a whole number")
    return int(value)


def difference(test: SelfTest, outputs: Sequence[Tensor]) -> str | None:
    """How outputs differ from what a self-test expects; None where they do not."""
    given = {tensor.name: tensor for tensor in outputs}
    for name, expected in test.outputs.items():
        if name not in given:
            return f'it expects an output "{name}" that the signature does not have'
        tensor = given[name]
        actual = tensor.array.reshape(-1).tolist()
        if len(actual) != len(expected):
            return f'"{name}" has {len(actual)} values, but {len(expected)} are expected'
        for i, (one, other) in enumerate(zip(actual, expected)):
            if not _is_close(one, other, test.tolerance):
                return f'"{name}"[{i}] is {one!r}, but {other!r} is expected'
    return None


def _is_close(actual: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(actual, (str, bytes)):
        return (actual if isinstance(actual, str) else actual.decode("utf-8", "replace")) == str(expected)
    try:
        if isinstance(actual, int):
            return actual == (int(expected) if isinstance(expected, str) else expected)
        value = float(expected)
    except (TypeError, ValueError):
        return False
    if not math.isfinite(value) or not math.isfinite(actual):
        return actual == value or (math.isnan(actual) and math.isnan(value))
    return bool(abs(actual - value) <= tolerance * max(1.0, abs(value)))
