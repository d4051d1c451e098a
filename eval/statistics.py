"""Intervals and tests over samples. NumPy alone."""
