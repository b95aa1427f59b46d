"""The way editor plug-ins talk to reenact. Nothing is served yet; see docs/changelog.md."""
