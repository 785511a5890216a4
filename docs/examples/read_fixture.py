"""Replays a golden trajectory of plain Adam bit for bit.

python docs/examples/read_fixture.py fixtures/v1/golden/adam/plain-ravine-f32.json
"""

import json
import sys
from pathlib import Path

import numpy as np

case = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
if list(case["equations"]) != ["adam[]"]:
    sys.exit(f"{case['id']}: {', '.join(case['equations'])} (expected adam[])")
golden, kind = case["trajectory"], np.dtype(case["dtype"]).type


def same(mine: np.ndarray, row: list[float]) -> bool:
    """The same bits: -0 is not 0."""
    return mine.tobytes() == np.array(row, dtype=kind).tobytes()


for name, start in case["initial"].items():
    p = np.array(start["data"][0], dtype=kind)  # a row is flat; NumPy reads the strings "NaN", "Inf", "-Inf", too
    m, v = np.zeros_like(p), np.zeros_like(p)
    block = next(block for block in golden["scalars"] if name in block["params"])
    for i, row in enumerate(golden["grads"][name]["data"]):
        if row is not None:  # null: no gradient, nothing moves
            g = np.array(row, dtype=kind)
            in_force = [s["values"] for s in case["settings"] if s["from_step"] <= i + 1 and name in s["params"]][-1]
            h = {key: kind(value) for key, value in in_force.items() if isinstance(value, float)}  # rounded once, before use
            c = {key: kind(values[i]) for key, values in block.items() if key != "params"}
            m = m + c["mix1"] * (g - m)
            v = v * h["beta2"] + c["mix2"] * g * g
            p = p - c["step_size"] * m / (np.sqrt(v) / c["root_bias2"] + h["eps"])
            assert same(m, golden["state"][name]["m"]["data"][i]), f"step {i + 1}: m of {name}"
            assert same(v, golden["state"][name]["v"]["data"][i]), f"step {i + 1}: v of {name}"
        assert same(p, golden["params"][name]["data"][i]), f"step {i + 1}: {name}"
sys.stdout.write(f"{case['id']}: {case['steps']} steps, bit for bit\n")
