# SPDX-License-Identifier: Apache-2.0
"""The daemontools family: one directory with a ./run per service, one small
supervisor process per service, one scanner.  The "-direct" variants link
./run straight to the workload (no shell in between)."""
import os
import shutil
import signal
import subprocess
from adapters.base import Adapter
from harness import CHILD, pkg_version


class _Dirs(Adapter):
    does = Adapter.does | {"pid1"}
    direct = False
    pkg = tool = ""

    def available(self):
        return None if shutil.which(self.tool, path="/usr/bin") else "not installed"

    def version(self):
        return pkg_version(self.pkg)

    def prepare(self, ctx):
        os.makedirs(ctx.path("svc"))
        for s in ctx.services:
            if self.direct:
                ctx.write(f"svc/{s.name}/pbargs", " ".join(s.argv[1:]) + "\n")
                os.symlink(CHILD, ctx.path("svc", s.name, "run"))
            else:
                ctx.write(f"svc/{s.name}/run", f"#!/bin/sh\nexec {s.cmd}\n", 0o755)
            self.extra(ctx, s)

    def extra(self, ctx, s):
        pass

    def dirs(self, ctx):
        return [ctx.path("svc", s.name) for s in ctx.services]


class S6(_Dirs):
    name, pkg, tool = "s6", "s6", "s6-svscan"
    notes = "no readiness notification: s6-supervise then always pauses 1 s before a restart (documented); s6-ready is its minimum"

    def extra(self, ctx, s):
        ctx.write(f"svc/{s.name}/timeout-kill", f"{ctx.stop_timeout * 1000}\n")

    def argv(self, ctx):
        return ["s6-svscan", "-c", "2000", ctx.path("svc")]

    def status_one(self, ctx, name):
        return ["s6-svstat", ctx.path("svc", name)]

    def status_all(self, ctx):          # no list command: the usual shell loop
        return ["/bin/sh", "-c", f"for d in {ctx.path('svc')}/*; do s6-svstat $d; done"]


class S6Ready(S6):
    """With readiness notification: a service that was ready and up for more
    than a second is restarted at once, which is the least s6 allows."""
    name = "s6-ready"
    does = {"cold", "restart", "mass"}
    notes = "notification-fd 3, ./run reports ready before its exec; floor of 1 s between two starts remains"

    def extra(self, ctx, s):
        super().extra(ctx, s)
        ctx.write(f"svc/{s.name}/notification-fd", "3\n")
        ctx.write(f"svc/{s.name}/run", f"#!/bin/sh\necho >&3\nexec 3>&-\nexec {s.cmd}\n", 0o755)


class S6Direct(S6):
    name, direct = "s6-direct", True
    does = {"cold", "mass"}


class Runit(_Dirs):
    name, pkg, tool = "runit", "runit", "runsvdir"
    max_n = 1000                        # compile-time limit of runsvdir
    notes = "runsv sleeps 1 s before a restart when ./run lived less than 1 s; no stop timeout of its own (sv -w 2 force-shutdown used)"

    def argv(self, ctx):
        return ["runsvdir", "-P", ctx.path("svc")]

    def stop(self, ctx, pid):
        os.kill(pid, signal.SIGHUP)     # TERM to every runsv, runsvdir exits
        if any(s.argv[3] == "ignore" for s in ctx.services):
            subprocess.Popen(["sv", "-w", str(ctx.stop_timeout), "force-shutdown"] + self.dirs(ctx),
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def status_one(self, ctx, name):
        return ["sv", "status", ctx.path("svc", name)]

    def status_all(self, ctx):
        return ["sv", "status"] + self.dirs(ctx)


class RunitDirect(Runit):
    name, direct = "runit-direct", True
    does = {"cold", "mass"}


ADAPTERS = [S6, S6Ready, Runit, S6Direct, RunitDirect]
