"""Face reenactment for edited video: a timeline in, a timeline out.

The names below are imported when they are first used, so that `import reenact_core` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from reenact_core.version import __version__

if TYPE_CHECKING:
    from reenact_core.engine.animate import animate
    from reenact_core.engine.timeline_run import render_timeline
    from reenact_core.models.load import load_integrator, load_models

__all__ = ["__version__", "animate", "load_integrator", "load_models", "render_timeline"]

_HOMES = {
    "animate": "reenact_core.engine.animate",
    "load_integrator": "reenact_core.models.load",
    "load_models": "reenact_core.models.load",
    "render_timeline": "reenact_core.engine.timeline_run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
