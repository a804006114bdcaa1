#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# Takes one job after another out of the queue. It tells reeve when it is ready, what it does, and that it is alive:
# lines of text to the socket whose name is in NOTIFY_SOCKET, as sd_notify(3) has it.
import os
import signal
import socket
import time

store = os.environ["STORE"]
ending = False


def end(number, frame):
    global ending
    ending = True


def notify(text):
    name = os.environ.get("NOTIFY_SOCKET")
    if not name:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect("\0" + name[1:] if name[0] == "@" else name)
        sender.sendall(text.encode())


def work(name):
    begun = f"{store}/queue/{name}.begun"
    os.rename(f"{store}/queue/{name}", begun)
    with open(begun, errors="replace") as file:
        job = file.read().strip()
    notify(f"STATUS=doing {name}")
    # What a real one does here takes its time; "sleep N" takes N seconds.
    words = job.split()
    if len(words) == 2 and words[0] == "sleep" and words[1].replace(".", "", 1).isdigit():
        time.sleep(float(words[1]))
    os.rename(begun, f"{store}/done/{name}")
    print(f"done: {job}", flush=True)


signal.signal(signal.SIGTERM, end)
# What was begun and not done, because the worker before was killed, is done again.
for name in os.listdir(store + "/queue"):
    if name.endswith(".begun"):
        os.rename(f"{store}/queue/{name}", f"{store}/queue/{name[:-6]}")
notify("READY=1")
while not ending:
    notify("WATCHDOG=1")
    names = [name for name in os.listdir(store + "/queue") if not name.endswith(".begun")]
    for name in sorted(names):
        if ending:
            break
        work(name)
        notify("WATCHDOG=1\nSTATUS=waiting for work")
    time.sleep(0.2)
print("no job was left half done", flush=True)
