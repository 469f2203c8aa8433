"""A phone that a script holds by what is typed into it and what it prints."""
import os
import subprocess
import threading

PATIENCE = 20


class Terminal:
    """One value is one process. Its home is its folder."""

    def __init__(self, folder, netns, *command):
        self.folder, self.text, self.since, self.changed = folder, "", 0, threading.Condition()
        # Without stdbuf it would tell a pipe nothing until its buffer is full.
        self.process = subprocess.Popen(["ip", "netns", "exec", netns, "stdbuf", "-o0", *command], cwd=folder, text=True,
                                        errors="replace", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env=dict(os.environ, HOME=folder))
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
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def until_said(self, *words, timeout=PATIENCE):
        """Waits until it printed one of these words behind `since`, and returns which; None when none comes."""
        found = lambda: next((word for word in words if word in self.text[self.since:]), None)
        with self.changed:
            self.changed.wait_for(lambda: found() or self.process.poll() is not None, timeout)
        return found()

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
