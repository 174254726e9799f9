"""The frames against the vectors of docs/worker-frames.md and against bytes that were changed on their way, and headers that are remembered."""

from __future__ import annotations

import json
import os
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vivace_wrapper import _frames
from vivace_wrapper._frames import DTYPES, BrokenFrame, Frame, Tensor, encode, read_frame, read_prefix

PAGE = Path(__file__).parents[4] / "docs" / "worker-frames.md"


def vectors(kind: str) -> list[dict[str, Any]]:
    text = PAGE.read_text(encoding="utf-8")
    return [json.loads(block) for block in re.findall(rf"```json {kind}\n(.*?)```", text, re.S)]


def frame_of(vector: dict[str, Any]) -> Frame:
    tensors = []
    for tensor in vector["tensors"]:
        values = tensor["data"]
        if tensor["datatype"] == "INT64":
            values = [int(value) for value in values]
        if tensor["datatype"] == "BYTES":
            values = [value if isinstance(value, str) else bytes(value) for value in values]
        array = np.array(values, dtype=DTYPES[tensor["datatype"]]).reshape(tensor["shape"])
        tensors.append(Tensor(tensor["name"], tensor["datatype"], array))
    return Frame(vector["type"], vector["call"], vector["header"], tensors)


def read(raw: bytes | bytearray) -> Frame:
    prefix = read_prefix(raw[:16])
    body = np.frombuffer(bytearray(raw[16 : 16 + prefix.length]), dtype=np.uint8)
    if len(body) < prefix.length:
        raise BrokenFrame("the connection ended within a frame")
    return read_frame(prefix, body)


def plain(frame: Frame) -> tuple[Any, ...]:
    tensors = [(t.name, t.datatype, t.array.shape, t.array.tolist()) for t in frame.tensors]
    return frame.type, frame.call, frame.header, tensors


def name_of(vector: dict[str, Any]) -> str:
    return str(vector.get("why") or f"{vector['type']}-{vector['call']}")


def test_the_page_has_vectors() -> None:
    assert len(vectors("frame")) > 5
    assert len(vectors("broken")) > 10


@pytest.mark.parametrize("vector", vectors("frame"), ids=name_of)
def test_writes(vector: dict[str, Any]) -> None:
    assert b"".join(encode(frame_of(vector))).hex() == vector["hex"]


@pytest.mark.parametrize("vector", vectors("frame"), ids=name_of)
def test_reads(vector: dict[str, Any]) -> None:
    assert plain(read(bytes.fromhex(vector["hex"]))) == plain(frame_of(vector))


@pytest.mark.parametrize("vector", vectors("broken"), ids=name_of)
def test_refuses(vector: dict[str, Any]) -> None:
    with pytest.raises(BrokenFrame, match=f"^{re.escape(vector['reason'])}$"):
        read(bytes.fromhex(vector["hex"]))


def test_arrays_are_read_only_views() -> None:
    vector = next(vector for vector in vectors("frame") if vector["type"] == "PREDICT")
    frame = read(bytes.fromhex(vector["hex"]))
    for tensor in frame.tensors:
        assert not tensor.array.flags.owndata
        with pytest.raises(ValueError, match="read-only"):
            tensor.array[0] = 1


def test_changed_frames_are_read_or_refused() -> None:
    known = [bytes.fromhex(vector["hex"]) for vector in vectors("frame")]
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    runs = int(os.environ.get("FUZZ_RUNS", "20000"))
    refused = 0
    for _ in range(runs):
        raw = bytearray(draw.choice(known))
        for _ in range(draw.randint(1, 4)):
            raw[draw.randrange(len(raw))] = draw.randrange(256)
        if draw.random() < 0.2:
            del raw[max(16, draw.randrange(len(raw))) :]
        try:
            for tensor in read(bytes(raw)).tensors:
                assert tensor.array.size == np.prod(tensor.array.shape), f"seed {seed}"
        except BrokenFrame:
            refused += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}: {bytes(raw).hex()}") from error
    assert refused > runs / 10


def raw_call(number: int, array: np.ndarray, datatype: str = "FP32") -> bytes:
    return b"".join(encode(Frame("PREDICT", number, {"rows": len(array)}, [Tensor("x", datatype, array)])))


def test_a_remembered_header_is_read_for_each_frame() -> None:
    for number in range(1, 4):
        frame = read(raw_call(number, np.array([[number, number]])))
        assert (frame.call, frame.header, frame.tensors[0].array.tolist()) == (number, {"rows": 1}, [[number, number]])
        # What a caller does to a header is its own affair.
        frame.header["rows"] = 99


def test_a_remembered_header_does_not_hide_what_is_wrong_behind_it() -> None:
    good = raw_call(1, np.array([True, False, True]), "BOOL")
    assert read(good).call == 1
    # The last byte is padding, and a BOOL stands eight before the end.
    for at, value, message in ((-1, 1, "padding"), (-8, 2, "a BOOL is 0 or 1")):
        broken = bytearray(good)
        broken[at] = value
        with pytest.raises(BrokenFrame, match=message):
            read(broken)


def test_a_remembered_header_with_another_length_is_read_anew() -> None:
    good = raw_call(1, np.zeros((1, 2)))
    assert read(good).call == 1
    longer = bytearray(good) + bytes(8)
    longer[0] += 8
    with pytest.raises(BrokenFrame, match="8 bytes of a frame belong to no tensor"):
        read(longer)


def test_no_more_headers_are_remembered_than_some() -> None:
    for rows in range(1, 1_200):
        assert read(raw_call(rows, np.zeros((rows, 1)))).call == rows
        encode(Frame("RESULT", rows, tensors=[Tensor("y", "FP32", np.zeros(rows))]))
    assert 0 < len(_frames._layouts) <= 512
    assert 0 < len(_frames._texts) <= 512
