"""Two distributions of one next token: how far they are apart, and who of two models writes."""
