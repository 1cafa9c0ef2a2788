"""
A long line between two hosts: moves IP packets between two tun devices in two network namespaces, as a line of a given round
trip, rate and loss would. The kernel may have no netem, and a proxy of streams would hide TCP's windows.

Each direction has a queue that holds what the line carries in one round trip; what does not fit is dropped. Packets of the first
direction are lost at random besides. Prints a line when the devices are there, and one of counts at the end. A line on standard
input is the share of packets that are lost from then on; when it is closed the line ends.
"""

import argparse
import ctypes
import errno
import fcntl
import json
import os
import random
import select
import struct
import sys
import time
from collections import deque

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 1, 0x1000
CLONE_NEWNET = 0x40000000
# Without offloads there is none longer.
PACKET_BYTES_MAX = 1500
# Between two looks at the clock; so many come within 4 ms at 200 Mbit/s.
PACKETS_AT_ONCE = 64
# Packets that are due within so little leave together, and the processor is free in between.
TICK_SECONDS = 0.0005


def open_tun(namespace):
    """The device belongs to the namespace in which it is opened. It vanishes with this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{namespace}", "rb") as entry:
        if libc.setns(entry.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns to {namespace}")
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
    return tun


def go_first():
    """A line is not late because its hosts are busy."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        # Not every container may; the counts at the end tell how late it was.
        os.setpriority(os.PRIO_PROCESS, 0, -20)


class Direction:
    def __init__(self, source, target, *, delay_seconds, bytes_per_second, queue_bytes, loss, chance):
        self.source, self.target = source, target
        self.delay_seconds = delay_seconds
        self.bytes_per_second = bytes_per_second
        self.queue_seconds = queue_bytes / bytes_per_second
        self.loss = loss
        self.chance = chance
        self.sent_at = 0.0  # when all that was taken will have left the queue
        self.under_way = deque()  # (due, packet), in order
        self.counts = {"packets": 0, "dropped": 0, "lost": 0, "latestMs": 0.0}

    def take(self):
        """Takes what the host has sent."""
        now = time.monotonic()
        counts, under_way, read, source, chance = self.counts, self.under_way, os.read, self.source, self.chance
        for _ in range(PACKETS_AT_ONCE):
            try:
                packet = read(source, PACKET_BYTES_MAX)
            except BlockingIOError:
                return
            counts["packets"] += 1
            begin = max(self.sent_at, now)
            if begin - now > self.queue_seconds:
                counts["dropped"] += 1
                continue
            self.sent_at = begin + len(packet) / self.bytes_per_second
            # What is lost has taken its time on the line.
            if chance() < self.loss:
                counts["lost"] += 1
                continue
            under_way.append((self.sent_at + self.delay_seconds, packet))

    def give(self, now):
        """Gives what is due. Returns when the next one is."""
        under_way, write, target = self.under_way, os.write, self.target
        if under_way:
            late_ms = (now - under_way[0][0]) * 1000
            if late_ms > self.counts["latestMs"]:
                self.counts["latestMs"] = late_ms
        while under_way and under_way[0][0] <= now:
            packet = under_way.popleft()[1]
            try:
                write(target, packet)
            except OSError as error:
                # The one end is up, and the other is not yet.
                if error.errno != errno.EIO:
                    raise
        return under_way[0][0] if under_way else now + 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("namespaces", nargs=2)
    parser.add_argument("--round-trip-ms", type=float, required=True)
    parser.add_argument("--mbit", type=float, required=True, help="per second and direction")
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()

    go_first()
    a, b = (open_tun(namespace) for namespace in options.namespaces)
    line = {
        "delay_seconds": options.round_trip_ms / 2000,
        "bytes_per_second": options.mbit * 1e6 / 8,
        "queue_bytes": options.mbit * 1e6 / 8 * options.round_trip_ms / 1000,
        "loss": 0.0,
        "chance": random.Random(options.seed).random,
    }
    there, back = Direction(a, b, **line), Direction(b, a, **line)
    print("ready", flush=True)

    poll = select.epoll()
    commands = sys.stdin.fileno()
    for descriptor in (a, b, commands):
        poll.register(descriptor, select.EPOLLIN)
    due = 0.0
    while True:
        # Epoll waits for whole milliseconds, rounded up; a sleep does not.
        wait = due - time.monotonic()
        ready = poll.poll(0) if wait < 0.002 else poll.poll(wait - 0.001)
        if not ready and wait > 0:
            time.sleep(min(wait, TICK_SECONDS))
        for descriptor, _ in ready:
            if descriptor == a:
                there.take()
            elif descriptor == b:
                back.take()
            else:
                command = os.read(commands, 100)
                if not command:
                    print(json.dumps({"there": there.counts, "back": back.counts}), flush=True)
                    return
                there.loss = float(command)
        now = time.monotonic() + TICK_SECONDS
        due = min(there.give(now), back.give(now))


main()
