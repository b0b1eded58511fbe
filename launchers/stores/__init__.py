"""Stores that jobflow opens by module and class name."""
