"""`benchtui` and `python -m benchtui`."""

from benchtui.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
