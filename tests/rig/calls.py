#!/usr/bin/python3
"""Real phones against the exchange, one scenario a run, judged.

 calls.py SCENARIO [TRANSPORT ...]   the transports of the phones in turn: udp, tcp, tls
 in the environment: SERVER its address, NETNS the namespace of all, WORK a folder

Each phone plays a fingerprint of tones of its own, and what it recorded is held against what the other played. Nothing
here waits for a time: calls are held until enough is recorded. Exit status 0 when all is as it should be; the last line
says OK, or what was not."""
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from bare import PATIENCE, Baresip
from linphone import Linphone
from twinkle import Twinkle

SERVER, NETNS, WORK = (os.environ[name] for name in ("SERVER", "NETNS", "WORK"))
# How long a phone's registration lasts, in seconds; baresip renews it after nine tenths of that.
REFRESH = int(os.environ.get("REFRESH", 120))
TONES = [sys.executable, os.path.join(HERE, "tones.py")]
PASSWORDS = {"alice": "in-wonderland", "bob": "the-builder", "martin": "the-winemaker"}
# How much of a call is recorded and judged.
SECONDS = 4


class Scenario:
    """The phones of one run: made when they are asked for, closed at the end."""

    def __init__(self, transports):
        self.transports, self.phones, self.seeds = transports, [], {}

    def phone(self, user, *, password=None, name=None, kind=Baresip, home=False, subscribes=False, **more):
        number = len(self.phones) + 1
        seed, play = 11 * number, os.path.join(WORK, f"{name or user}.wav")
        subprocess.run(TONES + ["mark", play, "--seed", str(seed), "--secs", "60"], check=True)
        if kind is Baresip:
            more |= dict(name=name, transport=self.transports[number - 1], refresh=REFRESH, subscribes=subscribes)
            if home:
                more |= dict(address=f"192.168.7.{10 + number}")
        phone = kind(user, password or PASSWORDS.get(user, "unknown"), SERVER, WORK, number=number, play=play,
                     netns=NETNS + ("h" if home else ""), **more)
        self.phones.append(phone)
        self.seeds[phone] = seed
        return phone

    def registered(self, user, **more):
        phone = self.phone(user, **more)
        check(phone.registered(), f"{user} does not register; its terminal:\n{phone.said()[-2000:]}")
        return phone

    def alice_and_bob(self):
        return self.registered("alice"), self.registered("bob")

    def hear_each_other(self, one, other):
        """Holds the call until both have recorded enough, then judges both recordings after `end`."""
        until(lambda: min(one.seconds_heard(), other.seconds_heard()) >= SECONDS,
              lambda: f"after a while {one.user} has heard {one.seconds_heard():.1f} s, {other.user} "
                      f"{other.seconds_heard():.1f} s")

    def judge(self, listener, speaker, share=.85):
        """`share`: how much of what is heard must be the speaker's."""
        heard = self.hears(listener, "align", "--seed", str(self.seeds[speaker]), "--min-secs", str(SECONDS * .6),
                           "--min-share", str(share))
        check(heard, f"{listener.user} did not hear what {speaker.user} played")

    def hears(self, listener, *how):
        """Whether tones.py finds that in what the phone heard last."""
        if not listener.heard():
            return False
        judged = subprocess.run([*TONES, how[0], listener.heard(), *how[1:]], capture_output=True, text=True)
        print(listener.user, "heard", judged.stdout.strip(), judged.stderr.strip()[-300:])
        return judged.returncode == 0


def check(holds, what):
    if not holds:
        raise SystemExit(f"FAILED: {what}")


def until(holds, otherwise, more=0):
    end = time.time() + PATIENCE + SECONDS + more
    while not holds():
        check(time.time() < end, otherwise())
        time.sleep(.05)


def meanwhile(word):
    """Lets whoever runs this do something to the exchange, and goes on when that is done."""
    print("NOW", word, flush=True)
    check(sys.stdin.readline(), f"nobody did anything about {word!r}")


def ring(caller, called, number):
    """Dials, and waits until one end rings and the other is told so."""
    caller.dial(number)
    check(called.wait("CALL_INCOMING"), f"{called.user} does not ring: {called.seen}; {caller.user}'s terminal: "
                                        f"{caller.said()[-1000:]}")
    check(caller.wait("CALL_RINGING"), f"{caller.user} gets no 180: {caller.seen}")


def talk(scenario, caller, called, who_ends):
    called.answer()
    check(caller.wait("CALL_ESTABLISHED"), f"{caller.user}'s call is not established: {caller.seen}")
    check(called.wait("CALL_ESTABLISHED"), f"{called.user}'s call is not established: {called.seen}")
    scenario.hear_each_other(caller, called)
    who_ends.hang_up()
    other = called if who_ends is caller else caller
    check(other.wait("CALL_CLOSED"), f"{other.user} is not told of the end: {other.seen}")
    scenario.judge(caller, called)
    scenario.judge(called, caller)


def told(caller, status):
    """The caller's call ends with this status."""
    closed = (caller.wait("CALL_CLOSED") or {}).get("param", "nothing")
    check(closed.startswith(status), f"{caller.user} is told {closed!r}, not {status}")


def caller_hangs_up(scenario):
    alice, bob = scenario.alice_and_bob()
    ring(alice, bob, "6002")
    talk(scenario, alice, bob, alice)


def callee_hangs_up(scenario):
    alice, bob = scenario.alice_and_bob()
    ring(alice, bob, "6002")
    talk(scenario, alice, bob, bob)


def busy(scenario):
    alice, bob = scenario.alice_and_bob()
    ring(alice, bob, "6002")
    bob.hang_up()
    told(alice, "486")


def caller_gives_up(scenario):
    alice, bob = scenario.alice_and_bob()
    ring(alice, bob, "6002")
    alice.hang_up()
    check(bob.wait("CALL_CLOSED"), f"bob goes on ringing: {bob.seen}")


def no_answer(scenario):
    """6100 rings bob for two seconds, then says 480."""
    alice, bob = scenario.alice_and_bob()
    ring(alice, bob, "6100")
    told(alice, "480")
    check(bob.wait("CALL_CLOSED"), f"bob goes on ringing: {bob.seen}")


def unknown_number(scenario):
    alice = scenario.registered("alice")
    alice.dial("6999")
    told(alice, "404")


def wrong_password(scenario):
    alice = scenario.phone("alice", password="through-the-looking-glass")
    check(not alice.registered(), "alice is registered with a wrong password")


def unknown_user(scenario):
    alice = scenario.phone("Alice", password="in-wonderland")
    check(not alice.registered(), "Alice, whom nobody knows, is registered")


def two_phones_of_bob(scenario):
    alice, desk, pocket = (scenario.registered("alice"), scenario.registered("bob", name="bob-desk"),
                           scenario.registered("bob", name="bob-pocket"))
    ring(alice, desk, "6002")
    check(pocket.wait("CALL_INCOMING"), f"bob's other phone does not ring: {pocket.seen}")
    talk(scenario, alice, desk, alice)
    check(pocket.wait("CALL_CLOSED"), f"bob's other phone goes on ringing: {pocket.seen}")


def linphone_calls(scenario):
    alice, bob = scenario.registered("alice", kind=Linphone), scenario.registered("bob")
    alice.dial("6002")
    check(bob.wait("CALL_INCOMING"), f"bob does not ring; linphone said:\n{alice.text}")
    bob.answer()
    check(bob.wait("CALL_ESTABLISHED"), f"bob's call is not established: {bob.seen}")
    scenario.hear_each_other(alice, bob)
    alice.hang_up()
    check(bob.wait("CALL_CLOSED"), f"bob is not told of the end: {bob.seen}")
    scenario.judge(bob, alice)
    scenario.judge(alice, bob)


def exchange_dies(scenario):
    """The media of a call needs no exchange, and its end passes once there is one again."""
    alice, bob = scenario.alice_and_bob()
    ring(alice, bob, "6002")
    bob.answer()
    check(alice.wait("CALL_ESTABLISHED"), f"alice's call is not established: {alice.seen}")
    check(bob.wait("CALL_ESTABLISHED"), f"bob's call is not established: {bob.seen}")
    meanwhile("established")
    before = max(alice.seconds_heard(), bob.seconds_heard())
    until(lambda: min(alice.seconds_heard(), bob.seconds_heard()) >= before + SECONDS,
          lambda: "the phones do not hear each other while the exchange is dead")
    meanwhile("talked on")
    alice.hang_up()
    check(bob.wait("CALL_CLOSED"), f"bob is not told of the end: {bob.seen}")
    scenario.judge(alice, bob)
    scenario.judge(bob, alice)


def come_back(scenario):
    """The exchange dies and comes back empty; the phones find their way to it by themselves."""
    alice, bob = scenario.alice_and_bob()
    meanwhile("registered")
    ring(alice, bob, "6002")
    talk(scenario, alice, bob, bob)


def call_twice(scenario):
    """Something happens to the exchange between two calls; then bob is called and answers as before."""
    alice, bob = scenario.alice_and_bob()
    ring(alice, bob, "6002")
    bob.hang_up()
    told(alice, "486")
    meanwhile("between")
    ring(alice, bob, "6002")
    bob.hang_up()
    told(alice, "486")


def behind_nat(scenario):
    """Bob is at home behind a router. He is called and calls; the sound would need a relay, and is not judged."""
    alice, bob = scenario.registered("alice"), scenario.registered("bob", home=True)
    meanwhile("registered")
    for caller, called, number in ((alice, bob, "6002"), (bob, alice, "6001")):
        ring(caller, called, number)
        called.answer()
        check(caller.wait("CALL_ESTABLISHED"), f"{caller.user}'s call is not established: {caller.seen}")
        check(called.wait("CALL_ESTABLISHED"), f"{called.user}'s call is not established: {called.seen}")
        alice.hang_up()
        check(bob.wait("CALL_CLOSED"), f"bob is not told of the end: {bob.seen}")


SCENARIOS = {scenario.__name__.replace("_", "-"): scenario for scenario in (
    caller_hangs_up, callee_hangs_up, busy, caller_gives_up, no_answer, unknown_number, wrong_password, unknown_user,
    two_phones_of_bob, linphone_calls, exchange_dies, come_back, call_twice, behind_nat)}


def main(scenarios):
    check(len(sys.argv) > 1 and sys.argv[1] in scenarios, f"say which scenario: {', '.join(scenarios)}")
    scenario = Scenario(sys.argv[2:])
    try:
        scenarios[sys.argv[1]](scenario)
    finally:
        for phone in scenario.phones:
            phone.close()
    print("OK")


if __name__ == "__main__":
    main(SCENARIOS)
