"""Thermodynamics from data, judged on systems whose entropy production is known."""
