"""Does the motion look the same backwards? The test behind the verdict."""
