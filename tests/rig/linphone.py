"""linphonec as a phone that a script holds, by what is typed into it and what it prints.

It refuses to start without its folder in the home directory, and it registers by the words `register ID PROXY PASSWORD`."""
import os
import time

from terminal import PATIENCE, Terminal


class Linphone(Terminal):
    def __init__(self, user, password, server, work, *, number, play, netns):
        self.user, self.server, self.folder = user, server, os.path.join(work, f"linphone-{user}")
        os.makedirs(os.path.join(self.folder, ".local/share/linphone"))
        self.recording = os.path.join(self.folder, "heard.wav")
        with open(os.path.join(self.folder, ".linphonerc"), "w") as file:
            # It ends at once where a port that it wants is taken, also one that it does not need.
            file.write(f"[sip]\nsip_port={5080 + number}\nsip_tcp_port={5080 + number}\nsip_tls_port={5180 + number}\n")
        super().__init__(self.folder, netns, "linphonec")
        self.type("soundcard use files")
        self.type(f"play {play}")
        self.type(f"record {self.recording}")
        self.type(f"register sip:{user}@{server} sip:{server} {password}")

    def registered(self):
        """Whether the registrar took it. It says so only when it is asked."""
        end = time.time() + PATIENCE
        while time.time() < end:
            self.type("status register")
            if self.until_said("registered, identity=", timeout=.5):
                return True
        return False

    def dial(self, number):
        self.type(f"call sip:{number}@{self.server}")

    def hang_up(self):
        self.type("terminate")

    def heard(self):
        return self.recording

    def seconds_heard(self):
        return (os.path.getsize(self.recording) - 44) / 2 / 8000 if os.path.exists(self.recording) else 0
