#!/usr/bin/python3
"""What a relayed call does to sound: two ends that know each packet which they sent, with the exchange between them. numpy.
 fidelity.py SERVER CALLER CALLEE [--seconds 8]       the addresses of the exchange and of the two ends
 fidelity.py SERVER CALLER --recordings FOLDER        the same said into bob's mailbox, whose recordings are in that folder
The caller's end says a tone of 1 kHz at -10 dBm0 with a little noise, so that no packet is like another; the other end
notes what comes, and when. Prints one line of JSON: packets sent, missing, doubled, overtaken and altered; the longest gap in
packets; packets whose timestamp is not that of their place; the level of the tone at both ends in dBm0; the delay of the
middle and of the slowest hundredth in ms. Of a recording: its seconds, the level of the tone in the middle of its twentieths of
a second, how many of them are 3 dB off, and the longest silence in ms. Exit status 0 when the call came to be and both ends hung up."""
import argparse, glob, json, os, random, re, select, socket, struct, time, wave
import numpy as np

RATE, SAMPLES = 8000, 160
# RFC 3551: full scale of G.711 is a sine of 3.17 dBm0 (ITU-T G.711, Table 5).
FULL_DBM0 = 3.17


def ulaw(sound):
    """ITU-T G.711 of samples between -1 and 1."""
    sample = np.clip(np.round(sound * 32124), -32124, 32124).astype(int)
    sign = np.where(sample < 0, 0x80, 0)
    size = np.minimum(np.abs(sample) + 132, 32767)
    exponent = np.floor(np.log2(size)).astype(int) - 7
    mantissa = (size >> (exponent + 3)) & 0x0F
    return (~(sign | exponent << 4 | mantissa) & 0xFF).astype(np.uint8).tobytes()


def linear(octets):
    """The samples of G.711, between -1 and 1."""
    code = ~np.frombuffer(octets, np.uint8).astype(int) & 0xFF
    size = (((code & 0x0F) << 3) + 132 << ((code & 0x70) >> 4)) - 132
    return np.where(code & 0x80, -size, size) / 32124


def level(payloads):
    """The tone of 1 kHz in dBm0. Each packet holds whole periods of it, so that what is missing tears nothing."""
    sound = np.concatenate([linear(payload) for payload in payloads])
    turn = np.exp(-2j * np.pi * 1000 / RATE * np.arange(len(sound)))
    return FULL_DBM0 + 20 * np.log10(2 * abs(np.mean(sound * turn)))


def packets(seconds):
    chance = np.random.default_rng(7)
    count = seconds * RATE // SAMPLES
    tone = 10 ** ((-10 - FULL_DBM0) / 20) * np.sin(2 * np.pi * 1000 / RATE * np.arange(SAMPLES))
    return [ulaw(tone + chance.normal(0, .005, SAMPLES)) for _ in range(count)]


class End:
    """A telephone of few words: one dialog, over UDP."""

    def __init__(self, name, address, server):
        self.name, self.address, self.server = name, address, server
        self.signals, self.media = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        # Below the ports of the media server, which a bad network is told by.
        self.signals.bind((address, 5070))
        self.media.bind((address, 21000))
        self.media.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.port, self.tag, self.number = self.signals.getsockname()[1], f"{random.getrandbits(40):x}", 0

    def contact(self):
        return f"Contact: <sip:{self.name}@{self.address}:{self.port}>"

    def sdp(self):
        port = self.media.getsockname()[1]
        return (f"v=0\r\no=- 1 1 IN IP4 {self.address}\r\ns=-\r\nc=IN IP4 {self.address}\r\nt=0 0\r\n"
                f"m=audio {port} RTP/AVP 0\r\na=ptime:20\r\n")

    def send(self, first, lines, body=""):
        if body:
            lines = [*lines, "Content-Type: application/sdp"]
        text = "\r\n".join([first, *lines, f"Content-Length: {len(body)}", "", body])
        self.signals.sendto(text.encode(), (self.server, 5060))

    def ask(self, method, uri, to, call, more=(), body="", number=None):
        self.number += number is None
        self.send(f"{method} {uri} SIP/2.0", [
            f"Via: SIP/2.0/UDP {self.address}:{self.port};branch=z9hG4bK{random.getrandbits(48):x};rport",
            "Max-Forwards: 70", f"From: <sip:{self.name}@{self.server}>;tag={self.tag}", f"To: {to}", f"Call-ID: {call}",
            f"CSeq: {number or self.number} {method}", self.contact(), *more], body)

    def answer(self, request, status, body=""):
        kept = [line for line in request.split("\r\n") if re.match("(Via|From|To|Call-ID|CSeq|Record-Route):", line, re.I)]
        kept = [line + f";tag={self.tag}" if line.lower().startswith("to:") and ";tag=" not in line else line for line in kept]
        self.send(f"SIP/2.0 {status}", [*kept, self.contact()], body)

    def wait(self, start):
        """The next message that begins so; what comes before it is passed over."""
        end, seen = time.time() + 20, []
        while time.time() < end:
            if select.select([self.signals], [], [], 1)[0]:
                text = self.signals.recv(65536).decode()
                if text.startswith(start):
                    return text
                seen.append(text.split("\r\n")[0])
        raise SystemExit(f"FAILED: {self.name} got no {start!r}, but {seen}")


def header(text, name):
    return re.search(rf"^{name}:\s*(.*?)\r$", text, re.I | re.M).group(1)


def place(text):
    """Where a description wants its sound."""
    return (re.search(r"^c=IN IP4 (\S+)", text, re.M).group(1), int(re.search(r"^m=audio (\d+)", text, re.M).group(1)))


def call(caller, callee):
    """A call that stands: where its sound goes, and how it is ended."""
    if callee:
        callee.ask("REGISTER", f"sip:{callee.server}", f"<sip:bob@{callee.server}>", f"r{random.getrandbits(48):x}")
        callee.wait("SIP/2.0 200")
    name = f"c{random.getrandbits(48):x}"
    caller.ask("INVITE", f"sip:bob@{caller.server}", f"<sip:bob@{caller.server}>", name, body=caller.sdp())
    if callee:
        callee.answer(callee.wait("INVITE"), "200 OK", callee.sdp())
    done = caller.wait("SIP/2.0 200")
    remote, target = header(done, "To"), re.search("<(.*?)>", header(done, "Contact")).group(1)
    caller.ask("ACK", target, remote, name, number=caller.number)
    if callee:
        callee.wait("ACK")

    def hang_up():
        caller.ask("BYE", target, remote, name)
        caller.wait("SIP/2.0 200")
        if callee:
            callee.answer(callee.wait("BYE"), "200 OK")
    return place(done), hang_up


def speak(caller, hears, to, said):
    """Sends a packet each 20 ms; gives when each was sent, and what came: when, its timestamp, its payload."""
    sent, came, begin = [], [], time.monotonic()
    while len(sent) < len(said) or time.monotonic() < sent[-1] + 1:
        due = begin + len(sent) * .02 if len(sent) < len(said) else sent[-1] + 1
        if select.select([hears.media], [], [], max(0, due - time.monotonic()))[0]:
            octets = hears.media.recv(2048)
            came.append((time.monotonic(), struct.unpack_from("!I", octets, 4)[0], octets[12:]))
        elif len(sent) < len(said):
            sent.append(time.monotonic())
            number = len(sent) - 1
            head = struct.pack("!BBHII", 0x80, 0x80 if number == 0 else 0, number, number * SAMPLES, 0x0CA21110)
            caller.media.sendto(head + said[number], to)
    return sent, came


def judge(said, sent, came):
    places = {payload: number for number, payload in enumerate(said)}
    known = [(at, stamp, places[payload]) for at, stamp, payload in came if payload in places]
    heard = [number for _, _, number in known]
    there, gap, longest = set(heard), 0, 0
    for number in range(len(said)):
        gap = 0 if number in there else gap + 1
        longest = max(longest, gap)
    first = known[0] if known else (0, 0, 0)
    delays = [(at - sent[number]) * 1000 for at, _, number in known]
    return {
        "sent": len(said), "missing": len(said) - len(there), "doubled": len(heard) - len(there),
        "overtaken": sum(one > other for one, other in zip(heard, heard[1:])), "altered": len(came) - len(known),
        "gap": longest,
        "misplaced": sum((stamp - first[1]) % 2 ** 32 != (number - first[2]) * SAMPLES % 2 ** 32 for _, stamp, number in known),
        "level_sent": round(level(said), 3), "level_heard": round(level([said[number] for number in heard]), 3) if heard else -99,
        "delay_p50": round(float(np.percentile(delays, 50)), 2) if delays else -1,
        "delay_p99": round(float(np.percentile(delays, 99)), 2) if delays else -1,
    }


def recorded(folder):
    """The one recording there, once it is whole."""
    end = time.time() + 20
    while not (found := glob.glob(os.path.join(folder, "**", "*.wav"), recursive=True)):
        if time.time() > end:
            raise SystemExit(f"FAILED: no recording in {folder}")
        time.sleep(.1)
    with wave.open(found[0]) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32124


def judge_recording(sound):
    # Half a second at both ends is the caller's beginning and end.
    parts = sound[RATE // 2:-RATE // 2]
    parts = parts[:len(parts) // 400 * 400].reshape(-1, 400)
    turn = np.exp(-2j * np.pi * 1000 / RATE * np.arange(400))
    levels = FULL_DBM0 + 20 * np.log10(2 * np.abs((parts * turn).mean(axis=1)) + 1e-9)
    loud, silence, longest = np.abs(sound) > .005, 0, 0
    for is_loud in loud[RATE // 2:-RATE // 2]:
        silence = 0 if is_loud else silence + 1
        longest = max(longest, silence)
    middle = float(np.median(levels))
    return {"seconds": round(len(sound) / RATE, 2), "level_heard": round(middle, 3), "parts": len(levels),
            "parts_off": int((np.abs(levels - middle) > 3).sum()), "silence": round(longest / RATE * 1000, 1)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("caller")
    parser.add_argument("callee", nargs="?")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--recordings")
    options = parser.parse_args()
    caller = End("alice", options.caller, options.server)
    callee = End("bob", options.callee, options.server) if options.callee else None
    said = packets(options.seconds)
    to, hang_up = call(caller, callee)
    sent, came = speak(caller, callee or caller, to, said)
    hang_up()
    print(json.dumps(judge(said, sent, came) if callee else judge_recording(recorded(options.recordings))))
