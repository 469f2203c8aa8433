"""linphonec as a phone that a script holds, by what is typed into it and what it prints.

It refuses to start without its folder in the home directory, and it registers by the words `register ID PROXY PASSWORD`."""
import os
import subprocess
import threading
import time

PATIENCE = 20


class Linphone:
    def __init__(self, user, password, server, work, *, number, play, netns):
        self.user, self.server, self.folder = user, server, os.path.join(work, f"linphone-{user}")
        os.makedirs(os.path.join(self.folder, ".local/share/linphone"))
        self.recording = os.path.join(self.folder, "heard.wav")
        with open(os.path.join(self.folder, ".linphonerc"), "w") as file:
            # It ends at once where a port that it wants is taken, also one that it does not need.
            file.write(f"[sip]\nsip_port={5080 + number}\nsip_tcp_port={5080 + number}\nsip_tls_port={5180 + number}\n")
        self.text, self.changed = "", threading.Condition()
        # Without stdbuf it would tell a pipe nothing until its buffer is full.
        command = ["ip", "netns", "exec", netns, "stdbuf", "-o0", "linphonec"]
        self.process = subprocess.Popen(command, cwd=self.folder, text=True, errors="replace",
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env=dict(os.environ, HOME=self.folder))
        threading.Thread(target=self._read, daemon=True).start()
        self.type("soundcard use files")
        self.type(f"play {play}")
        self.type(f"record {self.recording}")
        self.type(f"register sip:{user}@{server} sip:{server} {password}")

    def _read(self):
        while letters := self.process.stdout.read(1):
            with self.changed:
                self.text += letters
                self.changed.notify_all()

    def said(self):
        """What it wrote on its terminal."""
        return self.text

    def type(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def until_said(self, *words, timeout=PATIENCE):
        """Waits until it printed one of these words, and returns which; None when none comes."""
        found = lambda: next((word for word in words if word in self.text), None)
        with self.changed:
            self.changed.wait_for(lambda: found() or self.process.poll() is not None, timeout)
        return found()

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

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
