"""The study `rare_events`."""
