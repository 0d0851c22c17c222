"""A press of a button as Python, as a command line, as a methods text."""
