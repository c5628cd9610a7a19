"""The shortest target: SGD in numpy. Copy it with protocol.py, which does the rest.

    npx induced-conformance --exec "python3 numpy_sgd.py"
"""

import numpy
from protocol import TargetError, plain_manifest, serve


class Sgd:
    def __init__(self, transformation, parameters):
        if transformation["base"]["momentum"] != 0:
            raise TargetError("ERR_NOT_SUPPORTED", "no momentum")
        self.rate, self.theta = transformation["learningRate"], [numpy.array(p["data"]) for p in parameters]

    def step(self, gradients, loss):
        for theta, g in zip(self.theta, gradients):
            theta -= self.rate * numpy.array(g)

    def read(self):
        return [theta.tolist() for theta in self.theta]


if __name__ == "__main__":
    serve(plain_manifest("numpy SGD", ["base/sgd"]), Sgd)
