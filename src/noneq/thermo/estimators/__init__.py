"""Estimators of entropy production from data, one a file."""
