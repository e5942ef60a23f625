"""Formats of data files: one reader and one writer each."""
