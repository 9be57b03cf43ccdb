"""A process that tries to run a nightly and then a backfill, as `assay` does; prints the exit codes as its last line.

Called by the test beside it: `rivals.py <conf dir> <date>`.
"""

import sys

from assay.cli import main

if __name__ == "__main__":
    place, night = ["--conf-dir", sys.argv[1], "--json"], sys.argv[2]
    codes = [
        main(["nightly", *place, "--as-of", night]),
        main(["backfill", *place, "--from", night, "--to", night]),
    ]
    print(codes)  # noqa: T201  # for the test
