"""How different the outputs of one prompt are: words, kernels, answers, and where a fall of it comes from."""
