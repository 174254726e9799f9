"""Label and probabilities of classifiers: to the bit what scikit-learn gives, without asking it twice where once is enough."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from vivace_wrapper._classifier import label_and_probabilities

RANDOM = np.random.default_rng(7)
X = RANDOM.normal(size=(300, 4))
TWO = (X[:, 0] > 0).astype(np.int64)
THREE = np.array(["ą", "b", "c"])[TWO + (X[:, 1] > 0.3)]


def models() -> list[Any]:
    pytest.importorskip("sklearn")
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, RidgeClassifier, SGDClassifier
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    return [
        LogisticRegression(),
        LogisticRegressionCV(cv=2),
        SGDClassifier(loss="log_loss", random_state=0),
        SGDClassifier(loss="modified_huber", random_state=0),
        LinearDiscriminantAnalysis(),
        RandomForestClassifier(8, random_state=0),
        ExtraTreesClassifier(8, random_state=0),
        HistGradientBoostingClassifier(max_iter=3),
        GaussianNB(),
        KNeighborsClassifier(4),
        CalibratedClassifierCV(RidgeClassifier(), cv=2),
        CalibratedClassifierCV(SVC(), cv=2),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline("passthrough", StandardScaler(), make_pipeline(StandardScaler(), GaussianNB())),
        make_pipeline(LogisticRegression()),
    ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("labels", [TWO, THREE], ids=["two", "three"])
def test_same_as_the_library(labels: np.ndarray) -> None:
    for model in models():
        model.fit(X, labels)
        label, probabilities = label_and_probabilities(model)(X)
        assert label.dtype == model.predict(X).dtype, model
        assert (label == model.predict(X)).all(), model
        assert (probabilities == model.predict_proba(X)).all(), model


def test_highest_score_where_probabilities_are_equal() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    model = linear_model.LogisticRegression().fit(X, TWO)
    model.coef_, model.intercept_ = np.array([[1e-20, 0, 0, 0]]), np.array([0.0])
    label, probabilities = label_and_probabilities(model)(np.array([[1.0, 0, 0, 0], [-1.0, 0, 0, 0], [0.0, 0, 0, 0]]))
    assert (probabilities == 0.5).all()
    assert label.tolist() == [1, 0, 0]


def test_asks_once() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import make_pipeline

    asked: list[str] = []

    class Counted(BaseEstimator):  # type: ignore[misc]
        def fit(self, rows: Any, labels: Any) -> "Counted":
            self.fitted_ = True
            return self

        def transform(self, rows: Any) -> Any:
            asked.append("transform")
            return rows

    class Scored(linear_model.LogisticRegression):  # type: ignore[misc, name-defined]
        def decision_function(self, rows: Any) -> Any:
            asked.append("scores")
            return super().decision_function(rows)

    answer = label_and_probabilities(make_pipeline(Counted(), Scored()).fit(X, THREE))
    asked.clear()
    answer(X)
    answer(X)
    assert asked == ["transform", "scores"] * 2


def test_asks_a_model_whose_probabilities_are_of_other_scores() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")

    class Shifted(linear_model.LogisticRegression):  # type: ignore[misc, name-defined]
        def predict_proba(self, rows: Any) -> Any:
            return super().predict_proba(rows + 1)

    model = Shifted().fit(X, TWO)
    label, probabilities = label_and_probabilities(model)(X)
    assert (label == model.predict(X)).all()
    assert (label != probabilities.argmax(axis=1)).any()


def test_leaves_the_model_as_it_is() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    model = linear_model.LogisticRegression().fit(X, TWO)
    before = copy.copy(vars(model))
    label_and_probabilities(model)(X)
    assert vars(model) == before
