"""The programs our suites are set beside, one module each; nothing of them is shipped or installed by a
suite.
"""
