# SPDX-License-Identifier: Apache-2.0
"""Overlays: writing over an image, against a qcow2 overlay through QEMU's own FUSE export."""
import json
import time

import benchlib
import suite_images
from benchlib import Contender, Goal, Group

QSD = ("qemu-img create -q -f qcow2 -F raw -b {base} {{dir}}/../o.qcow2 && exec qemu-storage-daemon"
       " --blockdev driver=file,node-name=f,filename={{dir}}/../o.qcow2"
       " --blockdev driver=qcow2,node-name=top,file=f,discard=unmap"
       " --export type=fuse,id=e,node-name=top,mountpoint={{dir}}/export,writable=on")


def write(path, seconds, depth, extra=()):
    argv = ["fio", "--name=bench", "--filename=" + path, "--rw=randwrite", "--bs=4k", "--time_based",
            "--runtime=%g" % seconds, "--norandommap", "--ioengine=libaio", "--direct=1",
            "--iodepth=%d" % depth, "--output-format=json", "--allow_file_create=0",
            "--randseed=%d" % time.time_ns()] + list(extra)
    done = benchlib.run(argv, capture_output=True, text=True).stdout
    return json.loads(done[done.index("{"):])["jobs"][0]["write"]["iops"]


def measure_writes(mounted, options):
    """On a fresh overlay, so that most blocks are written for the first time: with a flush after
    each 32 writes, then without; and with flushes again when most is written and synced."""
    seconds, path, got = options.seconds, mounted.path, {}
    got["flush"] = write(path, seconds, 1, ["--fsync=32"])
    got["qd1"] = write(path, seconds, 1)
    got["qd16"] = write(path, seconds, 16)
    benchlib.run(["sync", path])
    got["again"] = write(path, seconds, 1, ["--fsync=32"])
    got["rss"] = mounted.peak_rss()
    return got


WRITE_METRICS = {
    "qd1": ("4K write QD1 IOPS", "%.0f"),
    "qd16": ("4K write QD16 IOPS", "%.0f"),
    "flush": ("QD1 and a flush after each 32, IOPS", "%.0f"),
    "again": ("the same on written blocks", "%.0f"),
    "rss": ("peak RSS MiB", "%.1f"),
}


def groups(options):
    base = suite_images.Fixtures(options).random()
    over = suite_images.ours("ours, overlay", base, "overlay={dir}/../o")
    peer = Contender("qemu-storage-daemon qcow2", [["sh", "-c", QSD.format(base=base)]],
                     file="{dir}/export", touch=True, source=base)
    yield Group("writes", "4 KiB random writes to a fresh overlay, %d MiB" % options.size, [over, peer],
                [Goal(metric, over.name, [peer.name], 1) for metric in ("qd1", "qd16", "flush", "again")],
                measure_writes, WRITE_METRICS)
    yield Group("unwritten", "reads of unwritten areas, %d MiB" % options.size,
                [suite_images.ours("ours, no overlay", base), over],
                [Goal(metric, over.name, ["ours, no overlay"], 0.9) for metric in ("seq", "qd1", "qd16")],
                benchlib.measure_reads, benchlib.READ_METRICS)
