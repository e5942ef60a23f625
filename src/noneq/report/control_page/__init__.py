"""The page of `noneq control`."""
