"""Training of reenact checkpoints: synthetic heads, losses, the loop."""
