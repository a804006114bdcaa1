#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks Debian's cron itself: the installed program, with a clock that only its own sleep() moves (clock.c), in mounts
of its own, so that no crontab of the machine is touched. Each experiment is half a day around a change of the
clock, with a table of expressions that show the rules and as many generated ones. Needs root and a C compiler."""
import argparse
import collections
import datetime
import os
import random
import subprocess
import sys
import tempfile
import zoneinfo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "Benchmarks"))

import core
import questions
import rules

# Where, when, and what is changed there.
CHANGES = (
    ("Europe/Berlin", "2026-03-29", "an hour, forward"), ("Europe/Berlin", "2026-10-25", "an hour, back"),
    ("America/New_York", "2026-03-08", "an hour, forward"), ("America/New_York", "2026-11-01", "an hour, back"),
    ("Europe/Dublin", "2026-03-29", "winter is the exception"), ("Europe/Dublin", "2026-10-25", "winter is the exception"),
    ("Australia/Lord_Howe", "2026-10-04", "half an hour, forward"),
    ("Australia/Lord_Howe", "2026-04-05", "half an hour, back"),
    ("Africa/Casablanca", "2024-03-10", "back for Ramadan"), ("Africa/Casablanca", "2024-04-14", "forward after it"),
    ("America/St_Johns", "2006-04-02", "a minute past midnight, forward"),
    ("America/St_Johns", "2006-10-29", "a minute past midnight, back"),
    ("America/Sao_Paulo", "2018-11-04", "at midnight, forward"), ("America/Sao_Paulo", "2018-02-18", "at midnight, back"),
    ("Africa/Cairo", "2026-04-24", "at midnight, forward"), ("Antarctica/Troll", "2026-03-29", "two hours, forward"),
    ("Antarctica/Troll", "2026-10-25", "two hours, back"), ("Pacific/Apia", "2011-12-30", "a lost day"),
    ("Africa/Monrovia", "1972-01-07", "44:30 min, forward, for good"),
    ("America/Caracas", "2016-05-01", "half an hour, forward, for good"),
    ("Asia/Pyongyang", "2015-08-15", "half an hour, back, for good"),
)
# Stars, lists, ranges and steps where a change may meet them, and the day fields.
TABLE = (
    "30 2 * * *", "0 2 * * *", "45 2 * * 0", "0,30 1-3 * * *", "*/30 2 * * *", "30 */2 * * *", "0 * * * *", "10 * * * *",
    "*/20 * * * *", "0 0 * * *", "30 0 * * *", "15 1 * * *", "45 1 * * *", "0 3 * * *", "1 0 * * *", "59 23 * * *",
    "0-59 2 * * *", "0-59/15 1,2,3 * * *", "0 */3 * * *", "*/61 0 * * *", "0 0,12 * * *", "1-1 1-2 * * *",
    "0 5 */2 * 5", "0 5 1,*/2 * 5", "0 5 1-31 * 1", "0 5 31 * */2", "0 5 * * 7", "0 5 * * 0-7", "0 5 1-7 * sun",
)
MOUNTS = """
set -e
mount -t tmpfs none /run
mount -t tmpfs none /var/spool
mkdir -p /var/spool/cron/crontabs
cp "$1" /var/spool/cron/crontabs/root
chmod 1730 /var/spool/cron/crontabs
chmod 600 /var/spool/cron/crontabs/root
mount -t tmpfs none /etc/cron.d
mount --bind /dev/null /etc/crontab
LD_PRELOAD=$2 exec /usr/sbin/cron -f
"""
PART = "cron goes by minutes, reeve by seconds: of a minute that is shown in part cron sees the rest"
LOST_DAY = "a change by more than three hours is a correction for cron, a gap for reeve"


def cron(work, clock, expressions, name, begin, end, change):
    """The minutes at which cron started each job, as instants."""
    tab, log = os.path.join(work, "crontab"), os.path.join(work, "log")
    with open(tab, "w") as file:
        file.write('MAILTO=""\n')
        file.writelines(f"{text} job {number}\n" for number, text in enumerate(expressions))
    if os.path.exists(log):
        os.remove(log)
    subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", MOUNTS, "sh", tab, clock], check=True,
                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": name, "ORACLE_LOG": log,
                        "ORACLE_FROM": str(begin), "ORACLE_UNTIL": str(end)})
    zone, found = zoneinfo.ZoneInfo(name), collections.defaultdict(list)
    with open(log) as file:
        for line in file:
            at, _, words = line.rstrip("\n").partition(" ")
            if "CMD (job " in words:
                number = int(words.split("CMD (job ")[1].rstrip(")"))
                # cron wakes at the first second of a minute on the wall, or of what is left of it.
                offset = rules.offset(int(at), zone)
                minute = (int(at) + offset) // 60 * 60 - offset
                found[number].append(change if minute < change <= int(at) else minute)
            elif "Error" in words or "bad " in words:
                sys.exit(f"cron: {words}")
    return [sorted(found[number]) for number in range(len(expressions))]


def reeve(expressions, name, begin, end):
    program = core.build(os.path.join(HERE, "answers.swift"))
    lines = "".join(f"next|{text}|{name}|{begin}|2500\n" for text in expressions)
    answers = subprocess.run([program], input=lines, text=True, check=True, stdout=subprocess.PIPE).stdout.splitlines()
    found = []
    for text, answer in zip(expressions, answers):
        assert not answer.startswith(("refused", "not")), f"{text}: {answer}"
        instants = [int(instant) for instant in answer.split(",") if instant]
        found.append([instant for instant in instants if instant < end])
    return found


def expression(dice):
    """One that Debian's cron takes."""
    while True:
        text = questions.expression(dice)
        if len(text.split()) == 5 and not any(mark in text for mark in "L#"):
            return text


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generated", type=int, default=40, help="expressions with each change")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--golden", action="store_true", help="print lines for DebianCronGolden.swift too")
    options = parser.parse_args()
    dice = random.Random(options.seed)
    unknown = asked = ran = 0
    print("| zone | change | expressions | cron's runs | equal | runs merged | differ | why |\n" + "|---" * 8 + "|")
    with tempfile.TemporaryDirectory(prefix="reeve-oracle-") as work:
        clock = os.path.join(work, "clock.so")
        subprocess.run(["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", clock, os.path.join(HERE, "clock.c")], check=True)
        for name, day, words in CHANGES:
            row = one_change(work, clock, name, day, list(TABLE) + [expression(dice) for _ in range(options.generated)],
                             options.golden)
            print(f"| {name} | {day}, {words} | {' | '.join(map(str, row[:5]))} | {row[5]} |", flush=True)
            asked, ran, unknown = asked + row[0], ran + row[1], unknown + row[6]
    print(f"\n{asked} expressions, {ran} runs of cron, {unknown} differences that nobody can explain")
    return 1 if unknown else 0


def one_change(work, clock, name, day, expressions, golden):
    """The cells of a row, and how many differences are not explained."""
    zone = zoneinfo.ZoneInfo(name)
    midnight = rules.second(datetime.datetime.fromisoformat(day))
    begin = midnight - rules.offset(midnight - 93_600, zone) - 3 * 3_600
    end = begin + 15 * 3_600
    change = questions.changes(name, begin, end)[0][0]
    theirs = cron(work, clock, expressions, name, begin, end, change)
    ours = reeve(expressions, name, begin, end)
    merged, causes, unknown = 0, collections.Counter(), 0
    for text, mine, other in zip(expressions, ours, theirs):
        if mine == sorted(set(other)):
            merged += len(mine) != len(other)
            if golden:
                print_golden(text, name, change, mine)
            continue
        why = cause(text, zone, begin, end, change, mine, sorted(set(other)))
        causes[why or "nobody knows"] += 1
        if why is None:
            unknown += 1
            shown = [f"{rules.local(at, zone)} {at}" for at in sorted(set(mine) ^ set(other))[:6]]
            print(f"{name} {text}: reeve {len(mine)}, cron {len(other)}, not in both {shown}", file=sys.stderr)
    differ = causes.total()
    return (len(expressions), sum(map(len, theirs)), len(expressions) - differ, merged, differ, ", ".join(causes),
            unknown)


def cause(text, zone, begin, end, change, ours, theirs):
    """Why cron's runs are others; None if nobody knows."""
    if (change + rules.offset(change, zone)) % 60 and set(ours) ^ set(theirs) == {change} and change in theirs:
        return PART
    passed_over = rules.occurrences(text, zone, begin, 1_000, rules.Rules(gap="passed over"))
    return LOST_DAY if theirs == [instant for instant in passed_over if instant < end] else None


def print_golden(text, name, change, instants):
    """A line for DebianCronGolden.swift: the runs around the change."""
    start = change - 2_401
    found = [instant for instant in instants if instant > start][:5]
    if found and found[0] < change + 10_800 and text in TABLE:
        print(f"    {text}|{name}|{start}|{','.join(map(str, found))}")


if __name__ == "__main__":
    sys.exit(main())
