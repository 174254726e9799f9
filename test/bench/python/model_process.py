"""A scikit-learn model at the other end of descriptor 3, by hand: four float32 in, the label as int64 and three float32 out, nothing checked."""

import socket
import sys

import joblib
import numpy

model = joblib.load(sys.argv[1])
connection = socket.socket(fileno=3)
row = bytearray(16)
while connection.recv_into(row, 16, socket.MSG_WAITALL) == 16:
    features = numpy.frombuffer(row, numpy.float32).astype(numpy.float64).reshape(1, 4)
    probabilities = model.predict_proba(features)
    label = model.classes_[probabilities.argmax(axis=1)]
    connection.sendall(label.tobytes() + probabilities.astype(numpy.float32).tobytes())
