"""Models of libraries, without a line of Python by their author."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from ._request import Request
from ._signature import Signature

Predict = Callable[[Request], Any]


def load(runtime: str, path: str, signature: Signature) -> Predict:
    """The `predict` of a model's file.

    Raises:
        LoadFailed: where the library is not installed, or the file is not of it.
    """
    from ._model import LoadFailed

    try:
        return LOADERS[runtime](path, signature)
    except ImportError as error:
        raise LoadFailed(f"{error.name or error} is not installed for this interpreter, and {runtime} needs it") from error
    except Exception as error:
        raise LoadFailed(f"{path} does not load as {runtime}: {type(error).__name__}: {error}") from error


def _sklearn(path: str, signature: Signature) -> Predict:
    import joblib

    model = joblib.load(path)
    names = {spec.name for spec in signature.outputs}
    framed = hasattr(model, "feature_names_in_")
    wants_probabilities = "probabilities" in names

    def predict(request: Request) -> Any:
        features = request.to_pandas()[list(model.feature_names_in_)] if framed else request.matrix(np.float64)
        if not wants_probabilities:
            return _one(model.predict(features), signature)
        probabilities = model.predict_proba(features)
        labels = model.classes_[probabilities.argmax(axis=1)] if "label" in names else None
        answer = {"probabilities": probabilities, "label": labels}
        return {name: value for name, value in answer.items() if name in names}

    return predict


def _lightgbm(path: str, signature: Signature) -> Predict:
    import lightgbm

    booster = lightgbm.Booster(model_file=path)
    return lambda request: _one(booster.predict(request.matrix(np.float64), num_threads=1), signature)


def _xgboost(path: str, signature: Signature) -> Predict:
    import xgboost

    booster = xgboost.Booster(model_file=path)
    names = booster.feature_names

    def predict(request: Request) -> Any:
        data = xgboost.DMatrix(request.matrix(np.float32), feature_names=names)
        return _one(booster.predict(data), signature)

    return predict


def _one(values: Any, signature: Signature) -> Any:
    """The only output of a model, in the shape that is declared: libraries differ in whether one value per row is a column."""
    array = np.asarray(values)
    (spec, *others) = signature.outputs
    if not others and spec.datatype != "BYTES" and array.dtype.kind in "iu" and spec.datatype.startswith("FP"):
        array = array.astype(np.float64)
    if not others and len(spec.shape) == 2 and array.ndim == 1:
        array = array[:, None]
    return {spec.name: array}


LOADERS: dict[str, Callable[[str, Signature], Predict]] = {
    "sklearn": _sklearn,
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
}
