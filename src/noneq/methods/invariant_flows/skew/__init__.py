"""Skew flows: u = A score + div A with skew-symmetric A."""
