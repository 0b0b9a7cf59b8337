# SPDX-License-Identifier: Apache-2.0
"""Attach: how soon a guest of a recovery point starts, against the same disk as a plain raw file."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import benchlib
from benchlib import Contender, Goal, Group

ADE = os.path.join(benchlib.BUILD, "adebackup")
MAKERS = os.path.join(benchlib.ROOT, "tests/make")
USER_SPACE = rb"user space of ade-\w+ runs"
LIMIT = 600


def adebackup(*argv):
    return json.loads(benchlib.run([ADE, *argv, "--json"], capture_output=True, text=True).stdout)


def wait_for(log, pattern, child):
    """Until the serial log says it; a guest that ends or is late fails the run."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end and child.poll() is None:
        if os.path.exists(log) and re.search(pattern, open(log, "rb").read()):
            return
        time.sleep(0.02)
    raise RuntimeError("the guest did not come to %s" % pattern.decode())


def end(child):
    child.send_signal(signal.SIGTERM)
    child.wait(60)


class Guest:
    """A vault with an Ubuntu-like ADE guest, and the disk that `boot --decrypted` starts as a raw file."""

    def __init__(self, options):
        self.dir = os.path.join(options.fixtures, "guest")
        self.vault, self.key = os.path.join(self.dir, "vault"), os.path.join(self.dir, "vault.key")
        self.plain = os.path.join(self.dir, "plain.raw")
        self.made = benchlib.run([os.path.join(MAKERS, "guest"), "ubuntu", "gen1"], capture_output=True,
                                 text=True).stdout.strip()
        sign = open(os.path.join(self.made, "made-by")).read()
        done = os.path.join(self.dir, "made-by")
        if not os.path.exists(done) or open(done).read() != sign:
            self.make()
            with open(done, "w") as f:
                f.write(sign)

    def spec(self, *more):
        return [self.vault, "web1", "--vault-key", self.key, "--keys", os.path.join(self.dir, "keys"), *more]

    def make(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(os.path.join(self.dir, "keys"))
        shutil.copy(os.path.join(self.made, "LinuxPassPhraseFileName"), os.path.join(self.dir, "keys"))
        adebackup("init", self.vault, "--vault-key", self.key)
        adebackup("backup", self.vault, "web1", "--vault-key", self.key, "--keys",
                  os.path.join(self.dir, "keys"), "--disk", "os=" + os.path.join(self.made, "os.raw"))
        self.flatten()

    def flatten(self):
        """What boot's guest is started from, as one file: its overlay, exported before it wrote much."""
        kept, log = os.path.join(self.dir, "kept"), os.path.join(self.dir, "log")
        child = self.boot(log, "--decrypted", "--snapshot-out", kept + "/")
        wait_for(log, rb".", child)
        end(child)
        overlay = [n for n in os.listdir(kept) if n.endswith("-os.disk.overlay")][0]
        adebackup("overlay", "export", self.vault, os.path.join(kept, overlay), self.plain, "--vault-key", self.key,
                  "--keys", os.path.join(self.dir, "keys"), "--vm", "web1", "--point", "latest", "--disk", "os")
        shutil.rmtree(kept)

    def boot(self, log, *more):
        return subprocess.Popen([ADE, "boot", *self.spec(*more), "--accel", "auto", "--json", "--serial-log", log],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


    def qemu(self, disk, tmp, log):
        """The command line of `boot --decrypted` with that disk, its sockets in tmp."""
        argv = adebackup("boot", *self.spec("--decrypted", "--dry-run"))["argv"]
        argv = [re.sub(r"file=/\S*/disk\.raw$", "file=" + disk, re.sub(r"logfile=[^,]*", "logfile=" + log,
                re.sub(r"^unix:[^,]*", "unix:" + os.path.join(tmp, "qmp"), w))) for w in argv]
        if not any("file=" + disk in w for w in argv):
            raise RuntimeError("no disk in %s" % argv)
        return argv

    @property
    def options(self):
        """Of a mount of its newest point."""
        return "vault-key=%s,keys=%s,vm=web1,point=latest" % (self.key, os.path.join(self.dir, "keys"))


class Started:
    """One start; measured by measure_* below."""

    def __init__(self, contender):
        self.guest, self.how = contender.commands
        self.tmp = tempfile.mkdtemp(prefix="adebench.", dir=self.guest.dir)
        self.log = os.path.join(self.tmp, "log")
        self.child, self.lines = None, contender.lines

    def timing(self):
        """Of a boot that was told to end: its own account."""
        end(self.child)
        return json.loads(self.child.stdout.read())["timing"]

    def through_mount(self):
        began = time.monotonic()
        self.child = self.guest.boot(self.log, "--decrypted")
        wait_for(self.log, USER_SPACE, self.child)
        whole = time.monotonic() - began
        return whole - self.timing()["started_ms"] / 1e3

    def plain_file(self):
        """The same command, its disk a copy of the flattened file."""
        disk = os.path.join(self.tmp, "disk.raw")
        benchlib.run(["cp", "--sparse=always", self.guest.plain, disk])
        benchlib.warm(disk)
        argv = self.guest.qemu(disk, self.tmp, self.log)
        began = time.monotonic()
        self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        wait_for(self.log, USER_SPACE, self.child)
        return time.monotonic() - began

    def start(self, *more):
        self.child = self.guest.boot(self.log, *more)
        wait_for(self.log, rb"", self.child)
        return self.timing()

    def stop(self):
        if self.child and self.child.poll() is None:
            end(self.child)
        shutil.rmtree(self.tmp, ignore_errors=True)


def derivation(guest):
    """Milliseconds that cryptsetup takes for the same header and key, its own start included."""
    header = os.path.join(guest.dir, "osluksheader")
    if not os.path.exists(header):
        boot = os.path.join(os.path.dirname(guest.made), "ubuntu", "boot")
        benchlib.run(["debugfs", "-R", "dump /luks/osluksheader " + header, boot], stderr=subprocess.DEVNULL)
    began = time.monotonic()
    benchlib.run(["cryptsetup", "open", "--test-passphrase", "--header", header, "--key-file",
                  os.path.join(guest.dir, "keys", "LinuxPassPhraseFileName"), header])
    return (time.monotonic() - began) * 1e3


def measure_user_space(started, options):
    del options
    return {"seconds": started.through_mount() if started.how == "boot" else started.plain_file()}


def measure_start(started, options):
    del options
    timing = started.start(*([] if started.how == "encrypted" else ["--decrypted"]))
    kdf = derivation(started.guest)
    return {"mounted": timing["mounted_ms"], "started": timing["started_ms"], "kdf": kdf,
            "apart": timing["started_ms"] - kdf}


START_METRICS = {"mounted": ("mounted ms", "%.0f"), "started": ("QEMU started ms", "%.0f"),
                 "kdf": ("key derivation ms", "%.0f"), "apart": ("started without it ms", "%.0f")}


def groups(options):
    guest = Guest(options)
    ways = [Contender("boot, " + how, (guest, how)) for how in ("encrypted", "decrypted")]
    for way in ways:
        way.lines = [["adebackup", "boot", "VAULT", "web1"] + ["--decrypted"] * (way.commands[1] == "decrypted")]
    yield Group("start", "from the command to QEMU's start, of a recovery point", ways,
                [Goal("apart", w.name, [], 300, at_most=True, unit="ms") for w in ways], measure_start, START_METRICS,
                attach=Started, note="Key derivation: what `cryptsetup --test-passphrase` takes for the same header.")
    over = Contender("ours, boot --decrypted", (guest, "boot"),
                     lines=[["adebackup", "boot", "VAULT", "web1", "--decrypted"]])
    plain = Contender("plain raw file", (guest, "plain"), lines=[["qemu-system-x86_64", "…", "file=disk.raw"]])
    yield Group("user-space", "from QEMU's start to the guest's first line of user space", [over, plain],
                [Goal("seconds", over.name, [plain.name], 1.3, at_most=True)], measure_user_space,
                {"seconds": ("seconds", "%.1f")}, attach=Started, rounds=min(3, options.rounds),
                note="An Ubuntu-like guest, through vault, mount, decryption and overlay; the accelerator is what "
                     "this machine has, the same for both.")
