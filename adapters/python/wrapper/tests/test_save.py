"""From a notebook to a folder that answers as the model does."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import pytest

import vivace_wrapper
from vivace_wrapper import _ready_made
from vivace_wrapper._check import check, described
from vivace_wrapper._example import MOST_ROWS, inputs_of
from vivace_wrapper._folder import Folder, read_folder
from vivace_wrapper._frames import Tensor
from vivace_wrapper._model import LoadFailed, load_model
from vivace_wrapper._signature import Signature

RANDOM = np.random.default_rng(7)
X = RANDOM.normal(size=(120, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int64)
COLUMNS = ["a", "b", "c", "d"]


@pytest.fixture(autouse=True)
def clean_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # What a timing says is not of interest here.
    monkeypatch.setattr("vivace_wrapper._check._SECONDS", 0.0)
    path = list(sys.path)
    yield
    sys.path[:] = path
    for name in ("mine", "features", "beside_me"):
        sys.modules.pop(name, None)


def answers(directory: Path, rows: Any) -> dict[str, np.ndarray]:
    """What the saved folder answers, by the code of a worker."""
    folder = read_folder(str(directory))
    assert folder.signature is not None
    _, tensors = inputs_of(rows, folder.signature.columns if not isinstance(rows, dict) else None)
    model = load_model(folder.directory, folder.entry, folder.runtime, folder.signature)
    declared = {spec.name: spec for spec in folder.signature.inputs}
    assert [t.datatype for t in tensors] == [declared[t.name].datatype for t in tensors]
    return {t.name: t.array for t in model.answer(tensors, len(tensors[0].array), None)}


def saved(directory: Path) -> Folder:
    """The saved folder, after `check` has accepted it."""
    folder = described(str(directory))
    assert check(folder).self_test == "passed"
    return folder


def outputs(folder: Folder) -> list[tuple[str, str, list[int]]]:
    assert folder.signature is not None
    return [(spec.name, spec.datatype, list(spec.shape)) for spec in folder.signature.outputs]


class TestSklearn:
    def test_classifier(self, tmp_path: Path) -> None:
        ensemble = pytest.importorskip("sklearn.ensemble")
        model = ensemble.RandomForestClassifier(8, random_state=0).fit(X, Y)
        vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5])
        folder = saved(tmp_path)
        assert outputs(folder) == [("label", "INT64", [-1]), ("probabilities", "FP64", [-1, 2])]
        answer = answers(tmp_path, X[:MOST_ROWS])
        assert (answer["label"] == model.predict(X[:MOST_ROWS])).all()
        assert (answer["probabilities"] == model.predict_proba(X[:MOST_ROWS])).all()

    def test_label_is_what_predict_says_where_that_is_not_the_likeliest(self, tmp_path: Path) -> None:
        selection = pytest.importorskip("sklearn.model_selection")
        linear_model = pytest.importorskip("sklearn.linear_model")
        inner = linear_model.LogisticRegression().fit(X, Y)
        model = selection.FixedThresholdClassifier(inner, threshold=0.9, response_method="predict_proba").fit(X, Y)
        vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:20])
        answer = answers(tmp_path, X[:20])
        assert (answer["label"] == model.predict(X[:20])).all()
        assert (answer["label"] != answer["probabilities"].argmax(axis=1)).any()

    def test_labels_that_are_texts(self, tmp_path: Path) -> None:
        linear_model = pytest.importorskip("sklearn.linear_model")
        model = linear_model.LogisticRegression().fit(X, np.where(Y == 1, "late", "żółć"))
        vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5])
        assert outputs(saved(tmp_path))[0] == ("label", "BYTES", [-1])
        assert answers(tmp_path, X[:5])["label"].tolist() == model.predict(X[:5]).tolist()

    def test_outputs_by_name(self, tmp_path: Path) -> None:
        linear_model = pytest.importorskip("sklearn.linear_model")
        model = linear_model.LogisticRegression().fit(X, Y)
        vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5], outputs=["probabilities"])
        assert outputs(saved(tmp_path)) == [("probabilities", "FP64", [-1, 2])]
        vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5], outputs="late")
        assert outputs(saved(tmp_path)) == [("late", "INT64", [-1])]
        declared = [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}, {"name": "label", "datatype": "INT32"}]
        vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5], outputs=declared)
        assert outputs(saved(tmp_path)) == [("probabilities", "FP32", [-1, 2]), ("label", "INT32", [-1])]
        with pytest.raises(ValueError, match='gives label and probabilities, not "score"'):
            vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5], outputs=["probabilities", "score"])

    def test_regressor_of_several_outputs(self, tmp_path: Path) -> None:
        linear_model = pytest.importorskip("sklearn.linear_model")
        model = linear_model.LinearRegression().fit(X, X[:, :3] * 2)
        vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5])
        assert outputs(saved(tmp_path)) == [("score", "FP64", [-1, 3])]
        assert (answers(tmp_path, X[:5])["score"] == model.predict(X[:5])).all()

    def test_classifier_of_several_labels(self, tmp_path: Path) -> None:
        tree = pytest.importorskip("sklearn.tree")
        model = tree.DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, np.stack([Y, 1 - Y, Y], axis=1))
        vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5])
        assert outputs(saved(tmp_path)) == [("label", "INT64", [-1, 3])]
        with pytest.raises(ValueError, match="for each of several labels: declare label only"):
            vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5], outputs=["label", "probabilities"])

    def test_pipeline_on_texts_and_missing_numbers(self, tmp_path: Path) -> None:
        pandas = pytest.importorskip("pandas")
        from sklearn.compose import ColumnTransformer
        from sklearn.ensemble import HistGradientBoostingRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder

        frame = pandas.DataFrame(
            {
                "city": np.where(Y == 1, "Kraków", "Łódź"),
                "kind": pandas.Categorical(np.where(X[:, 2] > 0, "x", "y")),
                "size": [None if i % 7 == 0 else i for i in range(120)],
                "weight": X[:, 1],
                "open": X[:, 3] > 0,
                "count": pandas.array(range(120), dtype="Int64"),
            }
        )
        encode = ColumnTransformer(
            [("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "kind"])], remainder="passthrough"
        )
        model = make_pipeline(encode, HistGradientBoostingRegressor(max_iter=5)).fit(frame, X[:, 0])
        vivace_wrapper.save(tmp_path, model, columns=frame.columns, example=frame[:8])
        folder = saved(tmp_path)
        assert folder.signature is not None
        assert [(s.name, s.datatype, s.columns) for s in folder.signature.inputs] == [
            ("features", "FP64", ("size", "weight")),
            ("integers", "INT64", ("count",)),
            ("flags", "BOOL", ("open",)),
            ("texts", "BYTES", ("city", "kind")),
        ]
        _, tensors = inputs_of(frame[:8], list(frame.columns))
        loaded = load_model(folder.directory, folder.entry, folder.runtime, folder.signature)
        assert (loaded.answer(tensors, 8, None)[0].array == model.predict(frame[:8])).all()

    def test_texts_alone(self, tmp_path: Path) -> None:
        text = pytest.importorskip("sklearn.feature_extraction.text")
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        words = ["good day", "bad day", "good night", "bad weather"]
        model = make_pipeline(text.TfidfVectorizer(), LogisticRegression()).fit(words, [1, 0, 1, 0])
        vivace_wrapper.save(tmp_path, model, columns=["review"], example=words, outputs=["probabilities"])
        folder = saved(tmp_path)
        assert folder.signature is not None
        assert folder.signature.inputs[0].to_json() == {"name": "review", "datatype": "BYTES", "shape": [-1]}
        assert (answers(tmp_path, {"review": words})["probabilities"] == model.predict_proba(words)).all()

    def test_columns_that_the_model_remembers(self, tmp_path: Path) -> None:
        pandas = pytest.importorskip("pandas")
        from sklearn.linear_model import LinearRegression

        frame = pandas.DataFrame(X.astype(np.float32), columns=COLUMNS)
        vivace_wrapper.save(tmp_path, LinearRegression().fit(frame, X[:, 0]), example=frame[:3])
        assert "columns:\n  - a\n  - b\n" in (tmp_path / "model.yaml").read_text()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            saved(tmp_path)

    def test_pins_what_it_is_made_of(self, tmp_path: Path) -> None:
        pandas = pytest.importorskip("pandas")
        lightgbm = pytest.importorskip("lightgbm")
        import sklearn
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        frame = pandas.DataFrame(X, columns=COLUMNS)
        model = make_pipeline(StandardScaler(), lightgbm.LGBMRegressor(n_estimators=2, verbose=-1)).fit(frame, X[:, 0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            vivace_wrapper.save(tmp_path, model, example=frame[:3])
        lines = (tmp_path / "requirements.txt").read_text().splitlines()
        for line in (
            f"numpy=={np.__version__}",
            f"scikit-learn=={sklearn.__version__}",
            f"lightgbm=={lightgbm.__version__}",
            f"pandas=={pandas.__version__}",
        ):
            assert line in lines
        vivace_wrapper.save(tmp_path, model, example=frame[:3], requirements=["numpy>=1"])
        assert (tmp_path / "requirements.txt").read_text() == "numpy>=1\n"
        vivace_wrapper.save(tmp_path, model, example=frame[:3], requirements=[])
        assert not (tmp_path / "requirements.txt").exists()

    def test_says_that_a_function_of_the_notebook_is_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        preprocessing = pytest.importorskip("sklearn.preprocessing")
        from sklearn.linear_model import LinearRegression
        from sklearn.pipeline import make_pipeline

        def doubled(rows: Any) -> Any:
            return rows * 2

        main = sys.modules["__main__"]
        monkeypatch.setattr(main, "doubled", doubled, raising=False)
        doubled.__module__, doubled.__qualname__ = "__main__", "doubled"
        model = make_pipeline(preprocessing.FunctionTransformer(doubled), LinearRegression()).fit(X, X[:, 0])
        with pytest.raises(vivace_wrapper.SaveFailed, match="does not load in an interpreter of its own: .*; what the model uses"):
            vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:3])
        assert not (tmp_path / "model.yaml").exists() and not (tmp_path / "signature.json").exists()
        monkeypatch.delattr(main, "doubled")
        with pytest.raises(LoadFailed, match="does not load as sklearn: AttributeError: .*; what the model uses of a notebook"):
            _ready_made.load("sklearn", str(tmp_path / "model.joblib"), Signature((), ()))

    def test_says_that_a_lambda_cannot_be_stored(self, tmp_path: Path) -> None:
        preprocessing = pytest.importorskip("sklearn.preprocessing")
        from sklearn.linear_model import LinearRegression
        from sklearn.pipeline import make_pipeline

        model = make_pipeline(preprocessing.FunctionTransformer(lambda rows: rows), LinearRegression()).fit(X, X[:, 0])
        with pytest.raises(ValueError, match="Pipeline cannot be stored: .*; what the model uses of a notebook.* A lambda becomes"):
            vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:3])
        assert not os.listdir(tmp_path)

    def test_says_that_a_module_beside_the_notebook_is_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        preprocessing = pytest.importorskip("sklearn.preprocessing")
        from sklearn.linear_model import LinearRegression
        from sklearn.pipeline import make_pipeline

        (tmp_path / "beside_me.py").write_text("def tripled(rows): return rows * 3\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        from beside_me import tripled  # type: ignore[import-not-found]

        model = make_pipeline(preprocessing.FunctionTransformer(tripled), LinearRegression()).fit(X, X[:, 0])
        message = r"beside_me is not installed for this interpreter, and .*model.joblib needs it: .* put it into the folder"
        with pytest.raises(vivace_wrapper.SaveFailed, match=message):
            vivace_wrapper.save(tmp_path / "model", model, columns=COLUMNS, example=X[:3])

    def test_regressor_gives_no_probabilities(self, tmp_path: Path) -> None:
        linear_model = pytest.importorskip("sklearn.linear_model")
        model = linear_model.LinearRegression().fit(X, Y)
        with pytest.raises(ValueError, match="LinearRegression gives no probabilities: declare one other output, such as label or"):
            vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5], outputs="probabilities")

    def test_takes_modules_that_lie_in_the_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        preprocessing = pytest.importorskip("sklearn.preprocessing")
        from sklearn.linear_model import LinearRegression
        from sklearn.pipeline import make_pipeline

        (tmp_path / "features.py").write_text("def doubled(rows): return rows * 2\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        from features import doubled  # type: ignore[import-not-found]

        model = make_pipeline(preprocessing.FunctionTransformer(doubled), LinearRegression()).fit(X, X[:, 0])
        vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:3])
        saved(tmp_path)


class TestLightGBM:
    def test_booster(self, tmp_path: Path) -> None:
        lightgbm = pytest.importorskip("lightgbm")
        data = lightgbm.Dataset(X, Y, feature_name=COLUMNS)
        model = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, data, num_boost_round=5)
        vivace_wrapper.save(tmp_path, model, example=X[:5])
        folder = saved(tmp_path)
        assert (folder.entry, outputs(folder)) == ("model.txt", [("score", "FP64", [-1])])
        assert folder.signature is not None and folder.signature.columns == COLUMNS
        assert (answers(tmp_path, X[:20])["score"] == model.predict(X[:20])).all()

    def test_classifier_of_several_classes_that_stopped_early(self, tmp_path: Path) -> None:
        lightgbm = pytest.importorskip("lightgbm")
        labels = RANDOM.integers(0, 3, 120)
        model = lightgbm.LGBMClassifier(n_estimators=30, verbose=-1, n_jobs=1).fit(
            X[:80], labels[:80], eval_X=X[80:], eval_y=labels[80:], callbacks=[lightgbm.early_stopping(2, verbose=False)]
        )
        assert model.best_iteration_ < 30
        vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5])
        assert outputs(saved(tmp_path)) == [("score", "FP64", [-1, 3])]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = model.predict_proba(X[:20])
        assert (answers(tmp_path, X[:20])["score"] == expected).all()

    def test_categories_of_pandas(self, tmp_path: Path) -> None:
        pandas = pytest.importorskip("pandas")
        lightgbm = pytest.importorskip("lightgbm")
        kinds = np.array(["z", "y", "x"])[RANDOM.integers(0, 3, 120)]
        codes = RANDOM.choice([30, 10, 20], 120)
        frame = pandas.DataFrame({"a": X[:, 0], "kind": pandas.Categorical(kinds), "code": pandas.Categorical(codes), "d": X[:, 3]})
        target = X[:, 0] + (kinds == "x") * 3 + (codes == 20) * 5
        model = lightgbm.LGBMRegressor(n_estimators=10, verbose=-1, n_jobs=1, min_child_samples=2).fit(frame, target)
        vivace_wrapper.save(tmp_path, model, example=frame[:9])
        folder = saved(tmp_path)
        assert folder.signature is not None
        _, tensors = inputs_of(frame[:20], list(frame.columns))
        loaded = load_model(folder.directory, folder.entry, folder.runtime, folder.signature)
        assert (loaded.answer(tensors, 20, None)[0].array == model.predict(frame[:20])).all()

    @pytest.mark.parametrize("name", ["mean delay", "mean  delay", " delay", "mean\tdelay"])
    def test_names_with_white_space(self, tmp_path: Path, name: str) -> None:
        pandas = pytest.importorskip("pandas")
        lightgbm = pytest.importorskip("lightgbm")
        frame = pandas.DataFrame(X, columns=[name, "b", "c", "d"])
        model = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1, n_jobs=1).fit(frame, X[:, 0])
        vivace_wrapper.save(tmp_path, model, columns=frame.columns, example=frame[:5])
        folder = saved(tmp_path)
        assert folder.signature is not None and folder.signature.columns[0] == name


class TestXGBoost:
    @pytest.mark.parametrize("objective", ["reg:squarederror", "binary:logistic", "multi:softprob"])
    def test_booster(self, tmp_path: Path, objective: str) -> None:
        xgboost = pytest.importorskip("xgboost")
        labels = RANDOM.integers(0, 3, 120) if objective.startswith("multi") else Y + 5 * (objective == "reg:squarederror")
        more = {"num_class": 3} if objective.startswith("multi") else {}
        data = xgboost.DMatrix(X, label=labels, feature_names=COLUMNS)
        model = xgboost.train({"objective": objective, "nthread": 1, **more}, data, num_boost_round=4)
        vivace_wrapper.save(tmp_path, model, example=X[:5])
        folder = saved(tmp_path)
        assert folder.entry == "model.ubj"
        assert outputs(folder) == [("score", "FP32", [-1, 3] if more else [-1])]
        expected = model.predict(xgboost.DMatrix(X[:20], feature_names=COLUMNS))
        assert (answers(tmp_path, X[:20])["score"] == expected).all()

    def test_model_that_stopped_early(self, tmp_path: Path) -> None:
        xgboost = pytest.importorskip("xgboost")
        noise = RANDOM.normal(size=120)
        model = xgboost.XGBRegressor(n_estimators=40, early_stopping_rounds=2, n_jobs=1, base_score=3.0)
        model.fit(X[:80], noise[:80], eval_set=[(X[80:], noise[80:])], verbose=False)
        assert model.best_iteration < model.get_booster().num_boosted_rounds() - 1
        vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5])
        saved(tmp_path)
        assert (answers(tmp_path, X[:20])["score"] == model.predict(X[:20])).all()

    def test_booster_that_stopped_early_answers_with_all_its_trees(self, tmp_path: Path) -> None:
        xgboost = pytest.importorskip("xgboost")
        noise = RANDOM.normal(size=120)
        model = xgboost.train(
            {"nthread": 1},
            xgboost.DMatrix(X[:80], label=noise[:80]),
            num_boost_round=40,
            evals=[(xgboost.DMatrix(X[80:], label=noise[80:]), "later")],
            early_stopping_rounds=2,
            verbose_eval=False,
        )
        vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5])
        assert (answers(tmp_path, X[:20])["score"] == model.predict(xgboost.DMatrix(X[:20]))).all()

    def test_classifier(self, tmp_path: Path) -> None:
        xgboost = pytest.importorskip("xgboost")
        model = xgboost.XGBClassifier(n_estimators=4, n_jobs=1).fit(X, RANDOM.integers(0, 3, 120))
        vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5], outputs="probabilities")
        assert outputs(saved(tmp_path)) == [("probabilities", "FP32", [-1, 3])]
        assert (answers(tmp_path, X[:20])["probabilities"] == model.predict_proba(X[:20])).all()

    def test_categories_of_pandas(self, tmp_path: Path) -> None:
        pandas = pytest.importorskip("pandas")
        xgboost = pytest.importorskip("xgboost")
        kinds = np.array(["z", "y", "x"])[RANDOM.integers(0, 3, 120)]
        codes = RANDOM.choice([30, 10, 20], 120)
        frame = pandas.DataFrame({"a": X[:, 0], "kind": pandas.Categorical(kinds), "code": pandas.Categorical(codes)})
        target = X[:, 0] + (kinds == "x") * 3 + (codes == 20) * 5
        model = xgboost.XGBRegressor(n_estimators=5, enable_categorical=True, n_jobs=1).fit(frame, target)
        vivace_wrapper.save(tmp_path, model, example=frame[:9])
        folder = read_folder(str(tmp_path))
        assert folder.signature is not None
        _, tensors = inputs_of(frame[:20], list(frame.columns))
        loaded = load_model(folder.directory, folder.entry, folder.runtime, folder.signature)
        assert (loaded.answer(tensors, 20, None)[0].array == model.predict(frame[:20])).all()
        # One row alone, whose categories are others of the whole.
        one = [Tensor(t.name, t.datatype, t.array[3:4]) for t in tensors]
        assert loaded.answer(one, 1, None)[0].array[0] == model.predict(frame[:20])[3]

    def test_codes_of_categories(self, tmp_path: Path) -> None:
        xgboost = pytest.importorskip("xgboost")
        rows = np.stack([X[:, 0], RANDOM.integers(0, 4, 120)], axis=1)
        data = xgboost.DMatrix(rows, label=rows[:, 1] == 2, feature_types=["float", "c"], enable_categorical=True)
        model = xgboost.train({"nthread": 1}, data, num_boost_round=3)
        vivace_wrapper.save(tmp_path, model, columns=["a", "code"], example=rows[:9])
        expected = model.predict(xgboost.DMatrix(rows[:20], feature_types=["float", "c"], enable_categorical=True))
        assert (answers(tmp_path, rows[:20])["score"] == expected).all()

    def test_linear_booster(self, tmp_path: Path) -> None:
        xgboost = pytest.importorskip("xgboost")
        model = xgboost.XGBRegressor(booster="gblinear", n_estimators=4, n_jobs=1).fit(X, X[:, 0])
        vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5])
        assert (answers(tmp_path, X[:20])["score"] == model.predict(X[:20])).all()

    def test_another_value_for_missing(self, tmp_path: Path) -> None:
        xgboost = pytest.importorskip("xgboost")
        model = xgboost.XGBRegressor(n_estimators=2, missing=-999.0).fit(X, Y)
        with pytest.raises(ValueError, match="takes -999.0 for missing, which its file does not keep"):
            vivace_wrapper.save(tmp_path, model, columns=COLUMNS, example=X[:5])


OWN = """
import numpy

class Mine:
    def load(self, model_dir):
        self.weight = float(open(f"{model_dir}/weight.txt").read())

    def predict(self, request):
        return {"sum": request.matrix(float).sum(axis=1) * self.weight, "first": request["a"].astype(numpy.float32)}
"""


class TestOwnPredictor:
    def write(self, folder: Path, monkeypatch: pytest.MonkeyPatch, source: str = OWN) -> Any:
        folder.mkdir()
        (folder / "mine.py").write_text(source)
        monkeypatch.syspath_prepend(str(folder))
        import mine  # type: ignore[import-not-found]

        return mine

    def test_class_whose_files_are_in_the_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        mine = self.write(tmp_path / "notebook", monkeypatch)
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "weight.txt").write_text("3")
        vivace_wrapper.save(tmp_path / "model", mine.Mine, columns=COLUMNS, example=X[:5])
        folder = saved(tmp_path / "model")
        assert (folder.runtime, folder.entry) == ("python", "mine.py")
        assert outputs(folder) == [("sum", "FP64", [-1]), ("first", "FP32", [-1])]
        assert (tmp_path / "model" / "requirements.txt").read_text() == f"numpy=={np.__version__}\n"

    def test_instance_in_its_own_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        mine = self.write(tmp_path / "here", monkeypatch)
        (tmp_path / "here" / "weight.txt").write_text("2")
        instance = mine.Mine()
        instance.load(str(tmp_path / "here"))
        vivace_wrapper.save(tmp_path / "here", instance, columns=COLUMNS, example=X[:5], outputs=["first", "sum"])
        assert outputs(saved(tmp_path / "here"))[0][0] == "first"

    def test_instance_that_knows_more_than_its_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        mine = self.write(tmp_path / "here", monkeypatch)
        (tmp_path / "here" / "weight.txt").write_text("2")
        instance = mine.Mine()
        instance.weight = 5.0
        with pytest.raises(vivace_wrapper.SaveFailed, match=r"does not answer as the model here: .*must be in its files"):
            vivace_wrapper.save(tmp_path / "here", instance, columns=COLUMNS, example=X[:5])
        assert not (tmp_path / "here" / "model.yaml").exists()

    def test_tensors_and_requests(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        source = "class Share:\n  def predict(self, request):\n    return request['value'] / request['value'].sum()\n"
        mine = self.write(tmp_path / "here", monkeypatch, source)
        example = {"value": np.array([1.0, 3.0]), "name": ["x", "y"]}
        vivace_wrapper.save(tmp_path / "here", mine.Share, example=example, over="request")
        folder = saved(tmp_path / "here")
        assert folder.signature is not None and folder.signature.over == "request"
        assert [spec.datatype for spec in folder.signature.inputs] == ["FP64", "BYTES"]
        assert folder.self_test is not None and list(folder.self_test.outputs["score"]) == [0.25, 0.75]

    def test_without_an_example_the_output_is_a_score(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        source = "class P:\n  def predict(self, request): return request['a']\n"
        mine = self.write(tmp_path / "here", monkeypatch, source)
        vivace_wrapper.save(tmp_path / "here", mine.P, columns=COLUMNS)
        folder = described(str(tmp_path / "here"))
        assert outputs(folder) == [("score", "FP32", [-1])]
        assert check(folder).self_test == "none"

    def test_class_of_a_notebook(self, tmp_path: Path) -> None:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec("class P:\n  def predict(self, request): ...", namespace)  # noqa: S102
        with pytest.raises(ValueError, match=r"P is defined in the notebook or program that runs: write it to a module \(%%writefile predictor.py\)"):
            vivace_wrapper.save(tmp_path, namespace["P"], columns=COLUMNS)

    def test_what_is_no_predictor(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"dict has no method predict\(self, request\)"):
            vivace_wrapper.save(tmp_path, {}, columns=COLUMNS)


@pytest.mark.parametrize(
    ("columns", "names", "message"),
    [
        (["a", "b", "c"], COLUMNS, "columns and the example disagree: 3 columns in the one, and 4 in the other"),
        (["a", "c", "b", "d"], COLUMNS, 'columns and the example disagree: column 2 is "c" in the one, and "b" in the other'),
        (None, ["a", "b", "x", "d"], 'remembers what it was trained on, and the example disagree: column 3 is "c" in the one, and "x"'),
        (["a", "b", "c", "y"], None, 'columns and LinearRegression, which .*, disagree: column 4 is "y" in the one, and "d"'),
    ],
)
def test_names_both_that_disagree(tmp_path: Path, columns: Any, names: Any, message: str) -> None:
    pandas = pytest.importorskip("pandas")
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(pandas.DataFrame(X, columns=COLUMNS), Y)
    if columns is not None and names is not None:
        model = LinearRegression().fit(X, Y)
    example = X[:5] if names is None else pandas.DataFrame(X[:5], columns=names)
    with pytest.raises(ValueError, match=message):
        vivace_wrapper.save(tmp_path, model, columns=columns, example=example)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (X[:0], "the example has no rows"),
        (X[0], r"the example has the shape \[4\]: rows of columns are two-dimensional"),
        (X[:3, :2], "there are 4 columns, but the example has 2"),
        (X[:3].astype(complex), "the example is complex128: numbers and texts are served"),
        ([["a", 1, 2, 3]], "the example has a value of type int in row 0, among Python objects: a column holds texts alone"),
        ({"a": [1, 2], "b": [1]}, "different numbers of rows"),
    ],
)
def test_says_what_an_example_is_not(tmp_path: Path, example: Any, message: str) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    with pytest.raises(ValueError, match=message):
        vivace_wrapper.save(tmp_path, linear_model.LinearRegression().fit(X, Y), columns=COLUMNS, example=example)


def test_says_that_a_text_is_missing() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"city": ["a", None], "n": [1, 2]})
    with pytest.raises(ValueError, match='the column "city" has no text in row 1, where a server sends an empty one'):
        inputs_of(frame, ["city", "n"])
    with pytest.raises(ValueError, match='the column "t" is datetime64.*: give times as numbers'):
        inputs_of(pandas.DataFrame({"t": pandas.to_datetime(["2001-01-01"])}), ["t"])


def test_says_that_columns_are_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text("class P:\n  def predict(self, request): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import mine  # type: ignore[import-not-found]

    with pytest.raises(ValueError, match="the columns are not known: give columns"):
        vivace_wrapper.save(tmp_path, mine.P)
    with pytest.raises(ValueError, match='columns has the column "a" twice'):
        vivace_wrapper.save(tmp_path, mine.P, columns=["a", "a"])


def test_keeps_values_that_json_has_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text("class P:\n  def predict(self, request): return {'a': request['x'] * 2, 'b': request['n']}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import mine  # type: ignore[import-not-found]

    example = {"x": np.array([np.nan, np.inf, 1e-5]), "n": np.array([2**60 + 1, -(2**60), 0])}
    vivace_wrapper.save(tmp_path, mine.P, example=example)
    folder = saved(tmp_path)
    assert folder.self_test is not None
    assert list(folder.self_test.outputs["a"]) == ["NaN", "Infinity", 2e-05]
    assert list(folder.self_test.outputs["b"]) == [str(2**60 + 1), str(-(2**60)), 0]
