"""From what `predict` returned to the declared outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vivace_wrapper._answer import WrongAnswer, outputs_of
from vivace_wrapper._signature import Signature, TensorSpec


def signature(*outputs: tuple[str, str, tuple[int, ...]]) -> Signature:
    return Signature((), tuple(TensorSpec(*output) for output in outputs))


SCORE = signature(("score", "FP32", (-1,)))
BOTH = signature(("label", "INT64", (-1,)), ("probabilities", "FP32", (-1, 2)))


def answered(answer: Any, declared: Signature = SCORE, rows: int = 2) -> list[Any]:
    return [(tensor.name, tensor.array.dtype.str, tensor.array.tolist()) for tensor in outputs_of(answer, declared, rows)]


@pytest.mark.parametrize(
    "answer",
    [np.array([1.0, 2.0]), [1, 2], (1.0, 2.0), {"score": [1, 2]}, np.array([1, 2], dtype=np.float16)],
)
def test_takes_arrays_lists_and_mappings(answer: Any) -> None:
    assert answered(answer) == [("score", "<f4", [1.0, 2.0])]


def test_takes_a_data_frame() -> None:
    pandas = pytest.importorskip("pandas")
    assert answered(pandas.Series([1.0, 2.0])) == [("score", "<f4", [1.0, 2.0])]
    assert answered(pandas.DataFrame({"score": [1.0, 2.0]})) == [("score", "<f4", [1.0, 2.0])]
    wide = signature(("scores", "FP64", (-1, 2)))
    assert answered(pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}), wide) == [
        ("scores", "<f8", [[1.0, 3.0], [2.0, 4.0]])
    ]


def test_takes_types_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    for values in (
        pandas.array([1.5, None], dtype="Float64"),
        pandas.array([1.5, None], dtype="Float32"),
        pandas.Series([1.5, None], dtype=object),
    ):
        (tensor,) = outputs_of(pandas.Series(values), SCORE, 2)
        assert tensor.array[0] == 1.5 and np.isnan(tensor.array[1])
    integers = signature(("n", "INT64", (-1,)))
    assert answered(pandas.Series([3, 4], dtype="Int64"), integers) == [("n", "<i8", [3, 4])]
    assert answered(pandas.Series(pandas.Categorical([3, 4])), integers) == [("n", "<i8", [3, 4])]
    assert answered(pandas.DataFrame({"n": pandas.array([3, 4], dtype="Int32")}), integers) == [("n", "<i8", [3, 4])]
    flags = signature(("flag", "BOOL", (-1,)))
    assert answered(pandas.Series([True, False], dtype="boolean"), flags) == [("flag", "|b1", [True, False])]
    words = signature(("word", "BYTES", (-1,)))
    for dtype in ("str", "string", "category", object):
        assert answered(pandas.Series(["a", "b"], dtype=dtype), words) == [("word", "|O", ["a", "b"])]
    mixed = pandas.DataFrame({"a": [1, 2], "b": pandas.array([0.5, None], dtype="Float64"), "c": [True, False]})
    (tensor,) = outputs_of(mixed, signature(("all", "FP64", (-1, 3))), 2)
    assert tensor.array[0].tolist() == [1, 0.5, 1] and np.isnan(tensor.array[1, 1])


@pytest.mark.parametrize(
    ("values", "dtype", "output", "message"),
    [
        ([1, None], "Int64", "INT64", "has missing values, which INT64 cannot hold"),
        ([True, None], "boolean", "BOOL", "has missing values, which BOOL cannot hold"),
        ([1.0, np.nan], "float64", "INT64", "has missing values, which INT64 cannot hold"),
        (["a", None], "str", "BYTES", "has missing values, which BYTES cannot hold"),
        (["a", "b"], "category", "FP32", "is object, but FP32"),
    ],
)
def test_says_that_a_value_is_missing(values: Any, dtype: str, output: str, message: str) -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(WrongAnswer, match=message):
        outputs_of(pandas.Series(values, dtype=dtype), signature(("x", output, (-1,))), 2)


def test_says_that_something_is_not_an_array() -> None:
    class Odd:
        def __array__(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("it requires grad")

    with pytest.raises(WrongAnswer, match='the output "score" is not an array: it requires grad'):
        outputs_of(Odd(), SCORE, 2)


def test_takes_several_outputs_in_any_order() -> None:
    answer = {"probabilities": [[0.1, 0.9], [1, 0]], "label": np.array([1, 0], dtype=np.int32)}
    assert [each[0] for each in answered(answer, BOTH)] == ["label", "probabilities"]


def test_takes_texts_and_bytes() -> None:
    declared = signature(("word", "BYTES", (-1,)))
    assert answered(["a", b"\xff"], declared) == [("word", "|O", ["a", b"\xff"])]
    assert answered(np.array(["a", "b"]), declared) == [("word", "|O", ["a", "b"])]


def test_takes_no_rows() -> None:
    assert answered([], rows=0) == [("score", "<f4", [])]


@pytest.mark.parametrize(
    ("answer", "declared", "message"),
    [
        (None, SCORE, r'the output "score" is None, but FP32 \[2\] is declared'),
        ([1, 2, 3], SCORE, r'the output "score" has the shape \[3\], but FP32 \[2\] is declared'),
        ([[1], [2]], SCORE, r'has the shape \[2, 1\], but FP32 \[2\]'),
        (1.0, SCORE, r"has the shape \[\], but FP32 \[2\]"),
        (["a", "b"], SCORE, r"is <U1, but FP32 \[2\] is declared"),
        ([1 + 2j, 2], SCORE, "is complex128"),
        ([[1], [2, 3]], SCORE, "is not an array"),
        ([1e300, 1], SCORE, "has a number that FP32 cannot hold"),
        ({"scores": [1, 2]}, SCORE, 'it gave "scores", but declared is "score"'),
        ({}, SCORE, 'the output "score" is missing; it gave nothing'),
        ({"label": [1, 2]}, BOTH, 'the output "probabilities" is missing; it gave "label"'),
        ([1, 2], BOTH, 'a list, but several outputs are declared: return a mapping of "label", "probabilities"'),
        ({"label": [1.5, 2], "probabilities": [[1, 0], [1, 0]]}, BOTH, "is float64, but INT64"),
        ([2**40, 1], signature(("n", "INT32", (-1,))), "has an integer that INT32 cannot hold"),
        (["a", 3], signature(("word", "BYTES", (-1,))), "is BYTES, but holds an int"),
    ],
)
def test_says_what_was_expected(answer: Any, declared: Signature, message: str) -> None:
    with pytest.raises(WrongAnswer, match=message):
        outputs_of(answer, declared, 2)


def test_keeps_infinity_and_nan() -> None:
    (tensor,) = outputs_of(np.array([np.inf, np.nan]), SCORE, 2)
    assert np.isinf(tensor.array[0]) and np.isnan(tensor.array[1])
