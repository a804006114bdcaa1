// SPDX-License-Identifier: Apache-2.0
//
// The one entry. A role that reeve gave itself comes first, before anything of the command line runs:
// the supervisor executes neither the argument parser nor what that brings along.

internal import Glibc
internal import ReeveLinux

if let role = Environment.value(of: Role.variable) {
    exit(Role.enter(role))
}
exit(CommandLineRole.run())
