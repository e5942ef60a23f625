"""Motion with a memory: friction kernels from positions."""
