# SPDX-License-Identifier: Apache-2.0
"""The vault: backup, increments, restore and mount against restic, borg, casync and qcow2."""
import json
import os
import shutil
import subprocess
import tempfile
import time

import benchlib
import vaultdata
import vaulttools
from benchlib import Contender, Goal, Group
from suite_images import null, qsd

LONG = 30                     # increments of the long run
MIB = 1 << 20

JOB_METRICS = {
    "first": ("first backup s", "%.2f"),
    "again": ("unchanged s", "%.2f"),
    "change": ("1 % scattered s", "%.2f"),
    "size": ("store MiB", "%.0f"),
    "added": ("added by 1 % MiB", "%.1f"),
    "restore": ("restore s", "%.2f"),
    "disk": ("restore to disk s", "%.2f"),
    "sync": ("sync after it s", "%.2f"),
}


def timed(call, *argv):
    begin = time.perf_counter()
    call(*argv)
    return time.perf_counter() - begin


class Job:
    """One tool's whole round: its store on a tmpfs, the source in the page cache under one name,
    restored to the tmpfs and to disk."""

    def __init__(self, contender):
        self.data, self.kind, self.tool_class, self.steps = contender.commands
        self.tmp = tempfile.mkdtemp(prefix="adebench.", dir=self.data.dir)
        self.store_dir = os.path.join(self.tmp, "tmpfs")
        self.secrets = os.path.join(self.tmp, "secrets")
        self.source = os.path.join(self.tmp, "src", "disk.raw")
        for path in (self.store_dir, self.secrets, os.path.dirname(self.source)):
            os.mkdir(path)
        benchlib.run(["mount", "-t", "tmpfs", "-o", "size=80%", "none", self.store_dir])
        self.store = os.path.join(self.store_dir, "store")
        self.tool = self.tool_class(self.secrets)
        self.present(self.data.base(self.kind))

    def present(self, image):
        """The image under the source's name, as a link: nothing is copied, its time is new."""
        if os.path.exists(self.source):
            os.unlink(self.source)
        os.link(image, self.source)
        os.utime(self.source)
        benchlib.warm(self.source)

    def run(self):
        out = {}
        self.tool.init(self.store)
        before = vaultdata.tree_bytes(self.store_dir)
        out["first"] = timed(self.tool.backup, self.store, self.source, 1)
        out["size"] = (vaultdata.tree_bytes(self.store_dir) - before) / MIB
        if "again" in self.steps:
            os.utime(self.source)
            out["again"] = timed(self.tool.backup, self.store, self.source, 2)
        if "change" in self.steps:
            self.present(self.data.changed(self.kind))
            before = vaultdata.tree_bytes(self.store_dir)
            out["change"] = timed(self.tool.backup, self.store, self.source, 3)
            out["added"] = (vaultdata.tree_bytes(self.store_dir) - before) / MIB
        if "restore" in self.steps:
            out.update(self.restore())
        return out

    def restore(self):
        out = {"restore": self.restored(self.store_dir)[0]}
        out["disk"], out["sync"] = self.restored(self.tmp)
        return out

    def restored(self, folder):
        """Seconds to write it there, and to sync it."""
        to = os.path.join(folder, "restored.raw")
        os.sync()
        begin = time.perf_counter()
        synced = self.tool.restore(self.store, self.source, 3, to) or 0
        took = time.perf_counter() - begin - synced
        synced += timed(os.sync)
        benchlib.run(["cmp", self.data.changed(self.kind), to])
        subprocess.run(["rm", "-rf", to, to + ".tree"], check=True)
        return took, synced

    @property
    def lines(self):
        """This round's folder is told as DIR."""
        return [[w.replace(self.tmp, "{dir}") for w in argv] for argv in self.tool.log]

    def stop(self):
        subprocess.run(["umount", "-l", self.store_dir], check=False)
        shutil.rmtree(self.tmp, ignore_errors=True)


class ReadOnce(vaulttools.Tool):
    """dd over the source's data, holes passed over: what looking at every byte costs."""
    name = "dd over the data"

    def init(self, store):
        os.makedirs(store)

    def backup(self, store, source, number):
        self.log.append(["dd", "if=" + source, "of=/dev/null", "bs=1M"])
        benchlib.warm(source)


ALL = ("again", "change", "restore")
# As their papers advise for disk images.  Borg alone comes near restic in what it is repeated for.
BEST = [(vaulttools.ResticLargePacks, ALL), (vaulttools.BorgFixed, ("again",))]
OTHERS = [(vaulttools.Restic, ALL), (vaulttools.Borg, ALL), (vaulttools.BorgFixed, ALL)]


def casync_added(data, kind):
    """MiB that the 1 % costs casync: a size, the same every time, so taken once."""
    def make(path):
        job = Job(Contender("casync", (data, kind, vaulttools.Casync, ("change",))))
        try:
            got = job.run()
        finally:
            job.stop()
        with open(path, "w") as out:
            json.dump(got, out)
    return json.load(open(data.once("casync-%s.json" % kind, make)))["added"]


def job_goals(data, kind, peers):
    old, new = data.base(kind), data.changed(kind)
    singly = vaultdata.packed_singly(old, new) / MIB
    allowed = 1.3 * singly + 0.0015 * os.path.getsize(old) / MIB
    names = [tool.name for tool, _ in peers]
    changed = [tool.name for tool, steps in peers if "change" in steps]
    restored = [tool.name for tool, steps in peers if "restore" in steps]
    goals = [Goal("first", "ours", names, 0.5, at_most=True),
             Goal("again", "ours", names, 1 / 1.6, at_most=True),
             Goal("change", "ours", changed, 0.5, at_most=True),
             Goal("added", "ours", [], round(allowed, 1), at_most=True, unit="MiB"),
             Goal("added", "ours", changed, 0.05, at_most=True),
             Goal("added", "ours", [], round(0.15 * casync_added(data, kind), 1), at_most=True,
                  unit="MiB (15 % of casync)"),
             Goal("restore", "ours", restored, 1 / 1.8, at_most=True)]
    if kind == "plain":
        sizes = [name for name in names if name != vaulttools.Borg.name]    # its default is lz4
        return goals + [Goal("size", "ours", sizes, 1.12, at_most=True)]
    whole = vaultdata.nonzero_bytes(old) / MIB
    return goals + [Goal("size", "ours", [], round(1.005 * whole, 1), at_most=True, unit="MiB")]


def contender(data, kind, tool, steps):
    return Contender(tool.name, (data, kind, tool, steps))


def job_group(data, kind):
    """Against the peers as they advise for disk images, and against the work itself."""
    contenders = [contender(data, kind, tool, steps) for tool, steps in [(vaulttools.Ours, ALL)] + BEST]
    contenders += [contender(data, kind, vaulttools.Packloop, ()),
                   contender(data, kind, ReadOnce, ("again",))]
    goals = job_goals(data, kind, BEST) + [
        Goal("first", "ours", ["packloop"], 1 / 0.8, at_most=True),
        Goal("again", "ours", [ReadOnce.name], 1 / 0.85, at_most=True)]
    return Group("backup-" + kind, "backup and restore, %s, %d MiB" % (kind, data.options.size),
                 contenders, goals, lambda job, options: job.run(), JOB_METRICS,
                 note="Stores on tmpfs, source in the page cache, restored to tmpfs, then to disk, and compared. "
                      "Unchanged: either row suffices.", attach=Job)


def others_group(data, kind):
    """Against the peers' defaults, and whole rounds of borg."""
    contenders = [contender(data, kind, tool, steps) for tool, steps in [(vaulttools.Ours, ALL)] + OTHERS]
    goals = job_goals(data, kind, OTHERS)
    if kind == "plain":
        contenders.append(contender(data, kind, vaulttools.Qcow2, ()))
        goals.append(Goal("size", "ours", [vaulttools.Qcow2.name], 1, at_most=True))
    return Group("others-" + kind, "the peers' defaults and all of borg, %s, %d MiB" % (kind, data.options.size),
                 contenders, goals, lambda job, options: job.run(), JOB_METRICS,
                 note="As above, in fewer rounds: the group above has what is fastest of them.",
                 attach=Job, rounds=min(2, data.options.rounds))


def sized(chunk):
    """Ours with chunks of another size than the default."""
    class Sized(vaulttools.Ours):
        name = "ours, chunks of " + chunk

        def init(self, store):
            self.call("adebackup", "init", store, "--vault-key", self.key(), "--chunk-size", chunk)
    return Sized


def chunks_group(data):
    tools = [sized(chunk) for chunk in ("16K", "64K", "256K", "1M")]
    return Group("chunks", "what the chunk's size decides, plain, %d MiB" % data.options.size,
                 [contender(data, "plain", tool, ALL) for tool in tools], [],
                 lambda job, options: job.run(), JOB_METRICS, attach=Job, rounds=min(2, data.options.rounds),
                 note="The defaults: chunks of 64 KiB, segments of 32 MiB, zstd level 3. A cold 4 KiB read fetches "
                      "one chunk, and scattered changes dirty fewer bytes of small ones; large ones compress "
                      "better and need fewer entries.")


class Stores:
    """A store of each tool that stays in the fixtures, for mounting."""

    def __init__(self, data):
        self.data = data
        self.secrets = os.path.join(data.dir, "secrets")
        os.makedirs(self.secrets, exist_ok=True)

    def made(self, name, tool_class, images):
        tool = tool_class(self.secrets)

        def make(path):
            folder = tempfile.mkdtemp(dir=self.data.dir)
            source = os.path.join(folder, "disk.raw")
            tool.init(path)
            for number, image in enumerate(images, 1):
                os.link(image, source)
                tool.backup(path, source, number)
                os.unlink(source)
            os.rmdir(folder)
        return self.data.once(name, make), tool

    def vault(self, name, images):
        path, tool = self.made(name, vaulttools.Ours, images)
        return path, tool.key()


def ours_mounted(name, vault, key, point="latest", more="", disk="os", file="disk.raw"):
    options = "vault-key=%s,vm=vm,point=%s" % (key, point) + ("," + more if more else "")
    return Contender(name, [["mount.adebackup", vault, "{dir}", "-o", options]],
                     file="{dir}/%s/%s" % (disk, file), ours=True)


def points_of(vault, key):
    out = subprocess.run(["adebackup", "list", vault, "--vault-key", key, "--json"], check=True,
                         capture_output=True, env=dict(os.environ, PATH=benchlib.BUILD + ":/usr/bin:/bin"))
    return [p["point"] for p in json.loads(out.stdout)["points"]]


def mount_group(data):
    stores = Stores(data)
    images, aging = [data.base("plain")], os.path.join(data.dir, "aging.raw")
    vault, key = stores.vault("vault-long", data.ages("plain", LONG, aging))
    ade, ade_key = stores.vault("vault-ade", [data.base("ade")])
    restic, r = stores.made("restic", vaulttools.Restic, images)
    borg, _ = stores.made("borg", vaulttools.BorgFixed, images)
    qcow2, _ = stores.made("qcow2", vaulttools.Qcow2, images)
    os.environ.update(BORG_PASSPHRASE=vaulttools.SECRET, BORG_BASE_DIR=stores.secrets,
                      BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")    # it was renamed when complete
    first, last = points_of(vault, key)[0], points_of(vault, key)[-1]
    contenders = [
        ours_mounted("ours, point 1", vault, key, first),
        ours_mounted("ours, point %d" % (LONG + 1), vault, key, last),
        ours_mounted("ours, ADE decrypted", ade, ade_key, more="bek=" + data.passphrase()),
        null(data.bytes), qsd("qemu-storage-daemon raw", data.base("plain")),
        qcow2_export(os.path.join(qcow2, "1.qcow2")),
        Contender("restic mount", [["restic", "-q", "-r", restic, "--password-file", r.password, "--no-lock",
                                    "mount", "{dir}"]],
                  file="{dir}/snapshots/latest" + restic_path(restic, r)),
        Contender("borg mount", [["borg", "mount", "-f", borg + "::1", "{dir}"]],
                  file="{dir}/disk.raw"),
    ]
    return Group("mount", "mounted points, %d MiB" % data.options.size, contenders, mount_goals(),
                 benchlib.measure_reads, benchlib.READ_METRICS)


def qcow2_export(path):
    one = qsd("qcow2 zstd through qemu-storage-daemon", path)
    one.commands[0] = [w.replace("driver=raw,", "driver=qcow2,") for w in one.commands[0]]
    return one


def restic_path(store, tool):
    env = dict(os.environ, RESTIC_CACHE_DIR=os.path.join(tool.secrets, "restic-cache"))
    out = subprocess.run(["restic", "-q", "-r", store, "--password-file", tool.password, "snapshots",
                          "--json", "latest"], check=True, capture_output=True, env=env).stdout
    return json.loads(out)[0]["paths"][0]


def mount_goals():
    one, qcow2 = "ours, point 1", "qcow2 zstd through qemu-storage-daemon"
    slow = ["restic mount", "borg mount"]
    return [Goal("first", one, ["qemu-storage-daemon raw"], 1.5, at_most=True),
            Goal("seq", one, slow, 3), Goal("seq", one, [qcow2], 1.5),
            Goal("seq", "ours, ADE decrypted", ["null"], 0.35),
            Goal("qd1", one, slow, 25), Goal("qd16", one, slow, 50),
            Goal("qd1", one, [qcow2], 1.2), Goal("qd16", one, [qcow2], 1.5),
            Goal("seq", "ours, point %d" % (LONG + 1), [one], 0.6),
            Goal("rss", one, [], 160, at_most=True, unit="MiB")]


class LongRun:
    """The increments of the long run, each measured by what it adds."""

    def __init__(self, contender):
        self.data, = contender.commands
        self.tmp = tempfile.mkdtemp(prefix="adebench.", dir=self.data.dir)

    def run(self):
        tool = self.tool = vaulttools.Ours(self.tmp)
        store, source = os.path.join(self.tmp, "store"), os.path.join(self.tmp, "disk.raw")
        tool.init(store)
        first = 0
        for number, _ in enumerate(self.data.ages("plain", LONG, source), 1):
            tool.backup(store, source, number)
            first = first or vaultdata.tree_bytes(store)
        changed = self.data.bytes // 100
        return {"average": (vaultdata.tree_bytes(store) - first) / LONG / changed}

    @property
    def lines(self):
        return [[w.replace(self.tmp, "{dir}") for w in argv] for argv in self.tool.log[:2]]

    def stop(self):
        shutil.rmtree(self.tmp, ignore_errors=True)


def long_group(data):
    return Group("long", "%d increments of 1 %%, %d MiB" % (LONG, data.options.size),
                 [Contender("ours", (data,))],
                 [Goal("average", "ours", [], 6, at_most=True, unit="times what changed")],
                 lambda run, options: run.run(), {"average": ("stored / changed", "%.2f")},
                 attach=LongRun)


class Command:
    """One command line, timed."""

    def __init__(self, contender):
        self.argv, self.before = contender.commands
        if self.before:
            self.before()

    def run(self):
        env = dict(os.environ, PATH=benchlib.BUILD + ":" + os.environ["PATH"])
        begin = time.perf_counter()
        done = subprocess.Popen(self.argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(done.pid, 0)
        if status:
            raise RuntimeError("%s: status %d" % (" ".join(self.argv), status))
        return {"time": time.perf_counter() - begin, "cpu": usage.ru_utime + usage.ru_stime,
                "rss": usage.ru_maxrss / 1024}

    @property
    def lines(self):
        return [self.argv]

    def stop(self):
        pass


def sparse_disk(data):
    def make(path):
        with open(path, "wb") as out:
            out.truncate(15 << 40)
    return data.once("sparse-15t.raw", make)


def small_disk(data):
    def make(path):
        with open(path, "wb") as out:
            out.truncate(64 << 10)
            out.write(os.urandom(8192))
    return data.once("small.raw", make)


def scale_mount_group(data):
    stores = Stores(data)
    many, key = stores.vault("vault-1000", [small_disk(data)] * 999 + [sparse_disk(data)])
    one, _ = stores.vault("vault-one", [data.base("plain")])
    big, little = "1,000 points, 15 TiB", "one point, %d MiB" % data.options.size
    return Group("scale-mount", "a large vault mounts like a small one",
                 [ours_mounted(big, many, key), ours_mounted(little, one, key)],
                 [Goal("first", big, [little], 1.15, at_most=True),
                  Goal("rss", big, [little], 8, at_most=True, unit="MiB")],
                 benchlib.measure_first_byte, benchlib.FIRST_BYTE_METRICS)


def plant_points(path, key, points):
    """A vault of one VM with that many points; a backup each would take hours."""
    plant = os.path.join(benchlib.BUILD, "tests", "make", "plant-points")
    benchlib.run(["adebackup", "init", path, "--vault-key", key],
                 env=dict(os.environ, PATH=benchlib.BUILD + ":" + os.environ["PATH"]), stdout=subprocess.DEVNULL)
    benchlib.run([plant, path, key, "1", str(points)])


def scale_commands_group(data):
    stores = Stores(data)
    holes, key = stores.vault("vault-holes", [])
    crowd = data.once("vault-10000", lambda path: plant_points(path, key, 10000))
    commands = [
        Contender("list of 10,000 points", (["adebackup", "list", crowd, "--vault-key", key], None)),
        Contender("backup of 15 TiB of holes", (["adebackup", "backup", holes, "vm", "--disk",
                                                 "os=" + sparse_disk(data), "--vault-key", key], None))]
    return Group("scale-commands", "large vaults and disks", commands,
                 [Goal("time", c.name, [], 2, at_most=True, unit="s") for c in commands] +
                 [Goal("rss", c.name, [], 160, at_most=True, unit="MiB") for c in commands],
                 lambda command, options: command.run(),
                 {"time": ("s", "%.2f"), "rss": ("peak RSS MiB", "%.1f")}, attach=Command)


def groups(options):
    data = vaultdata.Data(options)
    made = {"backup-plain": lambda: job_group(data, "plain"), "backup-ade": lambda: job_group(data, "ade"),
            "others-plain": lambda: others_group(data, "plain"),
            "others-ade": lambda: others_group(data, "ade"),
            "chunks": lambda: chunks_group(data), "long": lambda: long_group(data), "mount": lambda: mount_group(data),
            "scale-mount": lambda: scale_mount_group(data),
            "scale-commands": lambda: scale_commands_group(data)}
    for name, make in made.items():
        if not options.group or name in options.group:    # data is made for what is measured alone
            yield make()
