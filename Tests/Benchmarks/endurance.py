#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether anything grows: memory and descriptors of the supervisor over thousands of starts and stops.

Schedulers are restarted by command in rounds, and others crash all the while as fast as reeve lets them; both
figures are printed after each tenth of the rounds.

  endurance.py [--reeve PATH] [--schedulers 20] [--rounds 100] [--crashing 20]
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time


def figures(pid):
    resident = next(line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                    if line.startswith("VmRSS:"))
    return int(resident.split()[1]), len(os.listdir(f"/proc/{pid}/fd"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reeve", default=".build/release/reeve")
    parser.add_argument("--schedulers", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--crashing", type=int, default=20)
    args = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="reeve-endurance-")
    path = pathlib.Path(directory, "reeve.toml")
    names = [f"s{number}" for number in range(args.schedulers)]
    tables = "".join(f'[schedulers.{name}]\ncommand = ["sleep", "100000"]\n' for name in names)
    tables += "".join(
        f'[schedulers.c{number}]\ncommand = "echo a line; exit 1"\nrestart-delay = "100ms"\n'
        'restart-delay-max = "100ms"\nmax-restarts = "unlimited"\n' for number in range(args.crashing))
    path.write_text(f'[reeve]\nruntime-directory = "{directory}/run"\nstate-directory = "{directory}/state"\n'
                    f'staggered-startup = false\n[defaults]\nready = "spawn"\n{tables}')
    log = open(os.devnull, "wb")
    process = subprocess.Popen([args.reeve, "run", str(path)], stdout=log, stderr=log)
    control = f"{directory}/run/control.sock"
    try:
        for _ in range(1000):
            if os.path.exists(control):
                break
            time.sleep(0.01)
        print("restarts by command   crashes     RSS   descriptors")
        for number in range(args.rounds + 1):
            if number % max(1, args.rounds // 10) == 0:
                crashes = sum(one["restartCount"] for one in json.loads(subprocess.run(
                    [args.reeve, "status", "--json", "--socket", control], capture_output=True,
                    check=True).stdout)["schedulers"])
                resident, descriptors = figures(process.pid)
                print(f"{number * args.schedulers:19} {crashes:9} {resident:5} kB {descriptors:13}", flush=True)
            if number < args.rounds:
                subprocess.run([args.reeve, "restart", "--socket", control, *names], check=True,
                               stdout=subprocess.DEVNULL)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
