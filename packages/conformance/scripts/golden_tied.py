#!/usr/bin/env python3
"""Writes src/golden/tied.ts: trajectories of the learning rate's own metric, computed by numpy alone.

    python3 packages/conformance/scripts/golden_tied.py

Nothing here is taken from the core or from the oracle, and what they compute by recurrences is computed here from the whole
history: an average is the sum of its values times weights, which are read off by running its recurrence on impulses; the
averaged model is sum w_i (L_i + <g_i, theta - theta_i>); the orthogonalised momentum of Muon is its polynomial on singular
values; a polynomial average of weights is the sum of i(i+1)...(i+k-1) theta_i.

The step: theta -= eta rho d + eta rho wd theta, rho = h'/(1 + f'^2 v) (T. R. Harvey, arXiv:2509.03594), with xi = kappa eta*
and f = 2 sqrt(l), h = L: rho = l/(l + kappa eta* s). For plain gradients and kappa = 1/2 it is the step of NGN (Orvieto and
Xiao, arXiv:2407.04358). The averaged model is that of MoMo (Schaipp et al., arXiv:2305.07583), over any base.
"""

import json
import math
import pathlib

import numpy as np

STEPS = 30
SHOWN = [1, 2, 5, 15, 30]


# --- averages: how much of each value of the past is in them -------------------------------------------------------


def ema_weights(beta, t):
    """Of an exponential average at step t, its sum made 1."""
    weights = beta ** np.arange(t - 1, -1, -1.0)
    return weights / weights.sum()


def impulse_weights(recurrence, t):
    """Of any linear recurrence `kept, out = f(kept, value, step)`, its sum made 1."""
    out = np.zeros(t)
    for impulse in range(t):
        kept = 0.0
        for step in range(t):
            kept, last = recurrence(kept, 1.0 if step == impulse else 0.0, step + 1)
        out[impulse] = last
    return out / out.sum()


def momentum_of(base):
    """The recurrence of a base's momentum, with no normalisation of any kind."""
    name = base["name"]
    if name == "sgd":
        mu = base.get("momentum", 0)
        return lambda m, g, t: (mu * m + (1 - mu) * g,) * 2
    if name == "heavyBall":
        mu, damp = base.get("momentum", 0.9), base.get("dampening", 0)
        nesterov = base.get("nesterov", False)

        def step(b, g, t):
            b = g if t == 1 else mu * b + (1 - damp) * g
            return b, (g + mu * b if nesterov else b)

        return step
    if name == "adam":
        beta = base.get("beta1", 0.9)
        if not base.get("nesterov", False):
            return lambda m, g, t: (beta * m + (1 - beta) * g,) * 2

        def step(m, g, t):
            m = beta * m + (1 - beta) * g
            return m, beta * m / (1 - beta ** (t + 1)) + (1 - beta) * g / (1 - beta**t)

        return step
    if name == "lion":
        b1, b2 = base.get("beta1", 0.9), base.get("beta2", 0.99)
        return lambda m, g, t: (b2 * m + (1 - b2) * g, b1 * m + (1 - b1) * g)
    if name == "muon":
        mu = base.get("momentum", 0.95)

        def step(m, g, t):
            m = mu * m + (1 - mu) * g
            return m, (mu * m + (1 - mu) * g if base.get("nesterov", True) else m)

        return step
    raise ValueError(name)


def weighted(weights, values):
    return sum(w * v for w, v in zip(weights, values))


# --- bases: the direction d, the average and the dual norm of one tensor from all its gradients ---------------------


def orthogonal(x, iterations=5):
    """Newton-Schulz's polynomial, applied to the singular values (Keller Jordan's Muon)."""
    u, sigma, vt = np.linalg.svd(x, full_matrices=False)
    sigma = sigma / (np.linalg.norm(x) + 1e-7)
    for _ in range(iterations):
        sigma = 3.4445 * sigma - 4.775 * sigma**3 + 2.0315 * sigma**5
    return u @ np.diag(sigma) @ vt


def move(base, gradients):
    """d, x (the average, its weights summing to 1) and s of one tensor."""
    name, t, g = base["name"], len(gradients), gradients[-1]
    recurrence = momentum_of(base)
    kept = np.zeros_like(g)
    for i, value in enumerate(gradients):
        kept, raw = recurrence(kept, value, i + 1)
    x = weighted(impulse_weights(recurrence, t), gradients)
    if name == "sgd":
        return x, x, np.sum(g * g)
    if name == "heavyBall":
        return raw, x, np.sum(g * g)
    if name == "adam":
        second = weighted(ema_weights(base.get("beta2", 0.999), t), [v * v for v in gradients])
        scale = 1 / (np.sqrt(second) + base.get("epsilon", 1e-8))
        mean = raw if base.get("nesterov", False) else x
        return mean * scale, x, np.sum(g * g * scale)
    if name == "lion":
        d = np.sign(raw)
    else:
        rows, columns = g.shape
        inputs = base.get("rows") == "inputs"
        ratio = columns / rows if inputs else rows / columns
        d = orthogonal(raw, base.get("iterations", 5)) * math.sqrt(max(1, ratio))
    return d, x, np.sum(x * d) * np.sum(g * g) / np.sum(x * x)


# --- schedules -------------------------------------------------------------------------------------------------------


def rate_at(rate, step):
    """The rate at a step counted from 1, and its peak."""
    if isinstance(rate, (int, float)):
        return rate, rate
    share = min(1, (step - 1) / rate.get("steps", 1))
    if rate["schedule"] == "linear":
        return rate["from"] * (1 - share) + rate["to"] * share, max(rate["from"], rate["to"])
    if rate["schedule"] == "cosine":
        low = rate.get("to", 0)
        wave = 0.5 + 0.5 * math.cos(math.pi * share)
        return low * (1 - wave) + rate["from"] * wave, max(rate["from"], low)
    if rate["schedule"] == "warmup":
        low = rate.get("from", 0)
        top = max(low, rate_at(rate["then"], 1)[1])
        if step > rate["steps"]:
            return rate_at(rate["then"], step - rate["steps"])[0], top
        return low * (1 - share) + rate_at(rate["then"], 1)[0] * share, top
    raise ValueError(rate)


# --- the step ----------------------------------------------------------------------------------------------------------


class Run:
    def __init__(self, options, theta):
        self.o, self.theta = options, [p.copy() for p in theta]
        self.g, self.L, self.thetas, self.s, self.visited = [], [], [], [], []

    def base_of(self, p):
        base = self.o["base"]
        return self.o["fallback"] if base["name"] == "muon" and p.ndim != 2 else base

    def step(self, gradients, loss):
        o, t = self.o, len(self.L) + 1
        self.g.append(gradients)
        self.L.append(loss)
        self.thetas.append([p.copy() for p in self.theta])
        moves = [move(self.base_of(p), [g[i] for g in self.g]) for i, p in enumerate(self.theta)]
        self.s.append(max(0, sum(s for _, _, s in moves)))
        rate, peak = rate_at(o["learningRate"], t)
        kappa = 1 if o["xi"] == "rate" else o["xi"]["perRate"]
        smooth = weighted(ema_weights(o.get("beta", 0.8), t), self.s)
        metric = kappa * peak * smooth
        name, floor = o["embedding"]["name"], o["embedding"].get("floor", 0)
        follow = not isinstance(floor, (int, float))
        bound = floor if not follow else 0 if floor == "follow" else floor["follow"]

        level = self.L[-1]
        now, fast, slow = (weighted(ema_weights(b, t), self.L) for b in (0.8, 0.9, 0.99))
        low = bound
        if follow:
            level = now
            low = max(bound, fast - 3 * max(0, slow - fast) - (fast - bound) / 10)
        if o.get("averagedModel"):
            level = self.model(t)
            metric = kappa * peak * max(0, sum(np.sum(x * d) for d, x, _ in moves))
        rho = self.factor(name, level - low, metric)
        if "risingCap" in o and rho > 0:
            rho = 1 / (1 / rho - 1 + peak / self.cap(o["risingCap"], peak, t))
        if "startAxis" in o and rho > 0:
            rho = self.brake(o["startAxis"], rho, t, peak * smooth, bound, max(0, fast - bound))
        decay = rate * o.get("weightDecay", 0) * rho
        self.theta = [p - rate * rho * d - decay * p for p, (d, _, _) in zip(self.theta, moves)]
        self.visited.append([p.copy() for p in self.theta])
        return rho, metric, self.s[-1]

    def model(self, t):
        """sum w_i (L_i + <g_i, theta - theta_i>), the losses weighted as the first tensor's gradients are."""
        weights = [impulse_weights(momentum_of(self.base_of(p)), t) for p in self.theta]
        value = weighted(weights[0], self.L)
        for j, p in enumerate(self.theta):
            for i in range(t):
                value += weights[j][i] * np.sum(self.g[i][j] * (p - self.thetas[i][j]))
        return value

    @staticmethod
    def factor(name, height, metric):
        """h'/(1 + f'^2 v), from the slopes of each embedding."""
        if name == "identity":
            return 1 / (1 + metric)
        if height <= 0:
            return 0.0
        slope = 1 / math.sqrt(height) if name == "root" else 1 / height
        return (slope if name == "log" else 1) / (1 + slope**2 * metric)

    @staticmethod
    def cap(options, peak, t):
        """The cap of step t, which rises to a height. The rates of these runs do not change."""
        top, cap = max(peak, options.get("to", 1)), peak
        for _ in range(t - 1):
            cap = min(top, cap * options.get("growth", 1.02))
        return cap

    def brake(self, axis, rho, t, promise, bound, left):
        # The first loss, or the largest of the averages of the first ten.
        early = self.L[:10]
        first = max(weighted(ema_weights(0.9, n), early[:n]) for n in range(1, len(early) + 1)) - bound
        extra = axis["weight"] * promise / first
        if "steps" in axis:
            share = min(1, (t - 1) / axis["steps"])
            if share == 1:
                return 0.0
            extra *= (left / first) ** axis.get("power", 0.75) / (1 - share)
        return 1 / (1 / rho + extra)

    def averaged(self, k):
        """i(i+1)...(i+k-1) is the weight of step i."""
        weights = [math.prod(range(i, i + k)) for i in range(1, len(self.visited) + 1)]
        return [weighted(weights, [v[j] for v in self.visited]) / sum(weights) for j in range(len(self.theta))]


# --- problems ------------------------------------------------------------------------------------------------------------


def softmax_problem(seed, noise):
    """Softmax regression in batches of 8, a share of the labels wrong; weights 3 x 2 and two biases."""
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 3))
    y = (x @ r.normal(size=(3, 2))).argmax(axis=1)
    wrong = r.random(64) < noise
    y = np.where(wrong, 1 - y, y)
    start = [r.normal(size=(3, 2)), r.normal(size=2)]

    def at(theta, step):
        rows = np.random.default_rng(1000 * seed + step).choice(64, 8, replace=False)
        z = x[rows] @ theta[0] + theta[1]
        z = z - z.max(axis=1, keepdims=True)
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        loss = -np.mean(np.log(p[np.arange(8), y[rows]]))
        p[np.arange(8), y[rows]] -= 1
        return loss, [x[rows].T @ p / 8, p.mean(axis=0)]

    return start, at


def valley_problem(seed):
    """Rosenbrock's valley in four variables, in two tensors, with a constant beside."""
    start = [np.array([-1.2, 1.0, 0.5]), np.array([[0.25]])]

    def at(theta, step):
        v = np.concatenate([theta[0], theta[1].ravel()])
        loss, g = 0.0, np.zeros(4)
        for i in range(3):
            a, b = 1 - v[i], v[i + 1] - v[i] ** 2
            loss += a * a + 100 * b * b
            g[i] += -2 * a - 400 * v[i] * b
            g[i + 1] += 200 * b
        return loss, [g[:3], g[3:].reshape(1, 1)]

    return start, at


def matrix_problem(seed):
    """|A X B - C|^2/2 with a little noise, of a tall X and a vector of offsets."""
    r = np.random.default_rng(seed)
    a, b, c = r.normal(size=(3, 4)), r.normal(size=(2, 3)), r.normal(size=(3, 3))
    start = [r.normal(size=(4, 2)), r.normal(size=3)]

    def at(theta, step):
        noise = np.random.default_rng(1000 * seed + step).normal(size=(3, 3)) / 8
        error = a @ theta[0] @ b + theta[1] - c - noise
        return np.sum(error**2) / 2, [a.T @ error @ b.T, error.sum(axis=0)]

    return start, at


def rounded(value, digits):
    return float(f"{value:.{digits}g}")


def follow(options, start, given, convert=lambda x: x):
    """The expected steps of a run on given gradients and losses."""
    run = Run(options, [convert(p) for p in start])
    expected = []
    for t, (loss, gradients) in enumerate(given, 1):
        rho, metric, s = run.step([convert(g) for g in gradients], loss)
        if t not in SHOWN:
            continue
        entry = {"step": t, "params": run.theta, "scale": rho, "metric": metric, "dualNorm": s}
        if "averageWeights" in options:
            entry["averages"] = run.averaged(options["averageWeights"])
        expected.append(entry)
    return expected


def distance(a, b):
    """The largest relative difference of what two runs give."""
    worst = 0.0
    for x, y in zip(a, b):
        for key, value in y.items():
            arrays = zip(x[key], value) if isinstance(value, list) else [(x[key], value)]
            for p, q in arrays:
                worst = max(worst, np.max(np.abs(p - q)) / np.max(np.abs(q)))
    return worst


def single(x):
    return x.astype(np.float32).astype(np.float64)


def vector(name, problem, options):
    start, at = problem
    start = [np.vectorize(lambda v: rounded(v, 5))(p) for p in start]
    run = Run(options, start)
    given = []
    for t in range(1, STEPS + 1):
        loss, gradients = at(run.theta, t)
        given.append((rounded(loss, 7), [np.vectorize(lambda v: rounded(v, 5))(g) for g in gradients]))
        run.step(given[-1][1], given[-1][0])
    expected = follow(options, start, given)
    # Where rounding nothing but the input to single precision already moves the result, no single precision can be asked.
    error = distance(follow(options, start, given, single), expected)
    print(f"{name}: loss {given[0][0]:.4g} to {given[-1][0]:.4g}, rounded input {error:.1e}")

    def flat(arrays):
        return [p.ravel().tolist() for p in arrays]

    return {
        "name": name,
        "transformation": options,
        "single": bool(error < 4e-6),
        "params": [{"name": f"p{i}", "shape": list(p.shape), "data": p.ravel().tolist()} for i, p in enumerate(start)],
        "steps": [{"grads": flat(gradients), "loss": loss} for loss, gradients in given],
        "expected": [{k: flat(v) if isinstance(v, list) else v for k, v in entry.items()} for entry in expected],
    }


ADAM = {"name": "adam"}
SGD = {"name": "sgd", "momentum": 0.9}
BALL = {"name": "heavyBall", "momentum": 0.8, "dampening": 0.25, "nesterov": True}
LION = {"name": "lion"}
MUON = {"name": "muon", "rows": "outputs"}
ROOT = {"name": "root"}


def tied(base, rate, embedding, xi="rate", **more):
    return {"base": base, "learningRate": rate, "xi": xi, "embedding": embedding, **more}


def rate_free(base, steps=None, **more):
    recipe = tied(base, 1, {"name": "root", "floor": 0}, averagedModel=True)
    if steps is None:
        return {**recipe, "startAxis": {"weight": 9}, "averageWeights": 8, **more}
    return {**recipe, "startAxis": {"weight": 10, "power": 0.75, "steps": steps}, **more}


WARMUP = {"schedule": "warmup", "then": {"schedule": "cosine", "from": 2, "to": 0.25, "steps": 20}, "steps": 6, "from": 0.5}

VECTORS = [
    vector("adam, root, eta 1, decay", softmax_problem(1, 0), tied(ADAM, 1, ROOT, weightDecay=0.01)),
    vector("sgd, root, eta 10, half of NGN", valley_problem(2), tied({"name": "sgd"}, 10, ROOT, {"perRate": 0.5}, beta=0)),
    vector("sgd with momentum, root, eta 1", valley_problem(3), tied(SGD, 1, ROOT)),
    vector("adam, log, eta 0.1", softmax_problem(4, 0), tied(ADAM, 0.1, {"name": "log", "floor": -0.1})),
    vector("nadam, identity, eta 2", softmax_problem(5, 0), tied({**ADAM, "nesterov": True}, 2, {"name": "identity"}, {"perRate": 3})),
    vector("adam, root, warm-up into a cosine", softmax_problem(6, 0), tied(ADAM, WARMUP, ROOT, weightDecay=0.02)),
    vector("adam, root that follows, noisy labels", softmax_problem(7, 0.3), tied(ADAM, 1, {"name": "root", "floor": "follow"})),
    vector("heavyBall, root that follows", matrix_problem(8), tied(BALL, 0.1, {"name": "root", "floor": {"follow": -1}})),
    vector("lion, logDamped that follows", softmax_problem(9, 0.3), tied(LION, 0.5, {"name": "logDamped", "floor": "follow"}, {"perRate": 2})),
    vector("adam, averaged model", softmax_problem(10, 0), tied(ADAM, 0.5, ROOT, averagedModel=True)),
    vector("nadam, averaged model that follows", softmax_problem(11, 0.3), tied({**ADAM, "nesterov": True}, 0.5, {"name": "root", "floor": {"follow": -1}}, averagedModel=True)),
    vector("heavyBall, averaged model", matrix_problem(12), tied(BALL, 0.05, ROOT, averagedModel=True)),
    vector("muon and sgd, averaged model", matrix_problem(13), tied(MUON, 0.1, ROOT, averagedModel=True, fallback={"name": "sgd", "momentum": 0.5})),
    vector("lion, averaged model under log", softmax_problem(14, 0), tied(LION, 0.05, {"name": "log"}, averagedModel=True)),
    vector("sgd, start axis", matrix_problem(15), tied(SGD, 1, ROOT, startAxis={"weight": 9})),
    vector("adam, start axis over 40 steps, falling rate", softmax_problem(16, 0), tied(ADAM, {"schedule": "linear", "from": 1, "to": 0, "steps": 40}, ROOT, startAxis={"weight": 4, "steps": 40, "power": 0.5})),
    vector("rateFree of adam, 30 steps", softmax_problem(17, 0), rate_free(ADAM, 30)),
    vector("rateFree of adam", softmax_problem(18, 0), rate_free(ADAM)),
    vector("rateFree of muon and adam, 30 steps", matrix_problem(19), rate_free(MUON, 30, fallback=ADAM)),
    vector("rateFree of lion", softmax_problem(20, 0.2), rate_free(LION)),
    vector("lion, s under identity", softmax_problem(21, 0), tied(LION, 0.5, {"name": "identity"}, {"perRate": 4})),
    vector("muon with its rows as inputs, s under identity", matrix_problem(22), tied({**MUON, "rows": "inputs", "nesterov": False}, 0.5, {"name": "identity"}, {"perRate": 0.5}, fallback=LION)),
    vector("adam, root, eta 0.005, a cap that rises", softmax_problem(23, 0), tied(ADAM, 0.005, ROOT, risingCap={"growth": 1.25})),
    vector("adam, eta 0.01, a cap that rises beside a start axis over 30 steps", softmax_problem(24, 0.2), rate_free(ADAM, 30, learningRate=0.01, risingCap={"growth": 1.2, "to": 0.5})),
]

HEAD = """import type { TiedVector } from './types.js'

/** A rate's own metric, computed from the whole history by scripts/golden_tied.py, which explains it. */
export const tied = JSON.parse(`[
"""

if __name__ == "__main__":
    target = pathlib.Path(__file__).parent.parent / "src" / "golden" / "tied.ts"
    lines = [json.dumps(v, separators=(",", ":")) for v in VECTORS]
    target.write_text(HEAD + ",\n".join(lines) + "\n]`) as readonly TiedVector[]\n")
    print(f"{target.stat().st_size} bytes")
