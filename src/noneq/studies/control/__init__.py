"""Rows of control: learnt controls and protocols against their optimum."""
