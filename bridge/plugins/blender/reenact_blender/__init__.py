"""reenact in Blender's video sequence editor: a new face for a strip, rendered by `reenact serve`.

The add-on speaks to the server from Blender's main thread and never waits for it: requests are
begun, and a timer looks for their answers (`link.py`). `client.py` of the bridge lies beside this
file; `pack.py` puts it there.
"""

from importlib import import_module

bl_info = {
    "name": "reenact",
    "description": "Re-enact faces of strips by a reenact server",
    "author": "reenact",
    "version": (1, 0, 0),
    "blender": (3, 4, 0),
    "location": "Video Sequencer > Sidebar > reenact",
    "category": "Sequencer",
}


def register() -> None:
    """Add properties, operators and panels to Blender."""
    import_module(".registration", __package__).register()


def unregister() -> None:
    """Take them away, and let the server go."""
    import_module(".registration", __package__).unregister()
