"""torch.optim's optimisers as a target of induced-conformance.

    npx induced-conformance --exec "python3 torch_optim.py"
"""

import torch
from protocol import TargetError, serve

DTYPES = {"float32": torch.float32, "float64": torch.float64}

MANIFEST = {
    "name": "torch.optim",
    "version": torch.__version__,
    "framework": {"name": "torch", "version": torch.__version__},
    "backend": "cpu",
    "dtypes": ["float32", "float64"],
    "arithmetic": {dtype: {"elementwise": dtype, "sums": dtype} for dtype in DTYPES},
    "capabilities": [
        "base/heavyBall",
        "base/rmsprop",
        "base/adagrad",
        "base/adam",
        "weightDecay",
        "missingGradients",
    ],
}


def optimizer(base, rate, parameters):
    """The optimiser of torch.optim that a base names."""
    name, epsilon = base["name"], base.get("epsilon")
    if name == "heavyBall":
        momentum, nesterov = base["momentum"], base["nesterov"]
        return torch.optim.SGD(parameters, rate, momentum, base["dampening"], nesterov=nesterov)
    if name == "rmsprop":
        more = {"momentum": base["momentum"], "centered": base["centered"]}
        return torch.optim.RMSprop(parameters, rate, alpha=base["decay"], eps=epsilon, **more)
    if name == "adagrad":
        start = base["initialAccumulator"]
        return torch.optim.Adagrad(parameters, rate, initial_accumulator_value=start, eps=epsilon)
    if name == "adam" and not base["nesterov"] and not base["cautious"]:
        return torch.optim.Adam(parameters, rate, (base["beta1"], base["beta2"]), epsilon, amsgrad=base["amsgrad"])
    raise TargetError("ERR_NOT_SUPPORTED", f"torch.optim has no {base}")


class Torch:
    def __init__(self, transformation, parameters):
        self.theta = [
            torch.tensor(p["data"], dtype=DTYPES[p["dtype"]]).reshape(p["shape"]).requires_grad_() for p in parameters
        ]
        rate = transformation["learningRate"]
        self.kept = 1 - rate * transformation["weightDecay"]
        self.optimizer = optimizer(transformation["base"], rate, self.theta)

    def step(self, gradients, loss):
        for theta, g in zip(self.theta, gradients):
            theta.grad = None if g is None else torch.tensor(g, dtype=theta.dtype).reshape(theta.shape)
            if g is not None:
                # The decoupled decay of AdamW, for every base.
                theta.data.mul_(self.kept)
        self.optimizer.step()

    def read(self):
        return [theta.detach().flatten().tolist() for theta in self.theta]


if __name__ == "__main__":
    serve(MANIFEST, Torch)
