# SPDX-License-Identifier: Apache-2.0
"""Disk images: BitLocker and LUKS volumes of 4 GiB against the programs that also read them."""
import glob
import os
import subprocess

import benchlib
from benchlib import Contender, Goal, Group

MKBITLOCKER = os.path.join(benchlib.BUILD, "tests/make/mkbitlocker")
PASSPHRASE = "correct horse battery staple"


class Fixtures:
    """Made once, kept in options.fixtures; a name is renamed into place when complete."""

    def __init__(self, options):
        self.options, self.dir = options, options.fixtures
        self.bytes = options.size << 20

    def path(self, name):
        return os.path.join(self.dir, "%s-%d" % (name, self.options.size))

    def once(self, name, make):
        path = self.path(name)
        if not os.path.exists(path):
            print("   making %s" % path, flush=True)
            make(path + ".new")
            os.rename(path + ".new", path)
        return path

    def random(self):
        """A new NTFS volume, then bytes that no one can skip or compress: AES-CTR over zeros, the
        same every time; a hole at each quarter is where BitLocker's own areas will go."""
        def make(path):
            with open(path, "wb") as out:
                benchlib.run(["sh", "-c", "head -c %d /dev/zero | openssl enc -aes-128-ctr -nosalt"
                              " -K %032x -iv %032x" % (self.bytes, 0xade, 0)], stdout=out)
            for quarter in (0, 1, 2, 3):
                benchlib.run(["fallocate", "--punch-hole", "--offset",
                              str(self.bytes // 4 * quarter), "--length", str(8 << 20), path])
            benchlib.run(["mkntfs", "-q", "-Q", "-F", path], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
        return self.once("plain.raw", make)

    def passphrase(self):
        def make(path):
            with open(path, "w") as out:
                out.write(PASSPHRASE)
        return self.once("passphrase", make)

    def bitlocker(self, cipher):
        """(volume, its .BEK file)"""
        keys = self.path("keys-" + cipher)
        os.makedirs(keys, exist_ok=True)

        def make(path):
            benchlib.run([MKBITLOCKER, "--cipher", cipher, "--bek", keys, self.random(), path],
                         stdout=subprocess.DEVNULL)
        volume = self.once("bitlocker-%s.raw" % cipher, make)
        return volume, glob.glob(keys + "/*.BEK")[0]

    def luks1(self):
        def make(path):
            with open(path, "wb") as out:
                out.truncate(self.bytes + (16 << 20))
            benchlib.run(["cryptsetup", "luksFormat", "--batch-mode", "--type", "luks1", "--cipher",
                          "aes-xts-plain64", "--key-size", "512", "--pbkdf-force-iterations",
                          "200000", "--align-payload", str((16 << 20) // 512), path,
                          self.passphrase()])
            benchlib.run(["qemu-img", "convert", "-n", "-f", "raw", "--object",
                          "secret,id=k,file=" + self.passphrase(), self.random(),
                          "--target-image-opts",
                          "driver=luks,file.filename=%s,key-secret=k" % path])
        return self.once("luks1.raw", make)

    def luks2(self):
        """The same ciphertext under a LUKS2 header with the same volume key."""
        def make(path):
            one, key = self.luks1(), path + ".key"
            benchlib.run(["cp", "--reflink=auto", one, path])
            try:
                benchlib.run(["cryptsetup", "luksDump", "--batch-mode", "--dump-volume-key",
                              "--volume-key-file", key, "--key-file", self.passphrase(), one],
                             stdout=subprocess.DEVNULL)
                benchlib.run(["cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2",
                              "--cipher", "aes-xts-plain64", "--key-size", "512", "--sector-size",
                              "512", "--volume-key-file", key, "--offset", str((16 << 20) // 512),
                              "--luks2-keyslots-size", "8m", "--pbkdf", "pbkdf2",
                              "--pbkdf-force-iterations", "200000", path, self.passphrase()])
            finally:
                if os.path.exists(key):
                    os.unlink(key)
        return self.once("luks2.raw", make)

    def sparse(self):
        """4 TiB with a partition table and nothing else."""
        def make(path):
            with open(path, "wb") as out:
                out.truncate(4 << 40)
            subprocess.run(["sfdisk", "--quiet", path], input="label: gpt\n,,L\n", text=True,
                           check=True)
        return self.once("sparse-4t.raw", make)


def ours(name, source, options=None, file="{dir}/disk.raw"):
    argv = ["mount.adebackup", source, "{dir}"] + (["-o", options] if options else [])
    return Contender(name, [argv], file=file, source=source, ours=True)


def null(size):
    return Contender("null", [["nullfuse", str(size), "{dir}"]])


def qsd(name, source, driver=None, secret=None):
    """qemu-storage-daemon's FUSE export."""
    argv = ["qemu-storage-daemon"]
    argv += ["--object", "secret,id=k,file=" + secret] if secret else []
    argv += ["--blockdev", "driver=file,node-name=f,read-only=on,filename=" + source]
    if driver:
        argv += ["--blockdev", "driver=%s,node-name=top,read-only=on,file=f,key-secret=k" % driver]
    else:
        argv += ["--blockdev", "driver=raw,node-name=top,read-only=on,file=f"]
    argv += ["--export", "type=fuse,id=e,node-name=top,mountpoint={dir}/export,writable=off"]
    return Contender(name, [argv], file="{dir}/export", touch=True, source=source)


def nbdkit(name, source, passphrase, connections):
    server = ["nbdkit", "-f", "-r", "-U", "{sock}", "file", source]
    server += ["--filter=luks", "passphrase=+" + passphrase] if passphrase else []
    client = ["nbdfuse", "-r", "-C", str(connections), "{dir}/nbd", "nbd+unix:///?socket={sock}"]
    return Contender(name, [server, client], file="{dir}/nbd", source=source)


def dislocker(volume, bek):
    return Contender("dislocker-fuse", [["dislocker-fuse", "-r", "-V", volume, "-f", bek, "--",
                                         "{dir}"]], file="{dir}/dislocker-file", source=volume)


def bdemount(volume, bek):
    return Contender("bdemount", [["bdemount", "-s", bek, volume, "{dir}"]], file="{dir}/bde1",
                     source=volume)


def goals_of_reads(name, peers, factors):
    """The figures that BitLocker and LUKS share; factors: {peer: (sequential, depth 16)}."""
    goals = [Goal("seq", name, ["null"], 0.5), Goal("qd1", name, ["null"], 0.85),
             Goal("qd1", name, peers, 1.0), Goal("qd16", name, ["null"], 0.5)]
    for peer, (seq, qd16) in factors.items():
        goals += [Goal("seq", name, [peer], seq), Goal("qd16", name, [peer], qd16)]
    return goals + [Goal("rss", name, [], 64, at_most=True, unit="MiB")]


def bitlocker_group(fixtures, cipher):
    volume, bek = fixtures.bitlocker(cipher)
    name = "ours"
    factors = {"dislocker-fuse": (4, 3)}
    peers = [dislocker(volume, bek)]
    if cipher == "aes-xts-128":
        factors["bdemount"] = (12, 10)
        peers.append(bdemount(volume, bek))
    return Group("bitlocker-" + cipher, "BitLocker %s, %d MiB" % (cipher, fixtures.options.size),
                 [ours(name, volume, "bek=" + bek), null(fixtures.bytes)] + peers,
                 goals_of_reads(name, list(factors), factors), benchlib.measure_reads,
                 benchlib.READ_METRICS,
                 note="" if "bdemount" in factors else "bdemount opens no AES-XTS-256 volume.")


def luks_group(fixtures):
    one, two, key = fixtures.luks1(), fixtures.luks2(), fixtures.passphrase()
    peers = [qsd("qemu-storage-daemon luks", one, "luks", key),
             nbdkit("nbdkit luks + nbdfuse", one, key, 1),
             nbdkit("nbdkit luks + nbdfuse -C4", one, key, 4)]
    names = [p.name for p in peers]
    goals = goals_of_reads("ours", names, {n: (4, 3) for n in names})
    goals += [Goal(metric, "ours, LUKS2", ["ours"], 0.9) for metric in ("seq", "qd1", "qd16")]
    return Group("luks", "LUKS1 aes-xts-plain64 (512 bit key), %d MiB" % fixtures.options.size,
                 [ours("ours", one, "bek=" + key), ours("ours, LUKS2", two, "bek=" + key),
                  null(fixtures.bytes)] + peers, goals, benchlib.measure_reads,
                 benchlib.READ_METRICS,
                 note="The LUKS2 volume has the same ciphertext, volume key and sector size.")


def first_byte_group(fixtures):
    plain, sparse = fixtures.random(), fixtures.sparse()
    volume, bek = fixtures.bitlocker("aes-xts-256")
    return Group("first-byte", "command to first byte",
                 [ours("ours, raw", plain), qsd("qemu-storage-daemon raw", plain),
                  ours("ours, BitLocker aes-xts-256 with BEK", volume, "bek=" + bek),
                  ours("ours, 4 TiB sparse", sparse),
                  qsd("qemu-storage-daemon raw, 4 TiB sparse", sparse)],
                 [Goal("first", "ours, raw", ["qemu-storage-daemon raw"], 1, at_most=True),
                  Goal("first", "ours, BitLocker aes-xts-256 with BEK",
                       ["qemu-storage-daemon raw"], 1, at_most=True),
                  Goal("first", "ours, 4 TiB sparse", ["qemu-storage-daemon raw, 4 TiB sparse"], 1,
                       at_most=True),
                  Goal("rss", "ours, 4 TiB sparse", [], 64, at_most=True, unit="MiB")],
                 benchlib.measure_first_byte, benchlib.FIRST_BYTE_METRICS,
                 note="A .BEK needs no key derivation, so nothing is set apart.")


def groups(options):
    fixtures = Fixtures(options)
    yield bitlocker_group(fixtures, "aes-xts-128")
    yield bitlocker_group(fixtures, "aes-xts-256")
    yield luks_group(fixtures)
    yield first_byte_group(fixtures)
