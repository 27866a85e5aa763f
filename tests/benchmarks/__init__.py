"""Figures of speed and memory; printed, never tested. `python -m tests.benchmarks [NAME …]`."""
