"""Least privilege, proven: policies against AWS's reference, and each action taken away to see what fails."""
