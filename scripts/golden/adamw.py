#!/usr/bin/env python3
"""Writes packages/core/test/fixtures/adamw.json: 30 steps of torch.optim.AdamW in float64, with PyTorch 1.13 (Debian's
python3-torch).

    /usr/bin/python3 scripts/golden/adamw.py

Gradients are random numbers of scales from 1e-4 to 1e2, so that the epsilon counts in some elements. The fixture holds them,
and the parameters after some of the steps.
"""

import json
import pathlib
import random

import torch

STEPS = 30
SHOWN = [1, 2, 5, 15, 30]
SHAPE = [3, 4]

# Options as `adamw` of the core takes them.
CASES = [
    {"name": "the defaults", "options": {"learningRate": 0.001}},
    {
        "name": "other rates, a large decay",
        "options": {"learningRate": 0.05, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3, "weightDecay": 0.3},
    },
    {"name": "no decay", "options": {"learningRate": 0.01, "weightDecay": 0}},
]


def run(options, start, gradients):
    weights = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    # PyTorch's defaults stand where the case gives no option.
    given = {"lr": options["learningRate"]}
    if "beta1" in options:
        given["betas"] = (options["beta1"], options["beta2"])
    if "epsilon" in options:
        given["eps"] = options["epsilon"]
    if "weightDecay" in options:
        given["weight_decay"] = options["weightDecay"]
    optimizer = torch.optim.AdamW([weights], **given)
    expected = []
    for step, gradient in enumerate(gradients, 1):
        weights.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        if step in SHOWN:
            expected.append({"step": step, "data": weights.detach().tolist()})
    return expected


def main():
    numbers = random.Random(14)
    size = SHAPE[0] * SHAPE[1]
    scales = [10.0 ** (i % 7 - 4) for i in range(size)]
    start = [numbers.uniform(-3, 3) for _ in range(size)]
    gradients = [[scale * numbers.gauss(0.3, 1) for scale in scales] for _ in range(STEPS)]
    fixture = {
        "source": f"torch.optim.AdamW of PyTorch {torch.__version__}",
        "shape": SHAPE,
        "start": start,
        "gradients": gradients,
        "cases": [{**case, "expected": run(case["options"], start, gradients)} for case in CASES],
    }
    folder = pathlib.Path(__file__).resolve().parents[2] / "packages/core/test/fixtures"
    folder.mkdir(exist_ok=True)
    (folder / "adamw.json").write_text(json.dumps(fixture) + "\n")


if __name__ == "__main__":
    main()
