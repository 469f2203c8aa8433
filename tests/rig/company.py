#!/usr/bin/python3
"""A small company's telephones: voicemail and the attendant, as its people use them. Called as calls.py is.

The test puts sounds to compare with into the folder WORK: leave-message.wav is what the mailbox says before its tone,
deleted.wav what it says of a message that is; bonjour.wav and bonsoir.wav are the company's greetings; further ones are
named where they are listened for."""
import glob
import os
import time

from calls import PATIENCE, WORK, Linphone, Twinkle, check, main, meanwhile, ring, until


def heard_for(phone, seconds, since=0):
    until(lambda: phone.seconds_heard() - since >= seconds,
          lambda: f"{phone.user} has heard {phone.seconds_heard() - since:.1f} s, not {seconds}")


def spoken_for(seconds):
    """Waits until so much of a message is on the disk: the mailbox is silent meanwhile, so the phone cannot tell."""
    names = os.path.join(WORK, "state", "recordings", "**", "*.part")
    recorded = lambda: max((os.path.getsize(name) / 16000 for name in glob.glob(names, recursive=True)), default=0)
    until(lambda: recorded() >= seconds, lambda: f"{recorded():.1f} s of the message are recorded, not {seconds}")


def kept():
    """Recordings of messages that are on the disk."""
    return glob.glob(os.path.join(WORK, "state", "recordings", "**", "*.wav"), recursive=True)


def hears(scenario, phone, sound, otherwise):
    """Waits until the phone has heard this file of the folder, but for what a busy machine lost of it."""
    heard = lambda: scenario.hears(phone, "match", "--sound", os.path.join(WORK, sound), "--min-share", ".35")
    until(heard, lambda: otherwise)


def connected(phone, patience=PATIENCE):
    check(phone.wait("CALL_ESTABLISHED", patience), f"nobody answers {phone.user}: {phone.seen}\n{phone.said()[-1500:]}")


def ended(phone, patience=PATIENCE):
    check(phone.wait("CALL_CLOSED", patience), f"{phone.user}'s call does not end: {phone.seen}")


def told_of_waiting(phone, wanted):
    """Waits for a NOTIFY (RFC 3842) that says so."""
    end, said = time.time() + PATIENCE, []
    while (event := phone.wait("MWI_NOTIFY", max(.001, end - time.time()))):
        said.append(event.get("param") or "")
        if wanted in said[-1]:
            return
    check(False, f"{phone.user} is not told {wanted!r}, but {said}; it saw {phone.seen}")


def voicemail(scenario):
    """Bob does not answer: after ten seconds alice reaches his mailbox and leaves what she plays. Bob's phone shows it; he
    listens at 6099, hears it, hears that it is deleted, and nothing waits any more."""
    alice, bob = scenario.registered("alice"), scenario.registered("bob", subscribes=True)
    ring(alice, bob, "6002")
    began = time.time()
    connected(alice)
    check(time.time() - began > 9, f"the mailbox answers after {time.time() - began:.1f} s of ringing")
    check(bob.wait("CALL_CLOSED"), f"bob goes on ringing: {bob.seen}")
    hears(scenario, alice, "leave-message.wav", "alice does not hear what the mailbox says before its tone")
    spoken_for(6)
    alice.hang_up()
    told_of_waiting(bob, "Messages-Waiting: yes")
    bob.forget()
    bob.dial("6099")
    connected(bob)
    bob.press("1")
    until(lambda: scenario.hears(bob, "align", "--seed", str(scenario.seeds[alice]), "--min-secs", "3", "--min-share", "0"),
          lambda: "bob does not hear alice's message")
    bob.press("7")
    hears(scenario, bob, "deleted.wav", "bob does not hear that it is deleted")
    told_of_waiting(bob, "Messages-Waiting: no")
    bob.hang_up()


def greetings(scenario):
    """Bob records greetings by phone: one for a busy phone, which alice hears when he declines and not when nobody answers;
    then a temporary one, which she hears then too."""
    alice, bob = scenario.registered("alice"), scenario.registered("bob")
    of_bob = lambda: scenario.hears(alice, "part", "--seed", str(scenario.seeds[bob]), "--min-secs", "1.5")

    def records(keys, asked):
        """Bob knows the keys that he wants, and does not wait for what is said before."""
        bob.forget()
        bob.dial("6099")
        connected(bob)
        bob.press(keys)
        hears(scenario, bob, asked, f"{keys} do not ask for a greeting")
        spoken_for(5)
        bob.press("#")
        hears(scenario, bob, "recording-menu.wav", "bob is not asked what becomes of his greeting")
        bob.press("1")
        hears(scenario, bob, "kept.wav", "bob does not hear that his greeting is kept")
        bob.hang_up()

    def reaches_the_mailbox(declines):
        alice.forget()
        bob.forget()
        ring(alice, bob, "6002")
        if declines:
            bob.hang_up()
        connected(alice)

    records("02", "record-busy.wav")
    reaches_the_mailbox(declines=True)
    until(of_bob, lambda: "alice does not hear bob's greeting for a busy phone")
    alice.hang_up()
    reaches_the_mailbox(declines=False)
    hears(scenario, alice, "leave-message.wav", "alice does not hear the mailbox's own greeting")
    check(not of_bob(), "alice hears the greeting for a busy phone, though nobody answered")
    alice.hang_up()
    records("04", "record-temporary.wav")
    reaches_the_mailbox(declines=False)
    until(of_bob, lambda: "alice does not hear bob's temporary greeting")
    alice.hang_up()


def another_pin(scenario):
    """Bob is asked for his PIN on his own phone; he takes another one, and is asked for that from then on."""
    bob = scenario.registered("bob")

    def opens(pin, keys, sound):
        bob.forget()
        bob.dial("6099")
        connected(bob)
        hears(scenario, bob, "which-pin.wav", "bob is not asked for his PIN")
        bob.press(f"{pin}#{keys}")
        hears(scenario, bob, sound, f"bob does not hear {sound} after {pin}#{keys}")

    opens("2909", "05", "new-pin.wav")
    bob.press("90210#")
    hears(scenario, bob, "repeat-pin.wav", "bob is not asked for it again")
    bob.press("90210#")
    hears(scenario, bob, "pin-changed.wav", "bob does not hear that his PIN is another one")
    bob.hang_up()
    opens("2909", "", "wrong-pin.wav")
    bob.hang_up()
    opens("90210", "", "main-menu.wav")
    bob.hang_up()


def voicemail_crash(scenario):
    """The exchange, or a part of it, is killed while alice leaves a message. What she said is there when it is back."""
    alice, bob = scenario.registered("alice"), scenario.registered("bob")
    ring(alice, bob, "6002")
    connected(alice)
    hears(scenario, alice, "leave-message.wav", "alice does not hear what the mailbox says before its tone")
    spoken_for(10)
    meanwhile("speaking")
    alice.hang_up()
    meanwhile("hung up")
    bob.forget()
    bob.dial("6099")
    connected(bob)
    bob.press("1")
    until(lambda: scenario.hears(bob, "align", "--seed", str(scenario.seeds[alice]), "--min-secs", "3", "--min-share", "0"),
          lambda: "bob does not hear what alice said before the crash")
    bob.hang_up()


def greeted_and_connected(scenario, alice, bob):
    """Alice dials 7000, is greeted, chooses 2 and talks with bob."""
    alice.dial("7000")
    connected(alice)
    hears(scenario, alice, "bonjour.wav", "alice is not greeted")
    alice.press("2")
    check(bob.wait("CALL_INCOMING"), f"bob does not ring: {bob.seen}; alice saw {alice.seen}")
    bob.answer()
    connected(bob)


def attendant(scenario):
    """7000 greets; 2 rings bob, who talks with the caller. Without a digit, and with one that means nothing, it greets
    again. The greeting that is put into its place meanwhile is heard by the next caller."""
    alice, bob = scenario.registered("alice"), scenario.registered("bob")
    bonjour, bonsoir = (os.path.join(WORK, name) for name in ("bonjour.wav", "bonsoir.wav"))
    greeted_and_connected(scenario, alice, bob)
    since = alice.seconds_heard()
    heard_for(alice, 5, since)
    alice.hang_up()
    ended(bob)
    scenario.judge(bob, alice)
    check(scenario.hears(alice, "align", "--seed", str(scenario.seeds[bob]), "--min-secs", "2.4", "--min-share", "0"),
          "alice does not hear bob")
    greeted_twice(scenario, alice, bonjour, None)
    greeted_twice(scenario, alice, bonjour, "9")
    os.replace(bonsoir, bonjour)
    bob.forget()
    alice.forget()
    alice.dial("7000")
    connected(alice)
    hears(scenario, alice, "bonjour.wav", "alice hears the old greeting")
    alice.hang_up()


def early_media(scenario):
    """Who is put through by 7000 hears what comes from there before anybody answers: here, himself."""
    alice = scenario.registered("alice")
    alice.dial("7000")
    connected(alice)
    hears(scenario, alice, "bonjour.wav", "alice is not greeted")
    alice.press("2")
    until(lambda: scenario.hears(alice, "part", "--seed", str(scenario.seeds[alice]), "--min-secs", "2"),
          lambda: "alice does not hear what comes back")
    alice.hang_up()


def greeted_twice(scenario, caller, greeting, digit):
    """With no digit, or one that means nothing, the greeting comes again."""
    caller.forget()
    caller.dial("7000")
    connected(caller)
    until(lambda: scenario.hears(caller, "match", "--sound", greeting), lambda: "the caller is not greeted")
    if digit:
        caller.press(digit)
    until(lambda: scenario.hears(caller, "match", "--sound", greeting, "--times", "2"),
          lambda: "the caller is not greeted again", 10)
    caller.hang_up()


def codes(scenario):
    """Bob sends his calls to martin by *72 and by the number that he is asked for, and hears so; by *73 they are his again.
    By *90 a busy bob's go to the menu, and by *78 he has his peace."""
    alice, bob, martin = (scenario.registered(name) for name in ("alice", "bob", "martin"))
    bob.dial("*72")
    connected(bob)
    hears(scenario, bob, "which.wav", "bob is not asked for a number")
    bob.press("6003#")
    hears(scenario, bob, "forwarded.wav", "*72 is not confirmed")
    ended(bob)
    alice.dial("6002")
    check(martin.wait("CALL_INCOMING"), f"martin does not ring: {martin.seen}; alice saw {alice.seen}")
    check(not bob.wait("CALL_INCOMING", .001), f"bob rings: {bob.seen}")
    martin.answer()
    connected(alice)
    heard_for(alice, 1)
    alice.hang_up()
    ended(martin)
    confirmed(scenario, bob, "*73", "own.wav")
    confirmed(scenario, bob, "*907000", "busy.wav")
    alice.forget()
    ring(alice, bob, "6002")
    bob.hang_up()
    connected(alice)
    hears(scenario, alice, "bonjour.wav", "the menu does not greet who finds bob busy")
    alice.hang_up()
    confirmed(scenario, bob, "*91", "own.wav")
    confirmed(scenario, bob, "*78", "peace.wav")
    alice.forget()
    alice.dial("6002")
    connected(alice)
    hears(scenario, alice, "leave-message.wav", "alice does not reach bob's mailbox at once")
    check(not bob.wait("CALL_INCOMING", .001), f"bob rings: {bob.seen}")
    alice.hang_up()


def confirmed(scenario, caller, code, sound):
    """Dials a code, and hears to the end what the exchange says that it did."""
    caller.forget()
    caller.dial(code)
    connected(caller)
    hears(scenario, caller, sound, f"{code} is not confirmed")
    ended(caller)
    caller.forget()


def menus(scenario):
    """The ways through menus: a submenu, another language, a group, direct dialling where a key begins alike, the operator,
    and the night."""
    alice, bob, martin = (scenario.registered(name) for name in ("alice", "bob", "martin"))

    def reaches(digits, *called, answers):
        """The menu's caller presses this, these ring, and one answers."""
        alice.press(digits)
        for one in called:
            check(one.wait("CALL_INCOMING"), f"{one.user} does not ring for {digits}: {one.seen}; alice saw {alice.seen}")
        answers.answer()
        connected(answers)
        for other in called:
            if other is not answers:
                ended(other)
        alice.hang_up()
        ended(answers)
        for one in called:
            one.forget()

    def greeted(sound="bonjour.wav"):
        alice.forget()
        alice.dial("7000")
        connected(alice)
        hears(scenario, alice, sound, f"alice does not hear {sound}")

    greeted()
    alice.press("6")
    hears(scenario, alice, "for-martin.wav", "the submenu is not spoken")
    alice.press("8")
    hears(scenario, alice, "for-martin-en.wav", "the submenu does not speak English")
    reaches("1", martin, answers=martin)
    greeted()
    reaches("5", bob, martin, answers=bob)
    greeted()
    reaches("6002", bob, answers=bob)
    greeted()
    reaches("0", martin, answers=martin)
    confirmed(scenario, bob, "*28", "night.wav")
    greeted("bonsoir.wav")
    reaches("2", bob, answers=bob)
    confirmed(scenario, bob, "*28", "day.wav")
    greeted()
    alice.press("9")
    hears(scenario, alice, "goodbye.wav", "the menu says no goodbye")
    ended(alice)


def linphone_leaves_a_message(scenario):
    """The company's telephones are linphone's: one leaves a message for a phone that never asked for waiting ones."""
    alice, bob = scenario.registered("alice", kind=Linphone), scenario.registered("bob")
    alice.dial("6002")
    check(bob.wait("CALL_INCOMING"), f"bob does not ring; linphone said:\n{alice.text}")
    greeting = os.path.join(WORK, "leave-message.wav")
    until(lambda: alice.seconds_heard() and scenario.hears(alice, "match", "--sound", greeting, "--min-share", ".35"),
          lambda: f"alice does not hear what the mailbox says before its tone; linphone said:\n{alice.text}", 15)
    spoken_for(5)
    alice.hang_up()
    until(kept, lambda: "the message is not kept")


def sixteen_bits(scenario):
    """Alice's phone knows nothing but L16. It hears the greeting, its 2 is understood, and bob, whose phone knows nothing but
    G.711, talks with her."""
    alice, bob = scenario.registered("alice", codec="L16/8000/1"), scenario.registered("bob")
    greeted_and_connected(scenario, alice, bob)
    heard_for(alice, 5, alice.seconds_heard())
    alice.hang_up()
    ended(bob)
    scenario.judge(bob, alice)
    check(scenario.hears(alice, "align", "--seed", str(scenario.seeds[bob]), "--min-secs", "2.4", "--min-share", "0"),
          "alice does not hear bob")


def park(scenario):
    """Who dials 700 hears which slot is free: 701. Alice calls bob, who parks her by 700, and is told where by a text. She
    hears music there, until martin dials 701 and talks with her."""
    alice, bob, martin = (scenario.registered(user) for user in ("alice", "bob", "martin"))
    martin.dial("700")
    connected(martin)
    hears(scenario, martin, "slot.wav", "martin does not hear which slot is free")
    martin.hang_up()
    ended(martin)
    martin.forget()
    ring(alice, bob, "6002")
    bob.answer()
    connected(bob)
    heard_for(alice, 2)
    bob.transfer("700")
    ended(bob)
    check(not alice.wait("CALL_CLOSED", 1), f"alice's call ends with bob's: {alice.seen}")
    hears(scenario, alice, "bonsoir.wav", "alice hears no music")
    martin.dial("701")
    connected(martin)
    heard_for(martin, 5)
    martin.hang_up()
    ended(alice)
    scenario.judge(martin, alice)
    check(scenario.hears(alice, "align", "--seed", str(scenario.seeds[martin]), "--min-secs", "2.4", "--min-share", "0"),
          "alice does not hear martin")


def attended_transfer(scenario):
    """Bob, on a linphone, asks martin in a second call, and puts alice and him together. Martin hears alice; what she hears
    is not judged, since phones record nothing more once they were put on hold."""
    bob = scenario.registered("bob", kind=Linphone)
    alice, martin = scenario.registered("alice"), scenario.registered("martin")
    alice.dial("6002")
    bob.until_said("Receiving new incoming call")
    bob.type("answer 1")
    connected(alice)
    heard_for(alice, 1)
    bob.type("pause")
    bob.dial("6003")
    check(martin.wait("CALL_INCOMING"), f"martin does not ring: {martin.seen}; linphone said:\n{bob.text}")
    martin.answer()
    connected(martin)
    heard_for(martin, 2)
    bob.type("transfer 1 --to-call 2")
    until(lambda: scenario.hears(martin, "align", "--seed", str(scenario.seeds[alice]), "--min-secs", "2.4",
                                 "--min-share", "0"),
          lambda: f"martin does not hear alice; linphone said:\n{bob.text}")
    martin.hang_up()
    ended(alice)


def twinkle_consults_and_transfers(scenario):
    """Bob, on a Twinkle, asks martin while alice is on hold, and puts the two together (REFER with Replaces). He does so
    only where he was told that calls are replaced. Before it he puts her on hold and comes back."""
    bob = scenario.registered("bob", kind=Twinkle)
    alice, martin = scenario.registered("alice"), scenario.registered("martin")
    ring_twinkle(alice, bob, "6002")
    bob.type("answer")
    connected(alice)
    for command in ("hold", "retrieve"):
        bob.type(command)
        check(bob.until_said("re-INVITE successful"), f"no answer to {command!r}; twinkle said:\n{bob.text}")
    bob.type("transfer -c 6003")
    check(martin.wait("CALL_INCOMING"), f"martin does not ring: {martin.seen}; twinkle said:\n{bob.text}")
    martin.answer()
    connected(martin)
    check(bob.until_said("Line 2: far end answered"), f"bob does not talk with martin; twinkle said:\n{bob.text}")
    bob.type("transfer -c")
    check(bob.until_said("call successfully referred"), f"the transfer fails; twinkle said:\n{bob.text}")
    for phone in (alice, martin):
        # A baresip records nothing more once it was on hold, and Twinkle says nothing.
        until(lambda: phone.sends_and_receives(), lambda: f"{phone.user} hears nothing; twinkle said:\n{bob.text}")
    martin.hang_up()
    ended(alice)


def ring_twinkle(caller, called, number):
    called.since = len(called.text)
    caller.dial(number)
    check(called.until_said("incoming call"), f"{called.user} does not ring; twinkle said:\n{called.text}")


def digits_of_all_kinds(scenario):
    """Alice, on a Twinkle, chooses bob in the menu: by telephone events, by INFO, and by tones in the sound."""
    bob = scenario.registered("bob")
    for digits in ("rfc2833", "info", "inband"):
        alice = scenario.registered("alice", kind=Twinkle, digits=digits)
        alice.dial("7000")
        check(alice.until_said("far end answered"), f"the menu does not answer; twinkle said:\n{alice.text}")
        alice.press("2")
        check(bob.wait("CALL_INCOMING"), f"bob does not ring by {digits}; twinkle said:\n{alice.text}")
        bob.answer()
        connected(bob)
        bob.hang_up()
        check(alice.until_said("far end ended call"), f"alice is not told of the end; twinkle said:\n{alice.text}")
        alice.close()


def door(scenario):
    """7777 is an application of somebody's own: with the right digits it puts the caller through to alice."""
    bob, alice = scenario.registered("bob"), scenario.registered("alice")
    meanwhile("registered")
    bob.dial("7777")
    connected(bob)
    until(lambda: scenario.hears(bob, "check", "--freqs", "659,523", "--min-secs", ".5"), lambda: "no bell is heard")
    bob.press("4711")
    check(alice.wait("CALL_INCOMING"), f"alice does not ring: {alice.seen}; bob saw {bob.seen}")
    alice.answer()
    connected(alice)
    heard_for(alice, 4)
    bob.hang_up()
    ended(alice)
    scenario.judge(alice, bob)


SCENARIOS = {scenario.__name__.replace("_", "-"): scenario for scenario in (
    voicemail, greetings, another_pin, voicemail_crash, attendant, early_media, sixteen_bits, codes, menus, park, attended_transfer,
    linphone_leaves_a_message,
    twinkle_consults_and_transfers, digits_of_all_kinds, door)}

if __name__ == "__main__":
    main(SCENARIOS)
