"""The branching factor (BF): samples, its estimate, intervals, curves, and the contrast of two texts."""
