# SPDX-License-Identifier: Apache-2.0
"""The backup programs that the vault's suite times: each makes a store, backs one file up into it
and gives it back.  Passwords go through files and the environment, as each program wants it."""
import json
import os
import subprocess

import benchlib

SECRET = "correct horse battery staple"


class Tool:
    """`source` is always one file named disk.raw in a folder of its own."""
    name = None

    def __init__(self, secrets):
        self.secrets = secrets                       # a folder for passwords and keys
        self.password = os.path.join(secrets, "password")
        with open(self.password, "w") as out:
            out.write(SECRET)
        self.log = []                                # command lines, as shown in the results

    def call(self, *argv, shown=True, **kwargs):
        """What it printed."""
        if shown:
            self.log.append(list(argv))
        env = dict(os.environ, BORG_PASSPHRASE=SECRET, BORG_BASE_DIR=self.secrets,
                   RESTIC_CACHE_DIR=os.path.join(self.secrets, "restic-cache"),
                   XDG_CACHE_HOME=os.path.join(self.secrets, "cache"),
                   PATH=":".join(benchlib.PROGRAMS) + ":" + os.environ["PATH"] + ":/usr/sbin:/sbin")
        done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, **kwargs)
        if done.returncode:
            raise RuntimeError("%s: %s" % (" ".join(argv), done.stdout.decode(errors="replace")))
        return done.stdout.decode(errors="replace")

    def init(self, store):
        raise NotImplementedError

    def backup(self, store, source, number):
        raise NotImplementedError

    def restore(self, store, source, number, to):
        """The seconds of it that went into making the bytes last; none for who leaves that to others."""
        raise NotImplementedError


class Ours(Tool):
    name = "ours"

    def key(self):
        return os.path.join(self.secrets, "vault.key")

    def init(self, store):
        self.call("adebackup", "init", store, "--vault-key", self.key())

    def backup(self, store, source, number):
        self.call("adebackup", "backup", store, "vm", "--disk", "os=" + source, "--vault-key",
                  self.key())

    def restore(self, store, source, number, to):
        out = self.call("adebackup", "restore", store, "vm", "--to", to, "--disk", "os", "--as",
                        "encrypted", "--vault-key", self.key(), "--json", "-q")
        return sum(disk["sync_seconds"] for disk in json.loads(out)["disks"])


class Restic(Tool):
    name = "restic"
    options = ()

    def restic(self, store, *argv):
        self.call("restic", "-q", "-r", store, "--password-file", self.password, *self.options, *argv)

    def init(self, store):
        self.restic(store, "init")

    def backup(self, store, source, number):
        self.restic(store, "backup", source)

    def restore(self, store, source, number, to):
        self.restic(store, "restore", "latest", "--target", to + ".tree")
        os.rename(to + ".tree" + source, to)


class ResticLargePacks(Restic):
    name = "restic --pack-size 64"
    options = ("--pack-size", "64")


class Borg(Tool):
    name = "borg"
    options = ()

    def init(self, store):
        self.call("borg", "init", "-e", "repokey-blake2", store)

    def backup(self, store, source, number):
        self.call("borg", "create", *self.options, "%s::%d" % (store, number), os.path.basename(source),
                  cwd=os.path.dirname(source))

    def restore(self, store, source, number, to):
        os.makedirs(to + ".tree")
        self.call("borg", "extract", "--sparse", "%s::%d" % (store, number), cwd=to + ".tree")
        os.rename(to + ".tree/disk.raw", to)


class BorgFixed(Borg):
    name = "borg, fixed 4 MiB, zstd 3"
    options = ("--chunker-params", "fixed,4194304", "-C", "zstd,3")


class Casync(Tool):
    name = "casync"

    def init(self, store):
        os.makedirs(store)

    def backup(self, store, source, number):
        self.call("casync", "make", "--store=" + store, "%s/%d.caibx" % (store, number), source)

    def restore(self, store, source, number, to):
        self.call("casync", "extract", "--store=" + store, "%s/%d.caibx" % (store, number), to)


class Qcow2(Tool):
    """No key, no increments: the size and the reading of a compressed image."""
    name = "qcow2 zstd"

    def init(self, store):
        os.makedirs(store)

    def backup(self, store, source, number):
        self.call("qemu-img", "convert", "-c", "-O", "qcow2", "-o", "compression_type=zstd", "-f", "raw",
                  source, os.path.join(store, "%d.qcow2" % number))

    def restore(self, store, source, number, to):
        self.call("qemu-img", "convert", "-O", "raw", os.path.join(store, "%d.qcow2" % number), to)


class Packloop(Tool):
    """The format's own work on as many threads, nothing else."""
    name = "packloop"

    def init(self, store):
        os.makedirs(store)

    def backup(self, store, source, number):
        self.call("packloop", str(os.cpu_count()), source, os.path.join(store, str(number)))
