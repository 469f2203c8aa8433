#!/usr/bin/python3
"""A bad network without `tc netem`, which not every kernel has: packets that iptables matches wait in NFQUEUE for a verdict,
which comes later or never. For root, inside a network namespace; the standard library alone (raw NETLINK_NETFILTER).
 netem.py --match '-p udp --dport 30000:39999' --loss 5 --delay 40 --jitter 20 [--seed 1]
Prints "ready" once it stands in the way, and what it did as one line of JSON when it is ended by SIGTERM."""
import argparse, heapq, json, os, random, select, shlex, signal, socket, struct, subprocess, time

VERDICT, CONFIG, QUEUE = 1, 2, 3
DROP, ACCEPT = 0, 1


class Queue:
    """The kernel's queue of one number."""

    def __init__(self, number):
        self.number = number
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
        self.socket.bind((0, 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.ask(attribute(1, struct.pack("!BBH", 1, 0, socket.AF_INET)))
        self.ask(attribute(2, struct.pack("!IB", 0, 1)))
        self.ask(attribute(3, struct.pack("!I", 8192)))

    def send(self, kind, body, flags=1):
        message = struct.pack("BBH", socket.AF_UNSPEC, 0, socket.htons(self.number)) + body
        self.socket.send(struct.pack("IHHII", 16 + len(message), QUEUE << 8 | kind, flags, 0, 0) + message)

    def ask(self, body):
        self.send(CONFIG, body, 5)
        error = struct.unpack_from("i", self.socket.recv(65536), 16)[0]
        if error:
            raise OSError(-error, os.strerror(-error))

    def decide(self, packet, verdict):
        self.send(VERDICT, attribute(2, struct.pack("!II", verdict, packet)))

    def packets(self, longest):
        """The packets that came, by their ids."""
        if not select.select([self.socket], [], [], longest)[0]:
            return
        octets, at = self.socket.recv(1 << 16), 0
        while at + 16 <= len(octets):
            length, kind = struct.unpack_from("IH", octets, at)
            part = at + 20
            while kind == QUEUE << 8 and part + 4 <= at + length:
                size, what = struct.unpack_from("HH", octets, part)
                if what & 0x7FFF == 1:
                    yield struct.unpack_from("!I", octets, part + 4)[0]
                    break
                part += (size + 3) & ~3
            at += (length + 3) & ~3


def attribute(kind, octets):
    return struct.pack("HH", 4 + len(octets), kind) + octets + b"\0" * (-len(octets) % 4)


def impair(queue, options, is_over):
    """Loses, delays and so reorders until the end; gives the counts."""
    chance = random.Random(options.seed)
    counts = {"seen": 0, "lost": 0, "passed": 0}
    held = []
    while not is_over():
        now = time.monotonic()
        while held and held[0][0] <= now:
            queue.decide(heapq.heappop(held)[1], ACCEPT)
            counts["passed"] += 1
        longest = max(0, held[0][0] - now) if held else 0.1
        for packet in queue.packets(min(0.1, longest)):
            counts["seen"] += 1
            if chance.random() * 100 < options.loss:
                queue.decide(packet, DROP)
                counts["lost"] += 1
            else:
                late = options.delay + chance.uniform(0, options.jitter)
                heapq.heappush(held, (time.monotonic() + late / 1000, packet))
    for _, packet in held:
        queue.decide(packet, ACCEPT)
    return counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--match", default="-p udp")
    parser.add_argument("--queue", type=int, default=7)
    for name, usual in [("--loss", 0), ("--delay", 0), ("--jitter", 0)]:
        parser.add_argument(name, type=float, default=usual)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    over = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: over.append(True))
    queue = Queue(options.queue)
    rule = [*shlex.split(options.match), "-j", "NFQUEUE", "--queue-num", str(options.queue)]
    subprocess.run(["iptables", "-I", "INPUT", *rule], check=True)
    print("ready", flush=True)
    try:
        counts = impair(queue, options, lambda: bool(over))
    finally:
        subprocess.run(["iptables", "-D", "INPUT", *rule])
    print(json.dumps(counts), flush=True)


main()
