# SPDX-License-Identifier: Apache-2.0
"""Inits that run one command: `reeve init`, and Debian's tini, dumb-init and catatonit."""
import os
import shutil
import subprocess
import tempfile
from adapters.base import Adapter
from adapters.reeve import BIN
from harness import HERE, out, pkg_version

STATIC = os.path.join(HERE, "..", "..", ".build-static", "release")


def size(program):
    """Of the file as it would be installed, in kB."""
    with tempfile.NamedTemporaryFile() as f:
        if subprocess.run(["strip", "-o", f.name, program]).returncode:
            return "size unknown"
        return f"{os.path.getsize(f.name) // 1000} kB"


class Init(Adapter):
    does = {"cold", "mem", "idle", "stop", "pid1"}
    max_n = 1
    options = []

    @property
    def program(self):
        return shutil.which(self.name, path="/usr/bin") or "/usr/bin/" + self.name

    def available(self):
        return None if os.path.exists(self.program) else f"not installed: apt-get install {self.name}"

    def version(self):
        return f"{pkg_version(self.name)}, {size(self.program)}"

    def command(self, argv):
        return [self.program, *self.options, "--", *argv]

    def argv(self, ctx):
        return self.command(ctx.services[0].argv)


class Tini(Init):
    name, options = "tini", ["-s"]


class DumbInit(Init):
    name = "dumb-init"


class Catatonit(Init):
    name = "catatonit"


class ReeveInit(Init):
    name, options = "reeve-init", ["init"]
    program = os.path.join(BIN, "reeve")

    def available(self):
        return None if os.path.exists(self.program) else "not built: swift build -c release --product reeve"

    def version(self):
        return f'{out([self.program, "--version"]).strip()}, {size(self.program)}'


class ReeveInitStatic(ReeveInit):
    """The build for images that hold nothing else."""
    name = "reeve-init-static"
    program = os.path.join(STATIC, "reeve")

    def available(self):
        return None if os.path.exists(self.program) else "not built: Tests/run --static"


ADAPTERS = [Tini, DumbInit, Catatonit, ReeveInit, ReeveInitStatic]
