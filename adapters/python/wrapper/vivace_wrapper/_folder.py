"""The folder of a model: what `model.yaml` in it says."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from . import _yaml
from ._self_test import SelfTest, parse_self_test
from ._signature import Signature, TensorSpec, parse_signature

FILE = "model.yaml"

#: What a name says of the file's library.
RUNTIMES = {
    ".joblib": "sklearn",
    ".pkl": "sklearn",
    ".pickle": "sklearn",
    ".txt": "lightgbm",
    ".json": "xgboost",
    ".ubj": "xgboost",
    ".py": "python",
}
_KEYS = ("runtime", "entry", "over", "columns", "inputs", "outputs", "selfTest")
#: Files that may lie beside a model and are not one.
_NOT_MODELS = {"requirements.txt", "signature.json"}


class WrongFolder(Exception):
    """A folder that does not say what its model is, and what to do about it."""


@dataclass(frozen=True)
class Folder:
    """A model as its folder describes it. Where `signature` is None, the folder leaves it to the model."""

    directory: str
    runtime: str
    entry: str
    signature: Signature | None
    self_test: SelfTest | None = None

    @property
    def path(self) -> str:
        """Where the entry is."""
        return os.path.join(self.directory, self.entry)


def default_output() -> TensorSpec:
    """What a model gives where nobody says anything else."""
    return TensorSpec("score", "FP32", (-1,))


def column_input(columns: Sequence[str], datatype: str = "FP32") -> TensorSpec:
    """One tensor of these columns side by side."""
    return TensorSpec("features", datatype, (-1, len(columns)), tuple(columns))


def read_folder(directory: str) -> Folder:
    """Reads what a folder says of its model, in `model.yaml`, `signature.json` or the manifest of a repository, `model.json`.

    Raises:
        WrongFolder: where it does not say enough, or two of them disagree.
    """
    if not os.path.isdir(directory):
        raise WrongFolder(f"{directory} is not a folder")
    written = _written(directory)
    signature = _file_signature(directory)
    if written is None:
        entry = _only_model(directory)
        return Folder(directory, runtime_of(entry), entry, signature)
    declared = _declared(written)
    if signature is not None and declared is not None:
        _compare(declared, signature)
    entry = _text(written, "entry") or _only_model(directory)
    runtime = _text(written, "runtime") or runtime_of(entry)
    self_test = None if written.get("selfTest") is None else _checked(parse_self_test, written["selfTest"], FILE)
    if not os.path.isfile(os.path.join(directory, entry)):
        raise WrongFolder(f'the entry "{entry}" is not a file of {directory}')
    return Folder(directory, runtime, entry, signature or declared, self_test)


def write_folder(folder: Folder) -> None:
    """Writes `model.yaml`."""
    signature = folder.signature
    written: dict[str, Any] = {"runtime": folder.runtime, "entry": folder.entry}
    if signature is not None:
        written["over"] = signature.over
        inputs = signature.inputs
        if len(inputs) == 1 and inputs[0].columns is not None and inputs[0] == column_input(inputs[0].columns):
            written["columns"] = list(inputs[0].columns)
        else:
            written["inputs"] = [spec.to_json() for spec in inputs]
        written["outputs"] = [spec.to_json() for spec in signature.outputs]
    if folder.self_test is not None:
        written["selfTest"] = folder.self_test.to_json()
    with open(os.path.join(folder.directory, FILE), "w", encoding="utf-8", newline="\n") as file:
        file.write(_yaml.write(written))


def runtime_of(name: str) -> str:
    """The runtime that hosts a file, by its name.

    Raises:
        WrongFolder: where the name does not tell.
    """
    runtime = RUNTIMES.get(os.path.splitext(name)[1].lower())
    if runtime is None:
        raise WrongFolder(f"{name}: a model is a file that ends with {', '.join(RUNTIMES)}; or say its runtime in {FILE}")
    return runtime


def _written(directory: str) -> Mapping[str, Any] | None:
    path = os.path.join(directory, FILE)
    if os.path.exists(path):
        try:
            with open(path, encoding="utf-8") as file:
                written = _yaml.read(file.read())
        except (_yaml.NotRead, UnicodeDecodeError) as error:
            raise WrongFolder(f"{path}: {error}") from None
        if not isinstance(written, dict):
            raise WrongFolder(f"{path} is not a mapping of {', '.join(_KEYS)}")
        unknown = [str(key) for key in written if key not in _KEYS]
        if unknown:
            raise WrongFolder(f'{path}: "{unknown[0]}" is not one of {", ".join(_KEYS)}')
        return written
    manifest = _json(os.path.join(directory, "model.json"))
    if isinstance(manifest, dict) and manifest.get("format") == 1 and "signature" in manifest:
        signature = _checked(parse_signature, manifest["signature"], "model.json")
        return {
            **{key: manifest.get(key) for key in ("runtime", "entry", "selfTest")},
            **signature.to_json(),
        }
    return None


def _file_signature(directory: str) -> Signature | None:
    path = os.path.join(directory, "signature.json")
    if not os.path.exists(path):
        return None
    value = _json(path)
    if value is None:
        raise WrongFolder(f"{path} is not JSON")
    return _checked(parse_signature, value, "signature.json")


def _json(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def _declared(written: Mapping[str, Any]) -> Signature | None:
    if written.get("columns") is None and written.get("inputs") is None:
        return None
    if written.get("columns") is not None and written.get("inputs") is not None:
        raise WrongFolder(f"{FILE}: columns and inputs are two ways to say the same: leave one of them")
    return _checked(_signature, written, FILE)


def _signature(written: Mapping[str, Any]) -> Signature:
    inputs = written.get("inputs") or [column_input([str(column) for column in written["columns"]]).to_json()]
    outputs = written.get("outputs") or [default_output().to_json()]
    return parse_signature({"inputs": inputs, "outputs": [_output(each) for each in outputs], "over": written.get("over") or "row"})


def _output(value: Any) -> Any:
    """An output by its name alone is one number of each row."""
    if isinstance(value, dict):
        return {**default_output().to_json(), **value}
    return {**default_output().to_json(), "name": str(value)}


def _checked(parse: Any, value: Any, name: str) -> Any:
    try:
        return parse(value)
    except (ValueError, TypeError) as error:
        raise WrongFolder(f"{name}: {error}") from None


def _text(written: Mapping[str, Any], key: str) -> str | None:
    value = written.get(key)
    if value is not None and not isinstance(value, str):
        raise WrongFolder(f"{FILE}: {key} is not a text")
    return value


def _only_model(directory: str) -> str:
    names = sorted(
        name
        for name in os.listdir(directory)
        if os.path.splitext(name)[1].lower() in RUNTIMES and name not in _NOT_MODELS and not name.startswith(".")
    )
    if "predictor.py" in names:
        return "predictor.py"
    if len(names) == 1:
        return names[0]
    if not names:
        raise WrongFolder(f"{directory} has no model: a file that ends with {', '.join(RUNTIMES)}, or a {FILE} that names it")
    raise WrongFolder(f"{directory} has several files that may be the model: {', '.join(names)}; say which in {FILE}: entry")


def _compare(declared: Signature, other: Signature) -> None:
    ours, theirs = declared.columns, other.columns
    if ours != theirs:
        raise WrongFolder(f"{FILE} and signature.json disagree: {first_difference(ours, theirs)}")


def first_difference(ours: Sequence[str], theirs: Sequence[str]) -> str:
    """Where two lists of columns differ first."""
    for i, (one, other) in enumerate(zip(ours, theirs)):
        if one != other:
            return f'column {i + 1} is "{one}" in the one, and "{other}" in the other'
    return f"{len(ours)} columns in the one, and {len(theirs)} in the other"
