"""`check` and `inspect`, as a terminal runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PACKAGE = str(Path(__file__).parent.parent)
OWN = "class Twice:\n  def predict(self, request): return request['a'] * 2\n"
YAML = "columns: [a, b]\noutputs: [twice]\n"


def run(*arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
    ran = subprocess.run(
        [sys.executable, "-m", "vivace_wrapper", *arguments],
        env={**os.environ, "PYTHONPATH": PACKAGE, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == code, ran.stderr
    return ran


def folder(path: Path, predictor: str = OWN, **files: str) -> Path:
    (path / "predictor.py").write_text(predictor)
    for name, text in {"model.yaml": YAML, **files}.items():
        (path / name).write_text(text)
    return path


def with_test(expected: float) -> str:
    return f"{YAML}selfTest:\n  inputs:\n    features: [1, 2, 3, 4]\n  outputs:\n    twice: [2, {expected}]\n"


class TestCheck:
    def test_says_what_it_found(self, tmp_path: Path) -> None:
        printed = run("check", str(folder(tmp_path, **{"model.yaml": with_test(6)}))).stdout
        for line in ("predictor.py (python, Twice), loaded in", "features FP32 [-1, 2]: a, b", "self-test: passed", "    1 row:  p50", " 1000 rows: p50"):
            assert line in printed

    def test_says_it_as_json_though_the_model_prints(self, tmp_path: Path) -> None:
        noisy = "import os\nprint('hello')\nos.write(1, b'noise')\n" + OWN
        ran = run("check", str(folder(tmp_path, noisy, **{"requirements.txt": "nothing-like-this==1\n"})), "--json")
        report = json.loads(ran.stdout)
        assert "hello" in ran.stderr and "noise" in ran.stderr
        assert (report["ok"], report["predictor"], report["selfTest"]) == (True, "Twice", "none")
        assert [timing["rows"] for timing in report["timings"]] == [1, 1000]
        assert all(0 < timing["p50Ms"] <= timing["p99Ms"] for timing in report["timings"])
        assert report["signature"] == {
            "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 2], "columns": ["a", "b"]}],
            "outputs": [{"name": "twice", "datatype": "FP32", "shape": [-1]}],
            "over": "row",
        }
        assert report["warnings"] == [
            "requirements.txt: nothing-like-this==1 is not installed",
            "there is no self-test, and zeros were timed: give vivace_wrapper.save an example",
        ]

    def test_takes_a_signature_from_elsewhere(self, tmp_path: Path) -> None:
        signature = {
            "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 1], "columns": ["a"]}],
            "outputs": [{"name": "y", "datatype": "FP64", "shape": [-1]}],
        }
        (tmp_path / "given.json").write_text(json.dumps(signature))
        report = json.loads(run("check", str(folder(tmp_path)), "--signature", str(tmp_path / "given.json"), "--json").stdout)
        assert report["signature"]["outputs"] == signature["outputs"]

    def test_takes_outputs_as_texts_and_columns_by_input(self, tmp_path: Path) -> None:
        predictor = "class P:\n  def predict(self, request): return {'n': request['a'].astype(int), 'p': request['left']}\n"
        written = 'columns:\n  left: [a]\n  right:\n    - b\n    - c\noutputs:\n  - "n:INT64"\n  - "p:FP32[-1,1]"\n'
        report = json.loads(run("check", str(folder(tmp_path, predictor, **{"model.yaml": written})), "--json").stdout)
        assert report["signature"]["inputs"][1] == {"name": "right", "datatype": "FP32", "shape": [-1, 2], "columns": ["b", "c"]}
        assert report["signature"]["outputs"] == [
            {"name": "n", "datatype": "INT64", "shape": [-1]},
            {"name": "p", "datatype": "FP32", "shape": [-1, 1]},
        ]

    def test_reads_the_manifest_of_a_repository(self, tmp_path: Path) -> None:
        folder(tmp_path)
        (tmp_path / "model.yaml").unlink()
        manifest = {
            "format": 1,
            "runtime": "python",
            "entry": "predictor.py",
            "signature": {
                "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 1], "columns": ["a"]}],
                "outputs": [{"name": "y", "datatype": "FP64", "shape": [-1]}],
            },
            "selfTest": {"inputs": {"x": [1, 2]}, "outputs": {"y": [2, 4]}},
        }
        (tmp_path / "model.json").write_text(json.dumps(manifest))
        report = json.loads(run("check", str(tmp_path), "--json").stdout)
        assert report["selfTest"] == "passed"
        # What lies beside it, servers do not hear.
        folder(tmp_path, **{"model.yaml": "what: ever\n", "signature.json": "{"})
        assert json.loads(run("check", str(tmp_path), "--json").stdout)["signature"] == report["signature"]

    @pytest.mark.parametrize(
        ("manifest", "message"),
        [
            ({"entry": "other.py"}, 'model.json: the entry "other.py" is not a file'),
            ({"signature": {"inputs": []}}, "model.json: not a signature: KeyError('outputs')"),
            ({"selfTest": 3}, "model.json: not a self-test"),
        ],
    )
    def test_says_what_is_wrong_with_a_manifest(self, tmp_path: Path, manifest: Any, message: str) -> None:
        signature = {"inputs": [], "outputs": []}
        whole = {"format": 1, "runtime": "python", "entry": "predictor.py", "signature": signature, **manifest}
        folder(tmp_path, **{"model.json": json.dumps(whole)})
        assert message in run("check", str(tmp_path), code=2).stderr

    @pytest.mark.parametrize(
        ("predictor", "files", "message"),
        [
            (OWN, {"model.yaml": with_test(7)}, 'the self-test failed: "twice"[1] is 6.0, but 7 is expected'),
            (OWN, {"model.yaml": with_test(6).replace("[1, 2, 3, 4]", "[1, 2, 3]")}, "the self-test cannot be run: the self-test's input"),
            (OWN, {"model.yaml": with_test(6).replace("features:", "other:")}, 'the self-test does not give the input "features"'),
            ("import nothing_like_this", {}, "it does not load: predictor.py does not import: ModuleNotFoundError"),
            ("class P:\n  def predict(self, request): raise ValueError('x')", {}, "P.predict raised ValueError: x"),
            ("class P:\n  def predict(self, request): return [1, 2]", {}, 'the output "twice" has the shape [2], but FP32 [1]'),
        ],
    )
    def test_fails_where_it_would_not_serve(self, tmp_path: Path, predictor: str, files: Any, message: str) -> None:
        path = str(folder(tmp_path, predictor, **files))
        ran = run("check", path, "--json", code=1)
        said = json.loads(ran.stdout)
        assert said["ok"] is False and message in said["error"]
        # It is said once.
        assert message not in ran.stderr
        assert message in run("check", path, code=1).stderr

    def test_says_that_zeros_were_asked(self, tmp_path: Path) -> None:
        ran = run("check", str(folder(tmp_path, "class P:\n  def predict(self, request): raise ValueError('x')")), code=1)
        assert "ValueError: x; it was asked zeros: give it a self-test" in ran.stderr

    def test_shows_a_traceback_of_the_model_only(self, tmp_path: Path) -> None:
        raising = "class P:\n  def predict(self, request): raise ValueError('x')"
        assert "Traceback" in run("check", str(folder(tmp_path, raising)), code=1).stderr
        wrong = "class P:\n  def predict(self, request): return [1, 2]"
        assert len(run("check", str(folder(tmp_path, wrong)), code=1).stderr.splitlines()) == 1

    def test_fails_with_other_requirements_where_they_are_strict(self, tmp_path: Path) -> None:
        folder(tmp_path, **{"requirements.txt": "numpy==0.0.1\n"})
        ran = run("check", str(tmp_path), "--requirements", "strict", code=1)
        assert f"requirements.txt: numpy==0.0.1, but {np.__version__} is installed" in ran.stderr

    @pytest.mark.parametrize(
        ("files", "message"),
        [
            ({"model.yaml": "colums: [a]\n"}, '"colums" is not one of runtime, entry, over, columns'),
            ({"model.yaml": "- a\n"}, "model.yaml is not a mapping"),
            ({"model.yaml": "columns: [a]\nentry: 3\n"}, "model.yaml: entry is not a text"),
            ({"model.yaml": "columns: a\n"}, "columns: it is a list of names, or such a list for each input"),
            ({"model.yaml": 'columns: [a]\noutputs: [{"name": "x"}]\n'}, "model.yaml: 'datatype' is missing"),
            ({"model.yaml": 'columns: [a]\noutputs: ["x:FP32[a]"]\n'}, "is not an output: write a name, name:INT64 or name:FP32[-1,3]"),
            ({"model.yaml": "columns: [a]\noutputs: [{\"name\": \"x\", \"datatype\": \"FP16\", \"shape\": [-1]}]\n"}, "'FP16' is not one of FP32"),
            ({"model.yaml": "columns: [a]\nover: rows\n"}, 'is neither "row" nor "request"'),
            ({"model.yaml": "columns: [a]\nentry: other.py\n"}, 'the entry "other.py" is not a file'),
            ({"model.yaml": "over: row\n"}, "predictor.py does not describe its inputs and outputs: say its columns"),
            ({"model.yaml": "columns: [a]\nselfTest: 3\n"}, "not a self-test"),
            ({"signature.json": "{"}, "signature.json is not JSON"),
            (
                {"signature.json": '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2], "columns": ["a", "c"]}], "outputs": []}'},
                'model.yaml and signature.json disagree: column 2 is "b" in the one, and "c" in the other',
            ),
            (
                {"signature.json": '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2], "columns": ["a", "b"]}], "outputs": []}'},
                "model.yaml and signature.json disagree: the outputs are twice in the one, and  in the other",
            ),
        ],
    )
    def test_says_that_a_folder_does_not_say_enough(self, tmp_path: Path, files: Any, message: str) -> None:
        assert message in run("check", str(folder(tmp_path, **files)), code=2).stderr

    def test_says_that_there_is_no_model(self, tmp_path: Path) -> None:
        assert "is not a folder" in run("check", str(tmp_path / "nowhere"), code=2).stderr
        assert "has no model: a file that ends with .joblib" in run("check", str(tmp_path), code=2).stderr
        for name in ("a.txt", "b.ubj"):
            (tmp_path / name).write_text("")
        assert "several files that may be the model: a.txt, b.ubj; say which" in run("check", str(tmp_path), code=2).stderr

    def test_says_that_the_declared_columns_are_not_those_of_the_model(self, tmp_path: Path) -> None:
        lightgbm = pytest.importorskip("lightgbm")
        data = lightgbm.Dataset(np.random.rand(50, 2), np.arange(50), feature_name=["a", "c"])
        lightgbm.train({"verbose": -1, "num_threads": 1}, data, num_boost_round=1).save_model(str(tmp_path / "model.txt"))
        (tmp_path / "model.yaml").write_text("columns: [a, b]\n")
        ran = run("check", str(tmp_path), code=1)
        assert 'the declared columns and those that model.txt remembers disagree: column 2 is "b" in the one, and "c"' in ran.stderr
        (tmp_path / "model.yaml").unlink()
        assert "features FP32 [-1, 2]: a, c" in run("check", str(tmp_path)).stdout
        # A pipeline calls them by where they come from.
        (tmp_path / "model.yaml").write_text("columns: [request.a, here.c]\n")
        assert "features FP32 [-1, 2]: request.a, here.c" in run("check", str(tmp_path)).stdout
        # One vector is both of them.
        vector = {"name": "features", "datatype": "FP32", "shape": [-1, 2], "columns": ["both"]}
        output = {"name": "score", "datatype": "FP32", "shape": [-1]}
        (tmp_path / "model.yaml").unlink()
        (tmp_path / "signature.json").write_text(json.dumps({"inputs": [vector], "outputs": [output]}))
        assert "features FP32 [-1, 2]: both" in run("check", str(tmp_path)).stdout


class TestInspect:
    def test_sklearn(self, tmp_path: Path) -> None:
        pandas = pytest.importorskip("pandas")
        joblib = pytest.importorskip("joblib")
        from sklearn.linear_model import LogisticRegression

        frame = pandas.DataFrame(np.random.rand(30, 2), columns=["a", "b"])
        joblib.dump(LogisticRegression().fit(frame, np.arange(30) % 3), tmp_path / "model.joblib")
        for path in (tmp_path, tmp_path / "model.joblib"):
            assert json.loads(run("inspect", str(path), "--json").stdout) == {
                "runtime": "sklearn",
                "entry": "model.joblib",
                "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 2], "columns": ["a", "b"]}],
                "outputs": [
                    {"name": "label", "datatype": "INT64", "shape": [-1]},
                    {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
                ],
            }

    def test_lightgbm(self, tmp_path: Path) -> None:
        lightgbm = pytest.importorskip("lightgbm")
        data = lightgbm.Dataset(np.random.rand(50, 3), np.arange(50))
        lightgbm.train({"verbose": -1, "num_threads": 1}, data, num_boost_round=1).save_model(str(tmp_path / "m.txt"))
        known = json.loads(run("inspect", str(tmp_path / "m.txt"), "--json").stdout)
        assert known["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 3]}]
        assert known["outputs"] == [{"name": "score", "datatype": "FP32", "shape": [-1]}]

    def test_xgboost(self, tmp_path: Path) -> None:
        xgboost = pytest.importorskip("xgboost")
        data = xgboost.DMatrix(np.random.rand(50, 2), label=np.arange(50) % 2, feature_names=["a", "b"])
        xgboost.train({"nthread": 1}, data, num_boost_round=1).save_model(tmp_path / "booster.json")
        printed = run("inspect", str(tmp_path / "booster.json")).stdout
        assert printed.splitlines() == [
            "booster.json (xgboost)",
            "  input   features FP32 [-1, 2]: a, b",
            "  output  score FP32 [-1]",
        ]

    def test_says_why_it_does_not_know(self, tmp_path: Path) -> None:
        joblib = pytest.importorskip("joblib")
        pytest.importorskip("lightgbm")
        pytest.importorskip("sklearn")
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.linear_model import LinearRegression
        from sklearn.pipeline import make_pipeline

        folder(tmp_path)
        assert "predictor.py does not describe its inputs" in run("inspect", str(tmp_path / "predictor.py"), code=1).stderr
        (tmp_path / "m.txt").write_text("nothing")
        said = json.loads(run("inspect", str(tmp_path / "m.txt"), "--json", code=1).stdout)
        assert said["error"].startswith("m.txt does not load as lightgbm: LightGBMError")
        joblib.dump(make_pipeline(CountVectorizer(), LinearRegression()).fit(["good day", "bad day"], [1, 2]), tmp_path / "t.joblib")
        assert "t.joblib does not say how many columns it takes" in run("inspect", str(tmp_path / "t.joblib"), code=1).stderr
        encoder = pytest.importorskip("sklearn.preprocessing").OneHotEncoder()
        texts = np.array([["a"], ["b"]], dtype=object)
        joblib.dump(make_pipeline(encoder, LinearRegression()).fit(texts, [1, 2]), tmp_path / "e.joblib")
        (line,) = run("inspect", str(tmp_path / "e.joblib"), code=1).stderr.splitlines()
        assert line.startswith("e.joblib does not answer numbers alone, so its inputs are to be declared")
        assert "does not exist" in run("inspect", str(tmp_path / "nowhere.txt"), code=2).stderr
        assert "a model is a file that ends with" in run("inspect", str(tmp_path / "model.yaml"), code=1).stderr


def test_says_its_commands_and_options() -> None:
    assert "{" not in run("--help").stdout.split("positional")[0].replace("{check", "")
    for command, words in {
        "": ["check", "inspect", "serve", "worker"],
        "check": ["--json", "--signature", "exit codes: 0 it serves"],
        "inspect": ["--runtime", "--json", "exit codes: 0 it is known"],
        "serve": ["--socket", "--models", "--max-workers", "--grace"],
    }.items():
        printed = run(*([command] if command else []), "--help").stdout
        for word in words:
            assert word in printed


def test_says_what_an_option_takes() -> None:
    assert "-1 is not a whole number from 0" in run("check", ".", "--threads", "-1", code=2).stderr
    assert "the following arguments are required: DIR" in run("check", code=2).stderr
