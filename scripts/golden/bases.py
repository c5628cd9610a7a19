"""Golden vectors of base optimisers: 30 steps on three problems, in float64, at xi = 0.

    /usr/bin/python3 scripts/golden/bases.py > packages/core/test/fixtures/bases.json

AdaMax, RAdam, Adadelta, Rprop, AMSGrad and ASGD are run by torch.optim itself (PyTorch 1.13, Debian's python3-torch). The
others are written in numpy from the source that each names, without a look at this project's algebra. Where an optimiser has
other weights to evaluate with than those it trains, a vector has both.
"""

import json

import numpy as np
import torch

# Double precision also for the numbers that torch keeps in tensors, such as the rate of ASGD.
torch.set_default_dtype(torch.float64)

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


def loss_of(problem, theta, t):
    if problem == "quadratic":
        d = theta[0] - np.array(QUADRATIC["centre"])
        return d @ gradients(problem, theta, t)[0] / 2
    if problem == "rosenbrock":
        (x,) = theta
        a, b = x[0::2], x[1::2]
        return (10 * (b - a * a) ** 2 + (1 - a) ** 2).sum()
    size = LOGISTIC["batch"]
    start = (t - 1) * size % len(LOGISTIC["labels"])
    x = np.array(LOGISTIC["inputs"][start : start + size])
    y = np.array(LOGISTIC["labels"][start : start + size], float)
    return np.log1p(np.exp(-y * (x @ theta[0] + theta[1][0]))).mean()


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


def nadam(s, theta, g, t, b1=0.9, b2=0.999, eps=1e-8, psi=0.004):
    """torch.optim.NAdam as it is since PyTorch 2.0; in 1.13 the product of the next step has one factor twice."""
    mu = b1 * (1 - 0.5 * 0.96 ** (t * psi))
    after = b1 * (1 - 0.5 * 0.96 ** ((t + 1) * psi))
    s["mu_product"] = s.get("mu_product", 1.0) * mu
    m = ema(s, "exp_avg", g, b1)
    denom = np.sqrt(ema(s, "exp_avg_sq", g**2, b2) / (1 - b2**t)) + eps
    return (1 - mu) / (1 - s["mu_product"]) * g / denom + after / (1 - s["mu_product"] * after) * m / denom


def keras_nadam(s, theta, g, t, b1=0.9, b2=0.999, eps=1e-7):
    """keras.optimizers.Nadam, Keras 3."""
    u, u1 = (b1 * (1 - 0.5 * 0.96**k) for k in (t, t + 1))
    s["u_product"] = s.get("u_product", 1.0) * u
    s["m"] = s.get("m", 0) + (g - s.get("m", 0)) * (1 - b1)
    s["v"] = s.get("v", 0) + (g**2 - s.get("v", 0)) * (1 - b2)
    m_hat = u1 * s["m"] / (1 - s["u_product"] * u1) + (1 - u) * g / (1 - s["u_product"])
    return m_hat / (np.sqrt(s["v"] / (1 - b2**t)) + eps)


def lars(s, theta, g, t, trust=0.001, mu=0.9, wd=0.0, nesterov=False):
    """optax.lars: add_decayed_weights, scale_by_trust_ratio, trace; at a constant rate the order of the last two is free."""
    u = g + wd * theta
    p, n = np.linalg.norm(theta), np.linalg.norm(u)
    u = u * (1.0 if p == 0 or n == 0 else trust * p / n)
    s["trace"] = u + mu * s.get("trace", 0)
    return u + mu * s["trace"] if nesterov else s["trace"]


def mars(s, theta, g, t, b1=0.95, b2=0.99, gamma=0.025, eps=1e-8):
    """AGI-Arena/MARS, mars.py, mars-adamw with is_approx and optimize_1d."""
    c = (g - s.get("last_grad", 0)) * gamma * (b1 / (1 - b1)) + g
    s["last_grad"] = g
    c = c / max(1.0, np.linalg.norm(c))
    m, v = ema(s, "exp_avg", c, b1), ema(s, "exp_avg_sq", c**2, b2)
    return m / ((np.sqrt(v) / np.sqrt(1 - b2**t) + eps) * (1 - b1**t))


def tiger(s, theta, g, t, beta=0.965, relative=False):
    """bojone/tiger, tiger.py; relative: its rate for weights, times their root mean square."""
    return np.sign(ema(s, "m", g, beta)) * (np.sqrt((theta**2).mean()) if relative else 1)


def adam_atan2(s, theta, g, t, a=1.27, b=1.0, b1=0.9, b2=0.99):
    """lucidrains/adam-atan2-pytorch; a and b as in Everett et al., arXiv:2407.05872, section 4.3."""
    m, v = ema(s, "exp_avg", g, b1) / (1 - b1**t), ema(s, "exp_avg_sq", g**2, b2) / (1 - b2**t)
    return a * np.arctan2(m, b * np.sqrt(v))


# Optimisers that look at all parameters at once: f(state, thetas, gs, t, loss, lr) gives the new parameters.


def per_tensor(state, key, start):
    """The arrays of a state, one per parameter; they begin as start() gives them."""
    return state.setdefault(key, [np.array(x, float) for x in start])


def madgrad(s, thetas, gs, t, loss, lr, momentum=0.9, eps=1e-6):
    """facebookresearch/madgrad, madgrad.py."""
    lamb = (lr + eps) * np.sqrt(t)
    x0 = per_tensor(s, "x0", thetas)
    squares = per_tensor(s, "grad_sum_sq", [0 * p for p in thetas])
    sums = per_tensor(s, "s", [0 * p for p in thetas])
    moved = []
    for i, (p, g) in enumerate(zip(thetas, gs)):
        squares[i] = squares[i] + lamb * g**2
        sums[i] = sums[i] + lamb * g
        z = x0[i] - sums[i] / (squares[i] ** (1 / 3) + eps)
        moved.append(momentum * p + (1 - momentum) * z)
    return moved


def ftrl(s, thetas, gs, t, loss, lr, l1=0.0, l2=0.0, shrink=0.0, beta=0.0, start=0.1):
    """keras.optimizers.Ftrl with learning_rate_power -0.5, Keras 3; McMahan et al., 2013."""
    n = per_tensor(s, "accum", [0 * p + start for p in thetas])
    z = per_tensor(s, "linear", [0 * p for p in thetas])
    moved = []
    for i, (p, g) in enumerate(zip(thetas, gs)):
        total = n[i] + g**2
        z[i] = z[i] + (g + 2 * shrink * p) - (np.sqrt(total) - np.sqrt(n[i])) / lr * p
        n[i] = total
        quadratic = np.sqrt(total) / lr + 2 * (l2 + beta / (2 * lr))
        moved.append((np.clip(z[i], -l1, l1) - z[i]) / quadratic)
    return moved


def prodigy(s, thetas, gs, t, loss, lr, b1=0.9, b2=0.999, eps=1e-8, wd=0.0, correct=False, safeguard=False,
            d0=1e-6, coefficient=1.0, growth=np.inf):
    """konstmish/prodigy, prodigy.py, decoupled decay."""
    b3 = np.sqrt(b2)
    d, d_max = s.setdefault("d", d0), s.setdefault("d_max", d0)
    dlr = d * lr * (np.sqrt(1 - b2**t) / (1 - b1**t) if correct else 1)
    p0 = per_tensor(s, "p0", thetas)
    m, v, sums = (per_tensor(s, key, [0 * p for p in thetas]) for key in ("m", "v", "s"))
    numerator, denominator = b3 * s.get("numerator", 0.0), 0.0
    for i, (p, g) in enumerate(zip(thetas, gs)):
        numerator += d / d0 * dlr * (g @ (p0[i] - p))
        m[i] = b1 * m[i] + d * (1 - b1) * g
        v[i] = b2 * v[i] + d * d * (1 - b2) * g**2
        sums[i] = b3 * sums[i] + d / d0 * (d if safeguard else dlr) * g
        denominator += np.abs(sums[i]).sum()
    d_hat = coefficient * numerator / denominator
    if d == d0:
        d = max(d, d_hat)
    d_max = max(d_max, d_hat)
    d = min(d_max, d * growth)
    s.update(d=d, d_max=d_max, numerator=numerator)
    return [p - wd * dlr * p - dlr * m[i] / (np.sqrt(v[i]) + d * eps) for i, p in enumerate(thetas)]


def dadaptation(s, thetas, gs, t, loss, lr, b1=0.9, b2=0.999, eps=1e-8, wd=0.0, correct=False, d0=1e-6, growth=np.inf):
    """facebookresearch/dadaptation, dadapt_adam.py, decoupled decay."""
    root = np.sqrt(b2)
    d = s.setdefault("d", d0)
    dlr = d * lr * (np.sqrt(1 - b2**t) / (1 - b1**t) if correct else 1)
    m, v, sums = (per_tensor(s, key, [0 * p for p in thetas]) for key in ("m", "v", "s"))
    along, length = 0.0, 0.0
    for i, g in enumerate(gs):
        along += dlr * (g @ (sums[i] / (np.sqrt(v[i]) + eps)))
        m[i] = b1 * m[i] + dlr * (1 - b1) * g
        v[i] = b2 * v[i] + (1 - b2) * g**2
        sums[i] = root * sums[i] + dlr * (1 - root) * g
        length += np.abs(sums[i]).sum()
    s["numerator"] = root * s.get("numerator", 0.0) + (1 - root) * along
    s["d"] = max(d, min(s["numerator"] / ((1 - root) * length), d * growth))
    return [p - wd * dlr * p - m[i] / (np.sqrt(v[i]) + eps) for i, p in enumerate(thetas)]


def dog(s, thetas, gs, t, loss, lr, first=1e-6, eps=1e-8, layerwise=False):
    """formll/dog, dog.py: DoG, or LDoG where it is layerwise."""
    p0 = per_tensor(s, "init_buffer", thetas)
    pools = [[i] for i in range(len(thetas))] if layerwise else [range(len(thetas))]
    moved = list(thetas)
    for k, pool in enumerate(pools):
        norm = lambda xs: np.sqrt(sum((xs[i] ** 2).sum() for i in pool))
        r = first * (1 + norm(thetas)) if t == 1 else max(s["r", k], norm([p - q for p, q in zip(thetas, p0)]))
        s["r", k], s["G", k] = r, s.get(("G", k), eps) + norm(gs) ** 2
        for i in pool:
            moved[i] = thetas[i] - lr * r / np.sqrt(s["G", k]) * gs[i]
    return moved


def polyak(s, thetas, gs, t, loss, lr, floor=0.0, scaling=1.0):
    """optax.polyak_sgd, variant sps+; lr is its max_learning_rate, and is scaled as there."""
    square = sum((g**2).sum() for g in gs)
    step = scaling * min(max(0.0, loss - floor) / square, lr)
    return [p - step * g for p, g in zip(thetas, gs)]


def momo(s, thetas, gs, t, loss, lr, beta=0.9, floor=0.0, correct=False):
    """fabian-sp/MoMo, momo.py, without decay and without use_fstar."""
    rho = 1 - beta**t if correct else 1
    dots = sum(p @ g for p, g in zip(thetas, gs))
    if t == 1:
        part = 0 if correct else 1
        s.update(loss=part * loss, gamma=part * dots, d=[part * g for g in gs])
    s["loss"] = beta * s["loss"] + (1 - beta) * loss
    s["gamma"] = beta * s["gamma"] + (1 - beta) * dots
    s["d"] = [beta * d + (1 - beta) * g for d, g in zip(s["d"], gs)]
    above = s["loss"] - rho * floor + sum(p @ d for p, d in zip(thetas, s["d"])) - s["gamma"]
    tau = min(lr / rho, max(above, 0) / sum(d @ d for d in s["d"]))
    return [p - tau * d for p, d in zip(thetas, s["d"])]


def schedule_free(s, thetas, gs, t, loss, lr, beta=0.9, wd=0.0, r=0.0, power=2.0, inner=None):
    """facebookresearch/schedule_free, {which}_schedulefree.py in training mode, and its eval()."""
    z = per_tensor(s, "z", thetas)
    s["lr_max"] = max(s.get("lr_max", 0.0), lr)
    weight = t**r * s["lr_max"] ** power
    s["weight_sum"] = s.get("weight_sum", 0.0) + weight
    c = weight / s["weight_sum"] if s["weight_sum"] else 0
    moved = []
    for i, (y, g) in enumerate(zip(thetas, gs)):
        own = s.setdefault(("inner", i), {})
        d = (g if inner is None else inner(own, y, g, t)) + wd * y
        moved.append((1 - c) * y + c * z[i] + lr * (beta * (1 - c) - 1) * d)
        z[i] = z[i] - lr * d
    s["evaluation"] = [y + (1 - 1 / beta) * (zi - y) for y, zi in zip(moved, z)]
    return moved


def of_adam(s, theta, g, t, b2=0.999, eps=1e-8):
    return g / (np.sqrt(ema(s, "exp_avg_sq", g**2, b2) / (1 - b2**t)) + eps)


def by_numpy_at_once(rule, lr, source=None, **options):
    rate = lr if callable(lr) else lambda t: lr

    def run(problem):
        theta = [np.array(p["data"]).ravel().copy() for p in problem["params"]]
        state = {}
        for t in range(1, STEPS + 1):
            gs, loss = gradients(problem["name"], theta, t), loss_of(problem["name"], theta, t)
            theta = rule(state, theta, gs, t, loss, rate(t), **options)
            yield theta, state.get("evaluation")

    return run, source or rule.__doc__


def by_numpy(rule, lr, **options):
    def run(problem):
        theta = [np.array(p["data"]).ravel().copy() for p in problem["params"]]
        states = [{} for _ in theta]
        for t in range(1, STEPS + 1):
            gs = gradients(problem["name"], theta, t)
            theta = [p - lr * rule(s, p, g, t, **options) for s, p, g in zip(states, theta, gs)]
            yield theta, None

    return run, rule.__doc__


def by_torch(kind, lr, evaluation=None, **options):
    def run(problem):
        theta = [torch.tensor(p["data"], dtype=torch.float64).reshape(-1).requires_grad_() for p in problem["params"]]
        optimizer = kind(theta, lr=lr, **options)
        for t in range(1, STEPS + 1):
            for p, g in zip(theta, gradients(problem["name"], [p.detach().numpy().copy() for p in theta], t)):
                p.grad = torch.tensor(g)
            optimizer.step()
            averages = evaluation and [optimizer.state[p][evaluation].numpy().copy() for p in theta]
            yield [p.detach().numpy().copy() for p in theta], averages

    return run, f"torch.optim.{kind.__name__}, PyTorch {torch.__version__}"


def linear(start, to):
    return {"schedule": "linear", "from": start, "to": to, "steps": 20}


# Problems on which single precision cannot follow a base to 2e-5, by its learning rate. The first steps of the first three are
# about 1e-6 long, next to parameters of about 1, so that float32 knows the way from the start, which they measure, to one or two
# digits. Long Polyak steps on the Rosenbrock function are chaotic: what the start is changed by grows some thousandfold.
DOUBLE = {
    ("prodigy", 1): ["quadratic", "rosenbrock", "logistic"],
    ("dadaptation", 1): ["rosenbrock"],
    ("dog", 1): ["quadratic", "rosenbrock"],
    ("polyak", 0.25): ["rosenbrock"],
}

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
    ({"name": "nadam"}, 0.02, by_numpy(nadam, 0.02)),
    ({"name": "nadam", "beta1": 0.75, "beta2": 0.5, "epsilon": 0.25, "momentumDecay": 0.5}, 0.05,
     by_numpy(nadam, 0.05, b1=0.75, b2=0.5, eps=0.25, psi=0.5)),
    ({"name": "nadam", "epsilon": 1e-7, "momentumDecay": 1}, 0.02, by_numpy(keras_nadam, 0.02)),
    ({"name": "asgd"}, 0.004, by_torch(torch.optim.ASGD, 0.004, "ax")),
    ({"name": "asgd", "decay": 16, "power": 0.5, "averageFrom": 5}, 0.004,
     by_torch(torch.optim.ASGD, 0.004, "ax", lambd=16, alpha=0.5, t0=5)),
    ({"name": "lars"}, 4, by_numpy(lars, 4)),
    ({"name": "lars", "trustCoefficient": 0.05, "momentum": 0.75, "nesterov": True, "weightDecay": 0.125}, 0.25,
     by_numpy(lars, 0.25, trust=0.05, mu=0.75, nesterov=True, wd=0.125)),
    ({"name": "lars", "trustCoefficient": 0.05, "momentum": 0}, 1, by_numpy(lars, 1, trust=0.05, mu=0)),
    ({"name": "mars"}, 0.05, by_numpy(mars, 0.05)),
    ({"name": "mars", "beta1": 0.75, "beta2": 0.5, "gamma": 0.5, "epsilon": 0.25}, 0.05,
     by_numpy(mars, 0.05, b1=0.75, b2=0.5, gamma=0.5, eps=0.25)),
    ({"name": "madgrad"}, 0.05, by_numpy_at_once(madgrad, 0.05)),
    ({"name": "madgrad", "momentum": 0, "epsilon": 0.01}, 0.01,
     by_numpy_at_once(madgrad, 0.01, momentum=0, eps=0.01)),
    ({"name": "ftrl"}, 0.25, by_numpy_at_once(ftrl, 0.25)),
    ({"name": "ftrl", "l1": 0.25, "l2": 0.125, "l2Shrinkage": 0.0625, "beta": 0.5, "initialAccumulator": 0.5}, 0.5,
     by_numpy_at_once(ftrl, 0.5, l1=0.25, l2=0.125, shrink=0.0625, beta=0.5, start=0.5)),
    ({"name": "tiger"}, 0.05, by_numpy(tiger, 0.05)),
    ({"name": "tiger", "beta": 0.75, "relative": True}, 0.05, by_numpy(tiger, 0.05, beta=0.75, relative=True)),
    ({"name": "adamAtan2"}, 0.05, by_numpy(adam_atan2, 0.05)),
    ({"name": "adamAtan2", "a": 1, "b": 0.5, "beta1": 0.75, "beta2": 0.5}, 0.05,
     by_numpy(adam_atan2, 0.05, a=1, b=0.5, b1=0.75, b2=0.5)),
    ({"name": "prodigy"}, 1, by_numpy_at_once(prodigy, 1)),
    ({"name": "prodigy", "beta1": 0.75, "beta2": 0.9, "epsilon": 0.25, "initialDistance": 0.001, "coefficient": 2,
      "growthRate": 1.5, "biasCorrection": True, "safeguardWarmup": True, "weightDecay": 0.125}, 0.5,
     by_numpy_at_once(prodigy, 0.5, b1=0.75, b2=0.9, eps=0.25, d0=0.001, coefficient=2, growth=1.5, correct=True,
                      safeguard=True, wd=0.125)),
    ({"name": "dadaptation"}, 1, by_numpy_at_once(dadaptation, 1)),
    ({"name": "dadaptation", "beta1": 0.75, "beta2": 0.9, "epsilon": 0.25, "initialDistance": 0.001,
      "growthRate": 1.5, "biasCorrection": True, "weightDecay": 0.125}, 0.5,
     by_numpy_at_once(dadaptation, 0.5, b1=0.75, b2=0.9, eps=0.25, d0=0.001, growth=1.5, correct=True, wd=0.125)),
    ({"name": "dog"}, 1, by_numpy_at_once(dog, 1)),
    ({"name": "dog", "initialDistance": 0.01, "epsilon": 0.25}, 0.5,
     by_numpy_at_once(dog, 0.5, first=0.01, eps=0.25)),
    ({"name": "dog", "initialDistance": 0.01, "layerwise": True}, 0.5,
     by_numpy_at_once(dog, 0.5, first=0.01, layerwise=True)),
    ({"name": "polyak"}, 0.04, by_numpy_at_once(polyak, 0.04)),
    ({"name": "polyak", "floor": 0.25, "scaling": 0.5}, 0.25,
     by_numpy_at_once(polyak, 0.25, floor=0.25, scaling=0.5)),
    ({"name": "momo"}, 1, by_numpy_at_once(momo, 1)),
    ({"name": "momo", "beta": 0.75, "floor": -0.5, "biasCorrection": True}, 0.0625,
     by_numpy_at_once(momo, 0.0625, beta=0.75, floor=-0.5, correct=True)),
    ({"name": "scheduleFree", "base": {"name": "sgd"}}, 0.004,
     by_numpy_at_once(schedule_free, 0.004, schedule_free.__doc__.format(which="sgd"))),
    ({"name": "scheduleFree", "base": {"name": "sgd"}, "beta": 0.75, "weightDecay": 0.125, "power": 1, "ratePower": 1},
     linear(0, 0.008),
     by_numpy_at_once(schedule_free, lambda t: 0.008 * min(1, (t - 1) / 20), schedule_free.__doc__.format(which="sgd"),
                      beta=0.75, wd=0.125, r=1, power=1)),
    ({"name": "scheduleFree", "base": {"name": "adam", "beta1": 0}}, 0.05,
     by_numpy_at_once(schedule_free, 0.05, schedule_free.__doc__.format(which="adamw"), inner=of_adam)),
    ({"name": "scheduleFree", "base": {"name": "adam", "beta1": 0}, "weightDecay": 0.125}, 0.05,
     by_numpy_at_once(schedule_free, 0.05, schedule_free.__doc__.format(which="adamw"), inner=of_adam, wd=0.125)),
]


def main():
    vectors = []
    for base, rate, (run, source) in VECTORS:
        for problem in PROBLEMS:
            expected = [
                {"step": t, "params": [p.tolist() for p in theta]}
                | ({} if averages is None else {"evaluation": [p.tolist() for p in averages]})
                for t, (theta, averages) in enumerate(run(problem), 1)
                if t in KEPT
            ]
            vector = {"base": base, "learningRate": rate, "source": source, "problem": problem["name"]}
            if not isinstance(rate, dict) and problem["name"] in DOUBLE.get((base["name"], rate), []):
                vector["double"] = True
            vectors.append(vector | {"expected": expected})
    data = {"quadratic": QUADRATIC, "logistic": LOGISTIC}
    print('{\n"data": %s,\n"problems": %s,\n"vectors": [' % (json.dumps(data), json.dumps(PROBLEMS)))
    print(",\n".join(json.dumps(vector) for vector in vectors))
    print("]\n}")


if __name__ == "__main__":
    main()
