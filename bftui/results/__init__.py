"""The result of each measurement, as a trace, a report and a screen read it."""
