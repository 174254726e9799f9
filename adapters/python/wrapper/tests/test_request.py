"""What `predict` is given."""

from __future__ import annotations

import numpy as np
import pytest

from vivace_wrapper._request import Request
from vivace_wrapper._signature import Signature, TensorSpec, parse_signature

SIGNATURE = parse_signature(
    {
        "inputs": [
            {"name": "features", "datatype": "FP32", "shape": [-1, 3], "columns": ["age", "fare", "x"]},
            {"name": "x", "datatype": "FP64", "shape": [-1]},
            {"name": "city", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1]}],
        "over": "request",
    }
)


@pytest.fixture
def request_of_three() -> Request:
    features = np.arange(9, dtype=np.float32).reshape(3, 3)
    cities = np.array(["a", "b", "c"], dtype=object)
    arrays = {"features": features, "x": np.array([0.5, 1.5, 2.5]), "city": cities}
    return Request(arrays, SIGNATURE, 3, np.array([0, 1, 3], dtype=np.int32))


def test_gives_tensors_and_columns_by_name(request_of_three: Request) -> None:
    assert request_of_three["features"].shape == (3, 3)
    assert request_of_three["fare"].tolist() == [1, 4, 7]
    # A tensor comes before a column of its name.
    assert request_of_three["x"].tolist() == [0.5, 1.5, 2.5]
    assert list(request_of_three) == ["features", "x", "city"]
    assert len(request_of_three) == 3
    assert "age" in request_of_three and "nope" not in request_of_three


def test_says_what_there_is_where_a_name_is_unknown(request_of_three: Request) -> None:
    with pytest.raises(KeyError, match="'nope': the tensors are features, x, city; the columns are age, fare"):
        request_of_three["nope"]


def test_lists_columns_in_order(request_of_three: Request) -> None:
    assert request_of_three.columns == ["age", "fare", "x", "x", "city"]
    assert request_of_three.rows == 3


def test_cuts_requests(request_of_three: Request) -> None:
    parts = list(request_of_three.requests())
    assert [part.rows for part in parts] == [1, 2]
    assert [part["city"].tolist() for part in parts] == [["a"], ["b", "c"]]
    assert [part.offsets.tolist() for part in parts] == [[0, 1], [0, 2]]


def test_the_matrix_of_one_input_is_a_view() -> None:
    signature = parse_signature(
        {
            "inputs": [{"name": "f", "datatype": "FP32", "shape": [-1, 2]}],
            "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1]}],
        }
    )
    array = np.ones((4, 2), dtype=np.float32)
    request = Request({"f": array}, signature, 4)
    assert np.shares_memory(request.matrix(), array)
    assert request.matrix(np.float64).dtype == np.float64
    assert [part.rows for part in request.requests()] == [4]


def test_the_matrix_of_several_inputs_puts_them_side_by_side() -> None:
    signature = parse_signature(
        {
            "inputs": [
                {"name": "a", "datatype": "FP32", "shape": [-1, 2]},
                {"name": "b", "datatype": "INT64", "shape": [-1]},
            ],
            "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1]}],
        }
    )
    arrays = {"a": np.array([[1, 2], [3, 4]], dtype=np.float32), "b": np.array([5, 6])}
    request = Request(arrays, signature, 2)
    assert request.matrix().tolist() == [[1, 2, 5], [3, 4, 6]]
    assert request.matrix().dtype == np.float32
    empty = Request({"a": np.empty((0, 2), np.float32), "b": np.empty(0, np.int64)}, signature, 0)
    assert empty.matrix().shape == (0, 3)


def test_becomes_a_data_frame(request_of_three: Request) -> None:
    pandas = pytest.importorskip("pandas")
    frame = request_of_three.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["age", "fare", "x", "city"]
    assert frame["city"].tolist() == ["a", "b", "c"]


def test_says_that_texts_are_not_numbers() -> None:
    declared = Signature((TensorSpec("word", "BYTES", (-1,)),), ())
    request = Request({"word": np.array(["a", "b"], object)}, declared, 2)
    with pytest.raises(TypeError, match='the input "word" has texts: ask for it by name'):
        request.matrix()
    assert request.matrix(object).tolist() == [["a"], ["b"]]
