"""The engine: a plan's shots from decoded frames to finished files."""
