"""Calls a model in a loop: as many times as each line of standard input says, and so many milliseconds apart. Answers with the median time and the CPU time of a call, microseconds."""

import json
import statistics
import sys
import time

import numpy

given = json.loads(sys.argv[1])
if given["kind"] == "iris":
    import joblib

    model = joblib.load(given["model"])
    features = numpy.array([[5.9, 3.0, 4.2, 1.5]])

    def call() -> object:
        probabilities = model.predict_proba(features)
        return probabilities, model.classes_[probabilities.argmax(axis=1)]

else:
    matrix = numpy.random.default_rng(1).random((given["rows"], given["columns"]), dtype=numpy.float32)

    def call() -> object:
        return matrix * 2


for line in sys.stdin:
    calls, pause_ms = line.split()
    pause = float(pause_ms) / 1000
    times = []
    cpu = time.process_time()
    for _ in range(int(calls)):
        if pause > 0:
            time.sleep(pause)
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    cpu = time.process_time() - cpu
    answer = {"wallMicros": statistics.median(times) * 1e6, "cpuMicros": cpu / len(times) * 1e6}
    print(json.dumps(answer), flush=True)
