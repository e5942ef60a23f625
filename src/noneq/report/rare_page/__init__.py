"""The page of `noneq rare`."""
