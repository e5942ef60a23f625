"""Where currents flow, and what they are made of."""
