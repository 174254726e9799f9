"""Models of libraries, without a line of Python by their author."""

from __future__ import annotations

import json
import os
import re
from typing import Any, Callable, Sequence

import numpy as np

from ._classifier import label_and_probabilities
from ._request import Request
from ._said import said
from ._signature import Signature, TensorSpec

#: Answers the rows of a call, by the names of the outputs.
Answer = Callable[[Request], "dict[str, Any]"]


_LIBRARIES = ("joblib", "lightgbm", "numpy", "pandas", "scipy", "sklearn", "xgboost")
#: What to do about a model that leans on what is defined where it was trained.
IN_A_MODULE = (
    "what the model uses of a notebook, or of a module beside it, must lie in a module of this folder: write it to a file there, "
    "import it from that, and fit the model again"
)


class NotServed(Exception):
    """A model that a library reads, but that cannot answer as it is declared."""


def load(runtime: str, path: str, signature: Signature) -> Answer:
    """The `predict` of a model's file.

    Raises:
        LoadFailed: where the library is not installed, the file is not of it, or the model does not fit the signature.
    """
    from ._model import LoadFailed

    try:
        return answering(runtime, read(runtime, path), signature)
    except NotServed as error:
        raise LoadFailed(f"{os.path.basename(path)}: {error}") from None
    except BaseException as error:
        raise LoadFailed(not_read(path, runtime, error)) from error


def read(runtime: str, path: str) -> Any:
    """A model as its library reads it."""
    if runtime == "sklearn":
        import joblib

        return joblib.load(path)
    if runtime == "lightgbm":
        import lightgbm

        return lightgbm.Booster(model_file=path)
    import xgboost

    return xgboost.Booster(model_file=path)


def not_read(path: str, runtime: str, error: Exception) -> str:
    """Why a library does not read a model's file, and what to do where the file leans on what is defined beside a notebook."""
    if isinstance(error, ImportError):
        missing = str(error.name or error)
        if missing.split(".")[0] in _LIBRARIES:
            return f"{missing} is not installed for this interpreter, and {runtime} needs it"
        return (
            f"{missing} is not installed for this interpreter, and {path} needs it: install it, or, where it is a module of your own, "
            "put it into the folder beside the model"
        )
    hint = f"; {IN_A_MODULE}" if "__main__" in str(error) else ""
    return f"{path} does not load as {runtime}: {said(error)}{hint}"


def answering(runtime: str, model: Any, signature: Signature) -> Answer:
    """What a model of a library answers, as a signature declares it.

    Raises:
        NotServed: where the model has other columns than the signature, or cannot give its outputs.
    """
    names = [spec.name for spec in signature.outputs]
    answer = raw(runtime, model, signature.inputs, names)
    outputs = {spec.name: spec for spec in signature.outputs}

    def predict(request: Request) -> dict[str, Any]:
        return {name: _fitted(values, outputs[name]) for name, values in answer(request).items()}

    return predict


def raw(runtime: str, model: Any, inputs: Sequence[TensorSpec], names: Sequence[str]) -> Answer:
    """What a model of a library answers for the outputs of these names, before anything is cast."""
    return _RAW[runtime](model, inputs, list(names))


def feature_names(runtime: str, model: Any) -> list[str] | None:
    """The columns that a model remembers, in its order; None where it was trained without names."""
    if runtime == "sklearn":
        names = getattr(model, "feature_names_in_", None)
        return None if names is None else [str(name) for name in names]
    names = model.feature_name() if runtime == "lightgbm" else model.feature_names
    if not names or all(re.fullmatch(r"Column_\d+|f\d+", name) for name in names):
        return None
    return [str(name) for name in names]


def underscored(names: Sequence[str]) -> list[str]:
    """Names to be compared with those in a file of LightGBM, which writes an underscore for white space."""
    return [re.sub(r"\s", "_", name) for name in names]


def feature_count(runtime: str, model: Any) -> int | None:
    """How many columns a model takes; None where it does not say."""
    if runtime == "sklearn":
        count = getattr(model, "n_features_in_", None)
        return None if count is None else int(count)
    return int(model.num_feature() if runtime == "lightgbm" else model.num_features())


def default_names(runtime: str, model: Any) -> list[str]:
    """The outputs that a model gives where nobody names them: label and probabilities of a classifier, else score."""
    if runtime != "sklearn" or not hasattr(model, "classes_"):
        return ["score"]
    return ["label", "probabilities"] if hasattr(model, "predict_proba") and not _has_many(model) else ["label"]


def _sklearn(model: Any, inputs: Sequence[TensorSpec], names: list[str]) -> Answer:
    if not hasattr(model, "predict"):
        raise NotServed(f"{type(model).__name__} has no method predict: save a pipeline that ends with a model")
    features = _sklearn_features(model, inputs)
    if "probabilities" not in names:
        (name,) = _only(names, "label and probabilities")
        return lambda request: {name: model.predict(features(request))}
    others = [name for name in names if name not in ("label", "probabilities")]
    if others:
        raise NotServed(f'a classifier gives label and probabilities, not "{others[0]}"')
    if not hasattr(model, "predict_proba"):
        raise NotServed(f"{type(model).__name__} gives no probabilities: declare one other output, such as label or score")
    if _has_many(model):
        raise NotServed("it gives probabilities for each of several labels: declare label only, or write a predictor")
    if "label" not in names:
        return lambda request: {"probabilities": model.predict_proba(features(request))}
    both = label_and_probabilities(model)

    def answer(request: Request) -> dict[str, Any]:
        label, probabilities = both(features(request))
        return {"label": label, "probabilities": probabilities}

    return answer


def _has_many(model: Any) -> bool:
    return isinstance(getattr(model, "classes_", None), list)


def _sklearn_features(model: Any, inputs: Sequence[TensorSpec]) -> Callable[[Request], Any]:
    """What a model is given: a DataFrame where it was fitted on one, texts where they are all it takes, else a matrix."""
    known = feature_names("sklearn", model)
    if known is not None:
        columns = _columns_of(known, inputs)
        return lambda request: request.to_pandas()[columns].set_axis(known, axis=1)
    if len(inputs) == 1 and inputs[0].datatype == "BYTES" and len(inputs[0].shape) == 1:
        (only,) = inputs
        return lambda request: request[only.name]
    _check_count("sklearn", model, inputs)
    dtype = _common_dtype(inputs)
    return lambda request: request.matrix(dtype)


def _common_dtype(inputs: Sequence[TensorSpec]) -> Any:
    datatypes = {spec.datatype for spec in inputs}
    return object if "BYTES" in datatypes else np.float32 if datatypes == {"FP32"} else np.float64


def _lightgbm(booster: Any, inputs: Sequence[TensorSpec], names: list[str]) -> Answer:
    (name,) = _only(names)
    _check_count("lightgbm", booster, inputs)
    features = _lightgbm_features(booster, inputs)
    threads = _threads()
    return lambda request: {name: booster.predict(features(request), num_threads=threads)}


def _lightgbm_features(booster: Any, inputs: Sequence[TensorSpec]) -> Callable[[Request], Any]:
    order = _order(booster.feature_name(), inputs)
    categories = booster.pandas_categorical
    if not categories:
        _check_numbers("LightGBM", inputs)
        return _matrix(order, np.float64)
    import pandas

    columns = _names_of(inputs)
    columns = columns if order is None else [columns[i] for i in order]
    infos = booster.dump_model(num_iteration=1)["feature_infos"]
    texts = {column for spec in inputs if spec.datatype == "BYTES" for column in spec.columns or (spec.name,)}
    categorical = [
        column
        for column, name in zip(columns, booster.feature_name())
        if column in texts or (infos.get(name) or {}).get("values")
    ]
    if len(categorical) != len(categories):
        raise NotServed(f"it has {len(categories)} categorical columns, and the file does not tell which: write a predictor")
    types = {column: pandas.CategoricalDtype(known) for column, known in zip(categorical, categories)}
    return lambda request: request.to_pandas()[columns].astype(types)


def _xgboost(booster: Any, inputs: Sequence[TensorSpec], names: list[str]) -> Answer:
    import xgboost

    (name,) = _only(names)
    _check_count("xgboost", booster, inputs)
    features = _xgboost_features(booster, inputs)
    rounds = _best_rounds(booster)
    known, types = booster.feature_names, booster.feature_types
    categorical = types is not None and "c" in types

    def predict(request: Request) -> dict[str, Any]:
        rows = features(request)
        named = {} if hasattr(rows, "columns") else {"feature_names": known, "feature_types": types}
        data = xgboost.DMatrix(rows, enable_categorical=categorical, **named)
        return {name: booster.predict(data, iteration_range=rounds)}

    return predict


def _remembers_categories(booster: Any) -> bool:
    """Whether a booster of trees was trained on categories of pandas; a linear one, and one of an older XGBoost, cannot say."""
    kind = json.loads(booster.save_config())["learner"]["gradient_booster"]["name"]
    if kind == "gblinear" or not hasattr(booster, "get_categories"):
        return False
    return not booster.get_categories().empty()


def _xgboost_features(booster: Any, inputs: Sequence[TensorSpec]) -> Callable[[Request], Any]:
    """A matrix; or a DataFrame where the booster remembers the categories of one, which it finds by their values."""
    order = _order(booster.feature_names or [], inputs)
    if not _remembers_categories(booster):
        _check_numbers("XGBoost", inputs)
        return _matrix(order, np.float32)
    import pandas

    columns = _names_of(inputs)
    columns = columns if order is None else [columns[i] for i in order]
    categorical = [column for column, kind in zip(columns, booster.feature_types) if kind == "c"]

    def features(request: Request) -> Any:
        frame = request.to_pandas()[columns]
        for column in categorical:
            frame[column] = _categories(frame[column].to_numpy(), pandas)
        return frame.set_axis(booster.feature_names, axis=1)

    return features


def _categories(values: np.ndarray, pandas: Any) -> Any:
    if values.dtype.kind != "f":
        return pandas.Categorical(values)
    # Integers, which XGBoost has for categories that are not texts.
    missing = np.isnan(values)
    whole = np.where(missing, 0, values).astype(np.int64)
    known, codes = np.unique(whole, return_inverse=True)
    return pandas.Categorical.from_codes(np.where(missing, -1, codes), categories=known)


def _best_rounds(booster: Any) -> tuple[int, int]:
    """The trees that count: scikit-learn's API of XGBoost stops at the best, and its booster does not."""
    best = booster.attr("best_iteration")
    if best is None or booster.attr("scikit_learn") is None:
        return (0, 0)
    kind = json.loads(booster.save_config())["learner"]["gradient_booster"]["name"]
    return (0, 0) if kind == "gblinear" else (0, int(best) + 1)


def _threads() -> int:
    try:
        return max(1, int(os.environ.get("OMP_NUM_THREADS", "1")))
    except ValueError:
        return 1


def _matrix(order: list[int] | None, dtype: Any) -> Callable[[Request], np.ndarray]:
    if order is None:
        return lambda request: request.matrix(dtype)
    return lambda request: request.matrix(dtype)[:, order]


def _names_of(inputs: Sequence[TensorSpec]) -> list[str]:
    return [column for spec in inputs for column in spec.columns or (spec.name,)]


def _order(known: Sequence[str], inputs: Sequence[TensorSpec]) -> list[int] | None:
    """Where the columns of a model stand in the inputs; None where they stand in its order, or have other names."""
    given, wanted = underscored(_names_of(inputs)), underscored(known)
    if given == wanted or len(set(given)) < len(given) or set(given) != set(wanted):
        return None
    return [given.index(name) for name in wanted]


def _columns_of(known: Sequence[str], inputs: Sequence[TensorSpec]) -> list[str]:
    """The declared columns that a model means, in its order: `distance` is what a pipeline calls `request.distance`."""
    given = _names_of(inputs)
    columns = []
    for name in known:
        alike = [name] if name in given else [column for column in given if column.endswith(f".{name}")]
        if not alike:
            raise NotServed(f'it was fitted with a column "{name}", which the signature does not have; it has {", ".join(given)}')
        if len(alike) > 1:
            raise NotServed(f'it was fitted with a column "{name}", which may be each of {", ".join(alike)}')
        columns.append(alike[0])
    return columns


def _check_count(runtime: str, model: Any, inputs: Sequence[TensorSpec]) -> None:
    count = feature_count(runtime, model)
    widths = [int(np.prod(spec.shape[1:])) for spec in inputs]
    if count is not None and all(width > 0 for width in widths) and sum(widths) != count:
        raise NotServed(f"it takes {count} columns, but {sum(widths)} are declared")


def _check_numbers(library: str, inputs: Sequence[TensorSpec]) -> None:
    for spec in inputs:
        if spec.datatype == "BYTES":
            raise NotServed(f'{library} takes numbers, and the input "{spec.name}" is BYTES: write a predictor that encodes them')


def _only(names: list[str], others: str | None = None) -> list[str]:
    if len(names) != 1:
        but = "" if others is None else f", or {others} of a classifier"
        raise NotServed(f"it gives one output{but}, but {', '.join(names)} are declared")
    return names


def _fitted(values: Any, spec: TensorSpec) -> np.ndarray:
    """An output in the shape that is declared: libraries differ in whether one value per row is a column."""
    array = np.asarray(values)
    if array.dtype.kind in "iub" and spec.datatype.startswith("FP"):
        array = array.astype(np.float64)
    if len(spec.shape) == 2 and array.ndim == 1:
        return array[:, None]
    if len(spec.shape) == 1 and array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    return array


_RAW: dict[str, Callable[[Any, Sequence[TensorSpec], list[str]], Answer]] = {
    "sklearn": _sklearn,
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
}
#: The runtimes whose files need no Python of their author.
RUNTIMES = tuple(_RAW)
