"""From a model in a notebook to a folder that is served."""

from __future__ import annotations

import inspect
import json
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Any, Mapping, Sequence, Union

import numpy as np

from . import _pins, _ready_made
from ._answer import WrongAnswer, outputs_of
from ._example import agreed_columns, columns_of, inputs_of
from ._folder import Folder, column_input, default_output, remove_description, write_folder
from ._frames import Tensor
from ._known import described, probe
from ._request import Request
from ._self_test import SelfTest, difference, values_of
from ._signature import Signature, TensorSpec, parse_spec

#: Names of outputs, or their declarations.
Outputs = Union[str, Sequence[Union[str, Mapping[str, Any]]]]


class SaveFailed(Exception):
    """A model that would not serve from its folder as it does here, and what to do about it."""


def save(
    directory: str | os.PathLike[str],
    model: Any,
    columns: Sequence[str] | None = None,
    example: Any = None,
    outputs: Outputs | None = None,
    requirements: Sequence[str] | None = None,
    *,
    over: str = "row",
) -> None:
    """Writes a model as a folder that a server takes: the model's file, `model.yaml`, `signature.json` and `requirements.txt`.

    The folder is then loaded by an interpreter of its own, as a server does it, and must answer the example as the model here
    does. With an example it gets a self-test, which every server runs before it serves the model.

        vivace_wrapper.save("iris", model, columns=X.columns, example=X[:5])

    Args:
        directory: where to write; it is made, and what else lies there stays.
        model: a model or pipeline of scikit-learn, a booster or model of LightGBM or XGBoost, or a predictor of your own, as its
            class or an instance: then the module that defines it is copied. Files that its `load` reads, and modules that the
            model imports, are in `directory` already.
        columns: the names of the features in order; by default those that the model or the example knows. Where two of
            them disagree, that is an error.
        example: rows as the model is given them, of which at most 20 are kept: a DataFrame, an array of rows, a list of
            texts, or a mapping from the name of a tensor to an array. It also says the datatypes: float64 is kept as FP64.
        outputs: names of the outputs, or their declarations (`name`, `datatype`, `shape`); by default `label` and
            `probabilities` of a classifier of scikit-learn, what a predictor's mapping names, and else `score`.
        requirements: lines of `requirements.txt`; by default what the model is made of, as it is installed.
        over: "row", or "request" for a predictor that sees whole requests.

    Raises:
        ValueError: for what cannot be declared.
        SaveFailed: where the folder does not answer as the model here.
    """
    if over not in ("row", "request"):
        raise ValueError(f'over is {over!r}, but "row" or "request" is meant')
    path = os.fspath(directory)
    kept = _kept(model)
    given = None if columns is None else [str(name) for name in columns]
    names = agreed_columns(
        {
            "columns": given,
            f"{type(model).__name__}, which remembers what it was trained on,": kept.columns(given or columns_of(example)),
            "the example": columns_of(example),
        }
    )
    if example is not None:
        inputs, tensors = inputs_of(example, names)
    elif names is not None:
        inputs, tensors = (column_input(names),), []
    elif kept.count() is not None:
        inputs, tensors = (TensorSpec("features", "FP32", (-1, kept.count() or 0)),), []
    else:
        raise ValueError("the columns are not known: give columns, the names of the features in order, or an example")
    os.makedirs(path, exist_ok=True)
    remove_description(path)
    entry = kept.write(path)
    _write_requirements(path, kept.pins() if requirements is None else requirements)
    signature, here = _declared(kept, inputs, tensors, outputs, over)
    folder = Folder(path, kept.runtime, entry, signature)
    if tensors:
        given = {tensor.name: values_of(tensor.array) for tensor in tensors}
        folder = replace(folder, self_test=SelfTest(given, {}))
    write_folder(folder)
    try:
        answered = _ask_fresh(path)
        if folder.self_test is not None:
            test = SelfTest(folder.self_test.inputs, answered)
            if here is not None and (wrong := difference(replace(test, tolerance=1e-6), here)):
                raise SaveFailed(
                    f"the folder does not answer as the model here: {wrong}; what the model has learned must be in its files"
                )
            write_folder(replace(folder, self_test=test))
    except BaseException:
        remove_description(path)
        raise


def _declared(
    kept: "_Kept", inputs: tuple[TensorSpec, ...], tensors: list[Tensor], outputs: Outputs | None, over: str
) -> tuple[Signature, list[Tensor] | None]:
    """The signature, and what the model answers here, in this interpreter."""
    given: list[Any] = [] if outputs is None else [outputs] if isinstance(outputs, str) else list(outputs)
    specs = tuple(parse_spec({**default_output().to_json(), **each}) for each in given if isinstance(each, Mapping))
    names = [str(each["name"]) if isinstance(each, Mapping) else str(each) for each in given]
    if not tensors:
        if len(specs) < len(names) or not names:
            specs = kept.outputs(inputs, names)
        return Signature(inputs, specs, over), None
    rows = len(tensors[0].array)
    offsets = np.array([0, rows], np.int32) if over == "request" else None
    request = Request({t.name: t.array for t in tensors}, Signature(inputs, (), over), rows, offsets)
    answer = kept.answer(inputs, names, request)
    if answer is None:
        return Signature(inputs, specs or tuple(replace(default_output(), name=name) for name in names or ["score"]), over), None
    if len(specs) == len(names) and specs:
        declared = Signature(inputs, specs, over)
        if kept.runtime != "python":
            answer = _ready_made.answering(kept.runtime, kept.model, declared)(request)
    else:
        declared = Signature(inputs, described(_named(answer, names), rows), over)
    try:
        return declared, outputs_of(answer, declared, rows)
    except WrongAnswer as error:
        raise ValueError(f"the outputs do not fit what the model answers: {error}") from None


def _named(answer: Any, names: Sequence[str]) -> dict[str, Any]:
    """What was answered by the names of the outputs; in their order where some are given."""
    if hasattr(answer, "columns") and hasattr(answer, "to_numpy"):
        columns = [str(name) for name in answer.columns]
        if len(names) == 1 and names[0] not in columns:
            return {names[0]: answer.to_numpy()}
        answer = {str(name): answer[name].to_numpy() for name in answer.columns}
    if not isinstance(answer, Mapping):
        if len(names) > 1:
            raise ValueError(f"outputs names {', '.join(names)}, but the model answers with one array")
        return {names[0] if names else "score": answer}
    if names and set(names) != {str(name) for name in answer}:
        raise ValueError(f"outputs names {', '.join(names)}, but the model answers {', '.join(str(name) for name in answer)}")
    by_name = {str(name): values for name, values in answer.items()}
    return {name: by_name[name] for name in names} if names else by_name


def _write_requirements(path: str, lines: Sequence[str]) -> None:
    file_path = os.path.join(path, "requirements.txt")
    if lines:
        with open(file_path, "w", encoding="utf-8", newline="\n") as file:
            file.write("".join(f"{line}\n" for line in lines))
    elif os.path.exists(file_path):
        os.unlink(file_path)


def _ask_fresh(path: str) -> dict[str, list[Any]]:
    """What the folder answers its self-test, from an interpreter that knows nothing of this one."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    ran = subprocess.run(
        [sys.executable, "-m", "vivace_wrapper", "_answer", os.path.abspath(path)],
        cwd=package,
        env={**os.environ, "PYTHONPATH": package, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    if ran.returncode != 0:
        lines = ran.stderr.decode("utf-8", "replace").strip().splitlines()
        hint = ""
        said = lines[-1] if lines else "it ended"
        if ("__main__" in said or "No module named" in said) and _ready_made.IN_A_MODULE not in said:
            hint = f"; {_ready_made.IN_A_MODULE}"
        raise SaveFailed(f"the folder does not load in an interpreter of its own: {said}{hint}")
    return dict(json.loads(ran.stdout))


class _Kept:
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


@dataclass
class _Library(_Kept):
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
class _Own(_Kept):
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


def _kept(model: Any) -> _Kept:
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
