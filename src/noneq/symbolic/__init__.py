"""Expressions in text, and laws of motion fitted in weak form."""
