# SPDX-License-Identifier: Apache-2.0
"""Builds a small program around ReeveCore: the core as one optimised module, linked with the collections of the
debug build, which has to be there (`swift build`)."""
import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def build(source):
    """The path of the program that was made of a Swift file with a `@main` in it."""
    name = os.path.splitext(os.path.basename(source))[0]
    out = os.path.join(TOP, ".build", "core")
    os.makedirs(out, exist_ok=True)
    debug = subprocess.run(["swift", "build", "--show-bin-path"], cwd=TOP, text=True, check=True,
                           stdout=subprocess.PIPE).stdout.strip()
    flags = ["-O", "-wmo", "-parse-as-library", "-swift-version", "6", "-package-name", "reeve", "-I", out, "-I",
             os.path.join(debug, "Modules")]
    for feature in ("ExistentialAny", "InternalImportsByDefault", "MemberImportVisibility"):
        flags += ["-enable-upcoming-feature", feature]
    files = [os.path.join(folder, file) for folder, _, names in os.walk(os.path.join(TOP, "Sources/ReeveCore"))
             for file in names if file.endswith(".swift")]
    core = os.path.join(out, "ReeveCore.o")
    if is_older(core, files):
        subprocess.run(["swiftc", *flags, "-module-name", "ReeveCore", "-emit-module", "-emit-module-path",
                        os.path.join(out, "ReeveCore.swiftmodule"), "-c", "-o", core, *files], check=True)
    program = os.path.join(out, name)
    if is_older(program, [core, source]):
        objects = [os.path.join(folder, file)
                   for module in ("DequeModule", "HeapModule", "InternalCollectionsUtilities", "ContainersPreview")
                   for folder, _, names in os.walk(os.path.join(debug, module + ".build"))
                   for file in names if file.endswith(".o")]
        subprocess.run(["swiftc", *flags, "-module-name", name.capitalize(), "-o", program, source, core, *objects],
                       check=True)
    return program


def is_older(path, sources):
    """Whether it has to be made, or made anew."""
    return not os.path.exists(path) or os.path.getmtime(path) < max(map(os.path.getmtime, sources))
