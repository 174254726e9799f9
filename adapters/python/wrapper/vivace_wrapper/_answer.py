"""From what `predict` returned to the declared outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ._frames import DTYPES, Tensor
from ._signature import Signature, TensorSpec


class WrongAnswer(Exception):
    """An answer that is not what the signature declares."""


def outputs_of(answer: Any, signature: Signature, rows: int) -> list[Tensor]:
    """The declared outputs, in their order, of an array, a list, a mapping or a DataFrame.

    Raises:
        WrongAnswer: for a missing or unknown output, or one of another shape or kind; it says what was expected.
    """
    specs = signature.outputs
    named = _by_name(answer, specs)
    declared = [spec.name for spec in specs]
    if set(named) != set(declared):
        unknown = [str(name) for name in named if name not in declared]
        if unknown:
            raise WrongAnswer(f"it gave {_quoted(unknown)}, but declared is {_quoted(declared)}")
        missing = next(name for name in declared if name not in named)
        raise WrongAnswer(f'the output "{missing}" is missing; it gave {_quoted(list(named)) or "nothing"}')
    return [Tensor(spec.name, spec.datatype, _cast(named[spec.name], spec, rows)) for spec in specs]


def _by_name(answer: Any, specs: tuple[TensorSpec, ...]) -> Mapping[Any, Any]:
    if type(answer) is dict:
        return answer
    if hasattr(answer, "columns") and hasattr(answer, "to_numpy"):
        names = {str(column) for column in answer.columns}
        if len(specs) == 1 and specs[0].name not in names:
            return {specs[0].name: answer}
        return {str(column): answer[column] for column in answer.columns}
    if isinstance(answer, Mapping):
        return answer
    if len(specs) == 1:
        return {specs[0].name: answer}
    declared = _quoted([spec.name for spec in specs])
    raise WrongAnswer(f"it gave {_kind(answer)}, but several outputs are declared: return a mapping of {declared}")


def _cast(value: Any, spec: TensorSpec, rows: int) -> np.ndarray:
    where = f'the output "{spec.name}"'
    if value is None:
        raise WrongAnswer(f"{where} is None, but {_declared(spec, rows)} is declared")
    if spec.datatype == "BYTES":
        holds_missing = hasattr(value, "isna") or isinstance(value, np.ma.MaskedArray)
        array = _texts(_array(value, spec, where) if holds_missing else value, where)
    else:
        array = _numbers(_array(value, spec, where), spec, where, rows)
    expected = (rows, *spec.shape[1:])
    if array.shape != expected and (
        array.ndim != len(expected) or any(e not in (-1, s) for e, s in zip(expected, array.shape))
    ):
        raise WrongAnswer(f"{where} has the shape {list(array.shape)}, but {_declared(spec, rows)} is declared")
    return array


def _array(value: Any, spec: TensorSpec, where: str) -> np.ndarray:
    try:
        if hasattr(value, "isna") and hasattr(value, "to_numpy"):
            return _of_pandas(value, spec, where)
        if isinstance(value, np.ma.MaskedArray):
            return _of_masked(value, spec, where)
        return np.asarray(value)
    except WrongAnswer:
        raise
    except Exception as error:
        raise WrongAnswer(f"{where} is not an array: {error}") from None


def _of_masked(value: Any, spec: TensorSpec, where: str) -> np.ndarray:
    """An array some of whose values do not count, which become NaN in a floating output."""
    if not np.ma.getmaskarray(value).any():
        return np.asarray(value)
    if not spec.datatype.startswith("FP"):
        raise WrongAnswer(f"{where} has masked values, which {spec.datatype} cannot hold")
    return np.asarray(value.astype(np.result_type(value.dtype, np.float32)).filled(np.nan))


def _of_pandas(value: Any, spec: TensorSpec, where: str) -> np.ndarray:
    """A Series or DataFrame whose types may have a missing value of their own, which becomes NaN in a floating output."""
    missing = np.asarray(value.isna())
    if missing.any() and not spec.datatype.startswith("FP"):
        raise WrongAnswer(f"{where} has missing values, which {spec.datatype} cannot hold")
    array = np.asarray(value.to_numpy())
    if array.dtype != object or array.size == 0:
        return array
    if missing.any():
        filled = array.copy()
        filled[missing] = np.nan
        return filled.astype(np.float64)
    # Categories, and columns of several types.
    kinds = {type(each) for each in array.reshape(-1).tolist()}
    return np.array(array.tolist()) if kinds <= {int, float, bool} else array


def _numbers(array: np.ndarray, spec: TensorSpec, where: str, rows: int) -> np.ndarray:
    target = DTYPES[spec.datatype]
    # A list without elements has the type float64.
    if array.dtype == target or array.size == 0:
        return array.astype(target, copy=False)
    if array.dtype.kind not in "biuf" or not np.can_cast(array.dtype, target, "same_kind"):
        raise WrongAnswer(f"{where} is {array.dtype}, but {_declared(spec, rows)} is declared")
    if target.kind == "f" and array.dtype.kind == "f":
        return _floats(array, spec, where)
    with np.errstate(all="ignore"):
        cast = array.astype(target)
    if target.kind == "i" and not np.array_equal(cast, array):
        raise WrongAnswer(f"{where} has an integer that {spec.datatype} cannot hold")
    return cast


def _floats(array: np.ndarray, spec: TensorSpec, where: str) -> np.ndarray:
    # A model may have asked for errors instead of rounding.
    with np.errstate(all="ignore"):
        cast = array.astype(DTYPES[spec.datatype])
    if not np.isfinite(cast).all() and not np.array_equal(np.isinf(cast), np.isinf(array)):
        raise WrongAnswer(f"{where} has a number that {spec.datatype} cannot hold")
    return cast


def _texts(value: Any, where: str) -> np.ndarray:
    array = np.asarray(value, dtype=object)
    for element in array.reshape(-1):
        if not isinstance(element, (str, bytes)):
            raise WrongAnswer(f"{where} is BYTES, but holds {_kind(element)}")
    return array


def _declared(spec: TensorSpec, rows: int) -> str:
    return f"{spec.datatype} {[rows, *spec.shape[1:]]}"


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _quoted(names: list[Any]) -> str:
    return ", ".join(f'"{name}"' for name in names)
