"""The way editor plug-ins talk to reenact: a server, and a client in one file."""
