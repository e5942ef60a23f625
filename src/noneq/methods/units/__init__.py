"""Models of units: bits, letters or real numbers."""
