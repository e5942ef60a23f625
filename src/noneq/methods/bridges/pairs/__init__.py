"""Which states are paired."""
