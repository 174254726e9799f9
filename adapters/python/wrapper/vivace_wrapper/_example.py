"""From the rows of a notebook to the tensors that a server will send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Sequence

import numpy as np

from ._folder import column_input, first_difference
from ._frames import DTYPES, Tensor
from ._signature import TensorSpec, datatype_of

#: The tensors of rows that are not only numbers, by the kind of their columns.
_KINDS = {"f": ("features", "FP64"), "i": ("integers", "INT64"), "b": ("flags", "BOOL"), "t": ("texts", "BYTES")}
#: Most rows of a self-test.
MOST_ROWS = 20


def agreed_columns(sources: Mapping[str, Sequence[str] | None]) -> list[str] | None:
    """The columns that all agree on who know some, by who says them.

    Raises:
        ValueError: where two of them disagree; it names both.
    """
    known = [(who, [str(name) for name in names]) for who, names in sources.items() if names is not None]
    if not known:
        return None
    first, columns = known[0]
    for other, names in known[1:]:
        if names != columns:
            raise ValueError(f"{first} and {other} disagree: {first_difference(columns, names)}")
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise ValueError(f'{first} has the column "{twice}" twice: a column is found by its name')
    return columns


def columns_of(example: Any) -> list[str] | None:
    """The names of the columns of a DataFrame; None for anything else."""
    if not hasattr(example, "columns") or not hasattr(example, "dtypes"):
        return None
    return [str(name) for name in example.columns]


def inputs_of(example: Any, columns: Sequence[str] | None) -> tuple[tuple[TensorSpec, ...], list[Tensor]]:
    """How an example is declared, and its first rows as tensors.

    Raises:
        ValueError: where it has values that no tensor can hold, or another number of columns.
    """
    if isinstance(example, Mapping):
        return _of_tensors(example)
    if hasattr(example, "iloc") and hasattr(example, "columns"):
        return _of_frame(example.iloc[:MOST_ROWS], columns or columns_of(example) or [])
    array = np.asarray(example)[:MOST_ROWS]
    if array.ndim == 0 or len(array) == 0:
        raise ValueError("the example has no rows: give some, such as X[:5]")
    if array.dtype.kind in "UOT":
        # numpy makes texts of the numbers beside them.
        array = _texts(array if isinstance(example, np.ndarray) else np.array(example, dtype=object)[:MOST_ROWS], "the example")
    if array.ndim == 1 and array.dtype == object:
        name = columns[0] if columns and len(columns) == 1 else "text"
        return _one(TensorSpec(name, "BYTES", (-1,)), array)
    if array.ndim != 2:
        raise ValueError(f"the example has the shape {list(array.shape)}: rows of columns are two-dimensional, as X[:5] is")
    if array.dtype == object:
        datatype = "BYTES"
    elif array.dtype.kind in "fiub":
        datatype = "FP32" if datatype_of(array.dtype) == "FP32" else "FP64"
    else:
        raise ValueError(f"the example is {array.dtype}: numbers and texts are served")
    if columns is None:
        return _one(TensorSpec("features", datatype, (-1, array.shape[1])), array)
    if len(columns) != array.shape[1]:
        raise ValueError(f"there are {len(columns)} columns, but the example has {array.shape[1]}")
    return _one(column_input(columns, datatype), array)


def _one(spec: TensorSpec, array: np.ndarray) -> tuple[tuple[TensorSpec, ...], list[Tensor]]:
    return (spec,), [_tensor(spec, array)]


def _tensor(spec: TensorSpec, array: np.ndarray) -> Tensor:
    copy = np.array(array, dtype=DTYPES[spec.datatype], order="C")
    copy.flags.writeable = False
    return Tensor(spec.name, spec.datatype, copy)


def _of_tensors(example: Mapping[Any, Any]) -> tuple[tuple[TensorSpec, ...], list[Tensor]]:
    specs, tensors = [], []
    for name, values in example.items():
        array = np.asarray(values)[:MOST_ROWS]
        if array.dtype.kind in "UOT":
            array = _texts(array, f'"{name}" of the example')
        datatype = datatype_of(array.dtype)
        if datatype is None or array.ndim == 0:
            raise ValueError(f'"{name}" of the example is {array.dtype} {list(array.shape)}: no tensor of rows can hold it')
        specs.append(TensorSpec(str(name), datatype, (-1, *array.shape[1:])))
        tensors.append(_tensor(specs[-1], array))
    if len({len(tensor.array) for tensor in tensors}) != 1:
        raise ValueError("the tensors of the example have different numbers of rows")
    return tuple(specs), tensors


def _of_frame(frame: Any, columns: Sequence[str]) -> tuple[tuple[TensorSpec, ...], list[Tensor]]:
    if len(frame) == 0:
        raise ValueError("the example has no rows: give some, such as X[:5]")
    if len(columns) != len(frame.columns):
        raise ValueError(f"there are {len(columns)} columns, but the example has {len(frame.columns)}")
    arrays = [_column(frame, i, name) for i, name in enumerate(columns)]
    kinds = ["t" if a.dtype == object else "b" if a.dtype == bool else "i" if a.dtype.kind in "iu" else "f" for a in arrays]
    if "t" not in kinds:
        datatype = "FP32" if all(datatype_of(a.dtype) == "FP32" for a in arrays) else "FP64"
        return _one(column_input(columns, datatype), np.stack([a.astype(DTYPES[datatype]) for a in arrays], axis=1))
    specs, tensors = [], []
    for kind, (name, datatype) in _KINDS.items():
        places = [i for i, each in enumerate(kinds) if each == kind]
        if not places:
            continue
        specs.append(TensorSpec(name, datatype, (-1, len(places)), tuple(columns[i] for i in places)))
        tensors.append(_tensor(specs[-1], np.stack([arrays[i] for i in places], axis=1)))
    return tuple(specs), tensors


def _column(frame: Any, place: int, name: str) -> np.ndarray:
    """The values of a column: floats, integers, truth values, or an array of texts."""
    series = frame.iloc[:, place]
    dtype = series.dtype
    if hasattr(dtype, "categories"):
        series = series.astype(dtype.categories.dtype if not series.isna().any() or dtype.categories.dtype == object else object)
    kind = getattr(series.dtype, "kind", "O")
    if kind in "iufb" and not series.isna().any():
        numpy_type = getattr(series.dtype, "numpy_dtype", series.dtype)
        return np.asarray(series.to_numpy(dtype=numpy_type))
    if kind in "iuf":
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    if kind in "mM":
        raise ValueError(f'the column "{name}" is {dtype}: give times as numbers, as your pipeline does')
    values = series.to_numpy(dtype=object)
    if all(_is_number(each) for each in values):
        return np.array([np.nan if _is_missing(each) else each for each in values], dtype=np.float64)
    return _texts(values, f'the column "{name}"')


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)


def _is_number(value: Any) -> bool:
    return _is_missing(value) or (isinstance(value, (int, float, np.number)) and not isinstance(value, bool))


def _texts(values: np.ndarray, where: str) -> np.ndarray:
    width = max(1, values.size // max(1, len(values)))
    for place, value in enumerate(values.reshape(-1).tolist()):
        row = place // width
        if _is_missing(value):
            raise ValueError(f"{where} has no text in row {row}, where a server sends an empty one: give rows that have all texts")
        if not isinstance(value, str):
            raise ValueError(
                f"{where} has a value of type {type(value).__name__} in row {row}, among Python objects: a column holds texts alone, or numbers or "
                "truth values, as astype(float) and astype(bool) make them"
            )
    return values.astype(object)
