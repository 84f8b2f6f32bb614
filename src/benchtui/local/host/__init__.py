"""The instance host: gives every pending instance of the local cloud a world of its own and runs its user
data there.

`python -m benchtui.local.host --state state.json` is the process. `probe()` in `ladder` says which kind of
world this machine can give, and why the better ones do not work.
"""
