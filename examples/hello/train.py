"""Trains the iris classifier of this example. Run: pip install scikit-learn skl2onnx; python train.py"""

from pathlib import Path

from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

features, labels = load_iris(return_X_y=True)
model = LogisticRegression(max_iter=1000).fit(features, labels)

onnx = to_onnx(
    model,
    initial_types=[("features", FloatTensorType([None, 4]))],
    options={id(model): {"zipmap": False}},  # probabilities as a tensor, not as a list of dictionaries
    target_opset=17,
)
(Path(__file__).parent / "iris.onnx").write_bytes(onnx.SerializeToString())
