# SPDX-License-Identifier: Apache-2.0
"""What every suite of `make bench` uses: contenders, rounds, samples, goals.

In each round every contender is mounted, measured and unmounted, ours, the null daemon and the
peers in an order that turns from round to round, because a busy machine is slow for minutes at a
time.  Ratios are taken within a round; the median over the rounds is what is told.
"""
import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build/release")
PROGRAMS = (BUILD, os.path.join(BUILD, "tests/bench"))


@dataclasses.dataclass
class Contender:
    """A program that shows a file.  {dir} and {sock} in its words are made for each round."""
    name: str
    commands: list            # argument lists, started one after the other
    file: str = "{dir}/disk.raw"
    touch: bool = False       # the file must exist before (a file that is mounted over)
    source: str = None        # to be in the page cache
    ours: bool = False
    compare: str = None       # name of the sibling it is set against, when not all
    lines: list = None        # what it ran, where commands is not that; filled while measuring


@dataclasses.dataclass
class Goal:
    """ours.metric ≥ factor × other.metric (or ≤, where smaller is better)."""
    metric: str
    ours: str
    others: list
    factor: float
    at_most: bool = False
    unit: str = ""            # a bound in this unit; with others: on the difference


@dataclasses.dataclass
class Group:
    """Contenders that are measured together, and what is asked of ours."""
    name: str
    title: str
    contenders: list
    goals: list
    measure: object           # measure(mounted, options) -> {metric: value}
    metrics: dict             # metric -> (heading, format)
    note: str = ""
    attach: object = None     # attach(contender): what measure() is given; None: Mounted
    rounds: int = None        # where --rounds is not meant


def run(argv, **kwargs):
    return subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, **kwargs)


def warm(path):
    """The source's bytes are in the page cache; holes are not read."""
    with open(path, "rb") as f:
        size, at = os.fstat(f.fileno()).st_size, 0
        while at < size:
            try:
                at = os.lseek(f.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(f.fileno(), at, os.SEEK_HOLE)
            while at < end:
                got = len(os.pread(f.fileno(), min(end - at, 1 << 22), at))
                if not got:
                    return
                at += got


def pids_with(text):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open("/proc/%s/cmdline" % pid, "rb").read()
        except OSError:
            continue
        if text.encode() in words and int(pid) != os.getpid():
            found.append(int(pid))
    return found


class Mounted:
    """A contender that is up: its file, the seconds from command to first byte, its memory."""

    def __init__(self, contender):
        self.contender, self.children = contender, []
        self.tmp = tempfile.mkdtemp(prefix="adebench.")
        self.dir = os.path.join(self.tmp, "mnt")
        os.mkdir(self.dir)
        self.words = {"dir": self.dir, "sock": os.path.join(self.tmp, "sock")}
        self.path = contender.file.format(**self.words)
        if contender.touch:
            open(self.path, "w").close()
        if contender.source:
            warm(contender.source)
        self.first_byte = self.start()

    def start(self):
        begin = time.perf_counter()
        env = dict(os.environ, PATH=":".join(PROGRAMS) + ":" + os.environ["PATH"] + ":/usr/sbin:/sbin")
        for argv in self.contender.commands:
            argv = [word.format(**self.words) for word in argv]
            with open(os.path.join(self.tmp, "log"), "ab") as log:
                self.children.append(subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log,
                                                      stderr=log, env=env))
            if any("{sock}" in w for w in self.contender.commands[0]):
                self.wait(lambda: os.path.exists(self.words["sock"]))
        self.wait(self.readable)
        return time.perf_counter() - begin

    def readable(self):
        try:
            fd = os.open(self.path, os.O_RDONLY)
        except OSError:
            return False
        try:
            return len(os.pread(fd, 4096, 0)) > 0
        except OSError:
            return False
        finally:
            os.close(fd)

    def wait(self, ready):
        end = time.monotonic() + 60
        while not ready():
            if time.monotonic() > end or any(c.poll() for c in self.children):
                log = open(os.path.join(self.tmp, "log"), errors="replace").read()
                self.stop()
                raise RuntimeError("%s does not come up: %s" % (self.contender.name, log))
            time.sleep(0.0005)

    def peak_rss(self):
        """MiB, all its processes together."""
        total = 0
        for pid in set(pids_with(self.tmp)):
            for line in open("/proc/%d/status" % pid):
                if line.startswith("VmHWM:"):
                    total += int(line.split()[1])
        return total / 1024

    def stop(self):
        for where in (self.path, self.dir):
            subprocess.run(["umount", where], stderr=subprocess.DEVNULL, check=False)
        for child in self.children:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        end = time.monotonic() + 10
        while pids_with(self.tmp) and time.monotonic() < end:
            time.sleep(0.01)
        subprocess.run(["umount", "-l", self.dir], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.tmp, ignore_errors=True)


def fio(path, mode, seconds, depth=1, direct=False, size=None):
    """Bytes and operations a second; buffered runs drop the file's own pages first."""
    argv = ["fio", "--name=bench", "--filename=" + path, "--readonly", "--rw=" + mode,
            "--runtime=%g" % seconds, "--output-format=json", "--invalidate=1",
            "--randseed=%d" % time.time_ns()]
    argv += ["--bs=4k", "--time_based", "--norandommap"] if mode == "randread" else ["--bs=1M"]
    argv += ["--ioengine=libaio", "--iodepth=%d" % depth, "--direct=1"] if direct \
        else ["--ioengine=psync"]
    argv += ["--size=%d" % size] if size else []
    done = run(argv, capture_output=True, text=True).stdout
    read = json.loads(done[done.index("{"):])["jobs"][0]["read"]
    return read["bw_bytes"], read["iops"]


def measure_reads(mounted, options):
    """Sequential, buffered; 4 KiB random with O_DIRECT at depth 1 and 16; peak memory."""
    seconds, path = options.seconds, mounted.path
    return {
        "seq": fio(path, "read", seconds)[0] / 1e6,
        "qd1": fio(path, "randread", seconds / 2, 1, True)[1],
        "qd16": fio(path, "randread", seconds / 2, 16, True)[1],
        "rss": mounted.peak_rss(),
        "first": mounted.first_byte * 1e3,
    }


READ_METRICS = {
    "seq": ("sequential MB/s", "%.0f"),
    "qd1": ("4K QD1 IOPS", "%.0f"),
    "qd16": ("4K QD16 IOPS", "%.0f"),
    "rss": ("peak RSS MiB", "%.1f"),
    "first": ("first byte ms", "%.1f"),
}


def measure_first_byte(mounted, options):
    del options
    return {"first": mounted.first_byte * 1e3, "rss": mounted.peak_rss()}


FIRST_BYTE_METRICS = {k: READ_METRICS[k] for k in ("first", "rss")}


@contextlib.contextmanager
def alone(options):
    """Other work on this machine that takes the locks shared waits while a round is measured."""
    with contextlib.ExitStack() as held:
        for path in options.lock:
            fcntl.flock(held.enter_context(open(path, "w")), fcntl.LOCK_EX)
        yield
    time.sleep(options.pause)


def run_group(group, options, say):
    """[{order, samples: {contender: {metric: value}}}]"""
    rounds, begin = [], time.monotonic()
    for number in range(group.rounds or options.rounds):
        if rounds and options.minutes and time.monotonic() - begin > 60 * options.minutes:
            break
        with alone(options):
            rounds.append(run_round(group, options, number, say))
    return rounds


def run_round(group, options, number, say):
    turn = number % len(group.contenders)
    order = group.contenders[turn:] + group.contenders[:turn]
    samples = {}
    for contender in order:
        mounted = (group.attach or Mounted)(contender)
        try:
            samples[contender.name] = group.measure(mounted, options)
        finally:
            mounted.stop()
            contender.lines = getattr(mounted, "lines", contender.lines)
        say("%s round %d/%d  %-28s %s" % (
            group.name, number + 1, group.rounds or options.rounds, contender.name,
            "  ".join("%s %s" % (k, group.metrics[k][1] % v)
                      for k, v in samples[contender.name].items() if k in group.metrics)))
    return {"order": [c.name for c in order], "samples": samples}


def ratios(rounds, metric, ours, other):
    return [r["samples"][ours][metric] / r["samples"][other][metric] for r in rounds]


def compared(rounds, goal, other):
    if other and not goal.unit:
        return ratios(rounds, goal.metric, goal.ours, other)
    return [r["samples"][goal.ours][goal.metric] -
            (r["samples"][other][goal.metric] if other else 0) for r in rounds]


def judge(goal, rounds):
    """One row for each goal: what was asked, what came out."""
    rows = []
    for other in goal.others or [None]:
        values = compared(rounds, goal, other)
        middle = statistics.median(values)
        rows.append({
            "metric": goal.metric, "ours": goal.ours, "other": other, "unit": goal.unit,
            "asked": goal.factor, "at_most": goal.at_most, "median": middle,
            "low": min(values), "high": max(values),
            "met": middle <= goal.factor if goal.at_most else middle >= goal.factor,
        })
    return rows
