"""Least mean work: closed forms of traps, laws on a line, and the step of the free energy."""
