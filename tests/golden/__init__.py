"""Golden bytes: what the program writes for other programs, kept as files and compared byte by byte."""
