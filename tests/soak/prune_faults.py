#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prunes, collections and compacts that are killed, and vaults as a power cut may leave them; beside
kills backups, restores and a mount go on.

    prune_faults.py kills|cuts COUNT [SEED]        $B: the build

A folder's times are its files' times, so days pass by making all files older.  After each fault
every point that was committed and that no rule let expire must be there and read as the disks were;
then days pass, the vault verifies, the garbage is gone, and the next backup goes on.
"""
import collections
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
from vault_faults import BUILD, State, Vault, Wrong, read_log

DAY = 86400
KEEP = 2
ADE = BUILD + "/adebackup"
# kind and step of dirops.c; what is put or removed in that phase of a prune
PHASES = [("marks", "exp", ["write", "sync", "link", "linked", "folder"]),
          ("log", "log", ["write", "linked"]),
          ("manifest removed", "pt/", ["remove", "removed"]),
          ("refs removed", "ref/", ["remove", "removed"]),
          ("condemned record", "cond", ["write", "link", "linked", "folder"]),
          ("claim", "claim", ["write", "linked", "folder"]),
          ("segment removed", "seg/", ["remove", "removed"]),
          ("record removed", "cond/", ["remove", "removed"]),
          ("compact: session", "session", ["write", "linked"]),
          ("compact: segment", "segment", ["write", "half", "linked"]),
          ("compact: map", "map", ["write", "linked"]),
          ("compact: refs", "refs", ["write", "linked"]),
          ("compact: manifest", "manifest", ["write", "sync", "link", "linked", "folder"])]


def age(path, days):
    """Everything in the vault was put so much earlier."""
    for folder, _, files in os.walk(path):
        for name in files:
            at = os.path.join(folder, name)
            try:
                t = os.stat(at).st_mtime - days * DAY
                os.utime(at, (t, t))
            except FileNotFoundError:
                pass


class Pruned(Vault):
    """A vault whose points expire: expected are the newest KEEP."""

    def __init__(self, folder, rng, dirops):
        super().__init__(folder, rng, dirops)
        self.aged = {}

    def command(self, name, *args, vault=None, **env):
        argv = [ADE, name, vault or self.path, *args, "--vault-key", self.key]
        env = dict(os.environ, LD_PRELOAD=self.dirops, **env) if env else None
        return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def prune(self, *args, vault=None, **env):
        return self.command("prune", "--keep-last", str(KEEP), "--json", *args, vault=vault, **env)

    def must(self, process, codes=(0,)):
        out, err = process.communicate()
        if process.returncode not in codes:
            raise Wrong("%s ends with %d: %s" % (process.args[1], process.returncode, err.decode()))
        return out

    def key_of(self, manifest):
        """The point of a manifest: a compact gives it another session."""
        return manifest.rsplit("/", 1)[0]

    def points_now(self, vault=None):
        return {self.key_of(m): sums for m, sums in self.read(vault).items()}

    def expect(self, wanted, maybe=None, vault=None):
        """wanted: points that must be there; others may be if they read as one of maybe."""
        found = self.points_now(vault)
        for name, sums in wanted.items():
            if found.get(name) != sums:
                raise Wrong("%s is %s" % (name, "wrong" if name in found else "gone"))
        for name, sums in found.items():
            if name not in wanted and sums not in (maybe or {}).values():
                raise Wrong("a point that nobody made, or a wrong one: " + name)
        return found

    def newest(self, points):
        return dict(sorted(points.items())[-KEEP:])

    def make(self, n):
        """n more points, the disks mostly written anew in between."""
        for _ in range(n):
            self.change()
            self.rewrite()
            self.must(self.start(), (0, 3))
            time.sleep(0.01)

    def rewrite(self):
        """Segments die for the most part when most of a disk is new."""
        size = self.disks["os"]
        with open(self.image("os"), "r+b") as f:
            f.seek(self.rng.randrange(size // 8) & ~511)
            f.write(self.rng.randbytes(size // 4))

    def come_clean(self, vault=None):
        """Days pass; nothing that nobody needs is left."""
        path = vault or self.path
        for days in (2, 9, 2, 2):
            age(path, days)
            said = json.loads(self.must(self.prune(vault=path), (0,)))
        if said["note"] or said["collect"]["unnamed"]:
            raise Wrong("garbage stays: %s %s" % (said["note"], said["collect"]))
        for kind in ("ses", "cond"):
            left = [f for _, _, files in os.walk(path + "/" + kind) for f in files]
            if left:
                raise Wrong("%s/ is not empty: %s" % (kind, left))
        self.must(self.command("verify", vault=path))


class Company:
    """Backups and restores that go on beside a prune, again and again, and the oldest point mounted."""

    def __init__(self, vault):
        self.vault, self.stop, self.fault = vault, False, None
        self.backups = self.restores = 0
        self.mount()
        self.thread = [threading.Thread(target=self.guard, args=(f,)) for f in (self.back_up, self.restore)]
        for t in self.thread:
            t.start()

    def guard(self, work):
        try:
            while not self.stop:
                work()
        except (Wrong, OSError) as e:
            self.fault = self.fault or e

    def back_up(self):
        self.vault.must(self.vault.start(), (0, 3))
        self.backups += 1

    def restore(self):
        """The newest point; one that expires under it says so and harms nothing."""
        to = tempfile.mkdtemp(dir=self.vault.folder)
        argv = [ADE, "restore", self.vault.path, "vm", "--vault-key", self.vault.key, "--to", to + "/out", "--as",
                "encrypted"]
        run = subprocess.run(argv, capture_output=True, text=True, check=False)
        if run.returncode not in (0, 10):
            raise Wrong("a restore beside the prune: " + run.stderr)
        self.restores += run.returncode == 0
        shutil.rmtree(to)

    def mount(self):
        """The oldest point that is there is opened, and no day passes while it is."""
        self.dir = tempfile.mkdtemp(dir=self.vault.folder)
        self.vault.must(self.vault.command("mount", self.dir))
        first = sorted(e.path for e in os.scandir(self.dir + "/vm") if not e.is_symlink())[0]
        self.wanted = [s for p, s in sorted(self.vault.points_now().items()) if os.path.basename(first) in p][0]
        self.disks = {d: open("%s/%s/encrypted/disk.raw" % (first, d), "rb") for d in self.vault.disks}

    def unmount(self):
        read = {d: hashlib.sha256(f.read()).hexdigest() for d, f in self.disks.items()}
        for f in self.disks.values():
            f.close()
        subprocess.run([ADE, "umount", self.dir], check=True, stdout=subprocess.DEVNULL)
        if read != self.wanted:
            raise Wrong("a mounted point reads wrongly")

    def end(self):
        self.stop = True
        for t in self.thread:
            t.join()
        self.unmount()
        if self.fault:
            raise Wrong(str(self.fault))


def prepare(vault, what):
    """A vault in which the prune to come does `what`."""
    vault.make(3 if what == "marks" or what == "log" else 2)
    if what in ("marks", "log"):
        return
    vault.must(vault.prune())
    age(vault.path, 2)
    if what.startswith("compact"):
        return
    if what in ("manifest removed", "refs removed"):
        return
    age(vault.path, 9)


def kill_at(vault, what, kind, step):
    n = 1 if what.startswith("compact") else vault.rng.choice([1, 1, 2])
    p = vault.prune("--compact", DIROPS_KILL="%s %s %d" % (kind, step, n))
    p.communicate()
    return p.returncode


def kill_at_random(vault, took):
    p = vault.prune("--compact")
    time.sleep(vault.rng.random() * took)
    if p.poll() is None:
        p.kill()
    p.communicate()
    return p.returncode


def one_kill(vault, i, took):
    name, kind, steps = PHASES[i % len(PHASES)]
    prepare(vault, name)
    before = vault.points_now()
    wanted = vault.newest(before)
    company = Company(vault) if vault.rng.randrange(2) else None
    if i % 5 == 4:
        name, code = "at a random moment", kill_at_random(vault, took)
    else:
        code = kill_at(vault, name, kind, vault.rng.choice(steps))
    seen = (company.backups, company.restores) if company else (0, 0)
    if company:
        company.end()
        before["now"] = vault.now()
        found = vault.expect({}, before)
        wanted = vault.newest(found)        # its own backups are newer: those that were expected may go
    else:
        found = vault.expect(wanted, before)
    return name if code == -signal.SIGKILL else None, wanted, seen


def kills(count, rng, work, dirops):
    struck, done, tries, beside = collections.Counter(), 0, 0, [0, 0]
    while done < count:
        vault = Pruned(tempfile.mkdtemp(dir=work), rng, dirops)
        vault.make(2)
        begin = time.monotonic()
        vault.must(vault.prune("--compact"))
        took = time.monotonic() - begin
        for _ in range(min(6, count - done)):
            name, wanted, seen = one_kill(vault, tries, took)
            tries += 1
            done += name is not None
            struck[name] += 1
            beside = [a + b for a, b in zip(beside, seen)]
            if rng.randrange(3) == 0:
                vault.come_clean()
                vault.expect(wanted)
            if tries > 4 * count + 40:
                raise Wrong("most prunes are not killed where they should be: %s" % struck)
        vault.come_clean()
        vault.expect(vault.newest(vault.points_now()))
        vault.backup()
        shutil.rmtree(vault.folder)
    missed = struck.pop(None, 0)
    print("%d kill -9 struck inside a prune (%d prunes ended before they came to it); beside them %d backups and "
          "%d restores went through, and half of the time the oldest point was mounted and read.\n" % (done, missed, beside[0], beside[1]))
    print("| at | kills |\n|---|---|")
    for name in [p[0] for p in PHASES] + ["at a random moment"]:
        print("| %s | %d |" % (name, struck[name]))


def record(vault):
    """What prunes with a compact, and a backup between them, do to the folder."""
    log, save, base = vault.folder + "/log", vault.folder + "/save", vault.folder + "/base"
    env = dict(DIROPS_LOG=log, DIROPS_SAVE=save)
    prepare(vault, vault.rng.choice([p[0] for p in PHASES]))
    shutil.copytree(vault.path, base)
    os.mkdir(save)
    states = [(0, vault.points_now())]
    if vault.rng.randrange(2):
        name, kind, steps = vault.rng.choice(PHASES)
        vault.prune("--compact", DIROPS_KILL="%s %s 1" % (kind, vault.rng.choice(steps)), **env).communicate()
        states.append((len(read_log(log)), vault.points_now()))
    vault.must(vault.prune("--compact", **env))
    states.append((len(read_log(log)), vault.points_now()))
    vault.change()
    maybe = vault.now()
    vault.must(vault.start(**env), (0, 3))
    states.append((len(read_log(log)), vault.points_now()))
    vault.must(vault.prune(**env))
    states.append((len(read_log(log)), vault.points_now()))
    return read_log(log), save, base, states, maybe


def one_cut(vault, recorded, struck):
    log, save, base, states, maybe = recorded
    cut = vault.rng.randrange(1, len(log) + 1)
    then = [points for length, points in states if length <= cut][-1]
    ever = {k: v for _, points in states for k, v in points.items()}
    ever["backup"] = maybe
    to = vault.folder + "/cut"
    State(log, cut, vault.rng).build(base, save, to)
    struck[log[cut - 1][0]] += 1
    # Of those that were there the newest; one that a prune of the record lets expire may be back.
    found = vault.expect(vault.newest(then), ever, to)
    vault.come_clean(to)
    vault.expect(vault.newest(found), ever, to)
    vault.must(vault.start(to), (0, 3))
    shutil.rmtree(to)


def cuts(count, rng, work, dirops):
    struck, done, longest = collections.Counter(), 0, 0
    while done < count:
        vault = Pruned(tempfile.mkdtemp(dir=work), rng, dirops)
        vault.make(2)
        recorded = record(vault)
        longest = max(longest, len(recorded[0]))
        for _ in range(min(15, count - done) if recorded[0] else 0):
            one_cut(vault, recorded, struck)
            done += 1
        shutil.rmtree(vault.folder)
    print("%d power cuts in records of up to %d operations of prunes, collections, compacts and a backup.\n" %
          (done, longest))
    print("| right after | cuts |\n|---|---|")
    for op, n in sorted(struck.items()):
        print("| %s | %d |" % (op, n))


def main():
    what, count = sys.argv[1], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 48)
    print("Seed %d.\n" % seed, flush=True)
    with tempfile.TemporaryDirectory(prefix="ade-prunes.") as work:
        dirops = work + "/dirops.so"
        subprocess.run([os.environ.get("CC", "gcc"), "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE",
                        "-D_FILE_OFFSET_BITS=64", "-o", dirops, HERE + "/dirops.c"], check=True)
        try:
            (kills if what == "kills" else cuts)(count, random.Random(seed), work, dirops)
        except Wrong as wrong:
            print("FAILED: %s" % wrong)
            if os.environ.get("FAULTS_KEEP"):
                shutil.copytree(work, os.environ["FAULTS_KEEP"])
            return 1
    return 0


sys.exit(main())
