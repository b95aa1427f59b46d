"""The `reenact` command."""
