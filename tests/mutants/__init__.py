"""Kernels broken on purpose: each is caught by a check that has a name."""
