#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the HTTP gateway adds to an answer of the supervisor, and what it takes.

For each number of schedulers, in one run: the same question through reeve's control socket, through reeve-gateway on
a kept connection, and to supervisord by XML-RPC over HTTP. Latency by this program's clock (median and p99), requests
a second of CONNECTIONS at once, processor time of gateway and supervisor for each request (/proc/PID/stat, so
that it needs many), resident memory. Then the gateway is killed again and again under load, as reeve's own
child, and it is told how long clients were without an answer.

  gateway.py [--reeve PATH] [--gateway PATH] [--n 100,1000] [--requests 2000] [--connections 8] [--kills 10]
"""
import argparse
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait(what, condition, seconds=120):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            value = condition()
            if value:
                return value
        except (OSError, ValueError, KeyError, http.client.HTTPException):
            pass
        time.sleep(0.02)
    raise SystemExit(f"not in time: {what}")


class Control:
    """One connection to the control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def ask(self, request):
        self.socket.sendall(json.dumps({"id": 1, **request}).encode() + b"\n")
        while True:
            line = json.loads(self.file.readline())
            if not line.get("more"):
                return line


class Page:
    """One kept connection to an HTTP server."""

    def __init__(self, number, headers=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", number)
        self.headers = headers or {}

    def ask(self, path, method="GET", body=None):
        self.connection.request(method, path, body=body, headers=self.headers)
        answer = self.connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {data[:200]}")
        return data


def call(name, parameter=None):
    given = f"<param><value><string>{parameter}</string></value></param>" if parameter else ""
    return f"<?xml version='1.0'?><methodCall><methodName>supervisor.{name}</methodName>" \
           f"<params>{given}</params></methodCall>"


def measure(name, connect, ask, count, connections, watched):
    """Asks one after another, then from several connections at once. `watched`: pid by name."""
    one = connect()
    for _ in range(20):
        ask(one)
    before = {key: cpu(pid) for key, pid in watched.items()}
    spans = []
    for _ in range(count):
        begin = time.perf_counter()
        ask(one)
        spans.append(time.perf_counter() - begin)
    used = {key: (cpu(pid) - before[key]) / count for key, pid in watched.items()}
    done, stop = [0] * connections, time.monotonic() + 3

    def many(index):
        mine = connect()
        while time.monotonic() < stop:
            ask(mine)
            done[index] += 1

    threads = [threading.Thread(target=many, args=(index,)) for index in range(connections)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = sum(done) / (time.monotonic() - begin)
    spans.sort()
    costs = ", ".join(f"{key} {value * 1e6:.0f} us" for key, value in used.items())
    print(f"  {name:44} median {statistics.median(spans) * 1e3:7.3f} ms   p99 "
          f"{spans[int(count * 0.99)] * 1e3:7.3f} ms   {rate:6.0f}/s   CPU each: {costs}", flush=True)
    return statistics.median(spans)


class Reeve:
    def __init__(self, args, count, table=""):
        self.directory = tempfile.mkdtemp(prefix="reeve-gateway-")
        path = pathlib.Path(self.directory, "reeve.toml")
        schedulers = "".join(
            f'[schedulers.s{number}]\ncommand = ["sleep", "100000"]\nlog = "none"\n' for number in range(count))
        path.write_text(
            f'[reeve]\nruntime-directory = "{self.directory}/run"\nstate-directory = "{self.directory}/state"\n'
            f'staggered-startup = false\n{table}\n[defaults]\nready = "spawn"\n{schedulers}')
        self.log = open(pathlib.Path(self.directory, "log"), "wb")
        self.process = subprocess.Popen([args.reeve, "run", str(path)], stdout=self.log, stderr=self.log)
        self.socket = f"{self.directory}/run/control.sock"
        wait("all run", lambda: self.overview()["summary"]["healthySchedulers"] == count)

    def overview(self):
        return Control(self.socket).ask({"op": "overview"})

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def ours(args, count):
    reeve = Reeve(args, count)
    number = port()
    gateway = subprocess.Popen(
        [args.gateway, "--listen", f"127.0.0.1:{number}", "--socket", reeve.socket, "--log-level", "error"])
    try:
        wait("the gateway", lambda: Page(number).ask("/readyz"))
        before = resident(gateway.pid)
        watched = {"supervisor": reeve.process.pid}
        both = {**watched, "gateway": gateway.pid}
        requests = args.requests if count <= 100 else args.requests // 4
        for kind, request, path in [
            ("of one", {"op": "status", "name": "s7"}, "/api/scheduler/s7/health"),
            ("of all", {"op": "status"}, "/api/scheduler/health"),
        ]:
            direct = measure(f"reeve, control socket, health {kind}", lambda: Control(reeve.socket),
                             lambda one: one.ask(request), requests, args.connections, watched)
            added = measure(f"reeve-gateway, health {kind}", lambda: Page(number),
                            lambda one: one.ask(path), requests, args.connections, both) - direct
            print(f"  {'added by the gateway, health ' + kind:44} median {added * 1e3:7.3f} ms")
        print(f"  gateway: {before / 1e6:.1f} MB at first, {resident(gateway.pid) / 1e6:.1f} MB afterwards; "
              f"supervisor: {resident(reeve.process.pid) / 1e6:.1f} MB")
    finally:
        gateway.terminate()
        gateway.wait()
        reeve.end()


def theirs(args, count):
    program = shutil.which("supervisord", path="/usr/bin")
    if not program:
        print("  supervisord is not installed")
        return
    directory = tempfile.mkdtemp(prefix="reeve-supervisord-")
    number = port()
    text = (f"[inet_http_server]\nport=127.0.0.1:{number}\n[supervisord]\nnodaemon=true\nsilent=true\n"
            f"minfds={4 * count + 100}\nlogfile={directory}/log\npidfile={directory}/pid\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n")
    text += "".join(f"[program:s{index}]\ncommand=sleep 100000\nstartsecs=0\nstdout_logfile=NONE\n"
                    "stderr_logfile=NONE\n" for index in range(count))
    path = pathlib.Path(directory, "c.conf")
    path.write_text(text)
    process = subprocess.Popen([program, "-c", str(path)])
    headers = {"Content-Type": "text/xml"}
    try:
        def running():
            answer = Page(number, headers).ask("/RPC2", "POST", call("getAllProcessInfo"))
            return answer.count(b"<string>RUNNING</string>") == count
        wait("supervisord", running)
        requests = max(50, (args.requests if count <= 100 else args.requests // 4) // 10)
        for kind, body in [("of one", call("getProcessInfo", "s7")), ("of all", call("getAllProcessInfo"))]:
            measure(f"supervisord, XML-RPC, {kind}", lambda: Page(number, headers),
                    lambda one: one.ask("/RPC2", "POST", body), requests, args.connections,
                    {"supervisord": process.pid})
        print(f"  supervisord: {resident(process.pid) / 1e6:.1f} MB")
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def kills(args):
    number = port()
    user = 'user = "root"\n' if os.geteuid() == 0 else ""
    reeve = Reeve(args, 100, f'[gateway]\nlisten = "127.0.0.1:{number}"\ncommand = ["{args.gateway}"]\n{user}')
    try:
        wait("the gateway", lambda: Page(number).ask("/readyz"))
        pids = {one["name"]: one["pid"] for one in json.loads(Page(number).ask("/api/scheduler/health"))["schedulers"]}
        answers, stop = [], threading.Event()

        def client():
            page = Page(number)
            while not stop.is_set():
                try:
                    page.ask("/api/scheduler/health")
                    answers.append(time.monotonic())
                except (OSError, http.client.HTTPException, SystemExit):
                    page = Page(number)
                    time.sleep(0.005)

        threads = [threading.Thread(target=client) for _ in range(args.connections)]
        for thread in threads:
            thread.start()
        gaps = []
        for _ in range(args.kills):
            time.sleep(1)
            pid = reeve.overview()["components"][0]["pid"]
            begin = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            # Whoever asked before may have an answer still.
            wait("an answer", lambda: answers and answers[-1] > begin + 0.05 and Page(number).ask("/healthz"), 30)
            gaps.append(min(one for one in answers if one > begin + 0.05) - begin)
        stop.set()
        for thread in threads:
            thread.join()
        after = {one["name"]: one["pid"] for one in json.loads(Page(number).ask("/api/scheduler/health"))["schedulers"]}
        gaps.sort()
        print(f"killed {args.kills} times under {args.connections} clients: the first answer after "
              f"{statistics.median(gaps):.2f} s by the median, {gaps[-1]:.2f} s at worst; "
              f"{'no scheduler was touched' if pids == after else 'SCHEDULERS CHANGED'}")
    finally:
        reeve.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reeve", default=".build/release/reeve")
    parser.add_argument("--gateway", default=".build/release/reeve-gateway")
    parser.add_argument("--n", default="100,1000")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--kills", type=int, default=10)
    args = parser.parse_args()
    args.reeve, args.gateway = os.path.abspath(args.reeve), os.path.abspath(args.gateway)
    for count in [int(one) for one in args.n.split(",") if one]:
        print(f"{count} schedulers")
        ours(args, count)
        theirs(args, count)
    kills(args)


if __name__ == "__main__":
    main()
