"""Trains a delay model on a training set that Vivace built, and writes it twice: as a folder with MyPredictor, and as ONNX.

    python train.py train.csv python-model model.onnx

Needs the packages of requirements.txt, and the package of adapters/python/wrapper.
"""

import os
import sys

import joblib
import numpy
import pandas
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import vivace_wrapper
from predictor import MyPredictor

LABEL = "label.delay"
NOT_FEATURES = ("time", "request.", "object.", "label.")


def main(train_path: str, folder: str, onnx_path: str) -> None:
    rows = pandas.read_csv(train_path, keep_default_na=False, na_values=[""])
    columns = [
        name
        for name in rows.columns
        if not name.startswith(NOT_FEATURES) and pandas.api.types.is_numeric_dtype(rows[name])
    ]
    features = rows[columns].astype(numpy.float32)
    model = make_pipeline(SimpleImputer(), StandardScaler(), Ridge(alpha=100.0))
    model.fit(features.to_numpy(), rows[LABEL])

    os.makedirs(folder, exist_ok=True)
    joblib.dump(model, f"{folder}/model.joblib")
    outputs = [{"name": "delay", "datatype": "FP32", "shape": [-1]}]
    vivace_wrapper.save(folder, MyPredictor, columns=columns, example=features[:5], outputs=outputs)

    exported = to_onnx(model, initial_types=[("features", FloatTensorType([None, len(columns)]))], target_opset=17)
    renamed = exported.graph.output[0].name
    for node in exported.graph.node:
        node.output[:] = ["delay" if name == renamed else name for name in node.output]
    exported.graph.output[0].name = "delay"
    with open(onnx_path, "wb") as file:
        file.write(exported.SerializeToString())
    print(f"trained on {len(rows)} flights, {len(columns)} features")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
