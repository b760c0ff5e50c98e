#!/bin/bash
# Runs test_summary_test.py with Debian's Python.
set -euo pipefail
exec /usr/bin/python3 -B "$(dirname "$0")/test_summary_test.py" "$@"
