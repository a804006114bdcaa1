#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures schedules: how late real occurrences are, and what finding the next one costs.

    ./schedules.py lateness [--jobs 200] [--minutes 2] [--rounds 2]
    ./schedules.py next [--expressions 10000]

`lateness` runs as many jobs in the same second of a minute under reeve and under Debian's cron, in turns, and
reads when each began by its own clock. Needs root (cron gets mounts of its own) and a release build, or
REEVE_BENCH_BIN. `next` needs a debug build (its collections) and croniter and cronsim from PyPI. Prints Markdown."""
import argparse
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import core

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
CRON = """
set -e
mount -t tmpfs none /run
mount -t tmpfs none /var/spool
mkdir -p /var/spool/cron/crontabs
cp "$1" /var/spool/cron/crontabs/root
chmod 1730 /var/spool/cron/crontabs
chmod 600 /var/spool/cron/crontabs/root
mount -t tmpfs none /etc/cron.d
mount --bind /dev/null /etc/crontab
exec /usr/sbin/cron -f
"""


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print()


def lateness(options):
    reeve = os.environ.get("REEVE_BENCH_BIN", os.path.join(TOP, ".build/release/reeve"))
    work = tempfile.mkdtemp(prefix="reeve-schedules-")
    try:
        stamp = os.path.join(work, "stamp")
        subprocess.run(["cc", "-O2", "-o", stamp, os.path.join(HERE, "stamp.c")], check=True)
        found = {"reeve": [], "Debian's cron": []}
        lost = dict.fromkeys(found, 0)
        for turn in range(options.rounds):
            for name in found:
                seconds, missing = one_turn(name, reeve, stamp, work, options, turn)
                found[name] += seconds
                lost[name] += missing
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"{options.jobs} jobs due in the same second, {options.rounds} turns of {options.minutes} minutes "
          f"each; load {os.getloadavg()[0]:.1f}\n")
    rows = []
    for name, values in found.items():
        values.sort()
        rows.append((name, f"{statistics.median(values) * 1e3:.1f} ms",
                     f"{values[int(len(values) * 0.99)] * 1e3:.1f} ms", f"{values[-1] * 1e3:.1f} ms", lost[name]))
    table(("", "median", "99 of 100", "worst", "not run"), rows)


def one_turn(name, reeve, stamp, work, options, turn):
    """The lateness of each job in seconds, and how many did not run."""
    out = os.path.join(work, f"stamps-{turn}-{name[0]}")
    job = f"{stamp} {out}"
    if name == "reeve":
        path = os.path.join(work, "reeve.toml")
        with open(path, "w") as file:
            file.write(f'[reeve]\nruntime-directory = "{work}/run"\nstate-directory = "{work}/state"\n')
            for number in range(options.jobs):
                file.write(f'[schedulers.job{number}]\ncron = "* * * * *"\ncommand = "{job}"\n')
        words = [reeve, "run", path]
    else:
        path = os.path.join(work, "crontab")
        with open(path, "w") as file:
            file.write("MAILTO=\"\"\n" + f"* * * * * {job}\n" * options.jobs)
        words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", CRON, "sh", path]
    # Not in the last seconds of a minute: the first one shall be whole.
    while time.time() % 60 > 50:
        time.sleep(1)
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    begin = (int(time.time()) // 60 + 1) * 60
    end = begin + 60 * (options.minutes - 1) + 40
    time.sleep(max(0, end - time.time()))
    process.send_signal(signal.SIGTERM)
    process.wait()
    with open(out) as file:
        moments = [int(line) / 1e9 for line in file]
    late = [moment - int(moment) // 60 * 60 for moment in moments if moment >= begin]
    return late, options.jobs * options.minutes - len(late)


def expressions(count):
    """Expressions that all three take, from a seed."""
    dice = random.Random(4711)

    def field(low, high):
        form = dice.randrange(6)
        if form < 2:
            return "*"
        if form == 2:
            return f"*/{dice.randint(2, 15)}"
        if form == 3:
            first = dice.randint(low, high - 1)
            return f"{first}-{dice.randint(first + 1, high)}"
        return ",".join(str(value) for value in sorted(dice.sample(range(low, high + 1), dice.randint(1, 3))))

    bounds = [(0, 59), (0, 23), (1, 28), (1, 12), (0, 6)]
    return [" ".join(field(low, high) for low, high in bounds) for _ in range(count)]


def next_occurrence(options):
    import datetime
    from zoneinfo import ZoneInfo

    import croniter
    import cronsim

    lines = expressions(options.expressions)
    binary = options.binary or core.build(os.path.join(HERE, "next.swift"))
    printed = subprocess.run([binary], input="\n".join(lines) + "\n", text=True, check=True,
                             stdout=subprocess.PIPE).stdout
    ours = {name: float(value) for name, value in (line.split() for line in printed.splitlines())}
    start = datetime.datetime(2026, 11, 25, 17, 38, 34)
    rows = []
    for label, key, zone in (("UTC", "utc", datetime.timezone.utc), ("Europe/Berlin", "berlin", ZoneInfo("Europe/Berlin"))):
        at = start.replace(tzinfo=zone)
        theirs = {"cronsim": lambda line: next(cronsim.CronSim(line, at)),
                  "croniter": lambda line: croniter.croniter(line, at).get_next(datetime.datetime)}
        whole = ours["read"] + ours[key]
        rows.append((label, "reeve", f"{whole:.0f} ns", f"{ours[key]:.0f} ns", "1"))
        for name, evaluate in theirs.items():
            each = min(timed(evaluate, lines) for _ in range(3))
            rows.append((label, name, f"{each:.0f} ns", "", f"{each / whole:.0f}"))
    print(f"{len(lines)} expressions; load {os.getloadavg()[0]:.1f}\n")
    table(("zone", "", "read and next", "next alone", "times reeve's"), rows)


def timed(evaluate, lines):
    """Nanoseconds for each line."""
    began = time.perf_counter_ns()
    for line in lines:
        evaluate(line)
    return (time.perf_counter_ns() - began) / len(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    late = commands.add_parser("lateness")
    late.add_argument("--jobs", type=int, default=200)
    late.add_argument("--minutes", type=int, default=2)
    late.add_argument("--rounds", type=int, default=2)
    cost = commands.add_parser("next")
    cost.add_argument("--expressions", type=int, default=10_000)
    cost.add_argument("--binary", help="next.swift, built already")
    options = parser.parse_args()
    {"lateness": lateness, "next": next_occurrence}[options.command](options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
