#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""30 points at 1 % scattered changes, the last 7 kept, compacted:  compact_figures.py [MIB]    $B: the build

Prints how large the vault is beside what lives in it (the chunks, patches and pages that the seven
points refer to, each once), and how fast its newest point reads beside a fresh backup's.  Ends with 1
where it is more than 1.3 times as large or less than 80 % as fast.
"""
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ADE = os.environ["B"] + "/adebackup"
DAY = 86400
POINTS, KEEP, BLOCK = 30, 7, 4096


def run(*args):
    p = subprocess.run([ADE, *args], capture_output=True, text=True, check=False)
    if p.returncode not in (0, 3):
        raise SystemExit("%s: %s" % (" ".join(args), p.stderr))
    return p.stdout


def age(vault, days):
    for folder, _, files in os.walk(vault):
        for name in files:
            at = os.path.join(folder, name)
            t = os.stat(at).st_mtime - days * DAY
            os.utime(at, (t, t))


def size(vault):
    return sum(os.stat(os.path.join(d, f)).st_size for d, _, files in os.walk(vault) for f in files)


def prune(vault, key, *more):
    return json.loads(run("prune", vault, "--vault-key", key, "--keep-last", str(KEEP), "--json", *more))


def children_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read_seconds(vaults, to):
    """The best of so many restores of each, and the least processor time; in turns, because a busy machine is slow
    for seconds at a time."""
    best = [(9e9, 9e9)] * len(vaults)
    for _ in range(20):
        for i, (vault, key) in enumerate(vaults):
            shutil.rmtree(to, ignore_errors=True)
            begin, cpu = time.monotonic(), children_cpu()
            run("restore", vault, "vm", "--vault-key", key, "--to", to, "--as", "encrypted")
            best[i] = (min(best[i][0], time.monotonic() - begin), min(best[i][1], children_cpu() - cpu))
    return best


def main():
    mib = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    rng = random.Random(7)
    shm = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="ade-compact.", dir=shm) as work:
        vault, key, disk = work + "/v", work + "/key", work + "/os.raw"
        with open(disk, "wb") as f:
            for _ in range(mib):
                f.write(rng.randbytes(1 << 20))
        run("init", vault, "--vault-key", key)
        for n in range(POINTS):
            with open(disk, "r+b") as f:
                for block in rng.sample(range(mib * 256), mib * 256 // 100 if n else 0):
                    f.seek(block * BLOCK)
                    f.write(rng.randbytes(BLOCK))
            run("backup", vault, "vm", "--vault-key", key, "--disk", "os=" + disk)
        whole = size(vault)
        prune(vault, key)
        age(vault, 2)
        prune(vault, key)
        compacted = prune(vault, key, "--compact")["compact"]
        for days in (2, 9, 2):
            age(vault, days)
            prune(vault, key)
        live = int(subprocess.run([os.environ["B"] + "/tests/make/vault-live", vault, key], capture_output=True,
                                  text=True, check=True).stdout)
        fresh, k2 = work + "/fresh", work + "/key2"
        run("init", fresh, "--vault-key", k2)
        run("backup", fresh, "vm", "--vault-key", k2, "--disk", "os=" + disk)
        (old, old_cpu), (new, new_cpu) = read_seconds([(vault, key), (fresh, k2)], work + "/r")
        print("%d points of a disk of %d MiB, 1 %% of its 4 KiB blocks changed between two: %.1f MiB.  Of it 7 points kept "
              "and compacted (%d segments given up, %d points rewritten): %.1f MiB, %.2f times the %.1f MiB that live.  "
              "The newest point is restored in %.2f s, a fresh backup's in %.2f s: %d %%.  Of processor time that takes "
              "%.2f s and %.2f s: %d %%." %
              (POINTS, mib, whole / 2**20, compacted["segments"], compacted["points"], size(vault) / 2**20,
               size(vault) / live, live / 2**20, old, new, 100 * new / old, old_cpu, new_cpu,
               100 * new_cpu / old_cpu))
        return int(size(vault) > 1.3 * live or new < 0.8 * old)


sys.exit(main())
