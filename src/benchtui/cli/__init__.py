"""The command line: one file per command, `output` owns stdout, `diagnostics` owns stderr.

Nothing here is imported before it is needed: `benchtui --help` reads argparse and the commands'
arguments, and no SDK.
"""
