"""Events of a system or run: how probable, how frequent."""
