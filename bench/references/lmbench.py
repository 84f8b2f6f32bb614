"""lat_mem_rd -t of lmbench (Debian's non-free package): a chase through pages and lines in random order.

A developer's tool, as the distribution built it, unmodified and pinned by hash: no suite installs it and nothing
of it is shipped. Its licence allows results of unmodified programs alone, with their version named.

lat_mem_rd goes through all sizes from 512 bytes up to the one asked for: one run gives the levels of the cache,
another main memory. Both programs chase on 4 KiB pages with a stride of one line.
"""
