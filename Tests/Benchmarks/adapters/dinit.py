# SPDX-License-Identifier: Apache-2.0
"""dinit, of the packages or built from source."""
import os
from adapters.base import Adapter
from harness import out

BIN = os.environ.get("REEVE_BENCH_DINIT", "/usr/sbin")


class Dinit(Adapter):
    name = "dinit"
    does = Adapter.does | {"pid1"}
    notes = "restart-delay = 0 (default 0.2 s), restart-limit-interval = 0 (default 3 restarts in 10 s)"

    def available(self):
        return None if os.path.exists(BIN + "/dinit") else "not there (REEVE_BENCH_DINIT is the folder of its programs)"

    def version(self):
        return out([BIN + "/dinit", "--version"]).splitlines()[0]

    def prepare(self, ctx):
        boot = ["type = internal\n"]
        for s in ctx.services:
            boot.append(f"waits-for = {s.name}\n")
            ctx.write(f"svc/{s.name}", f"""type = process
command = {s.cmd}
restart = {'true' if ctx.restart else 'false'}
smooth-recovery = {'true' if ctx.restart else 'false'}
restart-delay = 0
restart-limit-interval = 0
stop-timeout = {ctx.stop_timeout}
""")
        ctx.write("svc/boot", "".join(boot))

    def argv(self, ctx):
        return [BIN + "/dinit", "-o" if ctx.pid1 else "-u", "-q", "-d", ctx.path("svc"), "-p", ctx.path("sock"), "boot"]

    def _ctl(self, ctx, *a):
        return [BIN + "/dinitctl", "-p", ctx.path("sock"), *a]

    def status_one(self, ctx, name):
        return self._ctl(ctx, "status", name)

    def status_all(self, ctx):
        return self._ctl(ctx, "list")


ADAPTERS = [Dinit]
