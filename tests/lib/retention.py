#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Retention calculated a second time, by the standard library's calendars and time zones, and compared:

    retention.py years COUNT [SEED]     a year and more of random policies, day by day
    retention.py zones                  every zone of the system, against zoneinfo

$B is the build; its tests/make/retention-plan answers.
"""
import calendar
import datetime
import os
import random
import subprocess
import sys
import zoneinfo

PLAN = os.environ["B"] + "/tests/make/retention-plan"
UTC = datetime.timezone.utc
ZONES = ["UTC", "Europe/Madrid", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia",
         "America/St_Johns", "Africa/Casablanca", "Asia/Tehran", "Pacific/Auckland"]


class Policy:
    def __init__(self, rng):
        self.zone_name = rng.choice(ZONES)
        self.zone = zoneinfo.ZoneInfo(self.zone_name)
        self.rules, self.keep = {}, None
        if rng.random() < 0.25:
            self.keep = [rng.choice([0, rng.randrange(1, 9)]) for _ in range(5)]
        if not self.keep or rng.random() < 0.2:
            self.draw_rules(rng)

    def draw_rules(self, rng):
        days = lambda: sorted(rng.sample(range(7), rng.randrange(1, 4)))
        if rng.random() < 0.9:
            self.rules["daily"] = {"count": rng.choice([7, 8, 30, rng.randrange(7, 100)])}
        if rng.random() < 0.7:
            self.rules["weekly"] = {"count": rng.randrange(1, 20), "weekdays": days()}
        for unit, most in ("monthly", 14), ("yearly", 3):
            if rng.random() < 0.7:
                rule = {"count": rng.randrange(1, most)}
                if rng.random() < 0.5:
                    rule["weekdays"] = days()
                    rule["weeks"] = sorted(rng.sample([1, 2, 3, 4, "last"], rng.randrange(1, 3)), key=str)
                else:
                    rule["days"] = rng.sample(list(range(1, 32)) + ["last"], rng.randrange(1, 4))
                if unit == "yearly":
                    rule["months"] = rng.sample(range(1, 13), rng.randrange(1, 4))
                self.rules[unit] = rule

    def args(self):
        def mask(bits):
            return sum(1 << b for b in bits)
        out = ["zone=" + self.zone_name]
        for unit, r in self.rules.items():
            n = [r["count"], mask((d + 1) % 7 for d in r.get("weekdays", [])),        # Monday is 0 here
                 mask(4 if w == "last" else w - 1 for w in r.get("weeks", [])),
                 mask(0 if d == "last" else d for d in r.get("days", [])), mask(m - 1 for m in r.get("months", []))]
            out.append("%s=%s" % (unit, ",".join(map(str, n))))
        if self.keep:
            out.append("keep=" + ",".join(map(str, self.keep)))
        return out

    def local(self, t):
        return datetime.datetime.fromtimestamp(t, UTC).astimezone(self.zone)

    def chosen(self, unit, rule, when):
        last = calendar.monthrange(when.year, when.month)[1]
        if unit == "daily":
            return True
        if unit == "weekly":
            return when.weekday() in rule["weekdays"]
        if unit == "yearly" and when.month not in rule["months"]:
            return False
        if "days" in rule:
            return when.day in rule["days"] or ("last" in rule["days"] and when.day == last)
        if when.weekday() not in rule["weekdays"]:
            return False
        same = [d for d in range(1, last + 1) if calendar.weekday(when.year, when.month, d) == when.weekday()]
        which = same.index(when.day) + 1
        return which in rule["weeks"] or ("last" in rule["weeks"] and which == len(same))

    def end(self, unit, count, when):
        day = when.date()
        if unit in ("daily", "weekly"):
            day += datetime.timedelta(days=count * (1 if unit == "daily" else 7))
        else:
            months = day.year * 12 + day.month - 1 + count * (1 if unit == "monthly" else 12)
            year, month = divmod(months, 12)
            day = datetime.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
        there = datetime.datetime.combine(day, when.time().replace(fold=0), self.zone)
        return int(there.timestamp())

    def by_rules(self, points, now):
        """{index: expiry} of the points that rules are for."""
        newest = {}
        for i, p in enumerate(points):
            if not p["until"]:
                day = self.local(p["time"]).date()
                if day not in newest or (p["time"], i) > newest[day]:
                    newest[day] = (p["time"], i)
        last = {i for _, i in newest.values()}
        ends = {}
        for i, p in enumerate(points):
            if p["until"]:
                continue
            when = self.local(p["time"])
            all_ends = [self.end(u, r["count"], when) for u, r in self.rules.items()
                        if (u == "daily" or i in last) and self.chosen(u, r, when)]
            ends[i] = max(all_ends, default=None)
        return ends

    def by_counts(self, points):
        order = sorted((i for i, p in enumerate(points) if not p["until"]), key=lambda i: (points[i]["time"], i),
                       reverse=True)
        keys = [lambda d: d.date(), lambda d: d.isocalendar()[:2], lambda d: (d.year, d.month), lambda d: d.year]
        kept = set(order[:self.keep[0]])
        for n, key in zip(self.keep[1:], keys):
            seen = []
            for i in order:
                k = key(self.local(points[i]["time"]))
                if k not in seen and len(seen) < n:
                    seen.append(k)
                    kept.add(i)
        return kept

    def decide(self, points, now):
        """The indexes that stay, and the expiry that the rules alone give each."""
        ends = self.by_rules(points, now)
        stay = {i for i, e in ends.items() if e is not None and e > now}
        if self.keep and any(self.keep):
            stay |= self.by_counts(points)
        elif not self.rules:
            stay |= set(ends)
        stay |= {i for i, p in enumerate(points) if p["until"] > now or p["held"]}
        for proven in (False, True):
            good = [(p["time"], i) for i, p in enumerate(points) if p["sound"] and (p["proven"] or not proven)]
            if good:
                stay.add(max(good)[1])
        return stay, ends


def ask(process, now, points):
    lines = ["now %d %d" % (now, len(points))]
    lines += ["%d %d %d %d %d" % (p["time"], p["until"], p["sound"], p["proven"], p["held"]) for p in points]
    process.stdin.write("\n".join(lines) + "\n")
    process.stdin.flush()
    return [process.stdout.readline().split(" ", 3) for _ in points]


def compare(policy, points, now, said, counts):
    stay, ends = policy.decide(points, now)
    for i, (keep, expires, reason, words) in enumerate(said):
        where = "%s now=%d point=%s: %s %s %s" % (policy.args(), now, points[i], keep, expires, words)
        assert (keep == "1") == (i in stay), where
        assert words.strip(), "no reason: " + where
        counts[int(reason)] = counts.get(int(reason), 0) + 1
        if int(reason) == 3:        # an Azure rule: to the second
            assert int(expires) == ends[i], "%s; calculated %s" % (where, ends[i])
    return [p for i, p in enumerate(points) if i in stay]


def one_year(rng, counts):
    """Daily runs from somewhere before a leap day; some are missed, some hourly, the policy changes twice."""
    policy = Policy(rng)
    day = datetime.datetime(rng.choice([2023, 2027, 2031]), rng.randrange(1, 13), 1, tzinfo=UTC)
    points, process = [], None
    for n in range(480):
        now = int(day.timestamp()) + rng.randrange(86400)
        if n % 170 == 0:
            if process:
                process.stdin.close()
                process.wait()
            new = Policy(rng)
            new.zone, new.zone_name = policy.zone, policy.zone_name
            policy = new
            process = subprocess.Popen([PLAN] + policy.args(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for k in range(rng.choice([0, 1, 1, 1, 1, 3])):
            until = now + rng.randrange(1, 90) * 86400 if rng.random() < 0.05 else 0
            points.append({"time": now + k * 5000, "until": until, "sound": rng.random() < 0.97,
                           "proven": rng.random() < 0.5, "held": rng.random() < 0.01})
        now += 20000
        if points and n % 3 == 0:
            points = compare(policy, points, now, ask(process, now, points), counts)
        day += datetime.timedelta(days=1)
    process.stdin.close()
    process.wait()


def years(count, seed):
    print("Seed %d." % seed)
    rng, counts = random.Random(seed), {}
    for _ in range(count):
        one_year(rng, counts)
    print("%d years, decisions by reason: %s" % (count, dict(sorted(counts.items()))))
    assert set(counts) >= {1, 2, 3, 4, 5, 8, 9, 10}, "a reason was never seen"


def zones():
    rng, n = random.Random(4), 0
    for name in sorted(zoneinfo.available_timezones()):
        if name.startswith(("posix/", "right/")) or name in ("Factory", "localtime"):
            continue
        zone = zoneinfo.ZoneInfo(name)
        times = [rng.randrange(-10**9, 4 * 10**9) for _ in range(12)]
        said = subprocess.run([PLAN, "zone=" + name], input="".join("offset %d\n" % t for t in times), text=True,
                              capture_output=True, check=True).stdout.split()
        for t, offset in zip(times, said):
            want = datetime.datetime.fromtimestamp(t, UTC).astimezone(zone).utcoffset().total_seconds()
            assert int(offset) == want, "%s at %d: %s, not %d" % (name, t, offset, want)
            n += 1
    print("%d offsets are those of zoneinfo" % n)


def main():
    if sys.argv[1] == "zones":
        zones()
    else:
        years(int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 40))


if __name__ == "__main__":
    main()
