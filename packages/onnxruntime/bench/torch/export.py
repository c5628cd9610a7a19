"""Exports small networks as PyTorch does, with inputs of other sizes than they are exported with, and with the loss and the
gradients that PyTorch computes of these: test/fixtures/exported.

/usr/bin/python3 packages/onnxruntime/bench/torch/export.py        (Debian: python3-torch)
"""

import json
import math
import os

import torch
from torch import nn
from torch.nn import functional


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 3, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(3)
        self.conv2 = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        x = functional.relu(self.bn(self.conv1(x)))
        x = functional.max_pool2d(functional.silu(self.conv2(x)), 2)
        return self.head(x.view(x.size(0), -1))


class Attention(nn.Module):
    """Tokens behind one of its own, four axes folded into one and taken apart again."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 8)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.norm = nn.LayerNorm(8)
        self.qkv = nn.Linear(8, 24)
        self.projection = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, ids):
        x = torch.cat([self.token.expand(ids.shape[0], -1, -1), self.embedding(ids)], 1)
        batch, time, width = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(batch, time, 3, 2, width // 2).permute(2, 0, 3, 1, 4).unbind(0)
        weights = (q @ k.transpose(-2, -1) / math.sqrt(width // 2)).softmax(-1)
        seen = (weights @ v).transpose(1, 2).contiguous().view(batch, time, width)
        return self.head((x + self.projection(seen))[:, 0])


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.input = nn.Linear(3, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, activation="gelu", batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.layers(self.input(x)).mean(1))


class Recurrent(nn.Module):
    """Reads sequences from both ends, or in two layers, and ends in the last states."""

    def __init__(self, layer, layers, both):
        super().__init__()
        self.layers = layer(3, 4, num_layers=layers, batch_first=True, bidirectional=both)
        self.head = nn.Linear(8 if both else 4, 3)

    def forward(self, x):
        return self.head(self.layers(x)[0][:, -1])


def networks():
    ids = [torch.randint(0, 7, dims) for dims in ((2, 4), (5, 3), (3, 6))]
    yield "convolutions", Convolutions(), [torch.randn(n, 1, 6, 6) for n in (2, 5, 3)], {0: "batch"}
    yield "attention", Attention(), ids, {0: "batch", 1: "time"}
    yield "encoder", Encoder(), [torch.randn(n, t, 3) for n, t in ((2, 4), (5, 3), (3, 6))], {0: "batch", 1: "time"}
    for name, layer, layers, both in (("lstm", nn.LSTM, 2, False), ("gru", nn.GRU, 1, True), ("rnn", nn.RNN, 2, True)):
        series = [torch.randn(n, t, 3) for n, t in ((2, 4), (5, 3), (3, 6))]
        yield name, Recurrent(layer, layers, both), series, {0: "batch", 1: "time"}


def numbers(tensor):
    return [float(f"{value:.7g}") for value in tensor.detach().flatten().tolist()]


torch.manual_seed(1)
folder = os.path.join(os.path.dirname(__file__), "../../test/fixtures/exported")
os.makedirs(folder, exist_ok=True)
expected = {}
for name, network, (example, *inputs), axes in networks():
    for opset in (11, 16):
        torch.onnx.export(
            network,
            example,
            os.path.join(folder, f"{name}-{opset}.onnx"),
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": axes, "logits": {0: "batch"}},
            opset_version=opset,
            training=torch.onnx.TrainingMode.TRAINING,
            do_constant_folding=False,
        )
    expected[name] = []
    for x in inputs:
        labels = torch.arange(x.shape[0]) % 3
        network.zero_grad()
        loss = functional.cross_entropy(network(x), labels)
        loss.backward()
        expected[name].append(
            {
                "dims": list(x.shape),
                "input": numbers(x),
                "labels": labels.tolist(),
                "loss": loss.item(),
                "gradients": {key: numbers(value.grad) for key, value in network.named_parameters()},
            }
        )
with open(os.path.join(folder, "expected.json"), "w") as file:
    json.dump(expected, file, separators=(",", ":"))
    file.write("\n")
