"""Trains the delay model on a training set that Vivace built, and exports it to ONNX.

    python train.py train.parquet model.onnx columns.json

Needs the packages of requirements.txt.
"""

import json
import sys

import lightgbm
import numpy
import pandas
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

LABEL = "label.delay"
NOT_FEATURES = ("time", "request.", "object.", "label.")


def main(train_path: str, model_path: str, columns_path: str) -> None:
    rows = pandas.read_parquet(train_path)
    columns = [
        name
        for name in rows.columns
        if not name.startswith(NOT_FEATURES) and pandas.api.types.is_numeric_dtype(rows[name])
    ]
    features = rows[columns].astype(numpy.float32).to_numpy()
    delay = rows[LABEL].to_numpy(dtype=numpy.float64)

    model = lightgbm.LGBMRegressor(
        n_estimators=250,
        learning_rate=0.05,
        num_leaves=24,
        min_child_samples=200,
        reg_lambda=10.0,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.6,
        random_state=20010601,
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )
    model.fit(features, delay)

    shape = FloatTensorType([None, len(columns)])
    exported = convert_lightgbm(model, initial_types=[("features", shape)], target_opset=15)
    renamed = exported.graph.output[0].name
    for node in exported.graph.node:
        node.output[:] = ["delay" if name == renamed else name for name in node.output]
    exported.graph.output[0].name = "delay"
    with open(model_path, "wb") as file:
        file.write(exported.SerializeToString())
    with open(columns_path, "w", encoding="utf-8") as file:
        json.dump(columns, file)
    error = float(numpy.sqrt(numpy.mean((model.predict(features) - delay) ** 2)))
    print(json.dumps({"rows": len(rows), "features": len(columns), "trees": model.n_estimators_, "training_rmse": round(error, 4)}))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
