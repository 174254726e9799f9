"""How each kind of model is kept in a folder."""

from __future__ import annotations

import inspect
import json
import os
import pickle
import shutil
import sys
from dataclasses import dataclass, replace
from typing import Any, Sequence

from . import _pins, _ready_made
from ._folder import default_output
from ._known import probe
from ._request import Request
from ._signature import TensorSpec


class Kept:
    """How a kind of model is kept in a folder."""

    runtime: str
    model: Any

    def columns(self, others: Sequence[str] | None = None) -> list[str] | None:
        """The columns that the model itself knows; as others write them, where its file has to write them in another way."""
        raise NotImplementedError

    def count(self) -> int | None:
        """How many columns it takes."""
        raise NotImplementedError

    def write(self, path: str) -> str:
        """Writes its file, and gives its name."""
        raise NotImplementedError

    def pins(self) -> list[str]:
        """What it needs."""
        raise NotImplementedError

    def answer(self, inputs: tuple[TensorSpec, ...], names: Sequence[str], request: Request) -> Any:
        """What it answers here; None where it cannot be asked here."""
        raise NotImplementedError

    def outputs(self, inputs: tuple[TensorSpec, ...], names: Sequence[str]) -> tuple[TensorSpec, ...]:
        """What it gives, without an example."""
        raise NotImplementedError


def kept_of(model: Any) -> Kept:
    """How this model is kept.

    Raises:
        ValueError: for what no runtime hosts, a model that has not been fitted, and one whose file would leave something out.
    """
    xgboost = sys.modules.get("xgboost")
    if xgboost is not None and isinstance(model, (xgboost.Booster, xgboost.XGBModel)):
        return _Library("xgboost", _xgboost_booster(model), ["xgboost"])
    lightgbm = sys.modules.get("lightgbm")
    if lightgbm is not None and isinstance(model, (lightgbm.Booster, lightgbm.LGBMModel)):
        booster = model if isinstance(model, lightgbm.Booster) else _fitted(lambda: model.booster_, model)
        packages = ["lightgbm", "pandas"] if booster.pandas_categorical else ["lightgbm"]
        return _Library("lightgbm", booster, packages)
    base = sys.modules.get("sklearn.base")
    if base is not None and isinstance(model, base.BaseEstimator):
        return _Library("sklearn", model, ["sklearn"])
    return _Own(model, _source_of(model))


@dataclass
class _Library(Kept):
    """A model that a ready-made runtime hosts."""

    runtime: str
    #: As the runtime reads it.
    model: Any
    packages: Sequence[str]

    def columns(self, others: Sequence[str] | None = None) -> list[str] | None:
        known = _ready_made.feature_names(self.runtime, self.model)
        if self.runtime != "lightgbm" or known is None or others is None:
            return known
        are_same = _ready_made.underscored(others) == _ready_made.underscored(known)
        return list(others) if are_same else known

    def count(self) -> int | None:
        return _ready_made.feature_count(self.runtime, self.model)

    def write(self, path: str) -> str:
        if self.runtime == "sklearn":
            import joblib

            file_path = os.path.join(path, "model.joblib")
            try:
                joblib.dump(self.model, file_path)
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                # What has been written of it is no model.
                os.unlink(file_path)
                raise ValueError(
                    f"{type(self.model).__name__} cannot be stored: {error}; {_ready_made.IN_A_MODULE}. A lambda becomes a function "
                    "with a name there"
                ) from error
            return "model.joblib"
        # A repository's manifest has the name model.json.
        name = "model.txt" if self.runtime == "lightgbm" else "model.ubj"
        self.model.save_model(os.path.join(path, name))
        return name

    def pins(self) -> list[str]:
        found = set(self.packages)
        if self.runtime == "sklearn":
            found |= _pins.packages_of_estimator(self.model) | {"joblib", "scipy"}
            if self.columns() is not None:
                found.add("pandas")
        return _pins.pins(found | {"numpy"})

    def answer(self, inputs: tuple[TensorSpec, ...], names: Sequence[str], request: Request) -> Any:
        wanted = list(names) or _ready_made.default_names(self.runtime, self.model)
        try:
            return _ready_made.raw(self.runtime, self.model, inputs, wanted)(request)
        except _ready_made.NotServed as error:
            raise ValueError(str(error)) from None

    def outputs(self, inputs: tuple[TensorSpec, ...], names: Sequence[str]) -> tuple[TensorSpec, ...]:
        wanted = list(names) or _ready_made.default_names(self.runtime, self.model)
        try:
            return probe(self.runtime, self.model, inputs, wanted)
        except Exception as error:
            raise ValueError(f"the outputs are not known without an example: give one, such as X[:5] ({error})") from error


@dataclass
class _Own(Kept):
    """A predictor of the author's own."""

    model: Any
    source: str
    runtime: str = "python"
    directory: str = ""

    def columns(self, others: Sequence[str] | None = None) -> list[str] | None:
        return None

    def count(self) -> int | None:
        return None

    def write(self, path: str) -> str:
        self.directory = path
        name = os.path.basename(self.source)
        to = os.path.join(path, name)
        if not os.path.exists(to) or not os.path.samefile(self.source, to):
            shutil.copyfile(self.source, to)
        return name

    def pins(self) -> list[str]:
        with open(self.source, encoding="utf-8") as file:
            return _pins.pins(_pins.packages_of_module(file.read()) | {"numpy"})

    def answer(self, inputs: tuple[TensorSpec, ...], names: Sequence[str], request: Request) -> Any:
        instance = self.model
        if isinstance(instance, type):
            instance = instance()
            if hasattr(instance, "load"):
                instance.load(self.directory)
        return instance.predict(request)

    def outputs(self, inputs: tuple[TensorSpec, ...], names: Sequence[str]) -> tuple[TensorSpec, ...]:
        return tuple(replace(default_output(), name=name) for name in names or ["score"])


def _xgboost_booster(model: Any) -> Any:
    if not hasattr(model, "get_booster"):
        return model
    missing = getattr(model, "missing", None)
    if missing is not None and missing == missing:
        raise ValueError(f"the model takes {missing} for missing, which its file does not keep: train it with NaN instead")
    booster = _fitted(model.get_booster, model)
    # As its own save_model does, so that the file says whose predict it is.
    if booster.attr("scikit_learn") is None:
        booster = booster.copy()
        booster.set_attr(scikit_learn=json.dumps({"_estimator_type": getattr(model, "_estimator_type", None)}))
    return booster


def _fitted(booster: Any, model: Any) -> Any:
    try:
        return booster()
    except Exception as error:
        raise ValueError(f"{type(model).__name__} has not been fitted: {error}") from error


def _source_of(model: Any) -> str:
    owner = model if isinstance(model, type) else type(model)
    if not callable(getattr(owner, "predict", None)):
        raise ValueError(f"{owner.__name__} has no method predict(self, request)")
    try:
        source = "" if owner.__module__ == "__main__" else inspect.getfile(owner)
    except (TypeError, OSError):
        source = ""
    if not os.path.isfile(source):
        raise ValueError(
            f"{owner.__name__} is defined in the notebook or program that runs: write it to a module (%%writefile predictor.py), "
            "import it from there, and save again"
        )
    parts = set(source.replace("\\", "/").split("/"))
    if parts & {"site-packages", "dist-packages"}:
        raise ValueError(
            f"{owner.__name__} is of {owner.__module__.split('.')[0]}, which has no runtime of its own: write a class with "
            "load and predict that loads it, and save that"
        )
    return source
