"""Measurements, each with its settings and its job."""
