"""One row of a scikit-learn model over the Open Inference Protocol as one would write it by hand: orjson, one run of the model."""

import json
import sys

import joblib
import numpy
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response

given = json.loads(sys.argv[1])

model = joblib.load(given["model"])
app = FastAPI()


@app.post("/v2/models/iris/infer")
async def infer(request: Request) -> Response:
    tensor = orjson.loads(await request.body())["inputs"][0]
    features = numpy.array(tensor["data"], dtype=numpy.float32).astype(numpy.float64).reshape(tensor["shape"])
    probabilities = model.predict_proba(features)
    label = model.classes_[probabilities.argmax(axis=1)]
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
