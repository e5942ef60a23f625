"""Committors: where a path goes next, on a grid and as a network, and how well they are calibrated."""
