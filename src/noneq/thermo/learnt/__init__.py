"""Fitted models under the laws of thermodynamics: residuals, costs of generation and of transport."""
