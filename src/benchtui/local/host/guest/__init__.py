"""What runs inside a world: its init (pid 1) and the commands that talk to it.

These files are copied into the world and run there by the machine's own Python, 3.9 or later, with nothing
but the standard library. They import nothing of benchtui.
"""
