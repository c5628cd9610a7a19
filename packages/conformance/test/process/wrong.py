"""The template with a mistake that is often made: momentum as an average, v = mu v + (1 - mu) g."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "targets" / "python"))

from protocol import serve  # noqa: E402
from template import MANIFEST, Momentum  # noqa: E402


class Average(Momentum):
    def __init__(self, transformation, parameters):
        super().__init__(transformation, parameters)
        self.dampening = self.momentum


serve({**MANIFEST, "name": "wrong"}, Average)
