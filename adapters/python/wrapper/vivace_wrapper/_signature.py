"""What a model takes and gives, as its bundle declares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

import numpy as np

from ._frames import DTYPES


@dataclass(frozen=True)
class TensorSpec:
    """A declared tensor; the first dimension is the row, -1, and another -1 takes any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    columns: tuple[str, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """As a manifest writes it."""
        written: dict[str, Any] = {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}
        if self.columns is not None:
            written["columns"] = list(self.columns)
        return written

    def __str__(self) -> str:
        columns = "" if self.columns is None else f": {', '.join(self.columns)}"
        return f"{self.name} {self.datatype} {list(self.shape)}{columns}"


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs in order; `over` is "row", or "request" for a model that sees whole requests."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    over: str = "row"

    @property
    def columns(self) -> list[str]:
        """The columns of all inputs side by side; an input without columns is one of its own name."""
        return [column for spec in self.inputs for column in spec.columns or (spec.name,)]

    def to_json(self) -> dict[str, Any]:
        """As a manifest writes it."""
        return {
            "inputs": [spec.to_json() for spec in self.inputs],
            "outputs": [spec.to_json() for spec in self.outputs],
            "over": self.over,
        }


def parse_signature(value: Mapping[str, Any]) -> Signature:
    """Reads the JSON of a signature.

    Raises:
        ValueError: where it is not one.
    """
    try:
        signature = Signature(
            tuple(parse_spec(each) for each in value["inputs"]),
            tuple(parse_spec(each) for each in value["outputs"]),
            value.get("over", "row"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a signature: {error!r}") from None
    if signature.over not in ("row", "request"):
        raise ValueError(f'over: {signature.over!r} is neither "row" nor "request"')
    return signature


def parse_spec(value: Mapping[str, Any]) -> TensorSpec:
    """Reads the JSON of a tensor's declaration."""
    if value["datatype"] not in DTYPES:
        raise ValueError(f"{value['name']}: {value['datatype']!r} is not one of {', '.join(DTYPES)}")
    columns = value.get("columns")
    return TensorSpec(
        str(value["name"]),
        value["datatype"],
        tuple(int(dimension) for dimension in value["shape"]),
        None if columns is None else tuple(str(column) for column in columns),
    )


def datatype_of(dtype: np.dtype) -> str | None:
    """The datatype that holds every value of a numpy type; None where there is none."""
    if dtype.kind == "f":
        return "FP32" if dtype.itemsize <= 4 else "FP64" if dtype.itemsize == 8 else None
    if dtype.kind in "iu":
        return "INT32" if dtype.itemsize < 4 or dtype == np.int32 else "INT64"
    return {"b": "BOOL", "U": "BYTES", "O": "BYTES", "T": "BYTES"}.get(dtype.kind)
