#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Schedules and retention of whole policies, calculated a second time by the standard library's calendars:

    policy_model.py FILE                what `policy simulate --json` of a VM without points says, or of none
    policy_model.py runs COUNT [SEED]   so many years of random policies that run by an injected clock:
                                        changes of clocks, leap days, missed runs, policies edited under way

$B is the build; its tests/make/retention-plan answers for runs.
"""
import calendar
import datetime
import functools
import json
import os
import random
import subprocess
import sys
import zoneinfo

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import retention

UTC = datetime.timezone.utc
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
AZURE = {"Romance Standard Time": "Europe/Paris", "W. Europe Standard Time": "Europe/Berlin"}        # in the tests' policies


class Policy(retention.Policy):
    """One that has a schedule, and, hourly, snapshots that live for some days."""

    def __init__(self, zone, frequency, minute, weekdays=(), every=0, window=0, snapshot=None, rules=None):
        self.zone_name, self.zone = zone, zoneinfo.ZoneInfo(AZURE.get(zone, zone))
        self.frequency, self.minute, self.weekdays = frequency, minute, weekdays
        self.every, self.window, self.snapshot = every, window, snapshot if frequency == "hourly" else None
        self.rules, self.keep = rules or {}, None
        self.local = functools.lru_cache(None)(self.local)

    def args(self):
        mask = sum(1 << (d + 1) % 7 for d in self.weekdays)
        out = super().args() + ["schedule=%d,%d,%d,%d,%d" % (["daily", "weekly", "hourly"].index(self.frequency), self.minute,
                                                             mask, self.every, self.window)]
        return out + (["snapshot=%d" % self.snapshot] if self.snapshot else [])

    def slots(self, day):
        """Of the window that begins on that local day."""
        if self.frequency == "weekly" and day.weekday() not in self.weekdays:
            return []
        first = datetime.datetime.combine(day, datetime.time(self.minute // 60, self.minute % 60), self.zone)
        first = int(first.timestamp())
        if self.frequency != "hourly":
            return [first]
        return [first + h * 3600 for h in range(0, self.window, self.every)]

    def between(self, after, until):
        """All slots later than `after` up to `until`."""
        day, out = self.local(after).date() - datetime.timedelta(days=2), []
        while day <= self.local(until).date() + datetime.timedelta(days=1):
            out += [s for s in self.slots(day) if after < s <= until]
            day += datetime.timedelta(days=1)
        return sorted(out)

    def due(self, last, now):
        passed = self.between(max(last, now - 40 * 86400), now)
        return passed[-1] if passed else self.between(max(last, now), max(last, now) + 9 * 86400)[0]

    def by_rules(self, points, now):
        ends = super().by_rules(points, now)
        if not self.snapshot:
            return ends
        days = {}
        for i in ends:
            days.setdefault(self.local(points[i]["time"]).date(), []).append((points[i]["time"], i))
        last = {max(d)[1] for d in days.values()}
        for i in ends:
            when = self.local(points[i]["time"])
            if i not in last:
                ends[i] = None
            ends[i] = max(ends[i] or 0, self.end("daily", self.snapshot, when))
        return ends


def from_json(p):
    def rule(unit, text):
        if text == "none":
            return {}
        parts = text.split(":")
        r = {"count": int(parts[0])}
        if unit == "yearly":
            r["months"] = [list(calendar.month_name).index(m) for m in parts[1].split(",")]
        if unit == "weekly":
            r["weekdays"] = [DAYS.index(d) for d in parts[1].split(",")]
        elif unit != "daily" and "-" in parts[-1]:
            weeks, days = parts[-1].split("-")
            names = ["first", "second", "third", "fourth"]
            r["weeks"] = [names.index(w) + 1 if w != "last" else w for w in weeks.split(",")]
            r["weekdays"] = [DAYS.index(d) for d in days.split(",")]
        elif unit != "daily":
            r["days"] = [d if d == "last" else int(d) for d in parts[-1].split(",")]
        return {unit: r}
    rules = {}
    for unit in "daily", "weekly", "monthly", "yearly":
        rules.update(rule(unit, p["retain_" + unit]))
    hour, minute = map(int, p["at"].split(":"))
    return Policy(p["time_zone"], p["frequency"], hour * 60 + minute, [DAYS.index(d) for d in p["on"].split(",") if d],
                  p["every_hours"], p["window_hours"], p["snapshot_days"], rules)


def seconds(text):
    return int(datetime.datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())


def point(time):
    return {"time": time, "until": 0, "sound": True, "proven": True, "held": False}


def check_simulation(path):
    said = json.load(open(path))
    policy = from_json(said["policy"])
    made = [seconds(e["when"]) for e in said["events"] if e["what"] == "backup"]
    want = policy.between(said["from"], said["until"])
    assert made == want, "backups: %s, not %s" % (made[:9], want[:9])
    died = {seconds(e["point"]): seconds(e["when"]) for e in said["events"] if e["what"] == "expires"}
    alive = [seconds(e["point"]) for e in said["events"] if e["what"] == "lives"]
    points, deaths = [], {}
    events = sorted(set(made) | set(died.values()) | {d - 1 for d in died.values()})
    for now in events:
        if now in made:
            points.append(point(now))
        stay, _ = policy.decide(points, now)
        for i, p in enumerate(points):
            if i not in stay:
                deaths[p["time"]] = now
        points = [p for i, p in enumerate(points) if i in stay]
    stay, _ = policy.decide(points, said["until"])
    assert deaths == died, sorted(set(deaths.items()) ^ set(died.items()))[:6]
    assert [p["time"] for i, p in enumerate(points) if i in stay] == sorted(alive), "the living"
    assert all(e["reason"] for e in said["events"] if e["what"] != "backup"), "no reason"
    print("%s: %d backups, %d expire, %d live" % (said["policy"]["name"], len(made), len(died), len(alive)))


def draw(rng, zone):
    frequency = rng.choice(["daily", "daily", "weekly", "hourly"])
    weekdays = sorted(rng.sample(range(7), rng.randrange(1, 4))) if frequency == "weekly" else ()
    p = Policy(zone, frequency, 30 * rng.randrange(48), weekdays, rng.choice([4, 6, 8, 12]), rng.randrange(4, 25),
               rng.randrange(1, 8))
    p.draw_rules(rng)
    if frequency == "weekly":
        p.rules.pop("daily", None)
        p.rules["weekly"] = {"count": rng.randrange(1, 20), "weekdays": weekdays}
    else:
        p.rules.setdefault("daily", {"count": rng.randrange(7, 60)})
    return p


class Answers:
    def __init__(self, policy):
        self.process = subprocess.Popen([retention.PLAN] + policy.args(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def due(self, last, now):
        self.process.stdin.write("due %d %d\n" % (last, now))
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def one_year(rng, counts):
    """A timer looks now and then; hosts are down for days; the policy is edited twice."""
    zone = rng.choice(retention.ZONES)
    policy = draw(rng, zone)
    answers = Answers(policy)
    now = int(datetime.datetime(rng.choice([2023, 2027, 2031]), rng.randrange(1, 13), 1, tzinfo=UTC).timestamp())
    end, edits = now + 400 * 86400, 2
    last, points = now, []
    while now < end:
        due = answers.due(last, now)
        assert due == policy.due(last, now), "%s: due %d, not %d" % (policy.args(), due, policy.due(last, now))
        if due <= now:
            counts["missed"] = counts.get("missed", 0) + max(0, len(policy.between(last, now)) - 1)
            points.append(point(now))
            last = due
            said = retention.ask(answers.process, now, points)
            points = retention.compare(policy, points, now, said, counts)
            counts["runs"] = counts.get("runs", 0) + 1
        if edits and now > end - edits * 130 * 86400:
            edits -= 1
            counts["edits"] = counts.get("edits", 0) + 1
            answers.close()
            policy = draw(rng, zone)
            answers = Answers(policy)
        now += rng.choice([1800, 3600, 7200, 40000]) if rng.random() < 0.985 else rng.randrange(1, 12) * 86400
    answers.close()


def runs(count, seed):
    print("Seed %d." % seed)
    rng, counts = random.Random(seed), {}
    for _ in range(count):
        one_year(rng, counts)
    print("%d years: %d runs, %d missed ones, %d edits; reasons %s"
          % (count, counts["runs"], counts["missed"], counts["edits"], {k: n for k, n in counts.items() if isinstance(k, int)}))


if __name__ == "__main__":
    if sys.argv[1] == "runs":
        runs(int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 40))
    else:
        check_simulation(sys.argv[1])
