#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# A scheduler of a few lines, as many are: a loop that starts a job when it is due. What matters is the end: at
# SIGTERM it begins nothing new and waits for the jobs that run. With APScheduler the handler calls
# scheduler.shutdown(wait=True) and does the same.
#
#   scheduler.py SECONDS COMMAND [ARGUMENT...]     runs the command every so many seconds
import signal
import subprocess
import sys
import time

ending = False


def end(number, frame):
    global ending
    ending = True
    print("no new jobs, waiting for those that run", flush=True)


def main():
    interval, command = float(sys.argv[1]), sys.argv[2:]
    signal.signal(signal.SIGTERM, end)
    due, jobs = time.monotonic(), []
    while not ending:
        jobs = [job for job in jobs if job.poll() is None]
        if time.monotonic() >= due:
            # A session of its own: a terminal's Ctrl-C, and a signal to the group, do not end it.
            jobs.append(subprocess.Popen(command, start_new_session=True))
            due += interval
        time.sleep(0.1)
    for job in jobs:
        job.wait()
    print("all jobs have ended", flush=True)


main()
