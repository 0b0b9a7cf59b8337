# SPDX-License-Identifier: Apache-2.0
"""A line of a given length and rate: two network namespaces, joined by linkrelay, rated by TBF.

The server side has SERVER's address, the client side CLIENT's.  What it really gives is measured
with plain TCP sockets, not taken from its settings.
"""
import atexit
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import benchlib

CLIENT, SERVER = "10.9.0.1", "10.9.0.2"
PORT = 5001
QUEUE_MS = 30            # what the line holds before it drops, as its bottleneck's buffer
REQUEST = re.compile(r"(GET|PUT|HEAD|POST|DELETE) ")

SENDER = """
import socket, sys, threading
def send(c):
    block = bytes(1 << 20)
    try:
        while True:
            c.sendall(block)
    except OSError:
        pass
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("up", flush=True)
while True:
    threading.Thread(target=send, args=(listener.accept()[0],), daemon=True).start()
"""
RECEIVER = """
import socket, sys, threading, time
address, seconds, n = (sys.argv[1], int(sys.argv[2])), float(sys.argv[3]), int(sys.argv[4])
round_trips, got = [], [0] * n
for i in range(9):
    begin = time.perf_counter()
    socket.create_connection(address).close()
    round_trips.append(time.perf_counter() - begin)
def receive(i):
    c, block = socket.create_connection(address), bytearray(1 << 20)
    while True:
        got[i] += c.recv_into(block)
for i in range(n):
    threading.Thread(target=receive, args=(i,), daemon=True).start()
time.sleep(2)
begin, before = time.perf_counter(), sum(got)
time.sleep(seconds)
print(sorted(round_trips)[4], (sum(got) - before) / (time.perf_counter() - begin))
"""


def spawn(argv, **kwargs):
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, **kwargs)


class Link:
    def __init__(self, mbit, round_trip_ms, trace=False):
        self.mbit, self.children = mbit, []
        atexit.register(self.close)
        self.tmp = tempfile.mkdtemp(prefix="adebench.")
        self.trace = os.path.join(self.tmp, "trace") if trace else None
        self.a, self.b = (self.keep(["unshare", "-n", "sleep", "infinity"]) for _ in range(2))
        for child in (self.a, self.b):
            self.wait(lambda pid=child.pid: os.readlink("/proc/%d/ns/net" % pid) != os.readlink("/proc/self/ns/net"))
        relay = [os.path.join(benchlib.BUILD, "tests/make/linkrelay"), self.netns(self.a), self.netns(self.b),
                 str(round_trip_ms * 500)]
        self.relay = self.keep(relay + ([self.trace] if trace else []), stdout=subprocess.PIPE, text=True)
        if self.relay.stdout.readline() != "up\n":
            raise RuntimeError("linkrelay does not come up")
        for child, address in ((self.a, CLIENT), (self.b, SERVER)):
            self.configure(child, address)

    def keep(self, argv, **kwargs):
        self.children.append(spawn(argv, **kwargs))
        return self.children[-1]

    @staticmethod
    def netns(child):
        return "/proc/%d/ns/net" % child.pid

    @staticmethod
    def wait(ready, seconds=30):
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                raise RuntimeError("the line does not come up")
            time.sleep(0.01)

    def configure(self, child, address):
        limit = self.mbit * 125 * QUEUE_MS
        for line in ("ip link set lo up", "ip addr add %s/24 dev link0" % address, "ip link set link0 up",
                     "tc qdisc add dev link0 root tbf rate %dmbit burst 128kb limit %d" % (self.mbit, limit)):
            benchlib.run(self.inside(child, line.split()))

    @staticmethod
    def inside(child, argv):
        return ["nsenter", "-t", str(child.pid), "-n"] + argv

    def client(self, argv):
        """The command line that runs argv on the near side."""
        return self.inside(self.a, argv)

    def server(self, argv, **kwargs):
        """A process on the far side, ended with the line."""
        return self.keep(self.inside(self.b, argv), **kwargs)

    def measured(self, seconds=3):
        """(round trip in seconds, bytes a second that eight connections together receive)"""
        sender = self.server([sys.executable, "-c", SENDER, SERVER, str(PORT)], stdout=subprocess.PIPE, text=True)
        sender.stdout.readline()
        out = benchlib.run(self.client([sys.executable, "-c", RECEIVER, SERVER, str(PORT), str(seconds), "8"]),
                           capture_output=True, text=True).stdout
        sender.kill()
        return tuple(float(word) for word in out.split())

    def cut(self, on):
        self.relay.send_signal(signal.SIGUSR1 if on else signal.SIGUSR2)

    def packets(self, since=0):
        """Rows of the trace from that byte on, and where it ends now."""
        time.sleep(0.1)
        with open(self.trace) as f:
            f.seek(since)
            text = f.read()
        text = text[:text.rfind("\n") + 1]  # the relay may be at its next line
        return [line.split(" ", 4) for line in text.splitlines()], since + len(text)

    def close(self):
        for child in reversed(self.children):
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(5)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
        self.children = []
        shutil.rmtree(self.tmp, ignore_errors=True)


def exchanges(packets):
    """[(sent, answered, line)], in microseconds: when a request left the client, and when the last
    packet of its answer had come."""
    done, under_way = [], {}
    for at, way, port, _, text in packets:
        if way == "up" and REQUEST.match(text):
            if port in under_way:
                done.append(under_way.pop(port))
            under_way[port] = [int(at), int(at), text]
        elif way == "down" and port in under_way:
            under_way[port][1] = int(at)
    return sorted(done + list(under_way.values()))


def serial(done):
    """How many of them had to wait for one another: the longest row without overlap."""
    count, end = 0, -1
    for sent, answered, _ in sorted(done, key=lambda e: e[1]):
        if sent >= end:
            count, end = count + 1, answered
    return count


def bytes_down(packets):
    return sum(int(p[3]) for p in packets if p[1] == "down")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
