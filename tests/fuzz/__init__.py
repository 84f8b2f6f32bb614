"""Hostile bytes for every reader of what comes from outside, guided by which code they reach.

Each target of `tests.fuzz.targets` reads bytes as benchtui would, and says by which error it may refuse them.
Anything else that is raised, a refusal that does not name its object, and memory beyond `worker.MEMORY_MIB`
is a finding. `python -m tests.fuzz` looks for some; what was found and mended lies below ``corpus/`` and is
read again by every run of the tests.
"""
