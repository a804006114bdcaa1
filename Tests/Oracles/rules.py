# SPDX-License-Identifier: Apache-2.0
"""The rules of the article about schedules, written down a second time, in the plainest way.

reeve searches for the next match between two changes of the clock. Here it is the other way round: each date is
looked at, each hour, minute and second of it is a time on the wall, and Python's zoneinfo says at which instants
the clock shows it: at one, at two (the clock was set back), or at none (it was set forward). Then the rules.

Each rule can be turned (`Rules`), for an oracle that has another: a difference is explained by a rule when the
oracle's answer is what comes out with that rule turned, and nothing else."""
import calendar
import datetime
import itertools
from dataclasses import dataclass

EPOCH = datetime.datetime(1970, 1, 1)
DAY = datetime.timedelta(days=1)
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
WEEKDAYS = "sun mon tue wed thu fri sat".split()


@dataclass(frozen=True)
class Rules:
    """As reeve's documentation has them; an oracle's other rule is another value."""
    # A six-field expression can mean a time of day.
    seconds_can_be_fixed: bool = True
    # What `3-3/5` is: "one" value; a step "to the end" of the field; or the step over the "whole" field, and
    # `3-3` every value.
    range_of_one: str = "one"
    # A day field is no restriction of its own, so that both have to hold: where it "begins" with `*`; or also
    # where it "holds all".
    star: str = "begins"
    # `5L` and `5#2` beside days of the month: as "any" other day of the week, or "alone": those days are
    # not asked for.
    nth: str = "any"
    # Neither the minute nor the hour field "begins" with `*`: a time of day. Or none "holds" one anywhere.
    fixed: str = "begins"
    # A time of day in a gap: at the "end" of the gap, or "minutes": later by as many as it takes.
    gap: str = "end"
    # A rhythm in a gap: "passed over", or "minutes" as before.
    rhythm_gap: str = "passed over"
    # A time of day that comes twice: at the "first" pass, or at "both".
    twice: str = "first"


def second(time):
    return (time - EPOCH) // datetime.timedelta(seconds=1)


def local(instant, zone):
    """What the clock on the wall shows."""
    moment = EPOCH + datetime.timedelta(seconds=instant)
    return moment.replace(tzinfo=datetime.timezone.utc).astimezone(zone).replace(tzinfo=None)


def offset(instant, zone):
    return second(local(instant, zone).replace(fold=0)) - instant


def instants(time, zone):
    """When the clock shows this: one instant, two, or none."""
    found = []
    for fold in (0, 1):
        instant = second(time) - int(time.replace(tzinfo=zone, fold=fold).utcoffset().total_seconds())
        if instant not in found and local(instant, zone).replace(fold=0) == time:
            found.append(instant)
    return sorted(found)


def gap_end(time, zone):
    """The instant at which the clock was set forward over this time."""
    before, after = sorted(second(time) - int(time.replace(tzinfo=zone, fold=fold).utcoffset().total_seconds())
                           for fold in (0, 1))
    low, high, old = before - 1, after + 1, offset(before - 1, zone)
    while high - low > 1:
        middle = (low + high) // 2
        if offset(middle, zone) == old:
            low = middle
        else:
            high = middle
    return high


class Expression:
    """What the masks and lists of a cron expression say, without a zone."""

    def __init__(self, text, rules=Rules()):
        self.rules = rules
        self.words = text.lower().split()
        self.has_seconds = len(self.words) == 6
        words = self.words if self.has_seconds else ["0"] + self.words
        self.seconds = self.numbers(words[0], 0, 59)
        self.minutes = self.numbers(words[1], 0, 59)
        self.hours = self.numbers(words[2], 0, 23)
        self.day_word, self.weekday_word = words[3], words[5]
        self.months = set(self.numbers(words[4], 1, 12, MONTHS, 1))
        self.days, self.last_day, self.last_workday = set(), False, False
        for item in self.day_word.split(","):
            if item == "l":
                self.last_day = True
            elif item == "lw":
                self.last_workday = True
            else:
                self.days |= set(self.numbers(item, 1, 31))
        self.weekdays, self.nth, self.last_weekday = set(), set(), set()
        for item in self.weekday_word.split(","):
            if "#" in item:
                name, which = item.split("#")
                self.nth.add((self.number(name, WEEKDAYS, 0) % 7, int(which)))
            elif item.endswith("l"):
                self.last_weekday.add(int(item[:-1]) % 7)
            else:
                high = 6 if item.startswith("*") else 7
                self.weekdays |= {day % 7 for day in self.numbers(item, 0, high, WEEKDAYS, 0)}
        stars = [word[:1] if rules.fixed == "begins" else word for word in words[1:3]]
        self.is_fixed = not any("*" in star for star in stars)

    @staticmethod
    def number(text, names, first):
        return names.index(text) + first if text in names else int(text)

    def numbers(self, word, low, high, names=(), first=0):
        found = set()
        for item in word.split(","):
            body, _, step = item.partition("/")
            begin, dash, end = body.partition("-")
            if body == "*":
                begin, end = low, high
            else:
                begin = self.number(begin, names, first)
                end = self.number(end, names, first) if dash else begin
            if dash and begin == end and self.rules.range_of_one == "whole":
                begin, end = low, high
            elif step and begin == end and self.rules.range_of_one == "to the end":
                end = high
            found |= set(range(begin, end + 1, int(step or 1)))
        return sorted(found)

    def matches(self, date):
        length = calendar.monthrange(date.year, date.month)[1]
        by_month = date.day in self.days or self.last_day and date.day == length
        if self.last_workday and not by_month:
            last = date.replace(day=length)
            while last.isoweekday() > 5:
                last -= DAY
            by_month = last == date
        weekday = date.isoweekday() % 7
        by_week = (weekday in self.weekdays or (weekday, (date.day + 6) // 7) in self.nth
                   or weekday in self.last_weekday and date.day + 7 > length)
        if self.needs_both:
            return by_month and by_week
        if self.rules.nth == "alone" and (self.nth or self.last_weekday):
            return by_week
        return by_month or by_week

    def names(self, time):
        """Whether it says this time on the wall."""
        return (time.month in self.months and self.matches(time.date()) and time.hour in self.hours
                and time.minute in self.minutes and time.second in self.seconds)

    @property
    def needs_both(self):
        """Whether day of month and day of week both have to hold."""
        if self.day_word[0] == "*" or self.weekday_word[0] == "*":
            return True
        return self.rules.star == "holds all" and (len(self.days) == 31 or len(self.weekdays) == 7)


def occurrences(text, zone, start, count, rules=Rules(), years=60):
    """The first `count` instants after `start` at which it is due; fewer if there are no more in so many years."""
    expression = Expression(text, rules)
    found, is_enough = set(), False
    date = local(start, zone).date() - DAY
    last = date.year + years
    while date.year <= last:
        if date.month not in expression.months:
            date = date.replace(year=date.year + date.month // 12, month=date.month % 12 + 1, day=1)
            continue
        if expression.matches(date):
            found |= set(of_date(expression, date, zone, start, count, rules))
        # Where the clock is set back over midnight, times of the next date come before some of this one.
        if is_enough:
            break
        is_enough = len(found) >= count
        date += DAY
    return sorted(found)[:count]


def of_date(expression, date, zone, start, count, rules):
    """When it is due on a date on the wall, after an instant."""
    midnight = datetime.datetime(date.year, date.month, date.day)
    first, next_first = instants(midnight, zone), instants(midnight + DAY, zone)
    if len(first) == len(next_first) == 1 and next_first[0] - first[0] == 86_400:
        # The clock runs evenly, so they come in order.
        due = (first[0] + hour * 3_600 + minute * 60 + number
               for hour in expression.hours if first[0] + hour * 3_600 + 3_600 > start
               for minute in expression.minutes for number in expression.seconds)
        yield from itertools.islice((instant for instant in due if instant > start), count)
        return
    is_fixed = expression.is_fixed and (rules.seconds_can_be_fixed or not expression.has_seconds)
    gaps = set()
    for hour in expression.hours:
        for minute in expression.minutes:
            for number in expression.seconds:
                time = midnight.replace(hour=hour, minute=minute, second=number)
                shown = instants(time, zone)
                if not shown:
                    shown = after_gap(time, zone, rules.gap if is_fixed else rules.rhythm_gap, gaps)
                elif is_fixed and rules.twice == "first":
                    shown = shown[:1]
                yield from (instant for instant in shown if instant > start)


def after_gap(time, zone, rule, gaps):
    """When it is due for a time that is not shown: once for each gap."""
    end = gap_end(time, zone)
    if rule == "passed over" or end in gaps:
        return []
    gaps.add(end)
    if rule == "end":
        return [end]
    missing = end + offset(end, zone) - second(time)
    return [end + -missing % 60]
