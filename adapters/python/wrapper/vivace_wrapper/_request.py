"""What `predict` is given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Iterator

import numpy as np

from ._signature import Signature

if TYPE_CHECKING:
    import pandas


class Request(Mapping):  # type: ignore[type-arg]
    """The rows of one call: a read-only mapping from the name of a tensor, or of one of its columns, to its values.

    A tensor has the shape `[rows, ...]`; a column has the shape `[rows]`. Arrays are read-only: copy what you change.
    It lists the names of the tensors; a column whose name is also a tensor's is that tensor.
    """

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        signature: Signature,
        rows: int,
        offsets: np.ndarray | None = None,
    ) -> None:
        self._arrays = arrays
        self._signature = signature
        self._rows = rows
        self._offsets = offsets

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self._rows

    @property
    def columns(self) -> list[str]:
        """The names of all columns in order; an input that declares none counts as one column of its own name."""
        return self._signature.columns

    @property
    def offsets(self) -> np.ndarray | None:
        """Where each request begins, `int32[requests + 1]`; None unless the model declares `over: request`."""
        return self._offsets

    def matrix(self, dtype: Any = np.float32) -> np.ndarray:
        """All inputs side by side, `[rows, columns]`: a view where there is one input of that type, else a copy.

        Raises:
            TypeError: where numbers are asked for, and an input has texts.
        """
        if np.dtype(dtype) != object:
            for name, array in self._arrays.items():
                if array.dtype == object:
                    raise TypeError(f'the input "{name}" has texts: ask for it by name, for a DataFrame, or for matrix(object)')
        parts = [_side_by_side(array) for array in self._arrays.values()]
        if len(parts) == 1:
            return parts[0].astype(dtype, copy=False)
        return np.concatenate([part.astype(dtype, copy=False) for part in parts], axis=1)

    def to_pandas(self) -> "pandas.DataFrame":
        """A DataFrame of all columns, each with its own type; needs pandas."""
        import pandas

        columns = {}
        for spec in self._signature.inputs:
            flat = _side_by_side(self._arrays[spec.name])
            names = spec.columns or (
                (spec.name,)
                if flat.shape[1] == 1
                else tuple(f"{spec.name}[{i}]" for i in range(flat.shape[1]))
            )
            columns.update({name: flat[:, i] for i, name in enumerate(names)})
        return pandas.DataFrame(columns, index=range(self._rows))

    def requests(self) -> Iterator["Request"]:
        """The requests of the call one by one, each with its own rows; the whole call where the model is over rows."""
        if self._offsets is None:
            yield self
            return
        for start, end in zip(self._offsets[:-1].tolist(), self._offsets[1:].tolist()):
            arrays = {name: array[start:end] for name, array in self._arrays.items()}
            offsets = np.array([0, end - start], dtype=np.int32)
            offsets.flags.writeable = False
            yield Request(arrays, self._signature, end - start, offsets)

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self._arrays:
            return self._arrays[name]
        for spec in self._signature.inputs:
            if spec.columns is not None and name in spec.columns:
                return _side_by_side(self._arrays[spec.name])[:, spec.columns.index(name)]
        raise KeyError(
            f"{name!r}: the tensors are {', '.join(self._arrays)}; the columns are {', '.join(self.columns)}"
        )

    def __contains__(self, name: object) -> bool:
        return name in self._arrays or any(name in (spec.columns or ()) for spec in self._signature.inputs)

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        return f"Request({', '.join(self._arrays)}; {self._rows} rows)"


def _side_by_side(array: np.ndarray) -> np.ndarray:
    """What each row holds in one row of a matrix; numpy cannot say -1 where there are no rows."""
    return array.reshape(array.shape[0], math.prod(array.shape[1:]))
