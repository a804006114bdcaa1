#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares reeve's schedules and zones with those of others. Started by `run`, which brings cronsim and croniter."""
import argparse
import collections
import functools
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "Benchmarks"))

import core
import expressions
import questions
import zones


def ask(lines):
    """reeve's answers, one a line."""
    program = core.build(os.path.join(HERE, "answers.swift"))
    answers = subprocess.run([program], input="\n".join(lines) + "\n", text=True, check=True,
                             stdout=subprocess.PIPE).stdout.splitlines()
    assert len(answers) == len(lines), f"{len(answers)} answers to {len(lines)} questions"
    return answers


def compare_expressions(options):
    asked = list(questions.questions(options.questions, options.seed))
    answers = []
    for question, answer in zip(asked, ask([question.line() for question in asked])):
        assert not answer.startswith(("refused", "not")), f"{question.line()}: {answer}"
        answers.append([int(number) for number in answer.split(",") if number])
    print(f"Seed {options.seed}, {sum(map(len, answers))} instants in {len(questions.ZONES)} zones.\n")
    return expressions.compare(asked, answers, options.processes)


def golden(options):
    """Prints lines for CronGolden.swift: each zone, across a change of its clock, where cronsim says the same."""
    found = collections.Counter()
    for question in questions.questions(options.questions, options.seed):
        change = next((at for at in moments(question.zone) if at > question.start), question.start)
        theirs = expressions.ask_cronsim(question)
        if (found[question.zone] < options.each and change - question.start < 86_400 and len(theirs) == 5
                and theirs[0] - 7_200 <= change <= theirs[-1] and theirs[-1] - theirs[0] > 240
                and ask([question.line()]) == [",".join(map(str, theirs))]):
            found[question.zone] += 1
            print(f"    {question.expression}|{question.zone}|{question.start}|{','.join(map(str, theirs))}")
    return 0


@functools.cache
def moments(name):
    return [at for at, _ in questions.changes(name)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    cron = commands.add_parser("expressions", help="against cronsim, croniter and the written rules")
    cron.add_argument("--questions", type=int, default=20_000)
    cron.add_argument("--seed", type=int, default=1)
    cron.add_argument("--processes", type=int, default=os.cpu_count())
    lines = commands.add_parser("golden", help="lines for CronGolden.swift")
    lines.add_argument("--questions", type=int, default=5_000)
    lines.add_argument("--seed", type=int, default=1)
    lines.add_argument("--each", type=int, default=3, help="lines for each zone")
    commands.add_parser("zones", help="against Python's zoneinfo")
    options = parser.parse_args()
    if options.command == "zones":
        return 1 if zones.compare(ask) else 0
    if options.command == "golden":
        return golden(options)
    return 1 if compare_expressions(options) else 0


if __name__ == "__main__":
    sys.exit(main())
