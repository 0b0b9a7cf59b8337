# SPDX-License-Identifier: Apache-2.0
"""What a guest reads from its disk while it starts: written down once, by QEMU itself, and read
again without the guest, in its order and with its pauses."""
import json
import os
import re
import socket
import subprocess
import tempfile
import time

import benchlib
from suite_attach import adebackup, end, wait_for

LOGIN = rb"login:"
TRACED = re.compile(r"\d+@(\d+\.\d+):blk_co_preadv blk (\S+) bs \S+ offset (\d+) bytes (\d+)")
TRACE = "boot"
FAR_READ_AHEAD_KIB = 256


def parsed(log):
    """[(seconds since the first, offset, bytes)] of the disk that is read most."""
    rows = {}
    with open(log, errors="replace") as f:
        for match in map(TRACED.match, f):
            if match:
                rows.setdefault(match[2], []).append((float(match[1]), int(match[3]), int(match[4])))
    if not rows:
        raise RuntimeError("QEMU wrote down no reads")
    most = max(rows.values(), key=len)
    return [(at - most[0][0], offset, size) for at, offset, size in most]


def record(guest):
    """The reads up to the login prompt, of a guest on a plain file that is in the page cache: the time
    between two of them is then the guest's own."""
    path = os.path.join(guest.dir, "reads.json")
    if not os.path.exists(path):
        with tempfile.TemporaryDirectory(prefix="adebench.", dir=guest.dir) as tmp:
            disk, log, said = (os.path.join(tmp, name) for name in ("disk.raw", "log", "said"))
            benchlib.run(["cp", "--sparse=always", guest.plain, disk])
            benchlib.warm(disk)
            argv = guest.qemu(disk, tmp, log) + ["-msg", "timestamp=on", "-D", said, "-trace", "blk_co_preadv"]
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
            wait_for(log, LOGIN, child)
            end(child)
            rows = parsed(said)
        with open(path + ".new", "w") as out:
            json.dump(rows, out)
        os.rename(path + ".new", path)
    with open(path) as f:
        return [tuple(row) for row in json.load(f)]


def replay(path, rows, pauses=True):
    """Seconds that the reads took together, one after the other."""
    waited, before = 0, 0
    fd = os.open(path, os.O_RDONLY)
    try:
        for at, offset, size in rows:
            if pauses and at > before:
                time.sleep(at - before)
            before = at
            begin = time.perf_counter()
            if len(os.pread(fd, size, offset)) != size:
                raise RuntimeError("a short read at %d" % offset)
            waited += time.perf_counter() - begin
    finally:
        os.close(fd)
    return waited


def stats(mounted):
    """stats.json of a mount's root."""
    with open(os.path.join(mounted.dir, "stats.json")) as f:
        return json.load(f)


def read_ahead(mounted, kib):
    """What the kernel reads ahead of a mount."""
    at = os.stat(mounted.dir).st_dev
    with open("/sys/class/bdi/%d:%d/read_ahead_kb" % (os.major(at), os.minor(at)), "w") as f:
        f.write(str(kib))


def keep_trace(guest, rows):
    """The guest's boot trace in its vault, once.  The web server takes none, so it is noted by a mount of the folder
    whose kernel reads ahead as it does of a mount behind a URL."""
    done = os.path.join(guest.dir, "traced")
    if os.path.exists(done):
        return
    spec = ["mount.adebackup", guest.vault, "{dir}", "-o", guest.options + ",record-trace=" + TRACE]
    mounted = benchlib.Mounted(benchlib.Contender("trace", [spec], file="{dir}/os/disk.raw"))
    read_ahead(mounted, FAR_READ_AHEAD_KIB)
    replay(mounted.path, rows, pauses=False)
    mounted.stop()
    if not any(name.startswith("trace") for name in os.listdir(guest.vault)):
        raise RuntimeError("no trace was kept")
    open(done, "w").close()


def kept_overlay(guest):
    """A folder with what boot changes in the disk to start it decrypted, before the guest wrote much."""
    kept = os.path.join(guest.dir, "kept-overlay")
    if not os.path.exists(kept):
        with tempfile.TemporaryDirectory(prefix="adebench.", dir=guest.dir) as tmp:
            log = os.path.join(tmp, "log")
            child = guest.boot(log, "--decrypted", "--snapshot-out", kept + ".new/")
            wait_for(log, rb".", child)
            end(child)
        os.rename(kept + ".new", kept)
    return kept


def stored_bytes(guest):
    return adebackup("show", guest.vault, "web1@latest", "--vault-key", guest.key)["disks"][0]["stored_bytes"]


class Monitor:
    """QEMU's, over its socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r")
        self.lines.readline()
        self.ask("qmp_capabilities")

    def ask(self, command):
        self.socket.sendall(json.dumps({"execute": command}).encode() + b"\n")
        for line in self.lines:
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
        raise RuntimeError("QEMU does not answer %s" % command)

    def waited(self):
        """Seconds that the guest's reads took together."""
        return sum(row["stats"]["rd_total_time_ns"] for row in self.ask("query-blockstats")) / 1e9
