# SPDX-License-Identifier: Apache-2.0
"""The service: what is asked of a vault of 200 items and 5,000 points every quarter of an hour."""
import os
import subprocess

import benchlib
import vaultdata
from benchlib import Contender, Goal, Group
from suite_vault import Command

ITEMS, POINTS = 200, 5000


def planted(data):
    """Points, items that have just been backed up, and a job for each point."""
    key = os.path.join(data.dir, "service.key")

    def make(path):
        env = dict(os.environ, PATH=benchlib.BUILD + ":" + benchlib.BUILD + "/tests/make:" + os.environ["PATH"])
        if os.path.exists(key):
            os.unlink(key)
        for argv in (["adebackup", "init", path, "--vault-key", key],
                     ["plant-points", path, key, str(ITEMS), str(POINTS)],
                     ["plant-service", path, key, "jobs"],
                     ["adebackup", "run", path, "--vault-key", key]):      # the day's prune
            benchlib.run(argv, env=env, stdout=subprocess.DEVNULL)
    # its jobs are of today: a vault of yesterday would be due
    return data.once("service-%s" % os.popen("date -u +%Y%m%d%H").read().strip(), make), key


def groups(options):
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
