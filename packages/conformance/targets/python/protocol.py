"""The protocol of induced-conformance: one JSON object a line, a request in and an answer out.

docs/conformance-protocol.md describes it. Needs nothing but Python 3.8 or later.
"""

import json
import math
import pathlib
import sys


class TargetError(Exception):
    """An error that the suite may ask for, such as TargetError("ERR_NOT_SUPPORTED", "no base of that name")."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def decode(value):
    """A gradient or the data of a parameter as floats: float() reads "NaN", "Infinity" and "-0" as well."""
    return None if value is None else [float(number) for number in value]


def encode(numbers):
    """Floats as JSON has them: the shortest digits that give each of them back, and words for what has none."""
    return [
        number if math.isfinite(number) else "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
        for number in numbers
    ]


def known_capabilities(names):
    """Those of the names that this version of the suite has, by the schema beside the targets; all of them without it."""
    schema = pathlib.Path(__file__).resolve().parents[2] / "protocol.schema.json"
    if not schema.is_file():
        return names
    properties = json.loads(schema.read_text(encoding="utf-8"))["$defs"]["manifest"]["properties"]
    return [name for name in names if name in properties["capabilities"]["items"]["enum"]]


def plain_manifest(name, capabilities, version="1.0.0", dtype="float64"):
    """The manifest of a plain optimiser that computes in one type."""
    arithmetic = {dtype: {"elementwise": dtype, "sums": dtype}}
    return {"name": name, "version": version, "dtypes": [dtype], "arithmetic": arithmetic, "capabilities": capabilities}


def serve(manifest, create):
    """Answers requests until the input ends.

    create(transformation, parameters) returns an optimiser with step(gradients, loss) and read(). A plain optimiser's
    step returns nothing. One with the metric returns its report, and may have save(), load(text), reset() and dispose().
    """
    sessions = {}

    def answer(request):
        method = request["method"]
        if method == "hello":
            return {"protocol": 1, "manifest": manifest}
        number = request["session"]
        if method == "create":
            parameters = [{**p, "data": decode(p["data"])} for p in request["parameters"]]
            sessions[number] = create(request["transformation"], parameters)
            return {}
        if method == "dispose":
            session = sessions.pop(number, None)
            if hasattr(session, "dispose"):
                session.dispose()
            return {}
        if number not in sessions:
            raise TargetError("ERR_DISPOSED", f"session {number} is disposed of")
        session = sessions[number]
        if method == "step":
            loss = request.get("loss")
            report = session.step([decode(g) for g in request["gradients"]], None if loss is None else float(loss))
            return {} if report is None else {"report": report}
        if method == "read":
            return {"parameters": [encode(data) for data in session.read()]}
        if method == "save":
            return {"bytes": session.save()}
        if method == "load":
            session.load(request["bytes"])
            return {}
        if method == "reset":
            session.reset()
            return {}
        raise TargetError("ERR_INTERNAL", f"there is no method {method}")

    # print() of a library must not mix with the answers.
    output, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except TargetError as error:
            reply = {"error": {"code": error.code, "message": str(error)}}
        except Exception as error:
            reply = {"error": {"code": "ERR_INTERNAL", "message": f"{type(error).__name__}: {error}"}}
        print(json.dumps(reply, allow_nan=False), file=output, flush=True)
