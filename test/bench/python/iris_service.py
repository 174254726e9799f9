"""One row of a model over the Open Inference Protocol as one would write it by hand: orjson, one run of the model."""

import json
import sys

import numpy
import onnxruntime
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response

given = json.loads(sys.argv[1])

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(given["model"], options, providers=["CPUExecutionProvider"])
app = FastAPI()


@app.post("/v2/models/iris/infer")
async def infer(request: Request) -> Response:
    tensor = orjson.loads(await request.body())["inputs"][0]
    features = numpy.array(tensor["data"], dtype=numpy.float32).reshape(tensor["shape"])
    label, probabilities = session.run(["label", "probabilities"], {"features": features})
    answer = {
        "model_name": "iris",
        "model_version": "1",
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": list(label.shape), "data": label.tolist()},
            {
                "name": "probabilities",
                "datatype": "FP32",
                "shape": list(probabilities.shape),
                "data": probabilities.ravel().tolist(),
            },
        ],
    }
    return Response(orjson.dumps(answer), media_type="application/json")


uvicorn.run(app, host="127.0.0.1", port=given["port"], log_level="error", access_log=False)
