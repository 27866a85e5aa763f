"""Token distribution shift: one model's answer, read by another."""
