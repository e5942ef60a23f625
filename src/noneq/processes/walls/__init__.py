"""Processes between walls."""
