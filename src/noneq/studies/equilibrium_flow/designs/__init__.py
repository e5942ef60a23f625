"""Inverse designs of moving patterns."""
