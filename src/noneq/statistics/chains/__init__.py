"""Sums over sequences of discrete states."""
