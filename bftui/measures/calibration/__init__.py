"""Calibration: what a model does to a set of valid answers."""
