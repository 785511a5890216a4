"""A worked adapter: SGD in plain Python, and the protocol of docs/protocol.md around it. It needs nothing but Python.

crossoptim check --command "sgd=python docs/examples/adapter.py" --select 'sgd/*'
"""

import copy
import ctypes
import json
import math
import platform
import sys
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Rounding = Callable[[float], float]
ROUND: dict[str, Rounding] = {"float64": float, "float32": lambda x: ctypes.c_float(x).value}  # Python computes in double
VARIANTS = {"momentum_form": "gradient_sum", "nesterov_form": "at_parameter", "first_step": "undampened"}  # the only ones known here


def update(r: Rounding, h: Json, p: float, g: float, v: float | None) -> tuple[float, float | None]:
    """The library: one step of one element. ``r`` rounds after each operation; ``v`` is None before the first step with momentum."""
    d = -g if h["maximize"] else g
    if h["weight_decay"]:
        d = r(d + r(r(h["weight_decay"]) * p))
    if not h["momentum"]:
        return r(p - r(r(h["lr"]) * d)), v
    kept = 1.0 if v is None else r(1 - h["dampening"])
    v = r(r(r(h["momentum"]) * (0.0 if v is None else v)) + r(kept * d))
    step = r(d + r(r(h["momentum"]) * v)) if h["nesterov"] else v
    return r(p - r(r(h["lr"]) * step)), v


def run(request: Json) -> Json:
    """The adapter: a case in, a trajectory out, or what is lacking for it."""
    optimizer, events = request["optimizer"], request["events"]
    arguments = [item["arguments"] for item in [*optimizer["groups"], *events] if "arguments" in item]
    lacks = [] if optimizer["name"] == "sgd" else [f"optimizer {optimizer['name']}"]
    lacks += [] if request["mode"] == "replay" else [f"mode {request['mode']}"]
    lacks += [f"{key} = {h[key]}" for h in arguments for key in VARIANTS if h.get(key, VARIANTS[key]) != VARIANTS[key]]
    if lacks:
        return {"outcome": "unsupported", "reason": f"this adapter has no {', '.join(lacks)}"}

    r = ROUND[request["dtype"]]
    params = {p["name"]: [float(x) for x in p["data"]] for p in request["params"]}  # float() reads "NaN", "Inf", "-Inf", too
    groups = [(group["params"], group["arguments"]) for group in optimizer["groups"]]
    grads: Json = dict.fromkeys(params)
    velocity: Json = {name: [None] * len(p) for name, p in params.items()}
    out: Json = {part: {name: [] for name in params} for part in ("params", "gradients", "gradients_after", "velocity")}
    for step in range(1, request["steps"] + 1):
        now = [event for event in events if event.get("step") == step]
        groups += [(event["params"], event["arguments"]) for event in now if event["kind"] == "add_group"]
        for event in now:
            if event["kind"] == "set":
                groups[event["group"]][1].update(event["arguments"])
            if event["kind"] == "resume":  # of a library: save its state dict, make a new optimizer, load the state dict
                groups, velocity = copy.deepcopy((groups, velocity))
        accumulate = any(event["kind"] == "accumulate" for event in now)
        for name, rows in request["gradients"].items():  # null already, where "none" or "frozen" says so
            fresh, held = rows[step - 1], grads[name] if accumulate else None
            fresh = fresh and [float(x) for x in fresh]
            grads[name] = [r(a + b) for a, b in zip(held, fresh, strict=True)] if held and fresh else fresh
        for name, h in [(name, h) for names, h in groups for name in names]:
            for i, g in enumerate(grads[name] or ()):
                params[name][i], velocity[name][i] = update(r, h, params[name][i], g, velocity[name][i])
        for part, table in {"params": params, "gradients": grads, "gradients_after": grads, "velocity": velocity}.items():
            for name, row in table.items():
                out[part][name].append(None if row is None or None in row else [written(x) for x in row])
    out["state"] = {name: {"velocity": rows} for name, rows in out.pop("velocity").items()}
    return {"outcome": "ok", "trajectory": out}


def written(x: float) -> float | str:
    """A number as the protocol has it: left alone, json.dumps writes a bare NaN, which is not JSON."""
    return x if math.isfinite(x) else "NaN" if math.isnan(x) else "Inf" if x > 0 else "-Inf"


def answer(request: Json) -> Json:
    """The answer to one request; what goes wrong is an answer, too."""
    try:
        if request["command"] == "describe":
            return {"outcome": "ok", "protocol": 1, "implementation": "plain-sgd", "version": "1.0", "platform": platform.platform()}
        return run(request) if request["command"] == "run" else {"outcome": "unsupported", "reason": f"no {request['command']}"}
    except Exception as error:
        return {"outcome": "error", "class": type(error).__name__, "message": str(error)}


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints must not mix with the answers
    for line in sys.stdin:
        request = json.loads(line)
        if request["command"] == "stop":
            break
        print(json.dumps(answer(request), allow_nan=False), file=answers, flush=True)
