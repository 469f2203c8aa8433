"""twinkle-console as a phone that a script holds, by what is typed into it and what it prints.

Its sound card is ALSA's null: it says nothing and records nothing. It uses a signalling stack of its own, digits in each
of three ways, and transfers with consultation where the other side says that it replaces calls."""
import os
import subprocess
import threading
import time

PATIENCE = 20
PROFILE = """user_name={user}
user_domain={server}
auth_name={user}
auth_pass={password}
outbound_proxy={server}
register_at_startup=yes
registration_time=300
codecs=g711a,g711u
dtmf_transport={digits}
ext_100rel=supported
sip_transport=udp
"""
SYSTEM = """sip_port={sip}
rtp_port={rtp}
dev_ringtone=alsa:default
dev_speaker=alsa:default
dev_mic=alsa:default
start_user_profile={user}
"""
ALSA = """pcm.!default { type null }
ctl.!default { type null }
"""


class Twinkle:
    def __init__(self, user, password, server, work, *, number, play, netns, digits="rfc2833"):
        """`digits` go as `rfc2833`, `info` or `inband`. `play` is for phones that have a microphone."""
        self.user, self.server, self.folder = user, server, os.path.join(work, f"twinkle-{user}-{number}")
        os.makedirs(os.path.join(self.folder, ".twinkle"))
        names = dict(user=user, password=password, server=server, digits=digits, sip=5100 + number, rtp=8000 + 40 * number)
        for name, text in ((f".twinkle/{user}.cfg", PROFILE.format(**names)),
                           (".twinkle/twinkle.sys", SYSTEM.format(**names)), (".asoundrc", ALSA)):
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(text)
        self.text, self.changed = "", threading.Condition()
        command = ["ip", "netns", "exec", netns, "stdbuf", "-o0", "twinkle-console", f"{user}.cfg"]
        self.process = subprocess.Popen(command, cwd=self.folder, text=True, errors="replace",
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env=dict(os.environ, HOME=self.folder))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while letters := self.process.stdout.read(1):
            with self.changed:
                self.text += letters
                self.changed.notify_all()

    def said(self):
        """What it wrote on its terminal."""
        return self.text

    def type(self, line):
        """Gives a command; what it says from now on is the answer."""
        self.since = len(self.text)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def until_said(self, *words, timeout=PATIENCE):
        """Waits until it printed one of these words since the last command, and returns which; None when none comes."""
        found = lambda: next((word for word in words if word in self.text[self.since:]), None)
        with self.changed:
            self.changed.wait_for(lambda: found() or self.process.poll() is not None, timeout)
        return found()

    def registered(self):
        """Whether the registrar took it."""
        self.since = 0
        return self.until_said("registration succeeded", "registration failed") == "registration succeeded"

    def dial(self, number):
        self.type(f"call {number}")

    def press(self, digits):
        self.type(f"dtmf {digits}")

    def hang_up(self):
        self.type("bye")

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
