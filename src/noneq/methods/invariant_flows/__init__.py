"""Flows that keep a law: deterministic dynamics with a known stationary density."""
