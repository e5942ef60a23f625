"""Flows that keep a law: shapes, the Lorenz attractor, patterns, designs."""
