"""The three PyTorch classes that the author of arXiv:2509.03594 published, as a target. The file is his and not part of
this package: give its path, `torch_imp.py` in his repository.

    INDUCED_METRIC_PAPER=path/to/torch_imp.py python3 paper.py       (or: python3 paper.py path/to/torch_imp.py)

CustomSGD is the base `sgd` under `identity`, CustomSGDLog `sgd` under `log`, CustomSGDRMS `adam` under `identity`. They
report nothing, so `induced-conformance conventions --exec …` compares the parameters.
"""

import importlib.util
import os
import sys

from protocol import TargetError, serve

PATH = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("INDUCED_METRIC_PAPER")
if PATH is None or not os.path.isfile(PATH):
    sys.exit(f"give the path of the author's torch_imp.py as an argument or in INDUCED_METRIC_PAPER; given: {PATH}")

import torch  # noqa: E402

spec = importlib.util.spec_from_file_location("paper", PATH)
paper = importlib.util.module_from_spec(spec)
spec.loader.exec_module(paper)

MANIFEST = {
    "name": "the paper's classes",
    "version": "2025",
    "framework": {"name": "torch", "version": torch.__version__},
    "dtypes": ["float64"],
    "arithmetic": {"float64": {"elementwise": "float64", "sums": "float64"}},
    "capabilities": ["base/sgd", "base/adam", "embedding/identity", "embedding/log", "weightDecay"],
}


def optimizer(transformation, parameters):
    base, embedding = transformation["base"], transformation["embedding"]["name"]
    options = {
        "lr": transformation["learningRate"],
        "xi": transformation["xi"],
        "beta": transformation["beta"],
        "weight_decay": transformation["weightDecay"],
    }
    if base["name"] == "sgd" and embedding in ("identity", "log"):
        kind = paper.CustomSGD if embedding == "identity" else paper.CustomSGDLog
        return kind(parameters, momentum=base["momentum"], **options)
    if base["name"] == "adam" and embedding == "identity":
        if not (base["nesterov"] or base["amsgrad"] or base["cautious"]):
            more = {"momentum": base["beta1"], "beta_rms": base["beta2"], "eps": base["epsilon"]}
            return paper.CustomSGDRMS(parameters, **more, **options)
    raise TargetError("ERR_NOT_SUPPORTED", f"the paper has no class for {base['name']} under {embedding}")


class Paper:
    def __init__(self, transformation, parameters):
        self.theta = [torch.tensor(p["data"], dtype=torch.float64).reshape(p["shape"]).requires_grad_() for p in parameters]
        self.floor = transformation["embedding"].get("floor", 0)
        self.optimizer = optimizer(transformation, self.theta)
        self.steps = 0

    def step(self, gradients, loss):
        for theta, g in zip(self.theta, gradients):
            theta.grad = torch.tensor(g, dtype=torch.float64).reshape(theta.shape)
        if isinstance(self.optimizer, paper.CustomSGDLog):
            # A number would be rounded to float32; a tensor is taken as it is. The class has no floor.
            self.optimizer.step(torch.tensor(loss - self.floor, dtype=torch.float64))
        else:
            self.optimizer.step()
        self.steps += 1
        names = ("learningRate", "scale", "dualNorm", "metric", "xi")
        return {"step": self.steps, "skipped": False, "skippedSteps": 0, **{name: "NaN" for name in names}}

    def read(self):
        return [theta.detach().flatten().tolist() for theta in self.theta]


if __name__ == "__main__":
    serve(MANIFEST, Paper)
