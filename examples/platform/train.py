"""Trains on the training set that Vivace built, and leaves a folder that `vivace models push` takes.

    python train.py train.csv DIRECTORY [depth]
"""

import json
import os
import shutil
import sys

import joblib
import numpy
import pandas
from sklearn.ensemble import HistGradientBoostingRegressor

LABEL = "label.delay"
NOT_FEATURES = ("time", "request.", "object.", "label.")


def main(train_path: str, directory: str, depth: int) -> None:
    rows = pandas.read_csv(train_path)
    columns = [
        name
        for name in rows.columns
        if not name.startswith(NOT_FEATURES) and pandas.api.types.is_numeric_dtype(rows[name])
    ]
    features = rows[columns].to_numpy(dtype=numpy.float32)
    delay = rows[LABEL].to_numpy(dtype=numpy.float64)
    model = HistGradientBoostingRegressor(max_iter=60, max_depth=depth, random_state=1).fit(features, delay)

    os.makedirs(directory, exist_ok=True)
    joblib.dump(model, os.path.join(directory, "model.joblib"))
    shutil.copy(os.path.join(os.path.dirname(__file__), "predictor", "predictor.py"), directory)
    with open(os.path.join(directory, "model.yaml"), "w", encoding="utf-8") as file:
        file.write(f"runtime: python\nentry: predictor.py\ncolumns: {json.dumps(columns)}\n")
    error = float(numpy.sqrt(numpy.mean((model.predict(features) - delay) ** 2)))
    print(json.dumps({"rows": len(rows), "features": len(columns), "training_rmse": round(error, 3)}))


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) == 4 else 3)
