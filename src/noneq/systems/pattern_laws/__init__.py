"""Exact laws of patterns that are placed at random."""
