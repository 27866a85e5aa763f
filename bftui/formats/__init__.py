"""Weight files and their headers, read without the libraries that run them; memory plans; the machine."""
