"""From a model in a notebook to a folder that is served."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any, Mapping, Sequence, Union

import numpy as np

from . import _ready_made
from ._answer import WrongAnswer, outputs_of
from ._example import agreed_columns, columns_of, inputs_of
from ._folder import Folder, column_input, default_output, remove_description, write_folder
from ._frames import Tensor
from ._kept import Kept, kept_of
from ._known import described
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
    kept = kept_of(model)
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
        folder = replace(folder, self_test=SelfTest({tensor.name: values_of(tensor.array) for tensor in tensors}, {}))
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
    kept: Kept, inputs: tuple[TensorSpec, ...], tensors: list[Tensor], outputs: Outputs | None, over: str
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
