"""Face reenactment for edited video: a timeline in, a timeline out."""

__version__ = "0.1.0"
