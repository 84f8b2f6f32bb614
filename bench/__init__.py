"""Figures of benchtui, each beside a reference of the same run."""

import os

# An installed program has its byte code. Some images of containers forbid to keep any, and ours alone, which
# runs from its sources, would be compiled anew at each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
