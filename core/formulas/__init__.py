"""Formulas: the kinds of job that move a formula's unknowns, minimize and solve."""
