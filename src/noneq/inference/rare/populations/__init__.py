"""Populations of paths that are split, killed and weighted, so that rare events are met."""
