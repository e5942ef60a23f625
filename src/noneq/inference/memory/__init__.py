"""Motion that remembers: whether it does, with which kernel, and how it spreads."""
