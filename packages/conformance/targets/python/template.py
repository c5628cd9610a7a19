"""A plain optimiser as a target of induced-conformance, to copy: SGD with momentum, in plain Python.

    npx induced-conformance --exec "python3 template.py"
"""

from protocol import TargetError, serve

MANIFEST = {
    "name": "template",
    "version": "1.0.0",
    "dtypes": ["float64"],
    "arithmetic": {"float64": {"elementwise": "float64", "sums": "float64"}},
    # It declares no embedding, so it is a plain optimiser, and the suite asks it for steps without the metric only.
    "capabilities": ["base/heavyBall", "bitwise"],
}


class Momentum:
    """v = mu v + (1 - dampening) g from the second step on, v = g at the first, and theta = theta - lr v."""

    def __init__(self, transformation, parameters):
        base = transformation["base"]
        if base["name"] != "heavyBall":
            raise TargetError("ERR_NOT_SUPPORTED", f"no base {base['name']}")
        self.rate = transformation["learningRate"]
        self.momentum, self.dampening, self.nesterov = base["momentum"], base["dampening"], base["nesterov"]
        self.theta = [p["data"] for p in parameters]
        self.velocity = None

    def step(self, gradients, loss):
        if self.velocity is None or self.momentum == 0:
            self.velocity = [list(g) for g in gradients]
        else:
            for v, g in zip(self.velocity, gradients):
                v[:] = [self.momentum * a + (1 - self.dampening) * b for a, b in zip(v, g)]
        for theta, v, g in zip(self.theta, self.velocity, gradients):
            direction = [b + self.momentum * a for a, b in zip(v, g)] if self.nesterov else v
            theta[:] = [a - self.rate * b for a, b in zip(theta, direction)]

    def read(self):
        return self.theta


if __name__ == "__main__":
    serve(MANIFEST, Momentum)
