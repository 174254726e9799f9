"""KServe's client against a server of the tests; ends with 1 where anything is not as it should be."""

import asyncio
import sys

import httpx
import numpy as np
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig
from kserve.protocol.infer_type import RequestedOutput


async def main():
    url = f"http://{sys.argv[1]}"
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await client.is_server_live(url) and await client.is_server_ready(url)
    assert await client.is_model_ready(url, "long")
    assert not await client.is_model_ready(url, "none")
    data = np.arange(3, dtype=np.float64) / 7
    for binary in (True, False):
        tensor = InferInput("x", [3], "FP64")
        tensor.set_data_from_numpy(data, binary_data=binary)
        for wanted in (True, False):
            request = InferRequest(
                "long", [tensor], request_id="a-1", request_outputs=[RequestedOutput("x", {"binary_data": wanted})]
            )
            answer = await client.infer(url, request, model_name="long")
            assert answer.id == "a-1" and answer.model_name == "long", answer
            assert answer.outputs[0].as_numpy().tobytes() == data.tobytes(), (binary, wanted)
    ids = InferInput("object.id", [3], "BYTES")
    ids.set_data_from_numpy(np.array([b"a", b"missing", b"b"], dtype=object), binary_data=True)
    answer = await client.infer(url, InferRequest("rank", [ids]), model_name="rank")
    assert answer.get_output_by_name("index").as_numpy().tolist() == [2, 0, 1]
    assert "MISSING" in answer.parameters["degraded"]
    try:
        await client.infer(url, {"inputs": []}, model_name="long")
    except httpx.HTTPStatusError as error:
        assert "the input" in str(error) and error.response.status_code == 400, error
    else:
        raise AssertionError("it was not refused")
    await client.close()


asyncio.run(main())
print("as it should be")
