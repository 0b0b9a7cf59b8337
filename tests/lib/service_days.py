#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A vault in service for months, by a store whose clock the test moves: `run` backs up what is due, `prune` lets
points expire for good, by the policies of three items; hosts are down, rules are shortened, points are held or made to
be kept.  After every prune the points that are left are those of a calculation by the standard library's calendars.

    service_days.py ENDPOINT CLOCKFILE DAYS [SEED]

$B is the build.  ENDPOINT: tests/fake/s3 --clock CLOCKFILE.
"""
import datetime
import hashlib
import json
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import policy_model

DAYS = policy_model.DAYS
UTC = datetime.timezone.utc
VMS = ["web1", "db1", "mail"]
VAULT = "s3://vaults/months"
SIZE, PIECE = 192 << 10, 16 << 10


class Service:
    def __init__(self, endpoint, clock_file, rng):
        self.endpoint, self.clock_file, self.rng = endpoint, clock_file, rng
        self.points = {vm: [] for vm in VMS}      # as they should be: dicts of retention.Policy.decide()
        self.made_at = 0
        self.sums, self.policies, self.counts = {}, {}, {"made": 0, "expired": 0, "edits": 0, "prunes": 0}
        self.move(int(datetime.datetime(rng.choice([2027, 2028]), rng.randrange(1, 13), rng.randrange(1, 29), tzinfo=UTC)
                      .timestamp()))

    def move(self, now):
        self.now = now
        with open(self.clock_file + ".new", "w") as f:
            f.write(str(now))
        os.rename(self.clock_file + ".new", self.clock_file)

    def ade(self, *args, status=(0,), year=None):
        argv = [os.environ["B"] + "/adebackup", *args, "--vault-key", "months.key", "--endpoint", self.endpoint, "--json"]
        if year:        # what this host believes
            argv = ["faketime", "-f", "@%d-03-01 10:00:00" % year] + argv
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        assert done.returncode in status, "%s: %d\n%s%s" % (" ".join(args), done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def draw(self, frequency):
        rng = self.rng
        out = ["--time-zone", rng.choice(["Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "UTC"])]
        days = ",".join(DAYS[d] for d in sorted(rng.sample(range(7), rng.randrange(2, 4))))
        out += ["--at", "%02d:%s" % (rng.randrange(24), rng.choice(["00", "30"]))]
        if frequency == "weekly":
            out += ["--schedule", "weekly", "--on", days]
        if frequency == "hourly":
            out += ["--enhanced", "--schedule", "hourly", "--every", str(rng.choice([6, 8, 12])), "--snapshot-days", str(rng.randrange(2, 7))]
        if frequency != "weekly":
            out += ["--retain-daily", str(rng.randrange(7, 16))]
        out += ["--retain-weekly", "%d:%s" % (rng.randrange(2, 6), days)]
        month = rng.choice(["1,last", "15", "first-Sunday,Tuesday", "second,last-Friday"])
        if frequency == "weekly":       # only points of its own days can be chosen
            month = "first,last-" + days
        return out + ["--retain-monthly", "%d:%s" % (rng.randrange(1, 3), month)]

    def learn(self, vm):
        self.policies[vm] = policy_model.from_json(self.ade("policy", "show", VAULT, "p-" + vm))

    def begin(self):
        self.ade("init", VAULT)
        for vm, frequency in zip(VMS, ["daily", "weekly", "hourly"]):
            with open(vm + ".raw", "wb") as f:
                f.write(self.rng.randbytes(SIZE))
            self.ade("policy", "create", VAULT, "p-" + vm, *self.draw(frequency))
            self.ade("protect", VAULT, vm, "--policy", "p-" + vm, "--disk", "os=%s.raw" % vm, status=(0, 3))
            self.learn(vm)

    def there(self):
        out = {vm: [] for vm in VMS}
        # 3: hosts whose clocks lie put points out of order, which looks like an older copy
        for p in self.ade("list", VAULT, status=(0, 3))["points"]:
            out[p["vm"]].append(p["point"])
        return out

    def add(self, vm, which, until=0):
        self.points[vm].append({"id": which, "time": self.made_at, "until": until, "sound": True, "proven": False, "held": False})
        self.sums[which] = hashlib.sha256(open(vm + ".raw", "rb").read()).hexdigest()
        self.counts["made"] += 1

    def change(self):
        for vm in VMS:
            with open(vm + ".raw", "r+b") as f:
                f.seek(self.rng.randrange(SIZE // PIECE) * PIECE)
                f.write(self.rng.randbytes(PIECE))

    def back_up(self):
        """By the policies; now and then also because somebody asked for one."""
        self.change()
        self.made_at = self.now
        self.ade("run", VAULT, "--no-prune", status=(0, 3), year=self.rng.choice([None, None, 1981, 2037]))
        if self.rng.random() < 0.08:
            vm, day = self.rng.choice(VMS), datetime.datetime.fromtimestamp(self.now, UTC) + datetime.timedelta(days=self.rng.randrange(0, 40))
            made = self.ade("backup", VAULT, vm, "--retain-until", day.strftime("%Y-%m-%d"), status=(0, 3))
            last = datetime.datetime(day.year, day.month, day.day, tzinfo=UTC) + datetime.timedelta(days=1)
            self.add(vm, made["point"], int(last.timestamp()))
        if self.rng.random() < 0.06:
            vm = self.rng.choice(VMS)
            p = self.rng.choice(self.points[vm]) if self.points[vm] else None
            if p:
                self.ade("release" if p["held"] else "hold", VAULT, "%s@%s" % (vm, p["id"]))
                p["held"] = not p["held"]

    def shorten(self):
        vm = self.rng.choice(["web1", "mail"])
        self.ade("policy", "edit", VAULT, "p-" + vm, "--retain-daily", "7", "--retain-monthly", "none")
        self.learn(vm)
        self.counts["edits"] += 1

    def prune(self):
        said = self.ade("prune", VAULT, year=self.rng.choice([None, None, 1981, 2037]))
        self.counts["prunes"] += 1
        ids = self.there()
        for vm in VMS:
            # Those that `run` made just now: the newest one stays at any rate.
            for new in set(ids[vm]) - set(self.sums):
                self.add(vm, new)
            stay, _ = self.policies[vm].decide(self.points[vm], self.now)
            want = {p["id"] for i, p in enumerate(self.points[vm]) if i in stay}
            assert set(ids[vm]) == want, "%s at %d by %s: too many %s, too few %s" % (
                vm, self.now, self.policies[vm].args(), [p for p in self.points[vm] if p["id"] in set(ids[vm]) - want],
                [p for p in self.points[vm] if p["id"] in want - set(ids[vm])])
            self.counts["expired"] += len(self.points[vm]) - len(want)
            self.points[vm] = [p for i, p in enumerate(self.points[vm]) if i in stay]
        return said

    def end(self):
        """Nothing of the dead is left, and every byte of the living is."""
        for days in 2, 8, 8:
            self.move(self.now + days * 86400)
            said = self.prune()
        assert said["collect"]["unnamed"] == said["collect"]["deleted"] and not said["note"], said
        self.ade("verify", VAULT)
        alive = [(vm, p["id"]) for vm in VMS for p in self.points[vm]]
        for vm, which in self.rng.sample(alive, min(6, len(alive))):
            self.ade("restore", VAULT, "%s@%s" % (vm, which), "--as", "encrypted", "--to", "back-" + which)
            got = hashlib.sha256(open("back-%s/os.raw" % which, "rb").read()).hexdigest()
            assert got == self.sums[which], "%s@%s came back otherwise" % (vm, which)
        return len(alive)


def main():
    endpoint, clock, days = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.SystemRandom().randrange(1 << 40)
    print("Seed %d." % seed, flush=True)
    rng = random.Random(seed)
    s = Service(endpoint, clock, rng)
    s.begin()
    first, edits = s.now, 2
    while s.now < first + days * 86400:
        step = rng.choice([6, 12, 24, 24, 24, 24, 30]) * 3600 if rng.random() < 0.93 else rng.randrange(2, 6) * 86400
        s.move((s.now + step) // 60 * 60 + 10)         # backups at :10 and prunes at :40: no end is met to the second
        s.back_up()
        if edits and s.now > first + (days - edits * days // 3) * 86400:
            edits -= 1
            s.shorten()
        s.move(s.now + 60 * rng.randrange(1, 90) + 30)
        s.prune()
    alive = s.end()
    print("%d days: %d points made, %d prunes, %d let expire, %d edits, %d live"
          % (days, s.counts["made"], s.counts["prunes"], s.counts["expired"], s.counts["edits"], alive))
    assert s.counts["expired"] > s.counts["made"] / 3, "too few expired"


if __name__ == "__main__":
    main()
