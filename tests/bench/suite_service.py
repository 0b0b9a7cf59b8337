# SPDX-License-Identifier: Apache-2.0
"""The service: what is asked of a vault of 200 items and 5,000 points every quarter of an hour; a prune."""
import os
import shutil
import subprocess

import benchlib
import vaultdata
from benchlib import Contender, Goal, Group
from suite_vault import Command

ITEMS, POINTS = 200, 5000
PRUNED_VMS, PRUNED_POINTS, KEEP = 50, 1000, 5


def in_order(commands):
    env = dict(os.environ, PATH=benchlib.BUILD + ":" + benchlib.BUILD + "/tests/make:" + os.environ["PATH"])
    for argv in commands:
        benchlib.run(argv, env=env, stdout=subprocess.DEVNULL)


def planted(data):
    """Points, items that have just been backed up, and a job for each point."""
    key = os.path.join(data.dir, "service.key")

    def make(path):
        if os.path.exists(key):
            os.unlink(key)
        in_order([["adebackup", "init", path, "--vault-key", key],
                  ["plant-points", path, key, str(ITEMS), str(POINTS)],
                  ["plant-service", path, key, "jobs"],
                  ["adebackup", "run", path, "--vault-key", key]])      # the day's prune
    # its jobs are of today: a vault of yesterday would be due
    return data.once("service-%s" % os.popen("date -u +%Y%m%d%H").read().strip(), make), key


def prune_argv(path, key, *more):
    return ["adebackup", "prune", path, "--vault-key", key, "--keep-last", str(KEEP), *more]


def prune_group(data):
    """The first run hides 750 points; nine days later another deletes them and collects what they leave."""
    key, work = os.path.join(data.dir, "prune.key"), os.path.join(data.dir, "prune")

    def make(path):
        if os.path.exists(key):
            os.unlink(key)
        in_order([["adebackup", "init", path, "--vault-key", key],
                  ["plant-points", path, key, str(PRUNED_VMS), str(PRUNED_POINTS)]])

    def make_hidden(path):
        in_order([["cp", "-a", whole, path], prune_argv(path, key),
                  ["find", path, "-type", "f", "-exec", "touch", "-d", "9 days ago", "{}", "+"]])

    def copy_of(vault):
        def before():
            shutil.rmtree(work, ignore_errors=True)
            in_order([["cp", "-a", vault, work]])
        return before

    whole = data.once("prune-points", make)
    hidden = data.once("prune-hidden", make_hidden)
    commands = [Contender(name, (prune_argv(work, key, *more), copy_of(vault))) for name, vault, more in (
        ("what would be done", whole, ["--dry-run"]),
        ("hide", whole, []),
        ("delete and collect", hidden, []))]
    goals = [Goal(*goal, at_most=True, unit=unit) for c in commands
             for goal, unit in ((("cpu", c.name, [], 2), "s"), (("rss", c.name, [], 128), "MiB"))]
    return Group("prune", "%s points of %d VMs, the last %d of each kept" % ("{:,}".format(PRUNED_POINTS), PRUNED_VMS, KEEP),
                 commands, goals, lambda command, _: command.run(),
                 {"cpu": ("processor time s", "%.2f"), "time": ("s", "%.2f"), "rss": ("peak RSS MiB", "%.1f")},
                 attach=Command)


def groups(options):
    yield prune_group(vaultdata.Data(options))
    vault, key = planted(vaultdata.Data(options))
    page = os.path.join(vaultdata.Data(options).dir, "report.html")
    commands = [Contender(name, ([*argv, "--vault-key", key], None)) for name, argv in (
        ("list", ["adebackup", "list", vault]),
        ("run, nothing due", ["adebackup", "run", vault]),
        ("report", ["adebackup", "report", vault, "--html", page]),
        ("jobs list", ["adebackup", "jobs", "list", vault]))]
    yield Group("service", "a vault of %d items, %d points and as many jobs" % (ITEMS, POINTS), commands,
                [Goal("time", c.name, [], 2, at_most=True, unit="s") for c in commands],
                lambda command, _: command.run(), {"time": ("s", "%.2f"), "rss": ("peak RSS MiB", "%.1f")}, attach=Command)
