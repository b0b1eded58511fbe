"""Where it is run: command line, settings, stores and execution."""
