"""Label and probabilities of a classifier of scikit-learn, as `predict` and `predict_proba` give them, without the work that they share being done twice."""

from __future__ import annotations

import copy
from typing import Any, Callable

#: What `predict` and `predict_proba` give for the same rows, in that order.
Both = Callable[[Any], "tuple[Any, Any]"]


def label_and_probabilities(model: Any) -> Both:
    """Answers the same as `predict` and `predict_proba` to the bit; `model` is left as it is."""
    return _of_pipeline(model) or _of_forest(model) or _of_linear(model) or _twice(model)


def _twice(model: Any) -> Both:
    return lambda rows: (model.predict(rows), model.predict_proba(rows))


def _of_pipeline(model: Any) -> Both | None:
    """The rows are transformed once."""
    from sklearn.pipeline import Pipeline

    # A class of another library may do more than its steps.
    if type(model) is not Pipeline:
        return None
    steps = [step for _, step in model.steps if step is not None and step != "passthrough"]
    if not steps or steps[-1] is not model.steps[-1][1]:
        return None
    last = label_and_probabilities(steps.pop())

    def both(rows: Any) -> tuple[Any, Any]:
        for step in steps:
            rows = step.transform(rows)
        return last(rows)

    return both


def _of_forest(model: Any) -> Both | None:
    """The label is the class of the highest probability. It is not for SVC, nor for a tuned threshold."""
    try:
        from sklearn.ensemble import ForestClassifier
    except ImportError:
        try:
            from sklearn.ensemble._forest import ForestClassifier
        except ImportError:
            return None
    if type(model).predict is not ForestClassifier.predict:
        return None

    def both(rows: Any) -> tuple[Any, Any]:
        probabilities = model.predict_proba(rows)
        return model.classes_[probabilities.argmax(axis=1)], probabilities

    return both


def _of_linear(model: Any) -> Both | None:
    """The label is the class of the highest score, from which the probabilities are made. Two scores may differ whose probabilities do not."""
    try:
        from sklearn.linear_model._base import LinearClassifierMixin
    except ImportError:
        return None
    if type(model).predict is not LinearClassifierMixin.predict:
        return None
    asked: list[tuple[Any, Any]] = []

    def decision_function(rows: Any) -> Any:
        scores = model.decision_function(rows)
        # The probabilities may take their place.
        asked.append((rows, scores.copy()))
        return scores

    remembering = copy.copy(model)
    remembering.decision_function = decision_function

    def both(rows: Any) -> tuple[Any, Any]:
        asked.clear()
        probabilities = remembering.predict_proba(rows)
        if len(asked) != 1 or asked[0][0] is not rows:
            return model.predict(rows), probabilities
        _, scores = asked.pop()
        chosen = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return model.classes_.take(chosen), probabilities

    return both
