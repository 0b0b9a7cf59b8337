# SPDX-License-Identifier: Apache-2.0
"""Vaults over a long line: requests to the first byte and for a cold read, counted in the relay's
packet trace; reading and restoring at the line's rate; web servers without a line against peers."""
import json
import mmap
import os
import random
import shutil
import subprocess
import tempfile
import time

import benchlib
import link
import remote_boot
import vaultdata
import vaulttools
from benchlib import Contender, Goal, Group
from served import Served
from suite_vault import LONG, Stores, points_of

MIB = 1 << 20
CHUNK = 64 << 10
ROUND_TRIP_MS = 30
COLD_READS = 24
S3 = {"AWS_REGION": "eu-test-1", "AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "the+secret/of=tests"}

class Vaults:
    """A LUKS disk as ADE leaves it, and the same after 30 changes of 1 % all over it."""

    def __init__(self, data):
        self.data = data
        self.path, self.key = Stores(data).vault("vault-far", data.ages("ade", LONG, self.last))
        rows = [self.row(point) for point in points_of(self.path, self.key)]
        self.points = {"point 1": rows[0], "point %d" % (LONG + 1): rows[-1]}

    @property
    def last(self):
        return os.path.join(self.data.dir, "far-last.raw")

    def row(self, point):
        out = benchlib.run([os.path.join(benchlib.BUILD, "adebackup"), "show", self.path, "vm@" + point,
                            "--vault-key", self.key, "--json"], capture_output=True, text=True).stdout
        return {"point": point, "stored": json.loads(out)["disks"][0]["stored_bytes"]}

    def image(self, name):
        return self.data.ade() if name == "point 1" else self.last


def far_mount(name, line, url, key, point, more="", file="{dir}/os/encrypted/disk.raw"):
    options = "vault-key=%s,vm=vm,point=%s,allow-http%s" % (key, point, more)
    argv = ["mount.adebackup", url, "{dir}", "-o", options]
    return Contender(name, [line.client(argv) if line else argv], file=file, ours=True)


def read_whole(path, bs="1M"):
    """Seconds."""
    begin = time.perf_counter()
    benchlib.run(["dd", "if=" + path, "of=/dev/null", "bs=" + bs, "status=none"])
    return time.perf_counter() - begin


class Line:
    """What the line gives to plain TCP, as a contender."""

    def __init__(self, contender):
        self.line = contender.commands
        self.lines = [["linkrelay", "NETNS-A", "NETNS-B", str(ROUND_TRIP_MS * 500)]]

    def stop(self):
        pass


def stream_group(vaults, mbit, factors):
    line = link.Link(mbit, ROUND_TRIP_MS)
    server = Served(os.path.dirname(vaults.path), line)
    url = server.url + "/" + os.path.basename(vaults.path)
    carried = {name: vaultdata.nonzero_bytes(vaults.image(name)) for name in vaults.points}

    def measure(mounted, options):
        del options
        if isinstance(mounted, Line):
            round_trip, rate = line.measured()
            return {"rate": rate / 1e6, "rtt": round_trip * 1e3}
        name = mounted.contender.name
        seconds = read_whole(mounted.path)
        return {"rate": carried[name] / seconds / 1e6, "rss": mounted.peak_rss()}

    contenders = [far_mount(name, line, url, vaults.key, row["point"]) for name, row in vaults.points.items()]
    contenders.append(Contender("the line", line))
    goals = [Goal("rate", name, ["the line"], factor) for name, factor in zip(vaults.points, factors) if factor]
    goals += [Goal("rss", name, [], 160, at_most=True, unit="MiB") for name in vaults.points]
    return line, server, Group(
        "line-%d" % mbit, "reading on over %d Mbit/s, %d ms" % (mbit, ROUND_TRIP_MS), contenders, goals, measure,
        {"rate": ("MB/s", "%.1f"), "rtt": ("round trip ms", "%.1f"), "rss": ("peak RSS MiB", "%.1f")},
        note="The whole encrypted/disk.raw of a point of an ADE disk (nothing to pack), read once from a fresh mount "
             "by dd; bytes that are not holes, over the time. The line: TCP payload over eight connections.",
        attach=lambda c: (Line if c.name == "the line" else benchlib.Mounted)(c))


class FirstByte:
    """A mount of a vault in S3 on the far side, its packets counted; then cold reads."""

    def __init__(self, contender):
        self.line, self.image = contender.commands[1], contender.commands[2]
        begin = self.line.packets()[1]
        one = Contender(contender.name, contender.commands[0], file=contender.file)
        self.mounted = benchlib.Mounted(one)
        self.packets = self.line.packets(begin)[0]
        self.lines = contender.commands[0]

    def cold_read(self, at, size, buf):
        """(requests one after the other, KiB)"""
        begin = self.line.packets()[1]
        fd = os.open(self.mounted.path, os.O_RDONLY | os.O_DIRECT)
        try:
            if os.preadv(fd, [memoryview(buf)[:size]], at) != size:
                raise RuntimeError("a short read")
        finally:
            os.close(fd)
        packets = self.line.packets(begin)[0]
        with open(self.image, "rb") as f:
            if os.pread(f.fileno(), size, at) != buf[:size]:
                raise RuntimeError("wrong bytes")
        return link.serial(link.exchanges(packets)), link.bytes_down(packets) / 1024

    def places(self, rng):
        """Chunks that are not holes."""
        with open(self.image, "rb") as f:
            size = os.fstat(f.fileno()).st_size
            while True:
                at = rng.randrange(1, size // CHUNK - 2) * CHUNK
                if os.pread(f.fileno(), CHUNK, at).count(0) < 1024 and os.pread(f.fileno(), CHUNK, at + CHUNK).count(0) < 1024:
                    yield at

    def run(self):
        out = {"first": link.serial(link.exchanges(self.packets)),
               "writes": sum(e[2].startswith("PUT") for e in link.exchanges(self.packets)),
               "first_ms": self.mounted.first_byte * 1e3}
        if self.image:
            rng, buf = random.Random(time.time_ns()), mmap.mmap(-1, CHUNK)
            places = self.places(rng)
            got = [self.cold_read(next(places), CHUNK, buf) for _ in range(COLD_READS)]
            out.update(aligned=max(g[0] for g in got), aligned_kib=max(g[1] for g in got))
            got = [self.cold_read(next(places) + 512 * rng.randrange(1, 128), CHUNK, buf) for _ in range(COLD_READS)]
            out.update(crooked=max(g[0] for g in got), crooked_kib=max(g[1] for g in got))
        return out

    def stop(self):
        self.mounted.stop()


def s3_vault(line, data, key):
    """An S3 on the far side with the disk's first point in it."""
    tmp = os.path.join(line.tmp, "s3")
    line.server([os.path.join(benchlib.ROOT, "tests/fake/s3"), tmp, "--bucket", "far", "--page", "1000",
                 "--listen", link.SERVER], stderr=subprocess.DEVNULL)
    line.wait(lambda: os.path.exists(os.path.join(tmp, "port")))
    endpoint = "http://%s:%s" % (link.SERVER, open(os.path.join(tmp, "port")).read().strip())
    to_it = ["--vault-key", key, "--endpoint", endpoint, "--allow-http"]
    ours = line.inside(line.b, [os.path.join(benchlib.BUILD, "adebackup")])
    for argv in (["init", "s3://far/v"],
                 ["backup", "s3://far/v", "vm", "--disk", "os=" + data.ade(), "--bek", data.passphrase()]):
        benchlib.run(ours + argv + to_it, stdout=subprocess.DEVNULL)
    return endpoint


def first_byte_group(data):
    os.environ.update(S3)
    line = link.Link(200, ROUND_TRIP_MS, trace=True)
    key = os.path.join(line.tmp, "vault.key")
    endpoint = s3_vault(line, data, key)

    def one(name, file, image, bek):
        more = ",endpoint=" + endpoint + (",bek=" + data.passphrase() if bek else "")
        made = far_mount(name, line, "s3://far/v", key, "latest", more, file)
        return Contender(name, (made.commands, line, image), file=file)
    sealed, clear = "encrypted/disk.raw", "disk.raw"
    return line, None, Group(
        "line-first", "first byte and cold reads of 64 KiB over 200 Mbit/s, %d ms" % ROUND_TRIP_MS,
        [one(sealed, "{dir}/os/encrypted/disk.raw", data.ade(), False), one(clear, "{dir}/os/disk.raw", None, True)],
        [Goal("first", sealed, [], 5, at_most=True, unit="requests (4, and one for rd/)"),
         Goal("first", clear, [], 6, at_most=True, unit="requests (5, and one for rd/)"),
         Goal("aligned", sealed, [], 2, at_most=True, unit="requests"),
         Goal("aligned_kib", sealed, [], 128, at_most=True, unit="KiB"),
         Goal("crooked", sealed, [], 2, at_most=True, unit="requests"),
         Goal("crooked_kib", sealed, [], 200, at_most=True, unit="KiB")],
        lambda first, options: first.run(),
        {"first": ("requests to first byte", "%d"), "writes": ("of them puts", "%d"), "first_ms": ("ms", "%.0f"),
         "aligned": ("requests, aligned", "%d"), "aligned_kib": ("KiB", "%.1f"),
         "crooked": ("requests, unaligned", "%d"), "crooked_kib": ("KiB", "%.1f")},
        note="Mount of latest from an S3 on the far side. Requests one after the other and bytes (headers too) as "
             "they passed the relay; of %d cold reads of each kind, O_DIRECT, at random places, the worst. Time "
             "includes connecting and the volume's key." % COLD_READS, attach=FirstByte)


class Restore:
    """Bytes that a restore has a web server send, beside what the point stores."""

    def __init__(self, contender):
        self.server, self.argv, self.stored, self.image = contender.commands
        self.tmp = tempfile.mkdtemp(prefix="adebench.", dir=os.path.dirname(self.image))
        self.lines = [[w.replace("{to}", "DIR") for w in self.argv]]

    def run(self):
        to, before = os.path.join(self.tmp, "to.raw"), self.server.sent()
        begin = time.perf_counter()
        benchlib.run([os.path.join(benchlib.BUILD, self.argv[0])] + [w.format(to=to) for w in self.argv[1:]],
                     stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - begin
        benchlib.run(["cmp", self.image, to])
        return {"over": 100 * ((self.server.sent() - before) / self.stored - 1), "seconds": seconds,
                "stored": self.stored / MIB}

    def stop(self):
        shutil.rmtree(self.tmp, ignore_errors=True)


def restore_group(vaults):
    server = Served(os.path.dirname(vaults.path))
    url = server.url + "/" + os.path.basename(vaults.path)

    def one(name, row):
        argv = ["adebackup", "restore", url, "vm@" + row["point"], "--vault-key", vaults.key, "--to", "{to}",
                "--disk", "os", "--as", "encrypted", "-q"]
        return Contender(name, (server, argv, row["stored"], vaults.image(name)))
    names = list(vaults.points)
    return None, server, Group(
        "restore-bytes", "bytes fetched by a restore from nginx",
        [one(name, row) for name, row in vaults.points.items()],
        [Goal("over", names[0], [], 2, at_most=True, unit="%"), Goal("over", names[1], [], 10, at_most=True, unit="%")],
        lambda restore, options: restore.run(),
        {"over": ("more than stored %", "%.2f"), "stored": ("stored MiB", "%.1f"), "seconds": ("s", "%.2f")},
        note="All bodies that nginx sent, manifest and maps included, against the sum of the disk's sealed chunks.",
        attach=Restore)


def loopback_group(vaults):
    server = Served(vaults.data.dir)
    url = server.url + "/" + os.path.basename(vaults.path)
    image = os.path.basename(vaults.data.ade())
    size = vaultdata.nonzero_bytes(vaults.data.ade())

    def measure(mounted, options):
        del options
        return {"rate": size / read_whole(mounted.path) / 1e6, "rss": mounted.peak_rss()}
    peers = [Contender("nbdkit curl + nbdfuse", [
        ["nbdkit", "-f", "-r", "-U", "{sock}", "curl", "url=%s/%s" % (server.url, image)],
        ["nbdfuse", "-r", "{dir}/nbd", "nbd+unix:///?socket={sock}"]], file="{dir}/nbd"),
        Contender("rclone mount", [["rclone", "mount", "--read-only", "--http-url", server.url + "/html/", ":http:",
                                    "{dir}"]], file="{dir}/" + image)]
    ours = far_mount("ours", None, url, vaults.key, vaults.points["point 1"]["point"])
    file = Contender("ours, the plain file", [["mount.adebackup", "%s/%s" % (server.url, image), "{dir}", "-o",
                                               "bek=" + vaults.data.passphrase()]], file="{dir}/encrypted/disk.raw")
    return None, server, Group(
        "loopback", "reading on from nginx on this machine", [ours, file] + peers,
        [Goal("rate", "ours", [p.name for p in peers], 2), Goal("rate", file.name, [p.name for p in peers], 2),
         Goal("rss", "ours", [], 160, at_most=True, unit="MiB"),
         Goal("rss", file.name, [], 160, at_most=True, unit="MiB")], measure,
        {"rate": ("MB/s", "%.0f"), "rss": ("peak RSS MiB", "%.1f")},
        note="Ours: a point in a vault, opened and unpacked, and the same disk as a plain file behind its URL, which is "
             "what the peers read. Of a plain file holes are read too; bytes that are not holes, over the time.")


def groups(options):
    data = vaultdata.Data(options)
    made = {"line-first": lambda: first_byte_group(data),
            "line-200": lambda: stream_group(Vaults(data), 200, (0.9, 0.75)),
            "line-1000": lambda: stream_group(Vaults(data), 1000, (0.8, None)),
            "restore-bytes": lambda: restore_group(Vaults(data)),
            "loopback": lambda: loopback_group(Vaults(data)),
            "boot-reads": lambda: remote_boot.reads_group(options),
            "boot-guest": lambda: remote_boot.guest_group(options)}
    for name, make in made.items():
        if options.group and name not in options.group:
            continue
        line, server, group = make()
        try:
            yield group
        finally:
            if server:
                server.stop()
            if line:
                line.close()
