"""Golden vectors of base optimisers: 30 steps on three problems, in float64, at xi = 0.

    /usr/bin/python3 scripts/golden/bases.py > packages/core/test/fixtures/bases.json

AdaMax, RAdam, Adadelta, Rprop and AMSGrad are run by torch.optim itself (PyTorch 1.13, Debian's python3-torch). The others
are written in numpy from the source that each names, without a look at this project's algebra.
"""

import json

import numpy as np
import torch

STEPS = 30
KEPT = (1, 2, 3, 10, 30)

# The problems. A gradient is a list of arrays, one per parameter; the test computes the same from the data below.

QUADRATIC = {
    "diagonal": [0.5, 1.0, 2.0, 4.0, 8.0, 16.0],
    "coupling": 0.25,
    "centre": [1.0, -2.0, 0.5, 3.0, -1.5, 0.25],
}
LOGISTIC = {
    "inputs": [
        [1.0, 0.5, -1.5], [-0.5, 2.0, 0.25], [1.5, -1.0, 0.75], [-2.0, 0.5, 1.0],
        [0.25, 1.25, -0.5], [0.75, -1.75, 1.5], [-1.25, -0.25, -0.75], [2.0, 1.0, 0.5],
    ],
    "labels": [1, -1, 1, -1, -1, 1, -1, 1],
    "batch": 4,
}
PROBLEMS = [
    {"name": "quadratic", "params": [{"name": "w", "shape": [2, 3], "data": [2.0, 1.0, -1.0, 0.5, 0.75, -1.25]}]},
    {"name": "rosenbrock", "params": [{"name": "x", "shape": [4], "data": [-1.25, 1.0, 0.5, -0.75]}]},
    {
        "name": "logistic",
        "params": [
            {"name": "kernel", "shape": [3], "data": [0.5, -0.25, 0.125]},
            {"name": "bias", "shape": [], "data": [0.375]},
        ],
    },
]


def gradients(problem, theta, t):
    if problem == "quadratic":
        # A(w - c), A diagonal but for one coupling constant everywhere else.
        d = theta[0] - np.array(QUADRATIC["centre"])
        k = QUADRATIC["coupling"]
        return [(np.array(QUADRATIC["diagonal"]) - k) * d + k * d.sum()]
    if problem == "rosenbrock":
        # Two pairs: 10 (b - a^2)^2 + (1 - a)^2.
        (x,) = theta
        a, b = x[0::2], x[1::2]
        g = np.empty(4)
        g[0::2] = -40 * a * (b - a * a) - 2 * (1 - a)
        g[1::2] = 20 * (b - a * a)
        return [g]
    # The mean logistic loss over a batch; batches take turns.
    size = LOGISTIC["batch"]
    start = (t - 1) * size % len(LOGISTIC["labels"])
    x = np.array(LOGISTIC["inputs"][start : start + size])
    y = np.array(LOGISTIC["labels"][start : start + size], float)
    p = -y / (1 + np.exp(y * (x @ theta[0] + theta[1][0]))) / size
    return [x.T @ p, np.array([p.sum()])]


# The optimisers of numpy: f(state, theta, g, t) gives the step that the learning rate multiplies, per parameter.


def ema(s, key, value, beta, start=0.0):
    s[key] = beta * s.get(key, np.full_like(value, start)) + (1 - beta) * value
    return s[key]


def adan(s, theta, g, t, b1=0.98, b2=0.92, b3=0.99, eps=1e-8):
    """sail-sg/Adan, adan.py, _single_tensor_adan with no_prox; its betas are (0.98, 0.92, 0.99)."""
    diff = g - s.get("pre_grad", g)
    m = ema(s, "exp_avg", g, b1)
    v = ema(s, "exp_avg_diff", diff, b2)
    n = ema(s, "exp_avg_sq", (b2 * diff + g) ** 2, b3)
    s["pre_grad"] = g
    denom = np.sqrt(n) / np.sqrt(1 - b3**t) + eps
    return m / (1 - b1**t) / denom + b2 * v / (1 - b2**t) / denom


def ademamix(s, theta, g, t, b1=0.9, b2=0.999, b3=0.9999, alpha=5.0, eps=1e-8, warm=None):
    """Pagliardini et al., arXiv:2409.03137, algorithm 1; `warm` raises alpha and beta3 linearly."""
    if warm:
        share = min(1, (t - 1) / warm)
        alpha, b3 = alpha * share, b1 + (b3 - b1) * share
    m1 = ema(s, "m1", g, b1)
    m2 = ema(s, "m2", g, b3)
    v = ema(s, "nu", g**2, b2)
    return (m1 / (1 - b1**t) + alpha * m2) / (np.sqrt(v / (1 - b2**t)) + eps)


def adopt(s, theta, g, t, b1=0.9, b2=0.9999, eps=1e-6):
    """iShohei220/adopt, adopt.py, _single_tensor_adopt with its clip_lambda, step ** 0.25."""
    if t == 1:
        s["exp_avg"], s["exp_avg_sq"] = np.zeros_like(g), g**2
        return np.zeros_like(g)
    normed = g / np.maximum(np.sqrt(s["exp_avg_sq"]), eps)
    clip = (t - 1) ** 0.25
    ema(s, "exp_avg", np.clip(normed, -clip, clip), b1)
    ema(s, "exp_avg_sq", g**2, b2)
    return s["exp_avg"]


def adam(s, g, t, b1, b2, eps):
    return ema(s, "m", g, b1) / (1 - b1**t) / (np.sqrt(ema(s, "v", g**2, b2) / (1 - b2**t)) + eps)


def lamb(s, theta, g, t, wd=0.0, eps=1e-6):
    """optax.lamb: scale_by_adam, add_decayed_weights, scale_by_trust_ratio."""
    u = adam(s, g, t, 0.9, 0.999, eps) + wd * theta
    p, n = np.sqrt((theta**2).sum()), np.sqrt((u**2).sum())
    return u * (1.0 if p == 0 or n == 0 else p / n)


def novograd(s, theta, g, t, b1=0.95, b2=0.98, eps=1e-8):
    """Ginsburg et al., arXiv:1905.11286, algorithm 1, without weight decay."""
    square = (g**2).sum()
    s["v"] = square if t == 1 else b2 * s["v"] + (1 - b2) * square
    s["m"] = b1 * s.get("m", 0) + g / (np.sqrt(s["v"]) + eps)
    return s["m"]


def yogi(s, theta, g, t, b1=0.9, b2=0.999, eps=1e-3, start=1e-6):
    """optax.scale_by_yogi, but m from 0."""
    v = s.get("nu", np.full_like(g, start))
    s["nu"] = v - (1 - b2) * np.sign(v - g**2) * g**2
    return ema(s, "mu", g, b1) / (1 - b1**t) / (np.sqrt(s["nu"] / (1 - b2**t)) + eps)


def adabelief(s, theta, g, t, b1=0.9, b2=0.999, eps=1e-16):
    """juntang-zhuang/Adabelief-Optimizer, AdaBelief.py without rectification: eps is added to the variance in place."""
    m = ema(s, "exp_avg", g, b1)
    s["exp_avg_var"] = ema(s, "exp_avg_var", (g - m) ** 2, b2) + eps
    return m / (1 - b1**t) / (np.sqrt(s["exp_avg_var"]) / np.sqrt(1 - b2**t) + eps)


def signum(s, theta, g, t, beta=0.9):
    """Bernstein et al., arXiv:1802.04434, algorithm 2."""
    return np.sign(ema(s, "m", g, beta))


def masked(update, along, g):
    mask = (along * g > 0).astype(float)
    return update * mask / max(mask.mean(), 1e-3)


def cautious_adam(s, theta, g, t):
    """kyleliang919/C-Optim, c_adamw.py."""
    u = adam(s, g, t, 0.9, 0.999, 1e-8)
    return masked(u, s["m"], g)


def lion(s, theta, g, t, b1=0.9, b2=0.99):
    """Chen et al., arXiv:2302.06675, program 1."""
    u = np.sign(b1 * s.get("m", np.zeros_like(g)) + (1 - b1) * g)
    ema(s, "m", g, b2)
    return u


def cautious_lion(s, theta, g, t):
    """kyleliang919/C-Optim, c_lion.py."""
    u = lion(s, theta, g, t)
    return masked(u, u, g)


def by_numpy(rule, lr, **options):
    def run(problem):
        theta = [np.array(p["data"]).ravel().copy() for p in problem["params"]]
        states = [{} for _ in theta]
        for t in range(1, STEPS + 1):
            gs = gradients(problem["name"], theta, t)
            theta = [p - lr * rule(s, p, g, t, **options) for s, p, g in zip(states, theta, gs)]
            yield theta

    return run, rule.__doc__


def by_torch(kind, lr, **options):
    def run(problem):
        theta = [torch.tensor(p["data"], dtype=torch.float64).reshape(-1).requires_grad_() for p in problem["params"]]
        optimizer = kind(theta, lr=lr, **options)
        for t in range(1, STEPS + 1):
            for p, g in zip(theta, gradients(problem["name"], [p.detach().numpy().copy() for p in theta], t)):
                p.grad = torch.tensor(g)
            optimizer.step()
            yield [p.detach().numpy().copy() for p in theta]

    return run, f"torch.optim.{kind.__name__}, PyTorch {torch.__version__}"


def linear(start, to):
    return {"schedule": "linear", "from": start, "to": to, "steps": 20}


VECTORS = [
    ({"name": "adamax"}, 0.05, by_torch(torch.optim.Adamax, 0.05)),
    ({"name": "adamax", "beta1": 0.5, "beta2": 0.75, "epsilon": 0.25}, 0.05,
     by_torch(torch.optim.Adamax, 0.05, betas=(0.5, 0.75), eps=0.25)),
    ({"name": "radam"}, 0.02, by_torch(torch.optim.RAdam, 0.02)),
    ({"name": "radam", "beta2": 0.9, "epsilon": 0.25}, 0.02,
     by_torch(torch.optim.RAdam, 0.02, betas=(0.9, 0.9), eps=0.25)),
    ({"name": "adadelta"}, 1, by_torch(torch.optim.Adadelta, 1)),
    ({"name": "adadelta", "decay": 0.75, "epsilon": 0.01}, 0.25,
     by_torch(torch.optim.Adadelta, 0.25, rho=0.75, eps=0.01)),
    ({"name": "rprop"}, 0.01, by_torch(torch.optim.Rprop, 0.01)),
    ({"name": "rprop", "increase": 1.5, "decrease": 0.25, "minStep": 0.5, "maxStep": 4}, 0.01,
     by_torch(torch.optim.Rprop, 0.01, etas=(0.25, 1.5), step_sizes=(0.005, 0.04))),
    ({"name": "adam", "amsgrad": True}, 0.05, by_torch(torch.optim.Adam, 0.05, amsgrad=True)),
    ({"name": "adam", "amsgrad": True, "beta1": 0.5, "beta2": 0.5, "epsilon": 0.25}, 0.05,
     by_torch(torch.optim.Adam, 0.05, amsgrad=True, betas=(0.5, 0.5), eps=0.25)),
    ({"name": "adan"}, 0.05, by_numpy(adan, 0.05)),
    ({"name": "ademamix"}, 0.05, by_numpy(ademamix, 0.05)),
    ({"name": "ademamix", "beta3": linear(0.9, 0.9999), "alpha": linear(0, 5)}, 0.05,
     by_numpy(ademamix, 0.05, warm=20)),
    ({"name": "adopt"}, 0.05, by_numpy(adopt, 0.05)),
    ({"name": "lamb"}, 0.05, by_numpy(lamb, 0.05)),
    ({"name": "lamb", "weightDecay": 0.125}, 0.05, by_numpy(lamb, 0.05, wd=0.125)),
    ({"name": "novograd"}, 0.05, by_numpy(novograd, 0.05)),
    ({"name": "yogi"}, 0.05, by_numpy(yogi, 0.05)),
    ({"name": "yogi", "beta2": 0.5, "initialAccumulator": 0.5}, 0.05, by_numpy(yogi, 0.05, b2=0.5, start=0.5)),
    ({"name": "adabelief"}, 0.05, by_numpy(adabelief, 0.05)),
    ({"name": "signum"}, 0.05, by_numpy(signum, 0.05)),
    ({"name": "lion"}, 0.05, by_numpy(lion, 0.05)),
    ({"name": "adam", "cautious": True}, 0.05, by_numpy(cautious_adam, 0.05)),
    ({"name": "lion", "cautious": True}, 0.05, by_numpy(cautious_lion, 0.05)),
]


def main():
    vectors = []
    for base, rate, (run, source) in VECTORS:
        for problem in PROBLEMS:
            expected = [
                {"step": t, "params": [p.tolist() for p in theta]}
                for t, theta in enumerate(run(problem), 1)
                if t in KEPT
            ]
            vectors.append(
                {"base": base, "learningRate": rate, "source": source, "problem": problem["name"], "expected": expected}
            )
    data = {"quadratic": QUADRATIC, "logistic": LOGISTIC}
    print('{\n"data": %s,\n"problems": %s,\n"vectors": [' % (json.dumps(data), json.dumps(PROBLEMS)))
    print(",\n".join(json.dumps(vector) for vector in vectors))
    print("]\n}")


if __name__ == "__main__":
    main()
