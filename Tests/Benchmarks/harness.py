# SPDX-License-Identifier: Apache-2.0
"""What every measurement needs: the workload's start records, exact accounting in
control groups, and sessions that leave nothing behind. Standard library only."""
import ctypes
import mmap
import os
import shlex
import shutil
import signal
import statistics
import struct
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = os.environ.get("REEVE_BENCH_TMP", os.path.join(tempfile.gettempdir(), "reeve-bench"))
CHILD = os.path.join(WORK, "bin", "workload")
SLOTS = 200_000
REC = struct.Struct("<QQIIII")
NOW = time.monotonic_ns


def build_child():
    src = os.path.join(HERE, "workload.c")
    if os.path.exists(CHILD) and os.path.getmtime(CHILD) > os.path.getmtime(src):
        return
    os.makedirs(os.path.dirname(CHILD), exist_ok=True)
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-static", "-Wall", "-o", CHILD, src], check=True)


def become_subreaper():
    """Orphans of the supervisors come to us, so that we can reap them."""
    ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)


def out(cmd, **kw):
    """First output of a command as text, errors included."""
    try:
        p = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           stdin=subprocess.DEVNULL, timeout=20, **kw)
        return p.stdout.decode(errors="replace").strip()
    except Exception as e:                                     # noqa: BLE001
        return f"({e})"


def pkg_version(pkg):
    return out(["dpkg-query", "-W", "-f", "${Version}", pkg])


class Records:
    """The children's start records (see workload.c), shared by mmap."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as f:
            f.truncate(4096 + SLOTS * REC.size)
        self.f = open(path, "r+b")
        self.m = mmap.mmap(self.f.fileno(), 0)
        self.seen = 0
        self.starts = {}                      # idx -> [(mono, real, pid), ...]

    def _u64(self, off):
        return struct.unpack_from("<Q", self.m, off)[0]

    def poll(self):
        new = []
        count = min(self._u64(0), SLOTS)
        while self.seen < count:
            mono, real, idx, pid, kind, _ = REC.unpack_from(self.m, 4096 + self.seen * REC.size)
            if not kind:
                break
            self.seen += 1
            self.starts.setdefault(idx, []).append((mono, real, pid))
            new.append((idx, mono, real, pid))
        return new

    def go(self):
        struct.pack_into("<Q", self.m, 8, 1)

    storm_start = property(lambda s: s._u64(16))
    storm_end = property(lambda s: s._u64(24))
    forkfail = property(lambda s: s._u64(32))

    def close(self):
        self.m.close()
        self.f.close()
        os.unlink(self.path)


class Group:
    """A control group of our own around one session: exact CPU time, dead processes
    included, the list of processes, and the number of tasks that nobody has reaped.
    Version 1 (`cpuacct` and `pids`) and version 2 (`cpu` and `pids`) both do."""
    BASE = "/sys/fs/cgroup"

    def __init__(self, name):
        self.v2 = os.path.exists(f"{self.BASE}/cgroup.controllers")
        if self.v2:
            with open(f"{self.BASE}/cgroup.subtree_control", "w") as f:
                f.write("+cpu +pids")
        folders = [self.BASE] if self.v2 else [f"{self.BASE}/cpuacct", f"{self.BASE}/pids"]
        self.dirs = [f"{d}/{name}" for d in folders]
        for d in self.dirs:
            os.mkdir(d)
        self._usage = open(self.dirs[0] + ("/cpu.stat" if self.v2 else "/cpuacct.usage"))
        self._tasks = open(self.dirs[-1] + "/pids.current")

    def enter(self):
        for d in self.dirs:
            with open(d + "/cgroup.procs", "w") as f:
                f.write(str(os.getpid()))

    def cpu_ns(self):
        self._usage.seek(0)
        text = self._usage.read()
        return int(text.split()[1]) * 1000 if self.v2 else int(text)

    def ntasks(self):
        self._tasks.seek(0)
        return int(self._tasks.read())

    def pids(self):
        with open(self.dirs[-1] + "/cgroup.procs") as f:
            return sorted({int(x) for x in f.read().split()} - {0})

    def close(self):
        self._usage.close()
        self._tasks.close()
        for d in self.dirs:
            for _ in range(200):
                try:
                    os.rmdir(d)
                    break
                except OSError:
                    reap()
                    time.sleep(0.01)


def reap(main=None):
    """Reap every dead child of ours; true when `main` was among them."""
    hit = False
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return hit
        if pid == 0:
            return hit
        hit = hit or pid == main


class Svc:
    def __init__(self, idx, argv):
        self.idx, self.name, self.argv = idx, f"s{idx:04d}", argv

    @property
    def cmd(self):
        return shlex.join(self.argv)


class Ctx:
    """What an adapter gets: a private directory, the services, the policy."""

    def __init__(self, d, services, stop_timeout, restart, pid1):
        self.dir, self.services = d, services
        self.stop_timeout, self.restart, self.pid1 = stop_timeout, restart, pid1

    def path(self, *p):
        return os.path.join(self.dir, *p)

    def write(self, rel, text, mode=0o644):
        p = self.path(rel)
        os.makedirs(os.path.dirname(p), exist_ok=True)
        with open(p, "w") as f:
            f.write(text)
        os.chmod(p, mode)
        return p


class Timeout(Exception):
    pass


class Session:
    serial = 0

    def __init__(self, adapter, n, mode=("sleep",), ignore=0, stop_timeout=2, restart=True, pid1=False):
        Session.serial += 1
        self.ad, self.n = adapter, n
        self.tag = f"reeve-bench-{os.getpid()}-{Session.serial}"
        self.dir = os.path.join(WORK, f"{os.getpid()}-{Session.serial}")
        os.makedirs(self.dir)
        self.rec = Records(os.path.join(self.dir, "rec"))
        svcs = []
        for i in range(n):
            m = ["ignore"] if i < ignore else list(mode)
            svcs.append(Svc(i, [CHILD, self.rec.path, str(i)] + m))
        self.ctx = Ctx(self.dir, svcs, stop_timeout, restart, pid1)
        self.ctx.rec = self.rec.path
        adapter.prepare(self.ctx)
        self.group = Group(self.tag)
        self.pid = None
        self.main_gone = False

    # -- life ------------------------------------------------------------
    def launch(self):
        argv = self.ad.argv(self.ctx)
        if self.ctx.pid1:
            argv = ["unshare", "--pid", "--fork", "--mount-proc", "--"] + argv
        env = dict(PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                   HOME="/root", LANG="C", **self.ad.env(self.ctx))
        exe = shutil.which(argv[0], path=env["PATH"]) or argv[0]
        log = os.open(self.ctx.path("out"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nul = os.open("/dev/null", os.O_RDONLY)
        self.t0 = NOW()
        pid = os.fork()
        if pid == 0:
            try:
                self.group.enter()
                os.setsid()
                os.dup2(nul, 0)
                os.dup2(log, 1)
                os.dup2(log, 2)
                os.chdir(self.ctx.dir)
                for s in (signal.SIGPIPE, signal.SIGINT):
                    signal.signal(s, signal.SIG_DFL)
                os.execve(exe, argv, env)
            finally:
                os._exit(127)
        os.close(log)
        os.close(nul)
        self.pid = pid
        return self

    def tick(self):
        if reap(self.pid):
            self.main_gone = True
        return self.rec.poll()

    def wait(self, cond, timeout, step=0.001, what="condition"):
        end = time.monotonic() + timeout
        while True:
            self.tick()
            if cond():
                return
            if time.monotonic() > end:
                raise Timeout(f"{what} not reached in {timeout} s "
                              f"({len(self.rec.starts)} of {self.n} started)")
            time.sleep(step)

    def wait_up(self, timeout=120):
        self.wait(lambda: len(self.rec.starts) >= self.n or self.main_gone, timeout, what="all up")
        if len(self.rec.starts) < self.n:
            raise Timeout("supervisor ended early: " + self.tail())
        return (max(s[0][0] for s in self.rec.starts.values()) - self.t0) / 1e9

    def wait_quiet(self, least=10, timeout=20):
        """Until nothing of the session has used the processor for a moment: what a crash gave it to do is done.
        At least so many seconds for everybody: where something on the machine looks at every process (an agent that
        monitors it), the kernel has more to drop at the end of each that was looked at."""
        begin = time.monotonic()
        before = -1
        while time.monotonic() < begin + timeout:
            if before == self.group.cpu_ns() and time.monotonic() >= begin + least:
                return
            before = self.group.cpu_ns()
            time.sleep(0.3)

    def tail(self, n=600):
        try:
            with open(self.ctx.path("out"), errors="replace") as f:
                return f.read()[-n:]
        except OSError:
            return ""

    def gone(self):
        """Nothing of the session is left but (at most) zombies others hold."""
        return self.group.ntasks() == 0

    def stop(self, timeout=60):
        """Graceful stop; (seconds to main's exit, seconds to the last process)."""
        t = NOW()
        self.ad.stop(self.ctx, self.pid)
        t_main = [None]

        def done():
            if self.main_gone and t_main[0] is None:
                t_main[0] = NOW()
            return self.gone()
        self.wait(done, timeout, step=0.002, what="all stopped")
        e = NOW()
        return ((t_main[0] or e) - t) / 1e9, (e - t) / 1e9

    def kill(self, pids):
        """SIGKILL processes of this session.  Held by pidfd and checked to be
        in our control group first, so that a reused pid is never hit; the
        time just before the first signal is returned."""
        fds = []
        for p in pids:
            try:
                fd = os.pidfd_open(p)
            except OSError:
                continue
            try:
                with open(f"/proc/{p}/cgroup") as f:
                    mine = f":/{self.tag}\n" in f.read()
            except OSError:
                mine = False
            if mine:
                fds.append(fd)
            else:
                os.close(fd)
        t = NOW()
        for fd in fds:
            try:
                signal.pidfd_send_signal(fd, signal.SIGKILL)
            except OSError:
                pass
            os.close(fd)
        return t

    def close(self):
        """Kill whatever the session still has (its own control group only)."""
        for _ in range(400):
            if self.group.ntasks() == 0:
                break
            self.kill(self.group.pids())
            reap()
            time.sleep(0.01)
        self.group.close()
        self.ad.cleanup(self.ctx)
        self.rec.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.close()

    # -- accounting --------------------------------------------------------
    def current(self):
        """idx -> pid of the newest start of each service."""
        return {i: max(s)[2] for i, s in self.rec.starts.items()}

    def sup_pids(self):
        r = []
        for p in self.group.pids():
            try:
                if os.readlink(f"/proc/{p}/exe") != CHILD:
                    r.append(p)
            except OSError:
                pass
        return r

    def alive(self):
        """The supervisor (its scanner, for families) is still there."""
        return not self.main_gone

    def sup_cpu(self):
        """utime+stime seconds and voluntary context switches, supervisor side."""
        hz = os.sysconf("SC_CLK_TCK")
        cpu = sw = 0
        for p in self.sup_pids():
            try:
                with open(f"/proc/{p}/stat") as f:
                    a = f.read().rsplit(")", 1)[1].split()
                cpu += int(a[11]) + int(a[12])
                for t in os.listdir(f"/proc/{p}/task"):
                    with open(f"/proc/{p}/task/{t}/status") as f:
                        for line in f:
                            if line.startswith("voluntary_ctxt"):
                                sw += int(line.split()[1])
            except OSError:
                pass
        return cpu / hz, sw

    def memory(self):
        tot = dict(rss=0, pss=0, uss=0, anon=0)
        n = 0
        by = {}
        for p in self.sup_pids():
            try:
                v = {}
                with open(f"/proc/{p}/smaps_rollup") as f:
                    for line in f:
                        k, _, r = line.partition(":")
                        if r.strip().endswith("kB"):
                            v[k] = int(r.split()[0])
                with open(f"/proc/{p}/comm") as f:
                    comm = f.read().strip()
            except OSError:
                continue
            n += 1
            tot["rss"] += v["Rss"]
            tot["pss"] += v["Pss"]
            tot["uss"] += v["Private_Clean"] + v["Private_Dirty"]
            tot["anon"] += v["Anonymous"]     # independent of who else maps the libraries
            by[comm] = by.get(comm, 0) + 1
        tot.update(procs=n, comms=by)
        return tot


def timed_cli(argv, env, ok=(0,)):
    """(wall seconds, CPU seconds, exit status) of one command-line call."""
    nul = os.open("/dev/null", os.O_RDWR)
    e = dict(PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME="/root", LANG="C", **env)
    exe = shutil.which(argv[0], path=e["PATH"]) or argv[0]
    t = NOW()
    pid = os.posix_spawn(exe, argv, e, file_actions=[
        (os.POSIX_SPAWN_DUP2, nul, 0), (os.POSIX_SPAWN_DUP2, nul, 1), (os.POSIX_SPAWN_DUP2, nul, 2)])
    _, st, ru = os.wait4(pid, 0)
    w = (NOW() - t) / 1e9
    os.close(nul)
    return w, ru.ru_utime + ru.ru_stime, os.waitstatus_to_exitcode(st)


def pct(xs, p):
    xs = sorted(xs)
    return xs[min(len(xs) - 1, int(round(p / 100 * (len(xs) - 1))))]


def summary(xs):
    xs = list(xs)
    if not xs:
        return None
    return dict(n=len(xs), median=statistics.median(xs), min=min(xs), max=max(xs),
                p99=pct(xs, 99), samples=[round(x, 7) for x in xs] if len(xs) <= 20 else None)
