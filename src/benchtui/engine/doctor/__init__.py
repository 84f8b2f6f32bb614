"""`benchtui doctor`: whether this machine, this account and this plan make a run possible, and a safe one."""
