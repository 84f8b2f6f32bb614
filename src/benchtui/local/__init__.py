"""The local cloud: an AWS API server and an instance host on this machine.

Nothing outside this package and `cli` knows that it exists: everyone else meets it through the endpoint and
credentials that every AWS SDK reads from the environment.
"""
