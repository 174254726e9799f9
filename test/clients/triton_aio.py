"""Triton's asynchronous HTTP client against a server of the tests; ends with 1 where anything is not as it should be."""

import asyncio
import sys

import numpy as np
import tritonclient.http.aio as http
from tritonclient.utils import InferenceServerException


async def main():
    async with http.InferenceServerClient(sys.argv[1]) as client:
        assert await client.is_server_live() and await client.is_server_ready()
        assert await client.is_model_ready("long") and not await client.is_model_ready("none")
        assert (await client.get_model_metadata("long"))["inputs"][0]["datatype"] == "FP64"
        data = np.arange(3, dtype=np.float64) / 7
        for binary in (True, False):
            tensor = http.InferInput("x", [3], "FP64")
            tensor.set_data_from_numpy(data, binary_data=binary)
            for outputs in (None, [http.InferRequestedOutput("x", binary_data=binary)]):
                for coding in (None, "gzip", "deflate"):
                    answers = await asyncio.gather(
                        *[
                            client.infer(
                                "long",
                                [tensor],
                                outputs=outputs,
                                request_compression_algorithm=coding,
                                response_compression_algorithm=coding,
                            )
                            for _ in range(8)
                        ]
                    )
                    for answer in answers:
                        assert answer.as_numpy("x").tobytes() == data.tobytes()
        try:
            await client.infer("none", [tensor])
        except InferenceServerException as error:
            assert error.status() == "404" and "there is no model" in error.message(), error
        else:
            raise AssertionError("it was not refused")
        assert (await client.get_inference_statistics("long"))["model_stats"][0]["name"] == "long"


asyncio.run(main())
print("as it should be")
