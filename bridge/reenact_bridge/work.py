"""A request for a render with every path resolved and found inside the roots."""

import hashlib
import json
import re
from typing import Any

from reenact_bridge.roots import Roots

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def resolved_work(body: dict[str, Any], roots: Roots) -> dict[str, Any]:
    """Timeline, output folder and options of a `submit` or `validate`, as the worker takes them.

    Raises:
        ProtocolError: E_PATH, names what leads out of the roots.
    """
    out = body.get("out")
    return {
        "timeline": str(roots.find(body["timeline"]["path"], "timeline")),
        "out": None if out is None else str(roots.find(out["dir"], "out")),
        "options": resolved_options(body.get("options", {}), roots),
    }


def resolved_options(options: dict[str, Any], roots: Roots) -> dict[str, Any]:
    """Options of a render or a preview with their paths resolved."""
    found = dict(options)
    for name in ("source", "driving", "clip"):
        if name in found:
            found[name] = str(roots.find(found[name], name))
    for name in ("tracks", "roots"):
        if name in found:
            found[name] = [str(roots.find(path, name)) for path in found[name]]
    if "reference" in found.get("face", {}):
        found["face"] = {"reference": str(roots.find(found["face"]["reference"], "face"))}
    if "checkpoint" in found and not names_checkpoint(found["checkpoint"]):
        found["checkpoint"] = str(roots.find(found["checkpoint"], "checkpoint"))
    method, colon, weights = found.get("integrator", "").partition(":")
    if colon:
        found["integrator"] = f"{method}:{roots.find(weights, 'integrator')}"
    return found


def resolved_path(body: dict[str, Any], roots: Roots) -> dict[str, Any]:
    """A request with its one path resolved."""
    return {**body, "path": str(roots.find(body["path"], "path"))}


def names_checkpoint(text: str) -> bool:
    """Whether a text is a checkpoint's id rather than a path."""
    return _ID.fullmatch(text) is not None


def digest(work: dict[str, Any], priority: int) -> str:
    """What tells whether two submissions ask for the same."""
    text = json.dumps([work, priority], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
