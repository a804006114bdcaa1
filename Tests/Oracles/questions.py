# SPDX-License-Identifier: Apache-2.0
"""Generated questions: expressions of the grammar that reeve and the oracles share, and instants that are hard."""
import datetime
import random
import zoneinfo
from dataclasses import dataclass

import rules

# What is hard about each.
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu",
    "Australia/Lord_Howe",   # half an hour
    "Africa/Casablanca",     # daylight saving time the other way round, but for Ramadan
    "Europe/Dublin",         # winter is the exception
    "Pacific/Apia",          # a day that was not
    "Pacific/Kwajalein",     # another
    "Africa/Monrovia",       # seconds in its offset until 1972
    "Europe/Amsterdam",      # and here until 1937
    "America/Caracas",       # half hours, for good
    "Asia/Pyongyang",        # the same, at half past eleven at night
    "Pacific/Chatham",       # three quarters of an hour from anything
    "America/St_Johns",      # changes at a minute past midnight
    "America/Sao_Paulo",     # midnight that is not
    "Africa/Cairo", "America/Santiago", "Asia/Beirut", "America/Havana", "Asia/Gaza", "Asia/Tehran",
    "America/Nuuk", "America/Scoresbysund", "Antarctica/Troll", "Antarctica/Casey",
)
BEGIN = rules.second(datetime.datetime(1930, 1, 1))
END = rules.second(datetime.datetime(2100, 1, 1))


@dataclass(frozen=True)
class Question:
    expression: str
    zone: str
    start: int
    count: int = 5

    def line(self):
        return f"next|{self.expression}|{self.zone}|{self.start}|{self.count}"


def changes(name, begin=BEGIN, end=END):
    """Where Python sees the offset change: some days at a time, then halved."""
    zone, found, low = zoneinfo.ZoneInfo(name), [], begin
    old = rules.offset(low, zone)
    while low < end:
        high = min(low + 10 * 86_400, end)
        new = rules.offset(high, zone)
        if new != old:
            left, right = low, high
            while right - left > 1:
                middle = (left + right) // 2
                if rules.offset(middle, zone) == old:
                    left = middle
                else:
                    right = middle
            found.append((right, new))
        low, old = high, new
    return found


def questions(count, seed):
    """So many, always the same for a seed."""
    dice = random.Random(seed)
    moments = {name: [at for at, _ in changes(name)] for name in ZONES}
    for _ in range(count):
        name = dice.choice(ZONES)
        if moments[name] and dice.random() < 0.6:
            # Shortly before the clock is changed, or between two passes.
            start = dice.choice(moments[name]) + dice.randint(-86_400, 7_200)
        else:
            start = dice.randint(BEGIN, END)
        yield Question(expression(dice), name, start)


def expression(dice):
    hour = field(dice, 0, 23)
    if dice.random() < 0.4:
        # The hours at which clocks are changed.
        hour = dice.choice(("0", "1", "2", "3", "23", "0-3", "1,2", "1-3", "2-4/2", "*/2", "*", "22-23"))
    words = [field(dice, 0, 59), hour, month_days(dice), field(dice, 1, 12, rules.MONTHS, 1, 0.75),
             week_days(dice)]
    if dice.random() < 0.1:
        words.insert(0, field(dice, 0, 59))
    return " ".join(words)


def field(dice, low, high, names=(), first=0, star=0.35):
    if dice.random() < star:
        return "*"
    return ",".join(item(dice, low, high, names, first) for _ in range(dice.choice((1, 1, 1, 2, 3))))


def item(dice, low, high, names, first):
    def value(number):
        if number - first < len(names) and dice.random() < 0.3:
            return names[number - first]
        return str(number)

    kind = dice.randrange(8)
    if kind == 0:
        return "*"
    if kind == 1:
        return f"*/{dice.randint(1, 1 + (high - low) * 2 // 3)}"
    begin = dice.randint(low, high)
    if kind < 6:
        return value(begin)
    text = f"{value(begin)}-{value(dice.randint(begin, high))}"
    return text if kind == 6 else f"{text}/{dice.randint(1, high)}"


def month_days(dice):
    roll = dice.random()
    if roll < 0.5:
        return "*"
    if roll < 0.58:
        return dice.choice(("L", "LW", "L,15", "1,LW"))
    return field(dice, 1, 31, star=0.1)


def week_days(dice):
    roll = dice.random()
    if roll < 0.5:
        return "*"
    if roll < 0.58:
        return dice.choice((f"{dice.randint(0, 6)}L", f"{dice.randint(0, 6)}#{dice.randint(1, 5)}"))
    return field(dice, 0, 7, rules.WEEKDAYS, star=0.1)
