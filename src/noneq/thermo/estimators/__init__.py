"""Entropy production from data and from fitted models, one estimator a file."""
