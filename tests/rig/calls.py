#!/usr/bin/python3
"""Real phones against the exchange: one scenario a run, judged.
 calls.py SCENARIO   with SERVER, NETNS, WORK, TRANSPORT (udp, tcp, tls), PASS1, PASS2 in the environment.
Two baresip phones, alice and bob, register; each plays a fingerprint of tones, and what each recorded is held against
what the other played. Exit status 0 when all of it is as it should be; the last line says OK or what was not."""
import os, subprocess, sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
from bare import Baresip

E = os.environ.get
WORK, SERVER, NETNS = E("WORK", "."), E("SERVER", "10.99.0.1"), E("NETNS")
TONES = [sys.executable, os.path.join(here, "tones.py")]
RATE = 8000


def check(holds, what):
    if not holds:
        raise SystemExit(f"FAILED: {what}")


def phone(user, password, number, seed, **more):
    play = os.path.join(WORK, f"{user}.wav")
    subprocess.run(TONES + ["mark", play, "--seed", str(seed), "--rate", str(RATE), "--secs", "60"], check=True,
                   stdout=subprocess.DEVNULL)
    return Baresip(user, password, SERVER, WORK, ctrl=4440 + number, play=play, netns=NETNS, rate=RATE,
                   ip=f"10.99.0.{10 + number}", rtp=f"{20000 + 200 * number}-{20199 + 200 * number}",
                   transport=E("TRANSPORT", "udp"), **more)


def heard(who, seed, seconds):
    """The other's fingerprint, in order, in what this phone recorded."""
    judged = subprocess.run(TONES + ["align", who.heard() or "/nonexistent", "--seed", str(seed), "--min-secs",
                                     str(seconds * .7), "--min-share", ".85"], capture_output=True, text=True)
    print(who.user, "heard", judged.stdout.strip(), judged.stderr.strip()[-200:])
    check(judged.returncode == 0, f"{who.user} did not hear the other")


def reason(closed):
    return (closed or {}).get("param", "nothing")


def talk(alice, bob, hang_up, seconds=4):
    """alice dials 6002, bob answers, both talk, one hangs up."""
    alice.dial(f"sip:6002@{SERVER}")
    check(bob.wait("CALL_INCOMING"), "bob does not ring")
    check(alice.wait("CALL_RINGING", 5), "alice gets no 180")
    bob.answer()
    check(alice.wait("CALL_ESTABLISHED"), "alice's call is not established")
    check(bob.wait("CALL_ESTABLISHED"), "bob's call is not established")
    # The phones talk for a while: nothing to wait for but time.
    check(not alice.wait("CALL_CLOSED", seconds), "the call ended by itself")
    hang_up.hangup()
    other = bob if hang_up is alice else alice
    check(other.wait("CALL_CLOSED"), f"{other.user} is not told of the end")
    heard(alice, 22, seconds)
    heard(bob, 11, seconds)


def both():
    alice = phone("alice", E("PASS1"), 1, 11)
    bob = phone("bob", E("PASS2"), 2, 22)
    check(alice.registered(), f"alice did not register: {alice.seen}")
    check(bob.registered(), f"bob did not register: {bob.seen}")
    return alice, bob


def caller_hangs_up(phones):
    phones += both()
    talk(*phones, phones[0])


def callee_hangs_up(phones):
    phones += both()
    talk(*phones, phones[1])


def busy(phones):
    phones += both()
    alice, bob = phones
    alice.dial(f"sip:6002@{SERVER}")
    check(bob.wait("CALL_INCOMING"), "bob does not ring")
    bob.hangup()
    said = reason(alice.wait("CALL_CLOSED"))
    check("486" in said or "Busy" in said, f"alice is told {said!r}, not busy")


def caller_gives_up(phones):
    phones += both()
    alice, bob = phones
    alice.dial(f"sip:6002@{SERVER}")
    check(bob.wait("CALL_INCOMING"), "bob does not ring")
    check(alice.wait("CALL_RINGING", 5), "alice gets no 180")
    alice.hangup()
    check(bob.wait("CALL_CLOSED"), "bob goes on ringing")


def no_answer(phones):
    """6100 rings bob for two seconds, then says 480."""
    phones += both()
    alice, bob = phones
    alice.dial(f"sip:6100@{SERVER}")
    check(bob.wait("CALL_INCOMING"), "bob does not ring")
    said = reason(alice.wait("CALL_CLOSED"))
    check("480" in said, f"alice is told {said!r}, not 480")
    check(bob.wait("CALL_CLOSED"), "bob goes on ringing")


def unknown_number(phones):
    phones += both()
    alice, _ = phones
    alice.dial(f"sip:6999@{SERVER}")
    said = reason(alice.wait("CALL_CLOSED"))
    check("404" in said, f"alice is told {said!r}, not 404")


def wrong_password(phones):
    alice = phone("alice", "not-" + E("PASS1"), 1, 11)
    phones.append(alice)
    # The refusal comes before the control socket is open, so there is no event to wait for.
    check(not alice.registered(3), "alice is registered with a wrong password")


SCENARIOS = {s.__name__.replace("_", "-"): s for s in
             (caller_hangs_up, callee_hangs_up, busy, caller_gives_up, no_answer, unknown_number, wrong_password)}


def main():
    check(len(sys.argv) == 2 and sys.argv[1] in SCENARIOS, f"say which scenario: {', '.join(SCENARIOS)}")
    phones = []
    try:
        SCENARIOS[sys.argv[1]](phones)
    finally:
        for one in phones:
            one.close()
    print("OK")


main()
