"""Optimal control, measured: protocols beside the least work, and forces beside exact costs."""
