#!/bin/bash
# With Debian's Python: the table, and that every row can be measured on both engines.
set -euo pipefail
/usr/bin/python3 -B tools/bench/results_test.py
exec /usr/bin/python3 -B tools/bench/bench.py --short
