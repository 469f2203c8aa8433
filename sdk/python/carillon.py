"""An application of your own: one function for each call that the dial plan hands over.

    import carillon

    def door(call):
        call.answer()
        if call.ask([carillon.file("bonjour.wav")], digits=4) == "4711":
            call.transfer("6001")
        call.hang_up()

    carillon.serve("127.0.0.1:5072", door)

It needs grpcio and protoc (Debian: python3-grpcio, python3-protobuf and protobuf-compiler; elsewhere: pip install grpcio
grpcio-tools), and application.proto: beside this file, or in the folder that CARILLON_PROTO names. The exchange finds it by

    [rpc]
    applications = { door = "http://127.0.0.1:5072" }

When this process dies, the exchange tells another one all events of the call again, and passes over the commands that
were done. So decide by what the call says alone: no clock, no chance."""
import functools
import importlib
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import traceback
from concurrent import futures

import grpc

HERE = os.path.dirname(os.path.abspath(__file__))
PROTO = os.environ.get("CARILLON_PROTO", HERE)
if not os.path.exists(os.path.join(PROTO, "application.proto")):
    sys.exit(f"{PROTO} holds no application.proto; copy it from the folder proto/src of the exchange, or set CARILLON_PROTO")


def generated():
    """The messages of application.proto, made anew at each start, so that they are those of its text."""
    compiler = [shutil.which("protoc")] if shutil.which("protoc") else [sys.executable, "-m", "grpc_tools.protoc"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*compiler, f"-I{PROTO}", f"--python_out={folder}", "application.proto"], check=True)
        sys.path.insert(0, folder)
        try:
            return importlib.import_module("application_pb2")
        finally:
            sys.path.remove(folder)


messages = generated()


class Over(Exception):
    """The call is over. Nothing is left to do; a function may let it pass."""


class Refused(Exception):
    """The exchange cannot do what was asked, and says why. The call stands."""


def file(name):
    """A file of the exchange's sounds, or `record:NAME` of what was recorded."""
    return messages.Sound(file=name)


def tone(hz, on=0.5, off=0.0, times=1, second_hz=0):
    """A tone; times in seconds."""
    return messages.Sound(tone=messages.Tone(hz=hz, second_hz=second_hz, on_ms=ms(on), off_ms=ms(off), times=times))


def silence(seconds):
    """Nothing, for so long."""
    return messages.Sound(silence_ms=ms(seconds))


class Call:
    """A call that was handed over. Each method says a command and waits until it was done. The caller is leg 0."""

    def __init__(self, events, commands):
        self.events, self.commands, self.said = events, commands, 0
        # How the call came here: caller, callee, dialled, why.
        self.started = next(events).started

    def answer(self):
        """Answers the caller. What is played before is early media."""
        self.until(self.say(answer=messages.Answer()), "answered")

    def play(self, sounds):
        """Plays to the end."""
        self.until(self.begin_playing(sounds), "played")

    def begin_playing(self, sounds, times=1, stop_on_digit=False):
        """Plays and goes on at once; `times` 0 is for ever."""
        return self.say(play=messages.Play(sounds=sounds, times=times, stop_on_digit=stop_on_digit))

    def ask(self, sounds, digits=1, first=5, between=3, end="#"):
        """Plays and gives the digits that are dialled, which end what is played; empty when none came."""
        self.begin_playing(sounds, stop_on_digit=True)
        collect = messages.Collect(digits_max=digits, first_ms=ms(first), between_ms=ms(between), end_digits=end)
        return self.until(self.say(collect=collect), "collected").digits

    def record(self, name, longest=180, silence=0, stop_digits="#", beep=True):
        """Records the caller, and gives what was recorded: `file`, `length_ms`, `why`."""
        record = messages.Record(to=name, max_ms=ms(longest), silence_ms=ms(silence), stop_digits=stop_digits, beep=beep)
        return self.until(self.say(record=record), "recorded")

    def transfer(self, target):
        """Sends the caller to a name or number, by the dial plan. Returns only when that fails."""
        self.until(self.say(transfer=messages.Transfer(target=target)), None)

    def hang_up(self):
        """Hangs up, and raises `Over`."""
        self.until(self.say(hang_up=messages.HangUp()), None)

    def say(self, **command):
        """Says any command of application.proto and gives its id."""
        self.said += 1
        self.commands.put(messages.Command(id=self.said, **command))
        return self.said

    def next(self):
        """The next event."""
        event = next(self.events, None)
        if event is None or event.HasField("ended"):
            raise Over()
        return event

    def until(self, said, kind):
        """Waits for the event of that kind which ends a command; what else happens meanwhile is passed over."""
        while True:
            event = self.next()
            what = getattr(event, event.WhichOneof("what"))
            if event.HasField("refused") and what.id == said:
                raise Refused(what.why)
            if kind and event.HasField(kind) and getattr(what, "id", said) == said:
                return what


def run(application, events, context):
    """One stream: events in, commands out (the service Application of application.proto)."""
    commands = queue.Queue()

    def conduct():
        failure = None
        try:
            application(Call(events, commands))
        except Over:
            pass
        except Exception as why:  # of the application's own: told to the exchange, which goes on without it
            traceback.print_exc()
            failure = why
        commands.put(failure)

    threading.Thread(target=conduct, daemon=True).start()
    while isinstance(command := commands.get(), messages.Command):
        yield command
    if command is not None:
        context.abort(grpc.StatusCode.ABORTED, repr(command))


def serve(address, application, trust=None, calls_max=100):
    """Serves a function at an address, until the process ends. `trust` is the folder of ca.pem, server.pem and server.key,
    without which only this machine may reach it."""
    server = grpc.server(futures.ThreadPoolExecutor(calls_max))
    method = grpc.stream_stream_rpc_method_handler(
        functools.partial(run, application), request_deserializer=messages.Event.FromString,
        response_serializer=messages.Command.SerializeToString)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("application.v1.Application", {"Run": method})])
    if trust:
        key, certificate, authority = (open(os.path.join(trust, name), "rb").read()
                                       for name in ("server.key", "server.pem", "ca.pem"))
        server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)], authority, True))
    elif address.rsplit(":", 1)[0] in ("127.0.0.1", "localhost", "[::1]"):
        server.add_insecure_port(address)
    else:
        raise ValueError(f"{address} can be reached from elsewhere: give trust=FOLDER, or listen at 127.0.0.1")
    server.start()
    print(f"the application is at {address}", flush=True)
    server.wait_for_termination()


def ms(seconds):
    return int(seconds * 1000)
