# SPDX-License-Identifier: Apache-2.0
"""reeve itself: the release build of this tree, or the folder that REEVE_BENCH_BIN names."""
import json
import os
from adapters.base import Adapter
from harness import HERE, out

BIN = os.environ.get("REEVE_BENCH_BIN", os.path.join(HERE, "..", "..", ".build", "release"))


class Reeve(Adapter):
    name = "reeve"
    does = Adapter.does | {"pid1"}
    notes = "no delay but the 100 ms between two spawns of one scheduler; children inherit stdout; nothing is sampled"
    log = "inherit"
    extra = ""

    def available(self):
        found = os.path.exists(os.path.join(BIN, "reeve"))
        return None if found else "not built: swift build -c release --product reeve"

    def version(self):
        return out([os.path.join(BIN, "reeve"), "--version"]).strip()

    def prepare(self, ctx):
        restart = "always" if ctx.restart else "never"
        text = [f'''[reeve]
profile = "production"
staggered-startup = false
runtime-directory = {json.dumps(ctx.path("run"))}
state-directory = {json.dumps(ctx.path("state"))}

[defaults]
log = "{self.log}"
ready = "spawn"
restart = "{restart}"
restart-delay = "0s"
restart-jitter = 0.0
restart-factor = 1.0
max-restarts = "unlimited"
health-check-interval = "15s"
stop-timeout = "{ctx.stop_timeout}s"
{self.extra}
''']
        for s in ctx.services:
            text.append(f"[schedulers.{s.name}]\ncommand = {json.dumps(s.argv)}\n")
        os.makedirs(ctx.path("run"), exist_ok=True)
        os.makedirs(ctx.path("state"), exist_ok=True)
        ctx.write("reeve.toml", "".join(text))

    def argv(self, ctx):
        return [os.path.join(BIN, "reeve"), "run", ctx.path("reeve.toml")]

    def _ctl(self, ctx, verb, *words):
        return [os.path.join(BIN, "reeve"), verb, "--socket", ctx.path("run/control.sock"), *words]

    def status_one(self, ctx, name):
        return self._ctl(ctx, "status", name)

    def status_all(self, ctx):
        return self._ctl(ctx, "status")


class ReevePrefixed(Reeve):
    """The default logging: every child's output goes through reeve."""
    name = "reeve-prefixed"
    log = "prefixed"
    notes = "as reeve, but with log = prefixed"


class ReeveSampled(Reeve):
    """With a memory threshold, so that every tree is read each 15 s."""
    name = "reeve-sampled"
    does = {"cold", "mem", "idle"}
    extra = 'memory-threshold = "500MB"'
    notes = "as reeve, but with a memory threshold: every tree is sampled each 15 s"


ADAPTERS = [Reeve, ReevePrefixed, ReeveSampled]
