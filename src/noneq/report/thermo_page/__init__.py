"""The page of `noneq thermo`, and its pictures."""
