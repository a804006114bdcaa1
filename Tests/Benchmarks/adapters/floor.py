# SPDX-License-Identifier: Apache-2.0
"""The yardstick: floor.c, the least a supervisor can do."""
import os
import subprocess
from adapters.base import Adapter
from harness import HERE, WORK

EXE = os.path.join(WORK, "bin", "floor")


class Floor(Adapter):
    name = "floor"
    does = (Adapter.does | {"pid1"}) - {"status"}
    notes = "not a supervisor: posix_spawn and waitpid only, dynamic C; the lower bound on this machine"

    def version(self):
        return "floor.c"

    def prepare(self, ctx):
        os.makedirs(os.path.dirname(EXE), exist_ok=True)
        src = os.path.join(HERE, "floor.c")
        if not os.path.exists(EXE) or os.path.getmtime(EXE) < os.path.getmtime(src):
            subprocess.run([os.environ.get("CC", "cc"), "-O2", "-Wall", "-o", EXE, src], check=True)
        ctx.write("cmds", "".join(s.cmd + "\n" for s in ctx.services))

    def argv(self, ctx):
        return [EXE, ctx.path("cmds")]


ADAPTERS = [Floor]
