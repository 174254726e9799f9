"""The delay model of the flights example, as a predictor of one's own."""

import joblib


class MyPredictor:
    def load(self, model_dir):
        self.model = joblib.load(f"{model_dir}/model.joblib")

    def predict(self, request):
        return {"delay": self.model.predict(request.matrix())}
