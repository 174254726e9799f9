"""How the predictor of a bundle is found and loaded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Iterator

import numpy as np
import pytest

from vivace_wrapper._frames import Tensor
from vivace_wrapper._model import LoadFailed, Model, PredictFailed, load_model
from vivace_wrapper._requirements import _agrees, differences
from vivace_wrapper._signature import Signature, TensorSpec

SIGNATURE = Signature(
    (TensorSpec("x", "FP32", (-1, 2), ("a", "b")),),
    (TensorSpec("score", "FP32", (-1,)),),
)


@pytest.fixture(autouse=True)
def clean_modules() -> Iterator[None]:
    yield
    for name in ("predictor", "helper"):
        sys.modules.pop(name, None)


def load(directory: Path, source: str) -> Model:
    (directory / "predictor.py").write_text(source)
    return load_model(str(directory), "predictor.py", "python", SIGNATURE)


def ask(model: Model) -> list[float]:
    inputs = [Tensor("x", "FP32", np.array([[1, 2], [3, 4]], dtype=np.float32))]
    (score,) = model.answer(inputs, 2, None)
    return score.array.tolist()


def test_loads_from_its_directory(tmp_path: Path) -> None:
    (tmp_path / "weight.txt").write_text("10")
    model = load(
        tmp_path,
        """
class MyPredictor:
    def load(self, model_dir):
        self.weight = float(open(f"{model_dir}/weight.txt").read())

    def predict(self, request):
        return request["a"] * self.weight
""",
    )
    assert model.name == "MyPredictor"
    assert ask(model) == [10, 30]


def test_files_beside_it_are_found_as_in_a_script(tmp_path: Path) -> None:
    (tmp_path / "weight.txt").write_text("3")
    model = load(tmp_path, "class P:\n    def predict(self, request): return request['a'] * float(open('weight.txt').read())")
    assert ask(model) == [3, 9]


def test_load_may_be_missing_and_modules_beside_it_are_found(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def double(x): return 2 * x")
    model = load(
        tmp_path,
        "from helper import double\nclass P:\n    def predict(self, request): return double(request['b'])",
    )
    assert ask(model) == [4, 8]


def test_takes_the_class_that_others_are_the_base_of(tmp_path: Path) -> None:
    model = load(
        tmp_path,
        """
class Base:
    def predict(self, request): return self.score(request)
class Mine(Base):
    def score(self, request): return request["a"]
""",
    )
    assert model.name == "Mine"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1", r"predictor.py has no class with a method predict\(self, request\)"),
        (
            "class A:\n  def predict(self, r): ...\nclass B:\n  def predict(self, r): ...",
            "several classes with a method predict: A, B; leave one in it",
        ),
        ("import nothing_like_this", "does not import: ModuleNotFoundError: No module named"),
        ("class A", "does not import: SyntaxError"),
        (
            "class A:\n  def load(self, d): raise OSError('no file')\n  def predict(self, r): ...",
            "A.load raised OSError: no file",
        ),
        ("import sys; sys.exit(3)", "does not import: SystemExit: 3"),
        ("class A:\n  async def predict(self, r): ...", "A.predict is async, and calls are answered one at a time"),
        ("class A:\n  def __init__(self, size): ...\n  def predict(self, r): ...", r"A\(\) raised TypeError: "),
    ],
)
def test_says_why_it_does_not_load(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(LoadFailed, match=message):
        load(tmp_path, source)


def test_a_class_may_have_two_names(tmp_path: Path) -> None:
    model = load(tmp_path, "class Mine:\n  def predict(self, request): return request['a']\nPredictor = Mine")
    assert model.name == "Mine"


def test_says_that_its_name_hides_a_module(tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("class P:\n  def predict(self, request): ...")
    with pytest.raises(LoadFailed, match="numpy.py would hide the module numpy: give it another name"):
        load_model(str(tmp_path), "numpy.py", "python", SIGNATURE)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('seven')", "P.predict raised ValueError: seven"),
        ("import sys; sys.exit(3)", "P.predict raised SystemExit: 3"),
        ("request['a'][0] = 1", "P.predict raised ValueError: assignment destination is read-only"),
        ("class Odd(dict):\n      def __iter__(self): raise KeyError('k')\n    return Odd(score=1)", "gave what cannot be read: KeyError: 'k'"),
        ("return [1, 2, 3]", r'P.predict: the output "score" has the shape \[3\], but FP32 \[2\] is declared'),
    ],
)
def test_says_why_a_call_failed(tmp_path: Path, body: str, message: str) -> None:
    model = load(tmp_path, f"class P:\n  def predict(self, request):\n    {body}")
    array = np.array([[1, 2], [3, 4]], dtype=np.float32)
    array.flags.writeable = False
    with pytest.raises(PredictFailed, match=message):
        model.answer([Tensor("x", "FP32", array)], 2, None)


def test_compares_the_environment_with_requirements(tmp_path: Path) -> None:
    version = np.__version__
    (tmp_path / "requirements.txt").write_text(
        f"""
# what the model was trained with
numpy=={version}
numpy=={version.split('.')[0]}.*
numpy>=1
numpy==0.0.1  # long ago
nothing-like-this==1.0
nothing-like-this; python_version < "3"
-r more.txt
"""
    )
    assert differences(str(tmp_path)) == [
        f"numpy==0.0.1, but {version} is installed",
        "nothing-like-this==1.0 is not installed",
    ]
    assert differences(str(tmp_path / "elsewhere")) == []


def test_takes_requirements_as_tools_write_them(tmp_path: Path) -> None:
    version = np.__version__
    (tmp_path / "requirements.txt").write_text(
        f"numpy=={version} \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n"
        f"numpy=={version}  --hash=sha256:00\nNumPy[extra] == {version}.0\nnumpy==0.1 --hash=sha256:00\n"
    )
    assert differences(str(tmp_path)) == [f"numpy==0.1, but {version} is installed"]


@pytest.mark.parametrize(
    ("installed", "pinned", "same"),
    [
        ("1.0", "1.0.0", True),
        ("2.3.0+cpu", "2.3", True),
        ("2.3.0+cpu", "2.3.0+cu121", False),
        ("1.0rc1", "1.0.RC1", True),
        ("1.0rc1", "1.0", False),
        ("1.10", "1.1", False),
        ("1.10.2", "1.1.*", False),
        ("1.10.2", "1.10.*", True),
        ("1.0", "v1.0", True),
        ("10", "1", False),
    ],
)
def test_knows_versions_that_are_the_same(installed: str, pinned: str, same: bool) -> None:
    assert _agrees(installed, pinned) is same
