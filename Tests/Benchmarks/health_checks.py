#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a health check costs the supervisor: its own CPU time per check, by kind.

N schedulers that sleep are checked every INTERVAL seconds for a while; from the CPU time of the supervisor
(user and system, /proc/PID/stat) that of the same schedulers without a check is taken off, and the rest is
divided by the number of checks, which the checked server or the command counts.

  health_checks.py [--reeve PATH] [--n 1000] [--interval 15] [--seconds 60]
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import socketserver
import subprocess
import tempfile
import threading
import time


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024


class Page(socketserver.BaseRequestHandler):
    count = 0

    def handle(self):
        Page.count += 1
        try:
            if self.request.recv(4096):
                self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except OSError:
            pass


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def configuration(directory, kind, args, port):
    check = {
        "none": "",
        "exec": 'health-check = { exec = ["/bin/true"] }\n',
        "tcp": f'health-check = {{ tcp = "127.0.0.1:{port}" }}\n',
        "http": f'health-check = {{ http = "http://127.0.0.1:{port}/" }}\n',
    }[kind]
    tables = "".join(
        f'[schedulers.s{number}]\ncommand = ["sleep", "100000"]\nlog = "none"\n{check}'
        for number in range(args.n)
    )
    return (
        f'[reeve]\nruntime-directory = "{directory}/run"\nstate-directory = "{directory}/state"\n'
        f'staggered-startup = false\n[defaults]\nready = "spawn"\n'
        f'health-check-interval = "{args.interval}s"\n{tables}'
    )


def measure(kind, args, port):
    directory = tempfile.mkdtemp(prefix="reeve-checks-")
    path = pathlib.Path(directory, "reeve.toml")
    path.write_text(configuration(directory, kind, args, port))
    log = open(pathlib.Path(directory, "log"), "wb")
    process = subprocess.Popen([args.reeve, "run", str(path)], stdout=log, stderr=log)
    try:
        socket = f"{directory}/run/control.sock"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            status = subprocess.run(
                [args.reeve, "status", "--json", "--socket", socket], capture_output=True)
            try:
                if json.loads(status.stdout)["summary"]["healthySchedulers"] == args.n:
                    break
            except (ValueError, KeyError):
                pass
            time.sleep(0.5)
        # The first round, in which every scheduler gets its second, is not counted.
        time.sleep(args.interval)
        begin, before, pages = time.monotonic(), cpu(process.pid), Page.count
        time.sleep(args.seconds)
        span, used = time.monotonic() - begin, cpu(process.pid) - before
        checks = Page.count - pages if kind in ("tcp", "http") else span * args.n / args.interval
        return used, checks, span
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reeve", default=".build/release/reeve")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--interval", type=int, default=15)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--kinds", default="tcp,http,exec")
    args = parser.parse_args()
    server = Server(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    idle, _, span = measure("none", args, port)
    print(f"none: {idle:.3f} s in {span:.0f} s")
    for kind in args.kinds.split(","):
        used, checks, span = measure(kind, args, port)
        each = (used - idle) / max(1, checks) * 1e6
        print(
            f"{kind}: {used:.3f} s in {span:.0f} s ({used / span * 100:.2f} %), {checks:.0f} checks, "
            f"{each:.1f} us each", flush=True)


if __name__ == "__main__":
    main()
