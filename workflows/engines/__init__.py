"""Engines: one calculator behind one interface, loaded lazily by name."""
