"""Potential, mobility and circulation of a learnt motion."""
