"""The index of everything a bucket holds: SQLite, made from the bucket, lost without harm."""
