"""Table 1 of the position paper."""
