"""`reenact evaluate`: the paper's tables and plots, on drawn heads and on real clips."""
