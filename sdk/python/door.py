#!/usr/bin/python3
"""A door with a code: who dials the right digits is put through to alice.

    door.py [ADDRESS] [FOLDER]    where to listen, 127.0.0.1:5072 without; certificates, none without

and in the configuration of the exchange:

    [rpc]
    applications = { door = "http://127.0.0.1:5072" }

    [[route]]
    extension = "7777"
    steps = [{ application = "door" }]
"""
import sys

import carillon

CODE = "4711"


def door(call):
    print(f"{call.started.caller.number} is at the door", flush=True)
    call.answer()
    for _ in range(3):
        if call.ask([carillon.tone(659, on=0.4, off=0.1), carillon.tone(523, on=0.4)], digits=4) == CODE:
            call.transfer("alice")
    call.hang_up()


if __name__ == "__main__":
    address, trust = (sys.argv[1:] + [None, None])[:2]
    carillon.serve(address or "127.0.0.1:5072", door, trust)
