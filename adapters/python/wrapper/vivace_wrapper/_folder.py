"""The folder of a model: what `model.yaml` in it says."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from typing import Any, Mapping, Sequence

from . import _yaml
from ._self_test import SelfTest, parse_self_test
from ._signature import Signature, TensorSpec, parse_signature, parse_spec

FILE = "model.yaml"
SIGNATURE_FILE = "signature.json"
#: What a repository writes beside the files of a version.
MANIFEST = "model.json"

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
_KEYS = ("runtime", "entry", "over", "columns", "outputs", "selfTest")
#: Files that may lie beside a model and are not one.
_NOT_MODELS = {"requirements.txt", SIGNATURE_FILE}
_OUTPUT = re.compile(r"([^:\[\]]+)(?::([A-Z0-9]+))?(?:\[([-0-9, ]*)\])?\Z")


class WrongFolder(Exception):
    """A folder that does not say what its model is, and what to do about it."""


@dataclass(frozen=True)
class Folder:
    """A model as its folder describes it. Where `signature` is None, the folder leaves some of it to the model."""

    directory: str
    runtime: str
    entry: str
    signature: Signature | None
    self_test: SelfTest | None = None
    #: What `model.yaml` says where nothing says the whole signature.
    inputs: tuple[TensorSpec, ...] | None = None
    outputs: tuple[TensorSpec, ...] | None = None
    over: str = "row"

    @property
    def path(self) -> str:
        """Where the entry is."""
        return os.path.join(self.directory, self.entry)


def default_output() -> TensorSpec:
    """What a model gives where nobody says anything else."""
    return TensorSpec("score", "FP32", (-1,))


def column_input(columns: Sequence[str], datatype: str = "FP32", name: str = "features") -> TensorSpec:
    """One tensor of these columns side by side."""
    return TensorSpec(name, datatype, (-1, len(columns)), tuple(columns))


def read_folder(directory: str) -> Folder:
    """Reads what a folder says of its model: in the manifest of a repository, `model.json`, or else in `model.yaml` and `signature.json`.

    Raises:
        WrongFolder: where it does not say enough, or two of them disagree.
    """
    if not os.path.isdir(directory):
        raise WrongFolder(f"{directory} is not a folder")
    pushed = _manifest(directory)
    if pushed is not None:
        return pushed
    written = _written(directory)
    signature = _file_signature(directory)
    if written is None:
        entry = _only_model(directory)
        return Folder(directory, runtime_of(entry), entry, signature)
    entry = _text(written, "entry") or _only_model(directory)
    runtime = _text(written, "runtime") or runtime_of(entry)
    if not os.path.isfile(os.path.join(directory, entry)):
        raise WrongFolder(f'the entry "{entry}" is not a file of {directory}')
    folder = _checked(lambda value: _described(Folder(directory, runtime, entry, None), value), written, FILE)
    if signature is not None:
        _compare(folder, signature, written)
        return replace(folder, signature=signature)
    outputs = folder.outputs or (None if runtime != "python" else (default_output(),))
    if folder.inputs is None or outputs is None:
        return folder
    return replace(folder, signature=Signature(folder.inputs, outputs, folder.over))


def write_folder(folder: Folder) -> None:
    """Writes `model.yaml`, and `signature.json`, which says the same to the datatype."""
    signature = folder.signature
    assert signature is not None
    columns = {spec.name: list(spec.columns) for spec in signature.inputs if spec.columns is not None}
    written: dict[str, Any] = {"runtime": folder.runtime, "entry": folder.entry, "over": signature.over}
    if columns:
        written["columns"] = columns if len(signature.inputs) > 1 else next(iter(columns.values()))
    written["outputs"] = [spec.to_json() for spec in signature.outputs]
    if folder.self_test is not None:
        written["selfTest"] = folder.self_test.to_json()
    _write(os.path.join(folder.directory, FILE), _yaml.write(written))
    _write(os.path.join(folder.directory, SIGNATURE_FILE), json.dumps(signature.to_json(), indent=2, ensure_ascii=False) + "\n")


def remove_description(directory: str) -> None:
    """Removes what describes an earlier model."""
    for name in (FILE, SIGNATURE_FILE):
        try:
            os.unlink(os.path.join(directory, name))
        except FileNotFoundError:
            pass


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def runtime_of(name: str) -> str:
    """The runtime that hosts a file, by its name.

    Raises:
        WrongFolder: where the name does not tell.
    """
    runtime = RUNTIMES.get(os.path.splitext(name)[1].lower())
    if runtime is None:
        raise WrongFolder(f"{name}: a model is a file that ends with {', '.join(RUNTIMES)}; or say its runtime in {FILE}")
    return runtime


def _manifest(directory: str) -> Folder | None:
    """A version of a repository, of which its manifest says all: servers hear nothing else, whatever lies beside it."""
    manifest = _json(os.path.join(directory, MANIFEST))
    if not isinstance(manifest, dict) or manifest.get("format") != 1 or "signature" not in manifest:
        return None
    return _checked(lambda value: _pushed(directory, value), manifest, MANIFEST)


def _pushed(directory: str, manifest: Mapping[str, Any]) -> Folder:
    runtime, entry, test = str(manifest["runtime"]), str(manifest["entry"]), manifest.get("selfTest")
    if not os.path.isfile(os.path.join(directory, entry)):
        raise ValueError(f'the entry "{entry}" is not a file of {directory}')
    signature = parse_signature(manifest["signature"])
    return Folder(directory, runtime, entry, signature, None if test is None else parse_self_test(test))


def _written(directory: str) -> Mapping[str, Any] | None:
    path = os.path.join(directory, FILE)
    if not os.path.exists(path):
        return None
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


def _described(folder: Folder, written: Mapping[str, Any]) -> Folder:
    over = written.get("over") or "row"
    if over not in ("row", "request"):
        raise ValueError(f'over: {over!r} is neither "row" nor "request"')
    columns, outputs, test = written.get("columns"), written.get("outputs"), written.get("selfTest")
    return replace(
        folder,
        inputs=None if columns is None else _inputs(columns),
        outputs=None if outputs is None else tuple(_output(each) for each in outputs),
        self_test=None if test is None else parse_self_test(test),
        over=over,
    )


def _inputs(columns: Any) -> tuple[TensorSpec, ...]:
    named = columns if isinstance(columns, dict) else {"features": columns}
    if not named or not all(isinstance(names, list) and names for names in named.values()):
        raise ValueError("columns: it is a list of names, or such a list for each input")
    return tuple(column_input([str(c) for c in names], name=str(name)) for name, names in named.items())


def _output(value: Any) -> TensorSpec:
    """A tensor, or a text such as `label`, `label:INT64` or `probabilities:FP32[-1,3]`."""
    if isinstance(value, dict):
        return parse_spec(value)
    match = _OUTPUT.match(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is not an output: write a name, name:INT64 or name:FP32[-1,3]")
    shape = [-1] if match[3] is None else [int(size) for size in match[3].split(",")]
    return parse_spec({"name": match[1], "datatype": match[2] or "FP32", "shape": shape})


def _checked(parse: Any, value: Any, name: str) -> Any:
    try:
        return parse(value)
    except KeyError as error:
        raise WrongFolder(f"{name}: {error} is missing") from None
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


def _compare(folder: Folder, signature: Signature, written: Mapping[str, Any]) -> None:
    """What a signature and `model.yaml` both say must be the same."""
    said = f"{FILE} and {SIGNATURE_FILE} disagree: "
    if folder.inputs is not None:
        ours = [column for spec in folder.inputs for column in spec.columns or ()]
        theirs = [column for spec in signature.inputs for column in spec.columns or ()]
        if ours != theirs:
            raise WrongFolder(said + first_difference(ours, theirs))
    if folder.outputs is not None:
        ours, theirs = [spec.name for spec in folder.outputs], [spec.name for spec in signature.outputs]
        if ours != theirs:
            raise WrongFolder(f"{said}the outputs are {', '.join(ours)} in the one, and {', '.join(theirs)} in the other")
    if written.get("over") is not None and folder.over != signature.over:
        raise WrongFolder(f"{said}over is {folder.over} in the one, and {signature.over} in the other")


def first_difference(ours: Sequence[str], theirs: Sequence[str]) -> str:
    """Where two lists of columns differ first."""
    for i, (one, other) in enumerate(zip(ours, theirs)):
        if one != other:
            return f'column {i + 1} is "{one}" in the one, and "{other}" in the other'
    return f"{len(ours)} columns in the one, and {len(theirs)} in the other"
