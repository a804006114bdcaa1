# SPDX-License-Identifier: Apache-2.0
"""Zone arithmetic against Python's zoneinfo, which reads the same files by itself: each zone of the system, at each
change that reeve finds, a second before and after it, and every ten days in between."""
import collections
import datetime
import os
import zoneinfo

import rules

UTC = datetime.timezone.utc
FROM = rules.second(datetime.datetime(1900, 1, 1))
UNTIL = rules.second(datetime.datetime(2400, 1, 1))
STEP = 10 * 86_400


def compare(ask):
    """Prints what was compared. Returns the number of differences."""
    names = sorted(name for name in zoneinfo.available_timezones()
                   if os.path.exists(os.path.join("/usr/share/zoneinfo", name)))
    changes = ask([f"changes|{name}|{FROM}|{UNTIL}" for name in names])
    asked, found = [], 0
    for name, line in zip(names, changes):
        at = {int(change.split(":")[0]) for change in line.split(",") if change}
        found += len(at)
        asked.append(sorted({second + step for second in at for step in (-1, 0, 1)} | set(range(FROM, UNTIL, STEP))))
    answers = ask([f"zone|{name}|{','.join(map(str, seconds))}" for name, seconds in zip(names, asked)])
    differences = collections.Counter()
    for name, seconds, answer in zip(names, asked, answers):
        zone = zoneinfo.ZoneInfo(name)
        for second, ours in zip(seconds, answer.split(",")):
            offset, _, abbreviation = ours.split(":")
            moment = (rules.EPOCH + datetime.timedelta(seconds=second)).replace(tzinfo=UTC).astimezone(zone)
            for what, mine, theirs in (("offset", int(offset), int(moment.utcoffset().total_seconds())),
                                       ("abbreviation", abbreviation, moment.tzname())):
                if mine != theirs:
                    differences[what] += 1
                    if differences[what] <= 20:
                        print(f"{name} at {second}: {what} {mine}, zoneinfo {theirs}")
    print(f"{len(names)} zones, {found} changes of the clock, {sum(map(len, asked))} instants from 1900 to 2400: "
          f"{differences['offset']} offsets and {differences['abbreviation']} abbreviations differ")
    return differences.total()
