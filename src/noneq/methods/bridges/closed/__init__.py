"""Transports without training."""
