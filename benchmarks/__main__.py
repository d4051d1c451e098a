"""`python -m benchmarks`: figures beside their goals."""
