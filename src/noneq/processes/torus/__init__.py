"""Processes on the torus."""
