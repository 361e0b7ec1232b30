"""Which version this is."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("actfusion-stream")
except PackageNotFoundError:
    __version__ = "(run from its sources, not installed)"
