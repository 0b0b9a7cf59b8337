#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs of policies that are killed at random instants, some beside another run, some in a process namespace of their
own, where nobody can see that they are gone.

    run_kills.py COUNT [SEED]        $B: the build

After each: no job hangs in progress, and the next run leaves every item with one point, made once.
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
ADE, PLANT = BUILD + "/adebackup", BUILD + "/tests/make/plant-service"
ITEMS = 4


class Wrong(Exception):
    pass


def ade(*args, status=(0,)):
    done = subprocess.run([ADE, *args], capture_output=True, text=True, check=False)
    if done.returncode not in status:
        raise Wrong("%s: %d %s" % (" ".join(args), done.returncode, done.stdout + done.stderr))
    return json.loads(done.stdout) if "--json" in args else done.stdout


class Trial:
    def __init__(self, folder, rng):
        self.rng, self.folder = rng, folder
        self.vault, self.key = folder + "/v", folder + "/key"
        os.makedirs(folder)
        ade("init", self.vault, "--vault-key", self.key, "-q")
        sources = []
        for i in range(ITEMS):
            with open("%s/disk%d" % (folder, i), "wb") as f:
                f.write(rng.randbytes(rng.choice([1, 3, 9]) * 1000000))
            sources.append("vm%d=%s/disk%d" % (i, folder, i))
        subprocess.run([PLANT, self.vault, self.key, "items", "400000", *sources], check=True)

    def start(self, apart):
        argv = [ADE, "run", self.vault, "--vault-key", self.key, "-q", "--parallel", str(self.rng.randint(1, 3))]
        if apart:
            argv = ["unshare", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc", *argv]
        return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def pass_time(self):
        """A quarter of an hour for those who wait for signs of life."""
        for name in os.listdir(self.vault + "/job") if os.path.isdir(self.vault + "/job") else []:
            path = self.vault + "/job/" + name
            t = os.stat(path).st_mtime - 1200
            os.utime(path, (t, t))

    def jobs(self):
        return ade("jobs", "list", self.vault, "--vault-key", self.key, "--json")["jobs"]

    def check(self):
        for job in self.jobs():
            if job["status"] not in ("Completed", "Failed"):
                raise Wrong("after a kill a job is %s: %s" % (job["status"], job))
        ade("run", self.vault, "--vault-key", self.key, "--json")
        points = collections.Counter(p["vm"] for p in ade("list", self.vault, "--vault-key", self.key, "--json")["points"])
        made = collections.Counter(j["vm"] for j in self.jobs() if j["operation"] == "Backup" and j["status"] == "Completed")
        want = {"vm%d" % i: 1 for i in range(ITEMS)}
        if dict(points) != want or dict(made) != want:
            raise Wrong("points %s, backups that completed %s" % (dict(points), dict(made)))
        names = os.listdir(self.vault + "/job")
        left = [n for n in names if n.split(".")[0] + ".end" not in names]
        if left:
            raise Wrong("records are left: %s" % left)
        ade("verify", self.vault, "--vault-key", self.key, "--structure")
        return [j for j in self.jobs() if j["operation"] == "Backup"]


def took(folder, rng):
    trial = Trial(folder, rng)
    begin = time.monotonic()
    trial.start(False).wait()
    return time.monotonic() - begin


def main():
    count = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 48)
    print("Seed %d.\n" % seed, flush=True)
    rng = random.Random(seed)
    seen = collections.Counter()
    with tempfile.TemporaryDirectory() as work:
        whole = took(work + "/first", rng)
        while seen["kills"] < count:
            trial = Trial(work + "/trial", rng)
            apart = os.geteuid() == 0 and rng.randrange(4) == 0
            beside = trial.start(False) if rng.randrange(3) == 0 else None
            for _ in range(rng.randint(1, 2)):
                run = trial.start(apart)
                time.sleep(rng.uniform(0, whole))
                seen["kills"] += run.poll() is None
                run.kill()
                run.wait()
                if apart:
                    trial.pass_time()
            if beside:
                beside.wait()
            jobs = trial.check()
            seen["apart"] += apart
            seen["beside another run"] += beside is not None
            seen["dead jobs"] += sum(j["status"] == "Failed" for j in jobs)
            seen["items"] += ITEMS
            shutil.rmtree(trial.folder)
    print("%d kill -9 struck `run` at random instants; %d times another run went on beside it, %d times it ran where nobody "
          "could see that it was gone.  %d backups under way died with it." % (seen["kills"], seen["beside another run"],
                                                                             seen["apart"], seen["dead jobs"]))
    print("No job stayed in progress; each of %d items had one point in the end, made once." % seen["items"])


try:
    main()
except Wrong as wrong:
    sys.exit("WRONG: %s" % wrong)
