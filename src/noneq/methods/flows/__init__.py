"""Normalising flows: continuous, of couplings, and diffusing both ways."""
