"""Golden vectors of the bases for matrices: 30 steps on three problems, in float64, at xi = 0.

    /usr/bin/python3 scripts/golden/matrices.py > packages/core/test/fixtures/matrices.json

All are written in numpy from the source that each names, without a look at this project's algebra: PyTorch 1.13 has none of them.
"""

import json

import numpy as np

STEPS = 30
KEPT = (1, 2, 3, 10, 30)

# The problems. Rows and columns of a matrix differ by one at most: where they differ by more, the first gradient has a null
# space of two or more dimensions, and the basis that an eigensolver gives there is arbitrary.

QUADRATIC = {
    "left": [[4, 1, 0, 0.5], [1, 3, 0.25, 0], [0, 0.25, 2, 0.5], [0.5, 0, 0.5, 1]],
    "right": [[2, 0.5, 0.25], [0.5, 1, 0], [0.25, 0, 0.5]],
    "centre": [[1, -2, 0.5], [0.25, 1.5, -1], [-0.75, 0.5, 2], [1.25, -0.5, 0]],
}
NETWORK = {
    "inputs": [
        [1, 0.5, -1.5], [-0.5, 2, 0.25], [1.5, -1, 0.75], [-2, 0.5, 1],
        [0.25, 1.25, -0.5], [0.75, -1.75, 1.5], [-1.25, -0.25, -0.75], [2, 1, 0.5],
    ],
    "targets": [
        [1, 0, 0.5], [-0.5, 1, 0], [0.25, -1, 0.75], [0, 0.5, -1],
        [1, 1, -0.25], [-1, 0.25, 0.5], [0.5, -0.5, 1], [0.75, 0, -0.5],
    ],
    "batch": 4,
}
FILTER = {
    "diagonal": [0.5, 1, 2, 4, 8, 16, 12, 6, 3, 1.5, 0.75, 5],
    "coupling": 0.125,
    "centre": [1, -2, 0.5, 3, -1.5, 0.25, 0.75, -0.5, 2, -1, 1.5, -0.25],
}
PROBLEMS = [
    {
        "name": "quadratic",
        "params": [
            {"name": "w", "shape": [4, 3], "data": [2, 1, -1, 0.5, 0.75, -1.25, 1.5, -0.5, 0.25, -2, 1.75, 0.125]}
        ],
    },
    {
        "name": "network",
        "params": [
            {"name": "hidden", "shape": [4, 3], "data": [0.5, -0.25, 0.125, 0.75, 0.5, -0.5, -0.75, 0.25, 1, 0.375, -1, 0.625]},
            {"name": "bias", "shape": [4], "data": [0.375, -0.125, 0.25, -0.5]},
            {"name": "output", "shape": [3, 4], "data": [0.25, -0.5, 0.75, 0.125, -0.375, 1, 0.5, -0.25, 0.625, 0.125, -0.875, 0.75]},
        ],
    },
    {
        "name": "filter",
        "params": [
            {"name": "filter", "shape": [3, 2, 2], "data": [2, 1, -1, 0.5, 0.75, -1.25, 1.5, -0.5, 0.25, -2, 1.75, 0.125]}
        ],
    },
]


def gradients(problem, theta, t):
    if problem == "quadratic":
        # A(W - C)B with A and B symmetric.
        a, b, c = (np.array(QUADRATIC[key], float) for key in ("left", "right", "centre"))
        return [a @ (theta[0] - c) @ b]
    if problem == "filter":
        # Elementwise curvature, and one coupling constant everywhere else.
        d = theta[0].ravel() - np.array(FILTER["centre"])
        k = FILTER["coupling"]
        return [((np.array(FILTER["diagonal"]) - k) * d + k * d.sum()).reshape(theta[0].shape)]
    # Half the mean squared error over a batch of output . tanh(hidden x + bias); batches take turns.
    size = NETWORK["batch"]
    start = (t - 1) * size % len(NETWORK["inputs"])
    x = np.array(NETWORK["inputs"][start : start + size], float)
    y = np.array(NETWORK["targets"][start : start + size], float)
    hidden, bias, output = theta
    h = np.tanh(x @ hidden.T + bias)
    e = (h @ output.T - y) / size
    back = (e @ output) * (1 - h**2)
    return [back.T @ x, back.sum(0), e.T @ h]


# The optimisers: f(state, theta, g, t) gives the step that the learning rate multiplies, per parameter. Parameters with more
# than two axes are matrices whose rows are the first axis, where the rule says so.


def ema(s, key, value, beta, start=0.0):
    s[key] = beta * s.get(key, np.full_like(value, start)) + (1 - beta) * value
    return s[key]


def flat(x):
    return x.reshape(x.shape[0], -1) if x.ndim > 1 else x


def rms(x):
    return np.sqrt((x**2).mean())


def adam(s, theta, g, t, lr, b1=0.9, b2=0.999, eps=1e-8):
    """The fallback."""
    return ema(s, "m", g, b1) / (1 - b1**t) / (np.sqrt(ema(s, "v", g**2, b2) / (1 - b2**t)) + eps)


def adafactor(s, theta, g, t, lr, decay=0.8, eps1=1e-30, eps2=1e-3, d=1.0, b1=0.0, relative=True, scaled=True):
    """Shazeer and Stern, arXiv:1804.04235, algorithms 4 to 6, whose relative step is min(0.01, 1/sqrt(t)): 0.01 is the learning rate"""
    beta = 1 - t**-decay
    x = flat(g)
    square = x**2 + eps1
    if x.ndim == 2:
        # Sums, as in the paper.
        r = ema(s, "R", square.sum(1), beta)
        c = ema(s, "C", square.sum(0), beta)
        v = np.outer(r, c) / r.sum()
    else:
        v = ema(s, "V", square, beta)
    u = x / np.sqrt(v)
    u = u / max(1, rms(u) / d)
    if scaled:
        u = max(eps2, rms(theta)) * u
    if relative:
        u = min(lr, 1 / np.sqrt(t)) / lr * u
    if b1 > 0:
        u = ema(s, "M", u, b1)
    return u.reshape(g.shape)


def torch_adafactor(s, theta, g, t, lr, decay=0.8, eps2=1e-3, d=1.0):
    """torch.optim.Adafactor of PyTorch 2.5, written anew, at its default rate of 0.01"""
    assert g.ndim <= 2
    eps1 = np.finfo(float).eps
    weight = t**-decay
    if g.ndim == 2:
        s["row"] = s.get("row", 0) + weight * ((g**2).mean(1, keepdims=True) - s.get("row", 0))
        s["column"] = s.get("column", 0) + weight * ((g**2).mean(0, keepdims=True) - s.get("column", 0))
        v = s["row"] @ s["column"] / max(s["row"].mean(), eps1)
    else:
        v = s["v"] = s.get("v", 0) + weight * (g**2 - s.get("v", 0))
    u = g / np.sqrt(np.maximum(v, eps1**2))
    alpha = max(eps2, np.linalg.norm(theta) / np.sqrt(theta.size)) * min(lr, 1 / np.sqrt(t))
    return alpha / max(1.0, np.linalg.norm(u) / (np.sqrt(u.size) * d)) * u / lr


def optax_adafactor(s, theta, g, t, lr, decay=0.8, eps=1e-30, d=1.0):
    """optax.adafactor(lr, min_dim_size_to_factor=1, weight_decay_rate=None), written anew: no relative step"""
    assert g.ndim <= 2
    beta = 1 - t**-decay
    square = g**2 + eps
    if g.ndim == 2:
        r = ema(s, "v_row", square.mean(1), beta)
        c = ema(s, "v_col", square.mean(0), beta)
        u = g * ((r / r.mean()) ** -0.5)[:, None] * (c**-0.5)[None, :]
    else:
        u = g * ema(s, "v", square, beta) ** -0.5
    u = u / max(1.0, rms(u) / d)
    return u * max(rms(theta), 1e-3)


def sm3(s, theta, g, t, lr, b1=0.9, b2=1.0, eps=1e-8):
    """optax.scale_by_sm3, written anew: SM3-II of Anil et al., arXiv:1901.11150, with rows and columns as its covers"""
    x = flat(g)
    if x.ndim == 2:
        before = np.minimum(s.get("row", np.zeros(x.shape[0]))[:, None], s.get("column", np.zeros(x.shape[1]))[None, :])
    else:
        before = s.get("v", np.zeros_like(x))
    v = b2 * before + (1 - b2 if b2 != 1 else 1) * x**2
    if x.ndim == 2:
        s["row"], s["column"] = v.max(1), v.max(0)
    else:
        s["v"] = v
    u = np.where(v > 0, x / np.sqrt(v + eps), 0)
    return (ema(s, "m", u, b1) if b1 > 0 else u).reshape(g.shape)


def newton_schulz(g, steps=5):
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.T if g.shape[0] > g.shape[1] else g
    x = x / (np.linalg.norm(x) + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if g.shape[0] > g.shape[1] else x


def momentum(s, x, mu, nesterov):
    m = ema(s, "momentum", x, mu)
    return mu * m + (1 - mu) * x if nesterov else m


def muon(s, theta, g, t, lr, mu=0.95, nesterov=True):
    """KellerJordan/Muon, muon.py, written anew in float64, on kernels of shape first axis x product of the others; others by Adam"""
    if g.ndim < 2:
        return adam(s, theta, g, t, lr)
    x = flat(g)
    update = newton_schulz(momentum(s, x, mu, nesterov))
    return (update * max(1, x.shape[0] / x.shape[1]) ** 0.5).reshape(g.shape)


def normuon(s, theta, g, t, lr, mu=0.95, b2=0.95, eps=1e-10, nesterov=True, match=False):
    """zichongli5/NorMuon, normuon.py, written anew in float64; others by Adam"""
    if g.ndim < 2:
        return adam(s, theta, g, t, lr)
    x = flat(g)
    update = newton_schulz(momentum(s, x, mu, nesterov))
    before = np.linalg.norm(update)
    v = ema(s, "neurons", (update**2).mean(1, keepdims=True), b2)
    update = update / (np.sqrt(v) + eps)
    if match:
        # Li et al., arXiv:2510.05491, algorithm 1.
        return (0.2 * np.sqrt(x.size) / np.linalg.norm(update) * update).reshape(g.shape)
    update = update * (before / (np.linalg.norm(update) + eps))
    return (update * max(1, x.shape[0] / x.shape[1]) ** 0.5).reshape(g.shape)


def normuon_paper(s, theta, g, t, lr):
    """Li et al., arXiv:2510.05491, algorithm 1: the step has the root mean square 0.2; others by Adam"""
    return normuon(s, theta, g, t, lr, nesterov=False, eps=1e-8, match=True)


def root(matrix, power):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**power) @ vectors.T


def shampoo(s, theta, g, t, lr, eps=1e-4, every=1, mu=0.0, decay=1.0, graft=False):
    """Gupta, Koren and Singer, arXiv:1802.09568, algorithm 1, which begins from eps times the identity"""
    x = flat(g)
    fresh = 1 if decay == 1 else 1 - decay
    mean = ema(s, "m", x, mu) / (1 - mu**t) if mu > 0 else x
    if x.ndim < 2:
        # The diagonal of the paper's matrix for a vector.
        s["a"] = decay * s.get("a", 0) + fresh * x**2
        return mean / np.sqrt(s["a"] + eps)
    s["L"] = decay * s.get("L", 0) + fresh * x @ x.T
    s["R"] = decay * s.get("R", 0) + fresh * x.T @ x
    if (t - 1) % every == 0:
        s["left"], s["right"] = (root(s[key] + eps * np.eye(len(s[key])), -0.25) for key in "LR")
    update = s["left"] @ mean @ s["right"]
    if graft:
        # Anil et al., arXiv:2002.09018: as long as the step of AdaGrad.
        s["a"] = s.get("a", 0) + x**2
        update = update * np.linalg.norm(x / np.sqrt(s["a"])) / np.linalg.norm(update)
    return update.reshape(g.shape)


def soap(s, theta, g, t, lr, b1=0.95, b2=0.95, eps=1e-8, every=10):
    """nikhilvyas/SOAP, soap.py, written anew without its weight decay"""
    x = flat(g)
    t -= 1
    if t == 0:
        s["m"], s["v"] = np.zeros_like(x), np.zeros_like(x)
    bias = np.sqrt(1 - b2**t) / (1 - b1**t) if t > 0 else 0
    if x.ndim < 2:
        # Adam, which skips the first step too.
        return bias * ema(s, "m", x, b1) / (np.sqrt(ema(s, "v", x**2, b2)) + eps) if t > 0 else np.zeros_like(g)
    factors = (("L", x @ x.T), ("R", x.T @ x))
    if t == 0:
        for key, product in factors:
            s[key] = (1 - b2) * product
            s["Q" + key] = np.linalg.eigh(s[key])[1][:, ::-1]
        return np.zeros_like(g)
    left, right = s["QL"], s["QR"]
    mean = ema(s, "m", x, b1)
    v = ema(s, "v", (left.T @ x @ right) ** 2, b2)
    scaled = (left.T @ mean @ right) / (np.sqrt(v) + eps)
    update = bias * left @ scaled @ right.T
    for key, product in factors:
        s[key] = b2 * s[key] + (1 - b2) * product
        if t % every == 0:
            power = s[key] @ s["Q" + key]
            # By estimated eigenvalue, the largest first, and v along with them.
            order = np.argsort(-(s["Q" + key] * power).sum(0), kind="stable")
            s["v"] = s["v"][order] if key == "L" else s["v"][:, order]
            s["Q" + key] = np.linalg.qr(power[:, order])[0]
    return update.reshape(g.shape)


def by_numpy(rule, lr, problems=("quadratic", "network", "filter"), **options):
    def run(problem):
        theta = [np.array(p["data"], float).reshape(p["shape"]) for p in problem["params"]]
        states = [{} for _ in theta]
        for t in range(1, STEPS + 1):
            gs = gradients(problem["name"], theta, t)
            theta = [p - lr * rule(s, p, g, t, lr, **options) for s, p, g in zip(states, theta, gs)]
            yield theta

    return run, rule.__doc__, problems


MATRICES = ("quadratic", "network")
VECTORS = [
    ({"name": "adafactor"}, 0.01, by_numpy(adafactor, 0.01)),
    ({"name": "adafactor", "decay": 0.5, "epsilon": 0.25, "scaleEpsilon": 1.5, "clip": 0.75}, 0.25,
     by_numpy(adafactor, 0.25, decay=0.5, eps1=0.25, eps2=1.5, d=0.75)),
    ({"name": "adafactor", "relativeStep": False, "scaleParameter": False, "momentum": 0.75}, 0.05,
     by_numpy(adafactor, 0.05, relative=False, scaled=False, b1=0.75)),
    ({"name": "adafactor", "epsilon": 0}, 0.01, by_numpy(torch_adafactor, 0.01, MATRICES)),
    ({"name": "adafactor", "relativeStep": False}, 0.05, by_numpy(optax_adafactor, 0.05, MATRICES)),
    ({"name": "sm3"}, 0.25, by_numpy(sm3, 0.25)),
    ({"name": "sm3", "momentum": 0, "decay": 0.75, "epsilon": 0.125}, 0.1, by_numpy(sm3, 0.1, b1=0, b2=0.75, eps=0.125)),
    ({"name": "muon", "flatten": True}, 0.05, by_numpy(muon, 0.05)),
    ({"name": "normuon"}, 0.05, by_numpy(normuon, 0.05)),
    ({"name": "normuon", "momentum": 0.5, "beta2": 0.75, "epsilon": 0.125, "nesterov": False}, 0.05,
     by_numpy(normuon, 0.05, mu=0.5, b2=0.75, eps=0.125, nesterov=False)),
    ({"name": "normuon", "nesterov": False, "epsilon": 1e-8, "matchRms": True}, 0.1, by_numpy(normuon_paper, 0.1)),
    ({"name": "shampoo", "every": 1}, 0.1, by_numpy(shampoo, 0.1)),
    ({"name": "shampoo", "epsilon": 0.125, "every": 4, "momentum": 0.75, "decay": 0.875}, 0.1,
     by_numpy(shampoo, 0.1, eps=0.125, every=4, mu=0.75, decay=0.875)),
    ({"name": "shampoo", "epsilon": 0.03125, "every": 3, "graft": True}, 0.1,
     by_numpy(shampoo, 0.1, eps=0.03125, every=3, graft=True)),
    # Without batches the second gradient is the first, since the first step moves nothing. It has no part along the last
    # eigenvector, so that the step there is rounding over epsilon, and two implementations agree to 1e-16/epsilon at best.
    ({"name": "soap"}, 0.02, by_numpy(soap, 0.02, ("network",))),
    ({"name": "soap", "beta1": 0.75, "beta2": 0.875, "epsilon": 0.125, "every": 3}, 0.05,
     by_numpy(soap, 0.05, b1=0.75, b2=0.875, eps=0.125, every=3)),
]


def main():
    vectors = []
    for base, rate, (run, source, problems) in VECTORS:
        for problem in PROBLEMS:
            if problem["name"] not in problems:
                continue
            expected = [
                {"step": t, "params": [p.ravel().tolist() for p in theta]}
                for t, theta in enumerate(run(problem), 1)
                if t in KEPT
            ]
            vectors.append(
                {"base": base, "learningRate": rate, "source": source, "problem": problem["name"], "expected": expected}
            )
    data = {"quadratic": QUADRATIC, "network": NETWORK, "filter": FILTER}
    print('{\n"data": %s,\n"problems": %s,\n"vectors": [' % (json.dumps(data), json.dumps(PROBLEMS)))
    print(",\n".join(json.dumps(vector) for vector in vectors))
    print("]\n}")


if __name__ == "__main__":
    main()
