#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`protect` of several VMs, one of them protected before by other disks and another policy, killed at every step of every
record that it puts and at random instants.

    protect_kills.py COUNT [SEED]        $B: the build

After each kill all VMs are protected as was asked, or all is as it was; a run and a verify see nothing half; the next
protect goes on; and when days have passed no record is left that counts for nothing.
"""
import collections
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("B") or os.path.join(HERE, "../../build/release")
ADE = BUILD + "/adebackup"
VMS = ["web1", "db1", "mail", "old"]
STEPS = ["write", "half", "sync", "mkdir", "link", "linked", "folder"]
# Every step of the four items and of what commits them.  Nothing is made for a folder that is there: old's is.
PLACES = [("item", s, n) for s in STEPS for n in range(1, 5) if s != "mkdir"] + \
         [("batch", s, 1) for s in STEPS]


class Wrong(Exception):
    pass


class Trial:
    def __init__(self, folder, dirops):
        self.folder, self.dirops, self.vault, self.key = folder, dirops, folder + "/v", folder + "/key"
        os.makedirs(folder)
        for name in VMS:
            with open("%s/%s.raw" % (folder, name), "wb") as f:
                f.write(os.urandom(1 << 20))
        self.ade("init", self.vault, "-q")
        self.ade("policy", "create", self.vault, "gold", "--retain-daily", "45", "-q")
        self.ade("protect", self.vault, "old", "--disk", "os=%s/web1.raw" % folder, "-q")
        self.before = self.items()

    def ade(self, *args, status=(0,)):
        done = subprocess.run([ADE, *args, "--vault-key", self.key], capture_output=True, text=True, check=False)
        if done.returncode not in status:
            raise Wrong("%s: %d %s" % (" ".join(args), done.returncode, done.stdout + done.stderr))
        return json.loads(done.stdout) if "--json" in args else done.stdout

    def wanted(self):
        out = ["protect", self.vault, *VMS, "--policy", "gold", "-q"]
        for name in VMS:
            out += ["--disk", "%s/os=%s/%s.raw" % (name, self.folder, name)]
        return out

    def start(self, kill=None):
        env = dict(os.environ, LD_PRELOAD=self.dirops, DIROPS_KILL="%s %s %d" % kill) if kill else None
        return subprocess.Popen([ADE, *self.wanted(), "--vault-key", self.key], env=env, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def items(self):
        return {i["vm"]: (i["policy"], i["state"], [(d["name"], d["source"]) for d in i["disks"]])
                for i in self.ade("items", self.vault, "--json")["items"]}

    def after(self):
        return {n: ("gold", self.before["old"][1], [("os", "%s/%s.raw" % (self.folder, n))]) for n in VMS}

    def look(self):
        """True: the protect counts, False: it does not."""
        now = self.items()
        if now not in (self.before, self.after()):
            raise Wrong("half: %s" % now)
        planned = {i["vm"] for i in self.ade("run", self.vault, "--dry-run", "--json")["items"]}
        if planned != set(now):
            raise Wrong("a run sees %s, not %s" % (planned, sorted(now)))
        self.ade("verify", self.vault)
        return now == self.after()

    def go_on(self):
        self.ade(*self.wanted())
        if self.items() != self.after():
            raise Wrong("the next protect: %s" % self.items())
        for folder, _, files in os.walk(self.vault):
            for name in files:
                t = os.stat(os.path.join(folder, name)).st_mtime - 3 * 86400
                os.utime(os.path.join(folder, name), (t, t))
        self.ade("prune", self.vault, "-q")
        left = {f: sorted(os.listdir(self.vault + "/" + f)) for f in ("item", "batch")}
        if len(left["item"]) != len(VMS) or len(left["batch"]) != 1 or self.items() != self.after():
            raise Wrong("what counts for nothing is left: %s" % left)
        self.ade("verify", self.vault)


def strike(trial, place, whole, rng):
    """True: it was killed under way."""
    run = trial.start(place)
    if not place:
        time.sleep(rng.uniform(0, whole))
        run.kill()
    return run.wait() == -9


def took(trial):
    begin = time.monotonic()
    trial.start().wait()
    return time.monotonic() - begin


def main():
    count = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 48)
    print("Seed %d.\n" % seed, flush=True)
    rng = random.Random(seed)
    seen = collections.Counter()
    with tempfile.TemporaryDirectory() as work:
        dirops = work + "/dirops.so"
        subprocess.run([os.environ.get("CC", "gcc"), "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE",
                        "-D_FILE_OFFSET_BITS=64", "-o", dirops, HERE + "/dirops.c"], check=True)
        whole = took(Trial(work + "/first", dirops))
        places = rng.sample(PLACES, len(PLACES))
        while seen["kills"] < count:
            trial = Trial(work + "/trial", dirops)
            place = places[seen["tries"] % len(places)] if rng.randrange(3) else None
            seen["tries"] += 1
            struck = strike(trial, place, whole, rng)
            if place and not struck:
                raise Wrong("no such step: %s %s %d" % place)
            counts = trial.look()
            if place and counts != (place[0] == "batch" and place[1] in ("linked", "folder")):
                raise Wrong("%s %s %d: %s" % (*place, "it counts" if counts else "it does not count"))
            trial.go_on()
            seen["kills"] += struck
            seen["counted" if counts else "did not"] += struck
            shutil.rmtree(trial.folder)
    print("%d kill -9 struck `protect` of %d VMs: %d times all of them were protected then, %d times all was as before, "
          "never part of it; the next protect went on each time." % (seen["kills"], len(VMS), seen["counted"], seen["did not"]))


try:
    main()
except Wrong as wrong:
    sys.exit("WRONG: %s" % wrong)
