"""Tables of the index, their version, and the steps from older versions.

A star: what a figure was measured under is one row of ``setting`` however many figures share it, so that a
filter looks at settings, not at figures. Figures lie in the order in which trends read them. What is not
known is '' or -1 there: SQLite takes two NULLs for different.
"""

from __future__ import annotations

from collections.abc import Mapping

APPLICATION_ID = 0x62746869  # "bthi"
VERSION = 1
#: SQL that makes version n + 1 of version n; what has no step is made from the bucket again.
UPCASTERS: Mapping[int, str] = {}

#: Columns of ``setting`` that make it what it is, in their order; numbers are -1 where not known.
DIMENSIONS = (
    "provider", "type", "arch", "vcpus", "cores", "suite", "version", "mode", "region", "cpu",
    "kernel", "image", "microcode", "compiler",
)  # fmt: skip
NUMBERS = frozenset({"vcpus", "cores"})

_SETTING = ",\n  ".join(
    f"{name} {'INTEGER NOT NULL DEFAULT -1' if name in NUMBERS else 'TEXT NOT NULL'}" for name in DIMENSIONS
)

TABLES = f"""
CREATE TABLE bucket (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  cursor TEXT,
  synced_at REAL
);
CREATE TABLE rollup (
  bucket_id INTEGER NOT NULL REFERENCES bucket ON DELETE CASCADE,
  key TEXT NOT NULL,
  PRIMARY KEY (bucket_id, key)
) WITHOUT ROWID;
CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  bucket_id INTEGER NOT NULL REFERENCES bucket ON DELETE CASCADE,
  run TEXT NOT NULL,
  at REAL NOT NULL,
  name TEXT NOT NULL,
  mode TEXT NOT NULL,
  version TEXT NOT NULL,
  jobs INTEGER NOT NULL,
  types TEXT NOT NULL,
  worst_usd TEXT,
  cells INTEGER NOT NULL,
  measured INTEGER NOT NULL,
  counting INTEGER NOT NULL,
  closed INTEGER NOT NULL,
  seen TEXT NOT NULL,
  rollup TEXT,
  confirms TEXT,
  problem TEXT,
  UNIQUE (bucket_id, run)
);
CREATE INDEX run_by_time ON run (at DESC);
CREATE TABLE setting (
  id INTEGER PRIMARY KEY,
  bucket_id INTEGER NOT NULL REFERENCES bucket ON DELETE CASCADE,
  {_SETTING},
  UNIQUE (bucket_id, {", ".join(DIMENSIONS)})
);
CREATE TABLE metric (
  id INTEGER PRIMARY KEY,
  suite TEXT NOT NULL,
  name TEXT NOT NULL,
  unit TEXT NOT NULL,
  higher INTEGER NOT NULL,
  headline INTEGER NOT NULL,
  UNIQUE (suite, name, unit, higher)
);
CREATE TABLE cell (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  setting_id INTEGER NOT NULL REFERENCES setting ON DELETE CASCADE,
  job TEXT NOT NULL,
  zone TEXT,
  verified INTEGER,
  problem TEXT,
  sha256 TEXT
);
CREATE INDEX cell_by_run ON cell (run_id);
CREATE TABLE measurement (
  metric_id INTEGER NOT NULL REFERENCES metric,
  setting_id INTEGER NOT NULL,
  at REAL NOT NULL,
  cell_id INTEGER NOT NULL,
  run_id INTEGER NOT NULL,
  median REAL NOT NULL,
  log REAL,
  n INTEGER NOT NULL,
  counts INTEGER NOT NULL,
  doubt TEXT,
  PRIMARY KEY (metric_id, setting_id, at, cell_id)
) WITHOUT ROWID;
CREATE INDEX measurement_by_run ON measurement (run_id);
CREATE TABLE series (
  metric_id INTEGER NOT NULL,
  setting_id INTEGER NOT NULL,
  n INTEGER NOT NULL,
  samples INTEGER NOT NULL,
  last REAL NOT NULL,
  PRIMARY KEY (metric_id, setting_id)
) WITHOUT ROWID;
CREATE TABLE samples (
  cell_id INTEGER NOT NULL,
  metric_id INTEGER NOT NULL,
  float64 BLOB NOT NULL,
  PRIMARY KEY (cell_id, metric_id)
) WITHOUT ROWID;
"""
