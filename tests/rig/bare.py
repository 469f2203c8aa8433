"""baresip as a phone that a script holds, by its control socket (ctrl_tcp, netstrings of JSON).

One value is one process. It registers, dials, answers, hangs up; `heard()` is the recording of what came to its ear. It
plays a file instead of a microphone, and it needs an address that is not loopback, so it lives in a namespace."""
import ctypes
import glob
import json
import os
import queue
import re
import socket
import subprocess
import threading
import time

# One source and one codec rate, so that nothing is resampled between the file that is played and the recording.
CONFIG = """poll_method epoll
sip_listen {address}:0
net_interface v0
call_local_timeout 120
call_max_calls 8
audio_source aufile,{play}
audio_player aubridge,none-{name}
audio_alert aubridge,none-{name}
audio_buffer 20-160
audio_txmode thread
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp}
jitter_buffer_delay 5-10
module_path {modules}
{loaded}
module_tmp uuid.so
module_tmp account.so
module_app contact.so
module_app menu.so
{speaking}
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {recordings}
"""
MODULES = "/usr/lib/baresip/modules"
LOADED = ["g711", "l16", "aufile", "sndfile", "aubridge", "auconv", "auresamp"]
# Modules that speak SIP themselves.
SPEAKING = ["mwi"]
# How long anything may take before it counts as not coming. Long, for machines that are busy.
PATIENCE = 20


class Baresip:
    def __init__(self, user, password, server, work, *, number, name=None, play, netns, transport="udp", rate=8000,
                 refresh=120, address=None, subscribes=False, codec="PCMA/8000/1"):
        """`number` tells the phones of a test apart: address, control port and media ports follow from it. One that
        `subscribes` asks for waiting messages."""
        self.user, self.name, self.server, self.netns, self.rate = user, name or user, server, netns, rate
        self.folder = os.path.join(work, self.name)
        self.recordings = os.path.join(self.folder, "recordings")
        os.makedirs(self.recordings, exist_ok=True)
        self.control = 4440 + number
        hop = f"{server}:5061" if transport == "tls" else server
        self._write("config", CONFIG.format(
            address=address or f"10.99.0.{10 + number}", play=play, name=self.name, rate=rate, modules=MODULES,
            rtp=f"{20000 + 200 * number}-{20199 + 200 * number}", control=self.control, recordings=self.recordings,
            loaded="\n".join(f"module {module}.so" for module in LOADED),
            speaking="\n".join(f"module_app {module}.so" for module in SPEAKING if subscribes)))
        self._write("accounts", "")
        self._write("contacts", "")
        self.events, self.replies, self.seen = queue.Queue(), queue.Queue(), []
        self.log = open(os.path.join(self.folder, "log"), "w")
        self.process = subprocess.Popen(["ip", "netns", "exec", netns, "baresip", "-4", "-f", self.folder],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
                                        cwd=self.folder)
        self.socket = None
        try:
            self.socket = self._connect()
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._read, daemon=True).start()
        # Its mwi module walks a list to which it appends, until a timer of its first millisecond has passed: an account
        # of the file, whose registrar answers within that time, makes it subscribe without end.
        self.command("reginfo")
        time.sleep(.01)
        self.command("uanew", f"<sip:{user}@{server};transport={transport}>;auth_user={user};auth_pass={password};"
                              f"outbound=\"sip:{hop};transport={transport}\";audio_codecs={codec};"
                              f"answermode=manual;regint={refresh};mwi={'yes' if subscribes else 'no'}")

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def _connect(self):
        """Its control socket. baresip 1.0 never accepts a connection that came before it said that it is ready."""
        end = time.time() + PATIENCE
        while "baresip is ready" not in self.said():
            if time.time() > end or self.process.poll() is not None:
                raise SystemExit(f"FAILED: baresip did not start:\n{self.said()}")
            time.sleep(.05)
        while True:
            connection = in_namespace(self.netns, socket.socket)
            try:
                connection.connect(("127.0.0.1", self.control))
                return connection
            except OSError:
                connection.close()
                if time.time() > end:
                    raise
                time.sleep(.05)

    def _read(self):
        octets = b""
        while True:
            try:
                more = self.socket.recv(65536)
            except OSError:
                return
            if not more:
                return
            octets += more
            while b":" in octets:
                length, rest = octets.split(b":", 1)
                if len(rest) <= int(length):
                    break
                message, octets = rest[:int(length)], rest[int(length) + 1:]
                try:
                    message = json.loads(message, strict=False)
                except ValueError:
                    continue                                   # baresip does not escape everything that it quotes
                (self.events if message.get("event") else self.replies).put(message)

    def command(self, command, parameters=""):
        message = json.dumps({"command": command, "params": parameters, "token": "t"}).encode()
        self.socket.sendall(b"%d:%s," % (len(message), message))
        try:
            return self.replies.get(timeout=PATIENCE)
        except queue.Empty:
            raise SystemExit(f"FAILED: {self.name} does not answer {command!r}; its terminal: {self.said()[-1000:]}")

    def wait(self, kind, timeout=PATIENCE):
        """The next event of a kind (CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED, …); None when it does not come."""
        end = time.time() + timeout
        while True:
            try:
                event = self.events.get(timeout=max(.001, end - time.time()))
            except queue.Empty:
                return None
            self.seen.append((event.get("type"), event.get("param")))
            if event.get("type") == kind:
                return event

    def said(self):
        """What it wrote on its terminal."""
        return open(self.log.name, errors="replace").read()

    def until_said(self, *words, timeout=PATIENCE):
        """Waits until its terminal shows one of these words, and returns which; None when none comes."""
        end = time.time() + timeout
        while True:
            text = self.said()
            found = next((word for word in words if word in text), None)
            if found or time.time() > end:
                return found
            time.sleep(.05)

    def registered(self):
        """Whether the registrar took it."""
        return self.until_said("200 OK", "401 Unauthorized", "403 Forbidden", "reg: ") == "200 OK"

    def dial(self, number):
        # They are named by the second of their beginning: the next one must not take the name of one that is there.
        for recording in glob.glob(os.path.join(self.recordings, "dump-*.wav")):
            os.rename(recording, os.path.join(os.path.dirname(recording), "old-" + os.path.basename(recording)))
        return self.command("dial", f"sip:{number}@{self.server}")

    def answer(self):
        return self.command("accept")

    def hang_up(self):
        return self.command("hangup")

    def transfer(self, number):
        """Sends whom it talks with elsewhere (REFER)."""
        return self.command("transfer", f"sip:{number}@{self.server}")

    def press(self, digits):
        """Dials digits within the call (RFC 4733), as fast as fingers do: told several at once, baresip ends the last one alone,
        and one may be lost."""
        for digit in digits:
            self.command("sndcode", digit)
            time.sleep(.2)

    def forget(self):
        """Events that came so far are of no interest any more."""
        self.seen.clear()
        while not self.events.empty():
            self.events.get()

    def heard(self):
        """The recording of what it heard in its last call; None before there was one, and before the one that it dialled
        last brought something."""
        found = sorted(glob.glob(os.path.join(self.recordings, "dump-*-dec.wav")), key=os.path.getmtime)
        return found[-1] if found else None

    def seconds_heard(self):
        """How much is recorded so far: 16 bits a sample behind a head of 44 octets."""
        return (os.path.getsize(self.heard()) - 44) / 2 / self.rate if self.heard() else 0

    def sends_and_receives(self):
        """Whether packets of sound go both ways now, as the last line of its terminal says in bits a second."""
        rates = re.findall(r"audio=(\d+)/(\d+)", self.said())
        return bool(rates) and min(int(rate) for rate in rates[-1]) > 32000

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.socket:
            self.socket.close()
        self.log.close()


def in_namespace(name, make):
    """Makes something, such as a socket, that belongs to a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    here, there = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        libc.setns(there, 0)
        return make()
    finally:
        libc.setns(here, 0)
        os.close(here)
        os.close(there)
