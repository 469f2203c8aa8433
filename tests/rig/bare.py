"""baresip as a phone that a script holds, by its control socket (ctrl_tcp, netstrings of JSON).

One value is one process: it registers, dials, answers, sends digits, holds, hangs up; `heard()` is the recording of
what it heard, `said()` of what it sent. It needs a file to play, and an address that is not loopback (netns)."""
import glob, json, os, queue, socket, subprocess, threading, time

CONFIG = """poll_method epoll
sip_listen {ip}:{port}
net_interface {nif}
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
rtp_tos 184
rtp_stats yes
rtp_ports {rtp}
jitter_buffer_delay 5-10
module_path {mods}
{modlines}
module_tmp uuid.so
module_tmp account.so
module_app contact.so
module_app menu.so
{apps}
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{ctrl}
snd_path {snd}
{more}
"""


class Baresip:
    def __init__(self, user, password, server, work, *, ctrl, port=0, ip="10.99.0.11", play="", rate=8000, netns=None, nif=os.environ.get("NIF", "v0"),
                 codecs=("PCMA/8000/1", "PCMU/8000/1"), transport="udp", mediaenc="", medianat="", answermode="manual",
                 rtp="20000-20999", account="", config="", register=True, domain=None, mwi=False, presence=False,
                 binary=os.environ.get("BARESIP", "baresip"),
                 mods=os.environ.get("BARESIP_MODULES", "/usr/lib/baresip/modules")):
        self.user, self.dir = user, os.path.join(work, user)
        self.snd = os.path.join(self.dir, "snd"); os.makedirs(self.snd, exist_ok=True)
        names = ["g711.so", "opus.so", "g722.so", "gsm.so", "l16.so", "aufile.so", "sndfile.so", "aubridge.so", "auconv.so", "auresamp.so",
                 "srtp.so", "dtls_srtp.so", "ice.so", "stun.so", "turn.so"]
        lines = "\n".join("module " + m for m in names if os.path.exists(os.path.join(mods, m)))
        with open(os.path.join(self.dir, "config"), "w") as f:
            f.write(CONFIG.format(ip=ip, port=port, play=play, name=user, nif=nif, rate=rate, rtp=rtp, mods=mods, modlines=lines,
                                  ctrl=ctrl, snd=self.snd, more=config, apps="\n".join(
                f"module_app {m}.so" for m, on in (("mwi", mwi), ("presence", presence)) if on)))
        p = [f"auth_user={user}", f"auth_pass={password}", f"outbound=\"sip:{server};transport={transport}\"",
             f"audio_codecs={','.join(codecs)}", f"answermode={answermode}",
             f"regint={'120' if register else '0'}"]
        if mediaenc: p.append("mediaenc=" + mediaenc)
        if medianat: p.append("medianat=" + medianat)
        if account: p.append(account)
        with open(os.path.join(self.dir, "accounts"), "w") as f:
            f.write(f"<sip:{user}@{domain or server};transport={transport}>;" + ";".join(p) + "\n")
        open(os.path.join(self.dir, "contacts"), "a").close()
        a = [binary, "-4", "-f", self.dir] + (["-s"] if os.environ.get("SIPTRACE") else [])
        if netns:
            a = ["ip", "netns", "exec", netns] + a
        self.log = open(os.path.join(self.dir, "log"), "w")
        self.p = subprocess.Popen(a, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT, cwd=self.dir)
        self.ev, self.rsp, self.seen, self.netns, self.ctrl = queue.Queue(), queue.Queue(), [], netns, ctrl
        self.s = self._connect()
        threading.Thread(target=self._read, daemon=True).start()

    def _connect(self):
        end = time.time() + 10                       # too early a connection is never accepted (baresip 1.0)
        while "baresip is ready" not in open(self.log.name).read() and time.time() < end and self.p.poll() is None:
            time.sleep(.1)
        time.sleep(.2)
        while True:
            try:
                if self.netns:                       # open the control socket inside the peer's namespace
                    import ctypes
                    me = os.open("/proc/self/ns/net", os.O_RDONLY); it = os.open(f"/run/netns/{self.netns}", os.O_RDONLY)
                    libc = ctypes.CDLL(None, use_errno=True)
                    libc.setns(it, 0x40000000)
                    try:
                        s = socket.socket()
                    finally:
                        libc.setns(me, 0x40000000); os.close(me); os.close(it)
                else:
                    s = socket.socket()
                s.connect(("127.0.0.1", self.ctrl)); return s
            except OSError:
                if time.time() > end:
                    raise
                time.sleep(.2)

    def _read(self):
        b = b""
        while True:
            try:
                d = self.s.recv(65536)
            except OSError:
                return
            if not d:
                return
            b += d
            while b":" in b:
                n, rest = b.split(b":", 1)
                if len(rest) < int(n) + 1:
                    break
                raw, b = rest[: int(n)], rest[int(n) + 1:]
                try:
                    m = json.loads(raw, strict=False)
                except ValueError:
                    self.bad = raw; continue
                (self.ev if m.get("event") else self.rsp).put(m)

    def cmd(self, command, params="", timeout=5):
        m = json.dumps({"command": command, "params": params, "token": "t"}).encode()
        self.s.sendall(b"%d:%s," % (len(m), m))
        return self.rsp.get(timeout=timeout)

    def wait(self, kind, timeout=15):
        """the next event of that type (also REGISTER_FAIL, CALL_INCOMING, CALL_CLOSED, ...); None when it does not come"""
        end = time.time() + timeout
        while time.time() < end:
            try:
                e = self.ev.get(timeout=max(.01, end - time.time()))
            except queue.Empty:
                break
            self.seen.append(e)
            if e.get("type") == kind:
                return e
        return None

    def registered(self, timeout=10):
        """REGISTER_OK may come before the control socket is open, so ask; True/False"""
        end = time.time() + timeout
        while time.time() < end:
            try:
                t = self.cmd("reginfo", timeout=1.5).get("data", "")
            except queue.Empty:
                t = ""
            if "OK" in t:
                return True
            time.sleep(.2)
        return False

    def dial(self, uri): return self.cmd("dial", uri)
    def answer(self): return self.cmd("accept")
    def hangup(self): return self.cmd("hangup")
    def hold(self): return self.cmd("hold")
    def resume(self): return self.cmd("resume")
    def transfer(self, uri): return self.cmd("transfer", uri)

    def digits(self, ds, gap=.25):
        """DTMF (RFC 4733 where negotiated) in the running call"""
        for d in ds:
            self.cmd("sndcode", d); time.sleep(gap)

    def heard(self): return self._last("dec")
    def said(self): return self._last("enc")

    def _last(self, k):
        w = sorted(glob.glob(os.path.join(self.snd, f"dump-*-{k}.wav")), key=os.path.getmtime)
        return w[-1] if w else None

    def close(self):
        try:
            self.cmd("quit", timeout=1)
        except Exception:
            pass
        try:
            self.p.wait(4)
        except subprocess.TimeoutExpired:
            self.p.kill(); self.p.wait()
        self.s.close()
