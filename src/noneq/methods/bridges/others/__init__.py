"""Transports by other objectives than the matching of bridges."""
