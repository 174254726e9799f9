"""Models of libraries without a line of Python by their author: each answers as the library does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivace_wrapper._frames import Tensor
from vivace_wrapper._model import LoadFailed, Model, load_model
from vivace_wrapper._signature import Signature, TensorSpec

RANDOM = np.random.default_rng(1)
X = RANDOM.normal(size=(200, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int64)
FEATURES = TensorSpec("features", "FP32", (-1, 4), ("a", "b", "c", "d"))


def signature(*outputs: tuple[str, str, tuple[int, ...]]) -> Signature:
    return Signature((FEATURES,), tuple(TensorSpec(*output) for output in outputs))


def ask(model: Model, rows: int = 50) -> dict[str, np.ndarray]:
    return {t.name: t.array for t in model.answer([Tensor("features", "FP32", X[:rows])], rows, None)}


def test_sklearn_classifier(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    import joblib
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression().fit(X.astype(np.float64), Y)
    joblib.dump(fitted, tmp_path / "model.joblib")
    declared = signature(("label", "INT64", (-1,)), ("probabilities", "FP32", (-1, 2)))
    answer = ask(load_model(str(tmp_path), "model.joblib", "sklearn", declared))
    assert (answer["label"] == fitted.predict(X[:50])).all()
    np.testing.assert_allclose(answer["probabilities"], fitted.predict_proba(X[:50]), rtol=1e-6)


def test_sklearn_regressor_with_names(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    import joblib
    from sklearn.linear_model import LinearRegression

    # In another order than the columns of the model.
    frame = pandas.DataFrame(X, columns=["a", "b", "c", "d"])[["d", "a", "b", "c"]]
    fitted = LinearRegression().fit(frame, X[:, 3] * 2 + X[:, 0])
    joblib.dump(fitted, tmp_path / "model.joblib")
    answer = ask(load_model(str(tmp_path), "model.joblib", "sklearn", signature(("score", "FP32", (-1,)))))
    np.testing.assert_allclose(answer["score"], X[:50, 3] * 2 + X[:50, 0], rtol=1e-4, atol=1e-5)


def test_sklearn_with_the_names_of_a_pipeline(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    import joblib
    from sklearn.linear_model import LinearRegression

    fitted = LinearRegression().fit(pandas.DataFrame(X, columns=["d", "a", "b", "c"]), X[:, 0] * 2 + X[:, 1])
    joblib.dump(fitted, tmp_path / "model.joblib")

    def load(*columns: str) -> Model:
        spec = TensorSpec("features", "FP32", (-1, 4), columns)
        return load_model(str(tmp_path), "model.joblib", "sklearn", Signature((spec,), (TensorSpec("score", "FP32", (-1,)),)))

    answer = ask(load("request.a", "request.b", "object.c", "d"))
    np.testing.assert_allclose(answer["score"], X[:50, 3] * 2 + X[:50, 0], rtol=1e-4, atol=1e-5)
    with pytest.raises(LoadFailed, match='a column "d", which the signature does not have; it has a, b, c, e'):
        load("a", "b", "c", "e")
    with pytest.raises(LoadFailed, match='a column "a", which may be each of here.a, there.a'):
        load("here.a", "there.a", "c", "d")


def test_lightgbm(tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    booster = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(X, Y), num_boost_round=5
    )
    booster.save_model(str(tmp_path / "model.txt"))
    answer = ask(load_model(str(tmp_path), "model.txt", "lightgbm", signature(("score", "FP64", (-1,)))))
    assert (answer["score"] == booster.predict(X[:50].astype(np.float64))).all()


def test_xgboost(tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    booster = xgboost.train(
        {"objective": "multi:softprob", "num_class": 3, "nthread": 1},
        xgboost.DMatrix(X, label=RANDOM.integers(0, 3, 200)),
        num_boost_round=3,
    )
    booster.save_model(str(tmp_path / "model.json"))
    declared = signature(("probabilities", "FP32", (-1, 3)))
    answer = ask(load_model(str(tmp_path), "model.json", "xgboost", declared))
    assert (answer["probabilities"] == booster.predict(xgboost.DMatrix(X[:50]))).all()


@pytest.mark.parametrize("runtime", ["sklearn", "lightgbm", "xgboost"])
def test_says_that_a_file_is_not_of_the_library(tmp_path: Path, runtime: str) -> None:
    (tmp_path / "model").write_text("nothing")
    with pytest.raises(LoadFailed, match=f"as {runtime}|is not installed"):
        load_model(str(tmp_path), "model", runtime, signature(("score", "FP32", (-1,))))
