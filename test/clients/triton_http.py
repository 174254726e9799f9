"""Triton's HTTP client against a server of the tests; ends with 1 where anything is not as it should be."""

import sys

import numpy as np
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

client = http.InferenceServerClient(sys.argv[1])

values = {
    "fp32": ("FP32", np.array([[0.1, -0.0], [np.inf, np.nan]], dtype=np.float32)),
    "fp64": ("FP64", np.array([[0.1], [-1e308]], dtype=np.float64)),
    "int32": ("INT32", np.array([-(2**31), 2**31 - 1], dtype=np.int32)),
    "int64": ("INT64", np.array([2**53 + 1, -(2**63)], dtype=np.int64)),
    "bool": ("BOOL", np.array([True, False], dtype=bool)),
    "bytes": ("BYTES", np.array(["ż".encode(), b"\x00"], dtype=object)),
}


def inputs(binary, left_out=()):
    made = []
    for name, (datatype, array) in values.items():
        if name in left_out:
            continue
        given = np.nan_to_num(array) if not binary and datatype == "FP32" else array
        tensor = http.InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(given.astype(array.dtype), binary_data=binary)
        made.append(tensor)
    return made


def same(result, binary):
    for name, (datatype, array) in values.items():
        expected = np.nan_to_num(array) if not binary and datatype == "FP32" else array
        got = result.as_numpy(name)
        if datatype == "BYTES" and got.dtype == object:
            got = np.array([one if isinstance(one, bytes) else one.encode() for one in got], dtype=object)
            assert list(got) == list(expected), (name, got)
        else:
            assert got.dtype == array.dtype and got.tobytes() == expected.astype(array.dtype).tobytes(), (name, got)


def refused(status, call):
    try:
        call()
    except InferenceServerException as error:
        assert error.status() == status, error
        assert error.message() and "exception occurred" not in error.message(), error
        return
    raise AssertionError("it was not refused")


assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready("scripted") and client.is_model_ready("scripted", "1")
assert not client.is_model_ready("none") and not client.is_model_ready("scripted", "2")
assert client.get_server_metadata()["name"] == "vivace"
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
metadata = client.get_model_metadata("scripted", "1")
assert {one["name"]: one["datatype"] for one in metadata["inputs"]} == {k: v[0] for k, v in values.items()}

# Binary in and out is what the client does by default.
answer = client.infer("scripted", inputs(True), request_id="a-1")
same(answer, True)
assert answer.get_response()["id"] == "a-1" and answer.get_response()["model_version"] == "1"
same(client.infer("scripted", inputs(True), model_version="1"), True)
same(client.infer("scripted", inputs(False)), False)
wanted = [http.InferRequestedOutput(name, binary_data=False) for name in reversed(values)]
answer = client.infer("scripted", inputs(True), outputs=wanted)
assert [one["name"] for one in answer.get_response()["outputs"]] == list(reversed(values))
same(answer, True)
for coding in ("gzip", "deflate"):
    same(
        client.infer(
            "scripted", inputs(True), request_compression_algorithm=coding, response_compression_algorithm=coding
        ),
        True,
    )
long = http.InferInput("x", [50_000], "FP64")
long.set_data_from_numpy(np.ones(50_000))
zipped = client.infer("long", [long], response_compression_algorithm="gzip")
assert zipped.as_numpy("x").sum() == 50_000
pending = [client.async_infer("scripted", inputs(True)) for _ in range(8)]
for one in pending:
    same(one.get_result(), True)

refused("404", lambda: client.infer("none", inputs(True)))
refused("400", lambda: client.infer("scripted", inputs(True, ["bool"])))
refused("404", lambda: client.get_model_metadata("scripted", "2"))
refused("501", lambda: client.get_model_config("scripted"))
half = http.InferInput("fp32", [1], "FP16")
half.set_data_from_numpy(np.ones(1, dtype=np.float16))
refused("400", lambda: client.infer("scripted", [half]))

# A pipeline is a model.
ids = http.InferInput("object.id", [3], "BYTES")
ids.set_data_from_numpy(np.array([b"a", b"missing", b"b"], dtype=object))
answer = client.infer("rank", [ids])
assert answer.as_numpy("index").tolist() == [2, 0, 1], answer.as_numpy("index")
assert answer.as_numpy("level").tolist()[:2] == [2.0, 1.0]
assert answer.get_output("level")["parameters"]["nulls"] == "[2]"
assert "MISSING" in answer.get_response()["parameters"]["degraded"]

stats = client.get_inference_statistics("scripted")["model_stats"][0]
assert stats["inference_stats"]["success"]["count"] > 10 and stats["inference_stats"]["fail"]["count"] > 0
assert len(client.get_inference_statistics()["model_stats"]) == 3
index = {one["name"]: one["state"] for one in client.get_model_repository_index()}
assert index == {"rank": "READY", "scripted": "READY", "long": "READY"}, index
refused("501", lambda: client.load_model("scripted"))
refused("400", lambda: client.load_model("scripted", files={"file:1/model.onnx": b"x"}, config="{}"))
refused("501", lambda: client.unload_model("scripted"))
client.close()
print("as it should be")
