"""The model as its author writes it: no line of TypeScript."""

import joblib


class FlightDelays:
    """Expected arrival delay in minutes."""

    def load(self, model_dir):
        self.model = joblib.load(f"{model_dir}/model.joblib")

    def predict(self, request):
        return self.model.predict(request.matrix())
