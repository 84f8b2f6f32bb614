"""Statistics held against simulated worlds whose truth is known; `make proof-statistics` prints them."""
