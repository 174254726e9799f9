"""Serves predictors written in Python to Vivace.

A predictor is a class with `predict(self, request)` and, if it wants, `load(self, model_dir)`:

    class MyPredictor:
        def load(self, model_dir):
            self.model = joblib.load(f"{model_dir}/model.joblib")

        def predict(self, request):
            return self.model.predict(request.matrix())

A model in a notebook becomes a folder that is served, without a line of it for the libraries that are known:

    vivace_wrapper.save("iris", model, columns=X.columns, example=X[:5])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._save import SaveFailed, save

__version__ = "0.1.0"
__all__ = ["SaveFailed", "save"]


def __getattr__(name: str) -> Any:
    # The process that watches over workers imports nothing heavy.
    if name in __all__:
        from . import _save

        return getattr(_save, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
