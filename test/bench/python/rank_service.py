"""The ranking over Redis as one would write it by hand: one MGET, one matrix, one run of the model, orjson."""

import asyncio
import json
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor

import numpy
import onnxruntime
import orjson
import redis.asyncio as redis
import uvicorn
from fastapi import FastAPI, Request, Response

given = json.loads(sys.argv[1])

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(given["model"], options, providers=["CPUExecutionProvider"])
store = redis.Redis(host="127.0.0.1", port=given["redisPort"], max_connections=64)
# In a thread, a run lets the event loop read and answer other requests meanwhile: it lets go of the interpreter's lock.
model_thread = ThreadPoolExecutor(max_workers=1) if given["modelInThread"] else None
prefix = f"vivace:{given['hash']}:"
app = FastAPI()


def predict(features: numpy.ndarray) -> numpy.ndarray:
    return session.run(["delay"], {"features": features})[0][:, 0]


@app.post("/rank")
async def rank(request: Request) -> Response:
    body = orjson.loads(await request.body())
    ids = [item["id"] for item in body["objects"]]
    rows = await store.mget([prefix + id for id in ids])
    cells = numpy.frombuffer(b"".join(rows), dtype="<f4").reshape(len(ids), -1)
    features = numpy.ascontiguousarray(cells[:, given["firstCell"] :])
    if model_thread is None:
        delays = predict(features)
    else:
        delays = await asyncio.get_running_loop().run_in_executor(model_thread, predict, features)
    order = numpy.argsort(delays, kind="stable")
    answer = {
        "requestId": str(uuid.uuid4()),
        "models": [{"step": "delays", "name": "wide", "version": "1"}],
        "objects": [
            {"index": index, "id": ids[index], "delay": delay}
            for index, delay in zip(order.tolist(), delays[order].tolist())
        ],
        "degraded": [],
    }
    return Response(orjson.dumps(answer), media_type="application/json")


uvicorn.run(app, host="127.0.0.1", port=given["port"], log_level="error", access_log=False)
