#!/usr/bin/env python3
"""Runs the end-to-end tests of one kind of engine: run.py --rollcalld FILE --rollcall FILE docker|podman [PATTERN]…

A pattern is unittest's -k: tests whose names match. The engine is started once and ends with the run. Exit 77: skipped,
the machine has no such engine or is not ours to start one on.
"""
import argparse
import os
import shutil
import signal
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from harness import programs  # noqa: E402  (the path has to be set first)

SKIPPED = 77
NEEDS = {"docker": ("dockerd", "docker"), "podman": ("podman", "docker")}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollcalld", required=True)
    parser.add_argument("--rollcall", required=True)
    parser.add_argument("kind", choices=sorted(NEEDS))
    parser.add_argument("patterns", nargs="*")
    options = parser.parse_args()
    # Whoever ends the run must not leave an engine behind; an interrupt is what unittest does not take for a failure.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    lacking = [tool for tool in NEEDS[options.kind] if not shutil.which(tool)]
    if lacking or os.geteuid() != 0:
        print(f"skipped: {', '.join(lacking) + ' is missing' if lacking else 'an engine needs root'}")
        return SKIPPED
    programs.ROLLCALLD = os.path.abspath(options.rollcalld)
    programs.ROLLCALL = os.path.abspath(options.rollcall)
    loader = unittest.TestLoader()
    if options.patterns:
        loader.testNamePatterns = [p if "*" in p else f"*{p}*" for p in options.patterns]
    suite = loader.discover(str(HERE), f"test_{options.kind}*.py", str(HERE))
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    if result.testsRun == 0 and result.wasSuccessful():
        print("no test has such a name")
        return 2
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
