"""interlith: what happens where two battery materials touch."""

from importlib.metadata import version

__version__ = version("interlith")
