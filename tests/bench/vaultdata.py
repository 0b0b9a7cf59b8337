# SPDX-License-Identifier: Apache-2.0
"""What the vault's suite backs up: a system disk, plain and in LUKS, and changes to it."""
import os
import random
import shutil

import benchlib

BLOCK = 4096
PASSPHRASE = "correct horse battery staple"
TREES = ("/usr/bin", "/usr/lib", "/usr/share", "/usr/sbin", "/usr/include")


class Data:
    """Made once, kept in options.fixtures; a name is renamed into place when complete."""

    def __init__(self, options):
        self.options = options
        self.dir = os.path.join(options.fixtures, "vault-%d" % options.size)
        self.bytes = options.size << 20
        os.makedirs(self.dir, exist_ok=True)

    def once(self, name, make):
        path = os.path.join(self.dir, name)
        if not os.path.exists(path):
            print("   making %s" % path, flush=True)
            for stale in (path + ".new",):
                shutil.rmtree(stale, ignore_errors=True)
                if os.path.exists(stale):
                    os.unlink(stale)
            make(path + ".new")
            os.rename(path + ".new", path)
        return path

    def tree(self, path, limit):
        """About `limit` bytes of this system's own files, whole files only."""
        left = limit
        for top in TREES:
            for folder, dirs, files in os.walk(top):
                dirs.sort()
                for name in sorted(files):
                    source = os.path.join(folder, name)
                    if left <= 0:
                        return
                    if os.path.islink(source) or not os.path.isfile(source):
                        continue
                    size = os.path.getsize(source)
                    if size > limit // 20:
                        continue
                    target = path + source
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    shutil.copyfile(source, target)
                    left -= size

    def plain(self):
        """ext4: half a system's files, a fifth random bytes, the rest holes."""
        def make(path):
            root = path + ".tree"
            shutil.rmtree(root, ignore_errors=True)
            os.makedirs(root)
            self.tree(root, self.bytes * 45 // 100)
            with open(root + "/random.bin", "wb") as out:
                benchlib.run(["sh", "-c", "head -c %d /dev/zero | openssl enc -aes-128-ctr -nosalt"
                              " -K %032x -iv %032x" % (self.bytes // 5, 0xbac, 0)], stdout=out)
            with open(path, "wb") as out:
                out.truncate(self.bytes)
            benchlib.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", root, path])
            shutil.rmtree(root)
            benchlib.run(["fallocate", "--dig-holes", path])
        return self.once("plain.raw", make)

    def passphrase(self):
        def make(path):
            with open(path, "w") as out:
                out.write(PASSPHRASE)
        return self.once("passphrase", make)

    def ade(self):
        """The same in LUKS, as ADE leaves a data disk: what was never written stays a hole."""
        def make(path):
            with open(path, "wb") as out:
                out.truncate(self.bytes + (16 << 20))
            benchlib.run(["cryptsetup", "luksFormat", "--batch-mode", "--type", "luks1", "--cipher",
                          "aes-xts-plain64", "--key-size", "512", "--pbkdf-force-iterations",
                          "200000", "--align-payload", str((16 << 20) // 512), path,
                          self.passphrase()])
            benchlib.run(["qemu-img", "convert", "-n", "--target-is-zero", "-f", "raw", "--object",
                          "secret,id=k,file=" + self.passphrase(), self.plain(),
                          "--target-image-opts", "driver=luks,file.filename=%s,key-secret=k" % path])
        return self.once("ade.raw", make)

    def changed(self, kind):
        """The disk after 1 % of its blocks were written, anywhere."""
        def make(path):
            benchlib.run(["cp", "--sparse=always", self.base(kind), path])
            change(path, 1)
        return self.once(kind + "-changed.raw", make)

    def ages(self, kind, changes, path):
        """The disk, then the same file after each of so many changes of 1 %."""
        benchlib.run(["cp", "--sparse=always", self.base(kind), path])
        yield path
        for number in range(1, changes + 1):
            change(path, number)
            yield path

    def base(self, kind):
        return self.plain() if kind == "plain" else self.ade()


def change(path, seed):
    """Write 1 % of the 4 KiB blocks, at places that the seed decides."""
    rng = random.Random(seed)
    blocks = os.path.getsize(path) // BLOCK
    fd = os.open(path, os.O_WRONLY)
    try:
        for block in sorted(rng.sample(range(blocks), blocks // 100)):
            os.pwrite(fd, rng.randbytes(BLOCK), block * BLOCK)
    finally:
        os.close(fd)


def nonzero_bytes(path):
    """Bytes of the 4 KiB blocks that are not all zero."""
    total, zero = 0, bytes(BLOCK)
    with open(path, "rb") as f:
        size, at = os.fstat(f.fileno()).st_size, 0
        while at < size:
            try:
                at = os.lseek(f.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(f.fileno(), at, os.SEEK_HOLE)
            f.seek(at)
            while at < end:
                data = f.read(min(1 << 20, end - at))
                total += sum(BLOCK for i in range(0, len(data), BLOCK)
                             if data[i:i + BLOCK] != zero[:len(data) - i])
                at += len(data)
    return total


def tree_bytes(path):
    """What a repository holds: the sizes of its files."""
    return sum(os.lstat(os.path.join(folder, name)).st_size
               for folder, _, names in os.walk(path) for name in names)


def packed_singly(old, new):
    """The changed 4 KiB blocks, each packed by zstd -3 alone (or as it is)."""
    total = 0
    with open(old, "rb") as a, open(new, "rb") as b:
        while True:
            one, two = a.read(BLOCK), b.read(BLOCK)
            if not two:
                return total
            if one != two:
                total += len(two)    # random bytes: zstd saves nothing

