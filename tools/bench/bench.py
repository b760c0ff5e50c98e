"""Measures how fast Chatter is, on both engines: README.md. tools/bench/run builds the
programs first; they are looked for below the folder that this runs in."""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

from cluster import Cluster, uacl_of
from engines import Postgres, Sqlite
from processes import Failure
from results import Results, machine
from rows import FULL, MEASUREMENTS, SHORT

ENGINES = {"postgres": Postgres, "sqlite": Sqlite}
RESULTS = pathlib.Path(__file__).resolve().parent / "RESULTS.md"


def rows_of(text):
    names = text.split(",")
    for name in names:
        if name not in MEASUREMENTS:
            raise argparse.ArgumentTypeError(
                f"no row '{name}'; there are: {','.join(MEASUREMENTS)}")
    return names


def number_of_runs(text):
    if not text.isdigit() or not 1 <= int(text) <= 99:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 to 99")
    return int(text)


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="tools/bench/run", allow_abbrev=False,
        description="Measures how fast Chatter is. All rows on both engines are written to"
        " RESULTS.md, unless --short.")
    parser.add_argument("--short", action="store_true",
                        help="a second for each row, little data, one run: whether all of"
                        " it works")
    parser.add_argument("--engine", choices=ENGINES, help="only this one")
    parser.add_argument("--rows", type=rows_of, default=list(MEASUREMENTS),
                        help=f"only these, of {','.join(MEASUREMENTS)}")
    parser.add_argument("--runs", type=number_of_runs,
                        help="of each row, of which the median is taken (3)")
    parser.add_argument("--keep", action="store_true",
                        help="leaves the temporary folder, with logs and databases")
    arguments = parser.parse_args()
    arguments.scale = SHORT if arguments.short else FULL
    arguments.runs = arguments.runs or (1 if arguments.short else 3)
    return arguments


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure(cluster, names, arguments, results):
    """Round by round, so that a noisy moment of the machine does not meet all runs of one
    row."""
    for run in range(arguments.runs):
        for name in names:
            title = cluster.engine.title
            begun = time.monotonic()
            try:
                figures = MEASUREMENTS[name].run(cluster, arguments.scale)
            except Failure as failure:
                raise Failure(f"{title}, {name}: {failure}") from None
            results.add(title, name, figures)
            say(f"{title} {name} {run + 1}/{arguments.runs}: " +
                ", ".join(f"{figure} {value:.4g}" for figure, value in figures.items()) +
                f" ({time.monotonic() - begun:.0f} s)")


def measure_engine(name, uacl, folder, arguments, results):
    """Returns the engine's version."""
    rows = [row for row in arguments.rows if name in MEASUREMENTS[row].engines]
    folder.mkdir()
    engine = ENGINES[name](folder)
    try:
        cluster = Cluster(engine, uacl, folder.parent)
        with cluster.chatd():
            pass  # makes the tables
        cluster.add_users(arguments.scale.crowds())
        measure(cluster, [row for row in rows if not MEASUREMENTS[row].prepare], arguments,
                results)
        for row in rows:
            if MEASUREMENTS[row].prepare:
                say(f"{engine.title} {row}: filling the database")
                MEASUREMENTS[row].prepare(cluster, arguments.scale)
                measure(cluster, [row], arguments, results)
    finally:
        engine.close()
    return engine.version


def run(folder, arguments):
    engines = [arguments.engine] if arguments.engine else list(ENGINES)
    results = Results([ENGINES[name].title for name in engines])
    versions = {}
    begun = time.monotonic()
    with uacl_of(arguments.scale.crowds(), folder) as uacl:
        for name in engines:
            versions[ENGINES[name].title] = measure_engine(name, uacl, folder / name,
                                                           arguments, results)
    took = time.monotonic() - begun
    text = f"{results.text(arguments.scale, arguments.runs)}\n{machine(folder, versions)}\n"
    print(text, end="")
    say(f"{took:.0f} s in all")
    if not (arguments.short or arguments.engine or arguments.rows != list(MEASUREMENTS)):
        RESULTS.write_text("# How fast Chatter is\n\n"
                           "Written by `tools/bench/run`; [README.md](README.md) says what"
                           f" the rows are.\n\n{text}", encoding="utf-8")
        say(f"written to {RESULTS}")


def when_asked_to_stop(handler):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def interrupt(_number, _frame):
    when_asked_to_stop(signal.SIG_IGN)  # it is being done
    raise KeyboardInterrupt


def main():
    arguments = parse_arguments()
    when_asked_to_stop(interrupt)
    # Short: it holds sockets, whose paths have at most 107 bytes.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="chatter-bench-", dir="/tmp"))
    try:
        folder.chmod(0o711)  # PostgreSQL's user passes through
        run(folder, arguments)
    except Failure as failure:
        say(f"tools/bench/run: {failure}")
        return 1
    except KeyboardInterrupt:
        say("stopped")
        return 130
    finally:
        when_asked_to_stop(signal.SIG_IGN)
        if arguments.keep:
            say(f"kept: {folder}")
        else:
            shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
