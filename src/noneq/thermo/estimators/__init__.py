"""Entropy production from data, one estimator a file."""
