"""Processes of benchtui that are killed while they launch and collect: nothing is doubled, nothing is lost.

`tests.simulation` crashes the engine at each of its awaits, in one process and on a clock of its own. Here it
is the program as users start it, a real local cloud, a real disk and SIGKILL.
"""
