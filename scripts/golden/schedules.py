#!/usr/bin/env python3
"""Writes packages/core/test/fixtures/schedules.json: learning rates of other libraries, for the schedules of the core that
say they have the same values.

    /usr/bin/python3 scripts/golden/schedules.py

`OneCycleLR`, `CosineAnnealingWarmRestarts` and `ReduceLROnPlateau` are run in PyTorch 1.13 (Debian's python3-torch). For the
other schedules, formulas are written here from the documentation of Hugging Face's transformers 4.57 (`get_wsd_schedule`,
`get_inverse_sqrt_schedule`) and Keras 3 (`CosineDecayRestarts`).
"""

import json
import math
import pathlib
import random

import torch
from torch.optim import lr_scheduler

PEAK = 0.1


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))], lr=PEAK)


def rate_of(sgd):
    return sgd.param_groups[0]["lr"]


def rates(make, count):
    """The rate that each step is taken with."""
    sgd = optimizer()
    scheduler = make(sgd)
    found = []
    for step in range(count):
        found.append(rate_of(sgd))
        sgd.step()
        if step < count - 1:
            scheduler.step()
    return found


def one_cycle(total, **options):
    return rates(
        lambda sgd: lr_scheduler.OneCycleLR(sgd, PEAK, total_steps=total, cycle_momentum=False, **options), total
    )


def restarts(count, *given):
    return rates(lambda sgd: lr_scheduler.CosineAnnealingWarmRestarts(sgd, *given), count)


def warmup_stable_decay(n, warmup, stable, decay, least, shape):
    if n < warmup:
        factor = n / warmup * (1 - least) + least
    elif n < warmup + stable:
        factor = 1.0
    elif n < warmup + stable + decay:
        gone = (n - warmup - stable) / decay
        left = {"linear": 1 - gone, "cosine": (1 + math.cos(math.pi * gone)) / 2, "sqrt": 1 - math.sqrt(gone)}[shape]
        factor = left * (1 - least) + least
    else:
        factor = least
    return PEAK * factor


def inverse_sqrt(n, warmup):
    return PEAK * (n / warmup if n < warmup else 1 / math.sqrt(n / warmup))


def keras_restarts(n, first, t_mul, m_mul, alpha):
    length, peak = first, 1.0
    while n >= length:
        n -= length
        length *= t_mul
        peak *= m_mul
    return PEAK * ((1 - alpha) * 0.5 * peak * (1 + math.cos(math.pi * n / length)) + alpha)


def schedules():
    yield "one cycle", {"schedule": "oneCycle", "peak": PEAK, "steps": 40}, one_cycle(40)
    yield (
        "one cycle, all options",
        {"schedule": "oneCycle", "peak": PEAK, "steps": 37, "warmup": 7.4, "from": 0.01, "to": 0.0005, "curve": "linear"},
        one_cycle(37, pct_start=0.2, div_factor=10, final_div_factor=20, anneal_strategy="linear"),
    )
    yield (
        "one cycle without a rise",
        {"schedule": "oneCycle", "peak": PEAK, "steps": 10, "warmup": 0},
        one_cycle(10, pct_start=0.0),
    )
    yield (
        "one cycle that only rises",
        {"schedule": "oneCycle", "peak": PEAK, "steps": 10, "warmup": 10},
        one_cycle(10, pct_start=1.0),
    )
    yield "restarts", {"schedule": "cosineRestarts", "from": PEAK, "steps": 7}, restarts(40, 7)
    yield (
        "restarts, all options",
        {"schedule": "cosineRestarts", "from": PEAK, "to": 0.02, "steps": 3, "stepsFactor": 3},
        restarts(400, 3, 3, 0.02),
    )
    yield (
        "restarts of Keras",
        {"schedule": "cosineRestarts", "from": PEAK, "to": 0.02, "steps": 5, "stepsFactor": 2, "peakFactor": 0.5},
        [keras_restarts(n, 5, 2, 0.5, 0.2) for n in range(90)],
    )
    for shape in ["linear", "cosine", "sqrt"]:
        options = {"peak": PEAK, "warmup": 5, "stable": 8, "decay": 10, "from": 0.01, "to": 0.01, "curve": shape}
        yield (
            f"warmup, stable, {shape} decay",
            {"schedule": "warmupStableDecay", **options},
            [warmup_stable_decay(n, 5, 8, 10, 0.1, shape) for n in range(30)],
        )
    yield (
        "inverse square root after a warm-up",
        {"schedule": "warmup", "then": {"schedule": "inverseSqrt", "from": PEAK, "steps": 6}, "steps": 6},
        [inverse_sqrt(n, 6) for n in range(40)],
    )


def plateau(metrics, options):
    sgd = optimizer()
    scheduler = lr_scheduler.ReduceLROnPlateau(sgd, **options)
    found = []
    for metric in metrics:
        scheduler.step(metric)
        found.append(rate_of(sgd))
    return found


def plateaus():
    numbers = random.Random(3)
    falling = [2 * 0.9**i + 0.02 * numbers.random() for i in range(60)]
    noisy = [1 + 0.3 * numbers.gauss(0, 1) for _ in range(60)]
    bad = [1.0, math.inf, math.nan, 0.5, math.nan, math.nan, math.nan, math.nan, 0.4, math.inf, 0.4, 0.4, 0.4, -1.0, -2.0]
    cases = [
        ("the defaults", {}, noisy, {}),
        ("little patience", {"patience": 0}, falling, {"patience": 0}),
        (
            "all options",
            {
                "factor": 0.5, "patience": 2, "threshold": 0.05, "thresholdMode": "absolute", "cooldown": 3,
                "minimum": 0.004, "epsilon": 1e-3,
            },
            falling,
            {
                "factor": 0.5, "patience": 2, "threshold": 0.05, "threshold_mode": "abs", "cooldown": 3,
                "min_lr": 0.004, "eps": 1e-3,
            },
        ),
        ("the largest", {"mode": "max", "patience": 3}, noisy, {"mode": "max", "patience": 3}),
        (
            "the largest, by absolute thresholds",
            {"mode": "max", "patience": 1, "threshold": 0.1, "thresholdMode": "absolute", "factor": 0.9},
            noisy,
            {"mode": "max", "patience": 1, "threshold": 0.1, "threshold_mode": "abs", "factor": 0.9},
        ),
        ("NaN and infinities", {"patience": 1}, bad, {"patience": 1}),
    ]
    for name, options, metrics, given in cases:
        # JSON has no NaN and no infinities: they are strings in it.
        written = [x if math.isfinite(x) else ("NaN" if math.isnan(x) else "Infinity") for x in metrics]
        yield {"name": name, "options": {"learningRate": PEAK, **options}, "metrics": written, "rates": plateau(metrics, given)}


def main():
    fixture = {
        "source": f"PyTorch {torch.__version__}, and formulas of transformers 4.57 and Keras 3",
        "schedules": [{"name": name, "schedule": data, "rates": values} for name, data, values in schedules()],
        "plateaus": list(plateaus()),
    }
    folder = pathlib.Path(__file__).resolve().parents[2] / "packages/core/test/fixtures"
    (folder / "schedules.json").write_text(json.dumps(fixture, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
