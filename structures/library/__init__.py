"""The crystals and systems that ship with interlith."""
