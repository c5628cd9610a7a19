"""torch.optim's optimisers as a target of induced-conformance.

    npx induced-conformance --exec "python3 torch_optim.py"
"""

import torch
from protocol import TargetError, known_capabilities, serve

optim = torch.optim
DTYPES = {"float32": torch.float32, "float64": torch.float64}
# ASGD keeps its rate as a tensor of this type, also for parameters in float64.
torch.set_default_dtype(torch.float64)


def betas(base):
    return {"betas": (base["beta1"], base["beta2"]), "eps": base["epsilon"]}


def sgd(parameters, rate, base):
    return optim.SGD(parameters, rate, base["momentum"], base["dampening"], nesterov=base["nesterov"])


def plain_sgd(parameters, rate, base):
    # Its momentum is a sum, which the base `heavyBall` is.
    return optim.SGD(parameters, rate) if base["momentum"] == 0 else None


def rmsprop(parameters, rate, base):
    more = {"momentum": base["momentum"], "centered": base["centered"]}
    return optim.RMSprop(parameters, rate, alpha=base["decay"], eps=base["epsilon"], **more)


def adagrad(parameters, rate, base):
    start = base["initialAccumulator"]
    return optim.Adagrad(parameters, rate, initial_accumulator_value=start, eps=base["epsilon"])


def adam(parameters, rate, base):
    if base["nesterov"] or base["cautious"]:
        return None
    return optim.Adam(parameters, rate, amsgrad=base["amsgrad"], **betas(base))


def rprop(parameters, rate, base):
    # Its first length is the rate; the others are absolute, and here multiples of the rate.
    if base["initialStep"] != 1:
        return None
    sizes = (rate * base["minStep"], rate * base["maxStep"])
    return optim.Rprop(parameters, rate, (base["decrease"], base["increase"]), sizes)


def nadam(parameters, rate, base):
    if base.get("form", "torch") != "torch":
        return None
    return optim.NAdam(parameters, rate, momentum_decay=base.get("momentumDecay", 4e-3), **betas(base))


def asgd(parameters, rate, base):
    return optim.ASGD(parameters, rate, lambd=base["decay"], alpha=base["power"], t0=base["averageFrom"])


# By the base: a function that gives the optimiser, or None if torch has none with these hyperparameters.
OPTIMIZERS = {
    "sgd": plain_sgd,
    "heavyBall": sgd,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "adam": adam,
    "adamax": lambda parameters, rate, base: optim.Adamax(parameters, rate, **betas(base)),
    "radam": lambda parameters, rate, base: optim.RAdam(parameters, rate, **betas(base)),
    "adadelta": lambda parameters, rate, base: optim.Adadelta(parameters, rate, base["decay"], base["epsilon"]),
    "rprop": rprop,
    "nadam": nadam,
    "asgd": asgd,
}

# Before version 2, NAdam's product of momenta up to the next step has the current one twice.
if int(torch.__version__.split(".")[0]) < 2:
    del OPTIMIZERS["nadam"]

MANIFEST = {
    "name": "torch.optim",
    "version": torch.__version__,
    "framework": {"name": "torch", "version": torch.__version__},
    "backend": "cpu",
    "dtypes": ["float32", "float64"],
    "arithmetic": {dtype: {"elementwise": dtype, "sums": dtype} for dtype in DTYPES},
    # Bases that this version of the suite has.
    "capabilities": known_capabilities([f"base/{name}" for name in OPTIMIZERS]) + ["weightDecay", "missingGradients"],
}


class Torch:
    def __init__(self, transformation, parameters):
        base, rate = transformation["base"], transformation["learningRate"]
        self.theta = [
            torch.tensor(p["data"], dtype=DTYPES[p["dtype"]]).reshape(p["shape"]).requires_grad_() for p in parameters
        ]
        # The decoupled decay of AdamW, for every base.
        self.kept = 1 - rate * transformation["weightDecay"]
        create = OPTIMIZERS.get(base["name"])
        self.optimizer = create and create(self.theta, rate, base)
        if self.optimizer is None:
            raise TargetError("ERR_NOT_SUPPORTED", f"torch.optim has no {base['name']} with these hyperparameters")

    def step(self, gradients, loss):
        for theta, g in zip(self.theta, gradients):
            theta.grad = None if g is None else torch.tensor(g, dtype=theta.dtype).reshape(theta.shape)
            if g is not None:
                theta.data.mul_(self.kept)
        self.optimizer.step()

    def read(self):
        return [theta.detach().flatten().tolist() for theta in self.theta]


if __name__ == "__main__":
    serve(MANIFEST, Torch)
