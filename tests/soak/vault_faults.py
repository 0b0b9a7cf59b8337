#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Backups that are killed, and vaults as a power cut may leave them.

    vault_faults.py kills|cuts|blind COUNT [SEED]        $B: the build

Disks are changed at random between backups.  After each fault every point that was committed
must be there and read as the disks were, a point that was being committed may be, nothing else
may; then the next backup must go on.  Prints the seed, and a table for tests/RESULTS.md.
blind: as cuts, but no folder counts as synced; a campaign that is worth its name then fails.
"""
import collections
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ["B"]
STEPS = ["write", "half", "sync", "link", "linked", "folder"]
PHASES = [("chunking", "chunk", ["read"]), ("segment", "segment", STEPS), ("map", "map", STEPS),
          ("refs", "refs", STEPS), ("manifest", "manifest", STEPS),
          ("session record", "session", STEPS)]
KILLS_A_VAULT, BACKUPS_A_LOG, CUTS_A_LOG = 10, 3, 20


class Wrong(Exception):
    """What must not be."""


class Vault:
    """A vault, the disks that go into it, and what its points must read as."""

    def __init__(self, folder, rng, dirops):
        self.folder, self.rng, self.dirops = folder, rng, dirops
        self.path, self.key = folder + "/vault", folder + "/key"
        self.disks = {"os": 5 << 20, "lun0": (1 << 20) + 512}
        self.points = {}            # manifest -> {disk: SHA-256}
        subprocess.run([BUILD + "/adebackup", "init", self.path, "--vault-key", self.key], check=True,
                       stdout=subprocess.DEVNULL)
        for name, size in self.disks.items():
            with open(self.image(name), "wb") as f:
                f.truncate(size)
                f.write(rng.randbytes(size // 3))

    def image(self, name):
        return "%s/%s.raw" % (self.folder, name)

    def change(self):
        for name, size in self.disks.items():
            with open(self.image(name), "r+b") as f:
                for _ in range(self.rng.randrange(1, 30)):
                    f.seek(self.rng.randrange(size - 65536) & ~511)
                    f.write(self.rng.choice([bytes(4096), self.rng.randbytes(512),
                                             self.rng.randbytes(self.rng.randrange(1, 65536))]))

    def now(self):
        return {n: hashlib.sha256(open(self.image(n), "rb").read()).hexdigest() for n in self.disks}

    def start(self, vault=None, **env):
        argv = [BUILD + "/adebackup", "backup", vault or self.path, "vm", "--vault-key", self.key]
        for name in self.disks:
            argv += ["--disk", "%s=%s" % (name, self.image(name))]
        if env:
            env = dict(os.environ, LD_PRELOAD=self.dirops, DIROPS_SOURCE=self.image("os"), **env)
        return subprocess.Popen(argv, env=env or None, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def read(self, vault=None):
        """What the vault's points read as."""
        run = subprocess.run([BUILD + "/tests/make/vault-sums", vault or self.path, self.key],
                             capture_output=True, text=True, check=False)
        if run.returncode:
            raise Wrong("a point cannot be read: " + run.stderr)
        found = {}
        for line in run.stdout.splitlines():
            manifest, disk, sum_ = line.split()
            found.setdefault(manifest, {})[disk] = sum_
        return found

    def check(self, points, maybe, vault=None):
        """points are there, and at most one more that reads like maybe; returns all."""
        found = self.read(vault)
        for name, sums in points.items():
            if found.get(name) != sums:
                raise Wrong("%s is %s" % (name, "wrong" if name in found else "gone"))
        more = [n for n in found if n not in points]
        if len(more) > (maybe is not None) or any(found[n] != maybe for n in more):
            raise Wrong("points that nobody made: %s" % more)
        return found

    def backup(self, vault=None, **env):
        """One that must be committed; the manifest's name."""
        before = self.read(vault)
        p = self.start(vault, **env)
        _, err = p.communicate()
        if p.returncode not in (0, 3):
            raise Wrong("the next backup does not go on: " + err.decode())
        found = self.check(before, self.now(), vault)
        if len(found) != len(before) + 1:
            raise Wrong("the next backup made no point")
        return found


def kill_at_random(vault, took):
    p = vault.start()
    time.sleep(vault.rng.random() * took)
    if p.poll() is None:
        p.kill()
    p.communicate()
    return p.returncode


def kill_at(vault, kind, step):
    n = vault.rng.randrange(1, 4) if kind == "chunk" else 1
    p = vault.start(DIROPS_KILL="%s %s %d" % (kind, step, n))
    p.communicate()
    return p.returncode


def kills(count, rng, work, dirops):
    """Each phase in turn, and every fifth kill at a random moment."""
    struck, committed, done = collections.Counter(), 0, 0
    took = 0.1
    while done < count:
        vault = Vault(tempfile.mkdtemp(dir=work), rng, dirops)
        begin = time.monotonic()
        vault.points = vault.backup()
        took = time.monotonic() - begin
        for _ in range(min(KILLS_A_VAULT, count - done)):
            vault.change()
            name, kind, steps = PHASES[done % len(PHASES)]
            if done % 5 == 4:
                name, code = "at a random moment", kill_at_random(vault, took)
            else:
                code = kill_at(vault, kind, rng.choice(steps))
            if code != -signal.SIGKILL and name != "at a random moment":
                raise Wrong("it was not killed at %s: %d" % (name, code))
            found = vault.check(vault.points, vault.now())
            committed += len(found) > len(vault.points)
            struck[name if code == -signal.SIGKILL else None] += 1
            done += code == -signal.SIGKILL
            vault.points = found
            if rng.randrange(2):
                vault.points = vault.backup()
        vault.points = vault.backup()
        shutil.rmtree(vault.folder)
    del struck[None]
    print("%d kill -9 struck while a backup ran; %d of these backups were committed by then.\n" %
          (done, committed))
    print("| phase | kills |\n|---|---|")
    for name in [p[0] for p in PHASES] + ["at a random moment"]:
        print("| %s | %d |" % (name, struck[name]))


class State:
    """A file system's state after a power cut: operations that were not synced may be missing."""

    def __init__(self, log, cut, rng):
        self.log, self.cut, self.rng = log[:cut], cut, rng
        self.keep = rng.choice([0.0, 0.3, 0.7, 1.0])
        self.synced = {}            # folder or inode -> its last sync
        for i, (op, inode, path, _) in enumerate(self.log):
            if op == "syncdir":
                self.synced[path] = i
            elif op == "sync":
                self.synced[inode] = i

    def survives(self, i, path):
        return self.synced.get(os.path.dirname(path), -1) > i or self.rng.random() < self.keep

    def build(self, base, save, to):
        shutil.copytree(base, to)
        for i, (op, inode, path, other) in enumerate(self.log):
            if op not in ("create", "link", "rename", "mkdir", "unlink") or not self.survives(i, path):
                continue
            at = to + path[len(base_of(path)):]
            if not os.path.isdir(os.path.dirname(at)):
                continue            # its folder was lost
            if op == "mkdir":
                os.mkdir(at)
            elif op == "unlink":
                if os.path.exists(at):
                    os.unlink(at)
            else:
                self.write(inode, save, at)
                old = to + other[len(base_of(other)):] if op == "rename" else ""
                if old and os.path.exists(old) and self.survives(i, other):
                    os.unlink(old)

    def write(self, inode, save, at):
        data = open("%s/%s" % (save, inode), "rb").read()
        if inode not in self.synced:
            data = self.rng.choice([b"", data, bytes(len(data)), data[:self.rng.randrange(len(data) + 1)],
                                    data[:len(data) // 2] + bytes(len(data) - len(data) // 2)])
        if os.path.exists(at):
            os.unlink(at)
        with open(at, "wb") as f:
            f.write(data)


def base_of(path):
    """…/vault of a path below it."""
    at = path.index("/vault/") if "/vault/" in path else len(path) - len("/vault")
    return path[:at + len("/vault")]


def record(vault):
    """Some backups in a row, the first often after one that was killed: what was done, and (length
    of the log, points) at each commit."""
    log, save, base = vault.folder + "/log", vault.folder + "/save", vault.folder + "/base"
    commits, states = [], []
    shutil.copytree(vault.path, base)
    os.mkdir(save)
    if vault.rng.randrange(2):
        states.append((0, vault.now()))
        kind = vault.rng.choice(["vm", "session", "segment", "map", "refs", "manifest"])
        step = vault.rng.choice(STEPS + ["mkdir"] if kind == "manifest" else STEPS)
        vault.start(DIROPS_LOG=log, DIROPS_SAVE=save, DIROPS_KILL="%s %s %d" % (
            kind, step, vault.rng.choice([1, 2]) if step == "mkdir" else 1)).communicate()
    for _ in range(BACKUPS_A_LOG):
        if not states or commits:
            vault.change()
        states.append((len(read_log(log)), vault.now()))
        points = vault.backup(DIROPS_LOG=log, DIROPS_SAVE=save)
        commits.append((len(read_log(log)), points))
    return read_log(log), save, base, commits, states


def read_log(path):
    if not os.path.exists(path):
        return []
    return [(line.rstrip("\n").split(" ") + [""])[:4] for line in open(path)]


def one_cut(vault, recorded, struck):
    log, save, base, commits, states = recorded
    cut = vault.rng.randrange(1, len(log) + 1)
    points = {}
    for length, made in commits:
        if length <= cut:
            points = made
    maybe = [sums for length, sums in states if length < cut][-1]
    to = vault.folder + "/cut"
    state = State(log, cut, vault.rng)
    state.build(base, save, to)
    struck[log[cut - 1][0]] += 1
    found = vault.check(points, maybe, to)
    vault.backup(to)
    shutil.rmtree(to)
    return len(found) > len(points)


def cuts(count, rng, work, dirops, blind=False):
    """Random states after a cut at a random operation of recorded backups."""
    struck, done, more, longest = collections.Counter(), 0, 0, 0
    while done < count:
        vault = Vault(tempfile.mkdtemp(dir=work), rng, dirops)
        recorded = record(vault)
        if blind:
            recorded[0][:] = [line if line[0] != "syncdir" else ["-", "", "", ""] for line in recorded[0]]
        longest = max(longest, len(recorded[0]))
        for _ in range(min(CUTS_A_LOG, count - done)):
            more += one_cut(vault, recorded, struck)
            done += 1
        shutil.rmtree(vault.folder)
    print("%d power cuts in records of up to %d operations; in %d of them a point was there that was not "
          "finished.\n" % (done, longest, more))
    print("| right after | cuts |\n|---|---|")
    for op, n in sorted(struck.items()):
        print("| %s | %d |" % (op, n))


def main():
    what, count = sys.argv[1], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 48)
    print("Seed %d.\n" % seed, flush=True)
    with tempfile.TemporaryDirectory(prefix="ade-faults.") as work:
        dirops = work + "/dirops.so"
        subprocess.run([os.environ.get("CC", "gcc"), "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE",
                        "-D_FILE_OFFSET_BITS=64", "-o", dirops, HERE + "/dirops.c"], check=True)
        try:
            if what == "kills":
                kills(count, random.Random(seed), work, dirops)
            else:
                cuts(count, random.Random(seed), work, dirops, what == "blind")
        except Wrong as wrong:
            print("FAILED: %s" % wrong)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
