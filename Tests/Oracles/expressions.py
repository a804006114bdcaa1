# SPDX-License-Identifier: Apache-2.0
"""Cron expressions against cronsim and croniter, and against the written rules. Each disagreement has a cause: a rule
of the oracle that, put in place of reeve's, gives the oracle's answer exactly, or a mistake of the oracle that has
a sign of its own. What has neither is printed."""
import collections
import dataclasses
import datetime
import importlib.metadata
import itertools
import multiprocessing
import re
import signal
import sys
import typing
import zoneinfo

import croniter
import cronsim
import rules

UTC = datetime.timezone.utc

# What an oracle has in place of a rule: the rule's name and value, and words.
CRONSIM_RULES = (
    ("seconds_can_be_fixed", False, "six fields: cronsim lets all of them follow the clock on the wall"),
    ("gap", "minutes", "a gap that ends within a minute: cronsim comes at the next whole one, reeve right after the gap"),
    ("range_of_one", "to the end", "`3-3/5`: cronsim steps on to the end of the field, for reeve it is one value"),
)
CRONITER_RULES = (
    ("twice", "both", "a time of day that comes twice: croniter comes at both passes, reeve at the first"),
    ("rhythm_gap", "minutes", "a rhythm in a gap: croniter comes after it, reeve passes it over"),
    ("range_of_one", "whole", "`3-3`: croniter takes it for every value, for reeve it is one"),
    ("star", "holds all", "`1,*` as a day: croniter takes it for `*`, for reeve it does not begin with one"),
    ("nth", "alone", "`5L` and `5#2`: croniter does not look at the day of month, reeve as with any day of week"),
    ("fixed", "holds", "`5,*` as an hour: croniter takes it for `*`, for reeve it does not begin with one"),
    ("gap", "minutes", "a time of day with seconds in a gap: croniter moves it on by whole minutes, reeve comes right after the gap"),
)


def moment(question):
    zone = zoneinfo.ZoneInfo(question.zone)
    return (rules.EPOCH + datetime.timedelta(seconds=question.start)).replace(tzinfo=UTC).astimezone(zone)


def instant(time):
    return rules.second(time.astimezone(UTC).replace(tzinfo=None))


def ask_cronsim(question):
    """Its answers, or why it has none."""
    try:
        times = cronsim.CronSim(question.expression, moment(question))
    except cronsim.CronSimError as error:
        return str(error)
    return [instant(time) for time in itertools.islice(times, question.count)]


def ask_croniter(question):
    """Its answers, with the rule of Debian's stars; or why it has none."""
    text = re.sub(r"\b(\d)L\b", r"L\1", question.expression)
    found = []
    try:
        times = croniter.croniter(text, moment(question), second_at_beginning=True, implement_cron_bug=True)
        while len(found) < question.count:
            found.append(instant(times.get_next(datetime.datetime)))
    except croniter.CroniterBadDateError:
        return found
    except croniter.CroniterError:
        return "refused"
    except (AssertionError, RecursionError) as error:
        return type(error).__name__
    return found


def cause(question, ours, theirs, oracle):
    """Why an oracle says something else; None if nobody knows."""
    if isinstance(theirs, str):
        return oracle.refusals.get(theirs) if ours else "it never occurs: reeve accepts it with a warning"
    zone = zoneinfo.ZoneInfo(question.zone)
    for count in (1, 2, 3):
        for chosen in itertools.combinations(oracle.rules, count):
            turned = rules.Rules(**{name: value for name, value, _ in chosen})
            if rules.occurrences(question.expression, zone, question.start, question.count, turned) == theirs:
                return chosen[0][2] if count == 1 else "two or three of these at once"
    for sign, words in oracle.signs:
        if sign(question, zone, ours, theirs):
            return words
    return None


# Mistakes, each with what gives it away.

def goes_back(question, zone, ours, theirs):
    return any(at <= question.start for at in theirs)


def stands_still(question, zone, ours, theirs):
    return any(second <= first for first, second in itertools.pairwise(theirs))


def gives_up(question, zone, ours, theirs):
    return not theirs and ("#" in question.expression or question.expression.endswith("L"))


def misreads_the_wall(question, zone, ours, theirs):
    """A rhythm, within a day of a change of the clock: the first answer that differs is a time that the expression
    does not name, or passes over one that it names and that the clock shows."""
    expression = rules.Expression(question.expression)
    mine, other = next((pair for pair in itertools.zip_longest(ours, theirs) if pair[0] != pair[1]))
    first = min(at for at in (mine, other) if at is not None)
    changed = rules.offset(first - 86_400, zone) != rules.offset(first + 86_400, zone)
    is_rhythm = expression.has_seconds or not expression.is_fixed
    return is_rhythm and changed and expression.names(rules.local(first, zone)) == (first == mine)


@dataclasses.dataclass(frozen=True)
class Oracle:
    name: str
    ask: typing.Callable
    rules: tuple
    signs: tuple
    # What it says of what it does not take, and why that is.
    refusals: dict


CRONSIM = Oracle(
    f"cronsim {importlib.metadata.version('cronsim')}", ask_cronsim, CRONSIM_RULES,
    ((goes_back, "a time of day, asked for between two passes: cronsim answers with a time before the question"),
     (stands_still, "a rhythm at a midnight that comes twice: cronsim gives the same time for ever"),
     (misreads_the_wall, "a rhythm on the day of a change: cronsim steps by whole hours from a midnight that was not, "
                         "or over half of one")),
    {"no answer": "a rhythm at a midnight that comes twice: cronsim searches for ever"})
CRONITER = Oracle(
    f"croniter {importlib.metadata.version('croniter')}", ask_croniter, CRONITER_RULES,
    ((gives_up, "`5L` and `5#2`: croniter finds no date where the day of month cannot hold as well"),
     (misreads_the_wall, "a rhythm on the day of a change: croniter leaves one out, or adds one")),
    {"refused": "`LW`: croniter does not know it", "no answer": "croniter searches for ever"})


EQUAL = "equal"
ENDLESS = "no answer"


def in_time(ask, question):
    """What it answers within some seconds of processor time."""
    def give_up(number, frame):
        raise TimeoutError

    signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, 5)
    try:
        return ask(question)
    except TimeoutError:
        return ENDLESS
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def judge(pair):
    """Of one question and reeve's answer: whether the written rules say the same, and the cause of each oracle's
    answer."""
    question, ours = pair
    written = rules.occurrences(question.expression, zoneinfo.ZoneInfo(question.zone), question.start, question.count)
    if ours != written:
        tell(question, "the rules", ours, written)
    causes = []
    for oracle in (CRONSIM, CRONITER):
        theirs = in_time(oracle.ask, question)
        why = EQUAL if theirs == ours else cause(question, ours, theirs, oracle)
        if why is None:
            tell(question, oracle.name, ours, theirs)
        causes.append(why)
    return ours == written, causes


def compare(asked, answers, processes):
    """Prints the table. Returns how many answers nobody can explain."""
    with multiprocessing.Pool(processes) as pool:
        verdicts = pool.map(judge, zip(asked, answers), chunksize=50)
    unknown = sum(not is_equal for is_equal, _ in verdicts)
    print(f"| {len(asked)} questions | equal | differ | why |\n|---|---|---|---|")
    print(f"| the written rules | {len(asked) - unknown} | {unknown} | |")
    for number, oracle in enumerate((CRONSIM, CRONITER)):
        causes = collections.Counter(found[number] for _, found in verdicts)
        unknown += causes[None]
        print(f"| {oracle.name} | {causes[EQUAL]} | {len(asked) - causes[EQUAL]} | |")
        for why, count in causes.most_common():
            if why != EQUAL and count:
                print(f"| | | {count} | {why or 'nobody knows'} |")
    return unknown


def tell(question, name, ours, theirs):
    """Shows a difference, to be looked into."""
    zone = zoneinfo.ZoneInfo(question.zone)
    print(f"{question.line()} from {rules.local(question.start, zone)}\n  reeve: {ours}\n  {name}: {theirs}",
          file=sys.stderr)
