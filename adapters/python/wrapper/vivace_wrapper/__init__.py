"""Serves predictors written in Python to Vivace.

A predictor is a class with `predict(self, request)` and, if it wants, `load(self, model_dir)`:

    class MyPredictor:
        def load(self, model_dir):
            self.model = joblib.load(f"{model_dir}/model.joblib")

        def predict(self, request):
            return self.model.predict(request.matrix())
"""

__version__ = "0.1.0"
