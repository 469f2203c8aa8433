"""twinkle-console as a phone that a script holds, by what is typed into it and what it prints.

Its sound card is ALSA's null: it says nothing and records nothing. It uses a signalling stack of its own, digits in each
of three ways, and transfers with consultation where the other side says that it replaces calls."""
import os

from terminal import Terminal

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


class Twinkle(Terminal):
    def __init__(self, user, password, server, work, *, number, play, netns, digits="rfc2833"):
        """`digits` go as `rfc2833`, `info` or `inband`. `play` is for phones that have a microphone."""
        self.user, self.server, self.folder = user, server, os.path.join(work, f"twinkle-{user}-{number}")
        os.makedirs(os.path.join(self.folder, ".twinkle"))
        names = dict(user=user, password=password, server=server, digits=digits, sip=5100 + number, rtp=8000 + 40 * number)
        for name, text in ((f".twinkle/{user}.cfg", PROFILE.format(**names)),
                           (".twinkle/twinkle.sys", SYSTEM.format(**names)), (".asoundrc", ALSA)):
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(text)
        super().__init__(self.folder, netns, "twinkle-console", f"{user}.cfg")

    def type(self, line):
        """Gives a command; what it says from now on is the answer."""
        self.since = len(self.text)
        super().type(line)

    def registered(self):
        """Whether the registrar took it."""
        return self.until_said("registration succeeded", "registration failed") == "registration succeeded"

    def dial(self, number):
        self.type(f"call {number}")

    def press(self, digits):
        self.type(f"dtmf {digits}")

    def hang_up(self):
        self.type("bye")
