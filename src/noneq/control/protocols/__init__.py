"""Protocols that change a system in a given time at little work."""
