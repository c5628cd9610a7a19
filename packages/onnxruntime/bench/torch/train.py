"""Trains a network that compare.mjs has written to a folder, on one thread, and prints losses and times as JSON."""
import json
import re
import sys
import time
from pathlib import Path

import numpy
import torch
from torch.nn import functional as F

from networks import networks


def read(folder, entry):
    kind = {"float32": numpy.float32, "int64": numpy.int64}[entry["type"]]
    return torch.from_numpy(numpy.fromfile(folder / entry["file"], kind).reshape(entry["dims"]).copy())


def algebra():
    """The library that multiplies matrices here: PyTorch does not know."""
    maps = Path("/proc/self/maps")
    names = set(re.findall(r"lib(openblas|mkl_rt|blis|blas)\S*\.so", maps.read_text())) if maps.exists() else set()
    return "+".join(sorted(names))


def main(folder):
    torch.set_num_threads(1)
    problem = json.loads((folder / "problem.json").read_text())
    network = networks[problem["name"]](**problem["network"])
    values = {entry["name"]: read(folder, entry) for entry in problem["parameters"]}
    own = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
    if own != set(values):
        raise SystemExit(f"the networks differ in {sorted(own ^ set(values))}")
    network.load_state_dict(values, strict=False)
    network.train()
    settings = dict(problem["torch"])
    optimizer = getattr(torch.optim, settings.pop("name"))(network.parameters(), **settings)
    batches = [(read(folder, batch["input"]), read(folder, batch["labels"])) for batch in problem["batches"]]
    losses, milliseconds = [], []
    for inputs, labels in batches:
        start = time.perf_counter()
        optimizer.zero_grad()
        loss = F.cross_entropy(network(inputs), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        milliseconds.append(1000 * (time.perf_counter() - start))
    print(
        json.dumps(
            {
                "torch": torch.__version__,
                "algebra": algebra(),
                "scalars": sum(parameter.numel() for parameter in network.parameters()),
                "losses": losses,
                "milliseconds": milliseconds,
            }
        )
    )


main(Path(sys.argv[1]))
