# SPDX-License-Identifier: Apache-2.0
"""The start of a guest whose disk is in a vault on the far side of a line, without and with the
trace of an earlier start: how much is fetched, how long its reads wait, how long prefetching takes."""
import os
import shutil
import subprocess
import tempfile
import time

import benchlib
import guestreads
import link
import suite_attach
from benchlib import Contender, Goal, Group
from served import Served

MBIT, ROUND_TRIP_MS = 200, 30
QUIET = 1.0              # seconds without a packet: prefetching is over
WITHOUT, WITH = "without a trace", "with its trace"


class Far:
    """The guest's vault behind a web server on the far side."""

    def __init__(self, options):
        self.guest = suite_attach.Guest(options)
        self.reads = guestreads.record(self.guest)
        guestreads.keep_trace(self.guest, self.reads)
        self.stored = guestreads.stored_bytes(self.guest)
        self.line = link.Link(MBIT, ROUND_TRIP_MS, trace=True)
        self.server = Served(os.path.dirname(self.guest.vault), self.line)
        self.round_trip, self.rate = self.line.measured()

    def contender(self, name, what, more=""):
        """A mount of the newest point; what: the class that measures it."""
        options = self.guest.options + ",allow-http" + (",replay-trace=" + guestreads.TRACE if name == WITH else "")
        argv = self.line.client(["mount.adebackup", self.server.url + "/" + os.path.basename(self.guest.vault), "{dir}",
                                 "-o", options + more])
        made = Contender(name, [argv], file="{dir}/stats.json")
        return Contender(name, (what, made, self), lines=[argv])

    def figures(self, mounted, waited):
        fetched = guestreads.stats(mounted)["store"]["bytes_fetched"]
        return {"waited": waited, "part": 100 * fetched / self.stored, "fetched": fetched / 1e6,
                "rss": mounted.peak_rss()}

    def last_packet(self, since):
        """Seconds of the monotonic clock when the last one came down, once there has been none for a while."""
        last, at = time.monotonic(), since
        while time.monotonic() < last + QUIET:
            rows, at = self.line.packets(at)
            down = [int(row[0]) / 1e6 for row in rows if row[1] == "down"]
            last = max(down, default=last)
        return last


class Reads:
    """The recorded reads, without a guest."""

    def __init__(self, contender):
        self.far, self.lines = contender.commands[2], contender.lines
        self.mounted = benchlib.Mounted(contender.commands[1])

    def run(self):
        disk = os.path.join(self.mounted.dir, "os/disk.raw")
        return self.far.figures(self.mounted, guestreads.replay(disk, self.far.reads))

    def stop(self):
        self.mounted.stop()


class Prefetch(Reads):
    """What the trace names, while nobody reads."""

    def run(self):
        far, before = self.far, guestreads.stats(self.mounted)["store"]["bytes_fetched"]
        since, begin = far.line.packets()[1], time.monotonic()
        os.listdir(os.path.join(self.mounted.dir, "os"))
        seconds = far.last_packet(since) - begin
        figures = far.figures(self.mounted, 0)
        fetched = guestreads.stats(self.mounted)["store"]["bytes_fetched"] - before
        del figures["waited"]
        return dict(figures, seconds=seconds, bound=seconds / (fetched / far.rate + 5 * far.round_trip))


class Guest(Reads):
    """QEMU with the mounted disk, until its guest asks who logs in."""

    def __init__(self, contender):
        what, made, far = contender.commands
        del what
        self.tmp = tempfile.mkdtemp(prefix="adebench.", dir=far.guest.dir)
        shutil.copytree(guestreads.kept_overlay(far.guest), os.path.join(self.tmp, "overlay"))
        made = Contender(made.name, [[w.replace("{overlay}", self.tmp + "/overlay") for w in made.commands[0]]],
                         file=made.file)
        self.child = None
        super().__init__(Contender(contender.name, (None, made, far), lines=contender.lines))

    def run(self):
        log = os.path.join(self.tmp, "log")
        argv = self.far.guest.qemu(os.path.join(self.mounted.dir, "os/disk.raw"), self.tmp, log)
        begin = time.monotonic()
        self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        suite_attach.wait_for(log, guestreads.LOGIN, self.child)
        seconds = time.monotonic() - begin
        waited = guestreads.Monitor(os.path.join(self.tmp, "qmp")).waited()
        figures = dict(self.far.figures(self.mounted, waited), seconds=seconds)
        del figures["rss"]      # QEMU's, too
        return figures

    def stop(self):
        if self.child and self.child.poll() is None:
            suite_attach.end(self.child)
        super().stop()
        shutil.rmtree(self.tmp, ignore_errors=True)


METRICS = {"waited": ("reads waited s", "%.2f"), "part": ("% of the stored bytes fetched", "%.1f"),
           "fetched": ("MB", "%.1f"), "seconds": ("s", "%.1f"), "rss": ("peak RSS MiB", "%.1f")}
GOALS = [Goal("part", WITHOUT, [], 25, at_most=True, unit="%"), Goal("part", WITH, [], 25, at_most=True, unit="%"),
         Goal("waited", WITH, [WITHOUT], 0.5, at_most=True)]


def attach(contender):
    return contender.commands[0](contender)


def reads_group(options):
    far = Far(options)
    alone = far.contender(WITH, Prefetch)
    alone.name = "its prefetch, nobody reads"
    goals = GOALS + [Goal("bound", alone.name, [], 1.3, at_most=True, unit="× (bytes / line + 5 round trips)")]
    return far.line, far.server, Group(
        "boot-reads", "a guest's recorded reads over %d Mbit/s, %d ms" % (MBIT, ROUND_TRIP_MS),
        [far.contender(WITHOUT, Reads), far.contender(WITH, Reads), alone], goals, lambda one, options: one.run(),
        dict(METRICS, bound=("of bytes / line + 5 round trips", "%.2f")), attach=attach,
        note="The %d reads of disk.raw that an Ubuntu-like ADE guest made from its first sector to its login prompt, "
             "written down by QEMU on a plain file: one after the other, with the guest's pauses. Stored: what the "
             "point's disk has in the vault. Prefetching: from listing the disk's folder to the last packet."
             % len(far.reads))


def guest_group(options):
    far = Far(options)
    overlay = ",overlay={overlay}"
    return far.line, far.server, Group(
        "boot-guest", "a guest's start over %d Mbit/s, %d ms" % (MBIT, ROUND_TRIP_MS),
        [far.contender(WITHOUT, Guest, overlay), far.contender(WITH, Guest, overlay)], GOALS,
        lambda one, options: one.run(), METRICS, attach=attach, rounds=min(3, options.rounds),
        note="The Ubuntu-like guest itself, disk.raw with an overlay over it, to its login prompt. Waited: QEMU's own "
             "sum over the guest's reads.")
