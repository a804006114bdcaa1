# SPDX-License-Identifier: Apache-2.0
"""The interface every adapter fills in.  One file per supervisor in this
folder; each file lists its classes in ADAPTERS."""
import os
import signal


class Adapter:
    name = "?"
    # which measurements make sense: cold mem idle status restart mass stop stopignore pid1
    does = {"cold", "mem", "idle", "status", "restart", "mass", "stop", "stopignore"}
    max_n = 10_000        # most services it is asked to hold
    kills = 100           # how many single kills for the restart latency
    cli_calls = 100       # how many calls for the status latency
    up_timeout = 120      # seconds until all children must have started
    settle = 2.0          # seconds of quiet after start before measuring
    notes = ""            # printed with the results: floors, built-in delays

    def available(self):
        """None, or why it cannot be measured here."""
        return None

    def version(self):
        return "?"

    def prepare(self, ctx):
        """Write the configuration for ctx.services under ctx.dir."""

    def argv(self, ctx):
        """The command that runs the supervisor in the foreground."""
        raise NotImplementedError

    def env(self, ctx):
        return {}

    def stop(self, ctx, pid):
        """Begin a graceful stop of everything; return at once or when done."""
        os.kill(pid, signal.SIGTERM)

    def cleanup(self, ctx):
        pass

    # control plane: argv for the command-line tool, or None
    def status_one(self, ctx, name):
        return None

    def status_all(self, ctx):
        return None

    # control plane without a process start: a callable, or None
    def api_one(self, ctx, name):
        return None

    def api_all(self, ctx):
        return None
