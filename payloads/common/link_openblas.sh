#!/bin/sh
# Runs the link command it is given with the distribution's threaded OpenBLAS added: Debian's and Ubuntu's libopenblas
# has threads; in Amazon Linux that name is the sequential library and libopenblasp the one with threads.
set -eu
library=openblas
case $("$1" -print-file-name=libopenblasp.so) in
*/*) library=openblasp ;;
esac
exec "$@" "-l$library" -lm
