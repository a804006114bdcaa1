// SPDX-License-Identifier: Apache-2.0
//
// The one entry. A role that reeve gave itself comes first, and an init next, before anything of the
// command line runs: neither executes the argument parser nor what that brings along.

internal import Glibc
internal import ReeveLinux
internal import ReeveSupervisor

if let role = Environment.value(of: Role.variable) {
    exit(Role.enter(role))
}
let arguments = SelfExecution.arguments()
if let start = InitRole.start(in: arguments) {
    exit(InitRole.run(arguments, from: start))
}
exit(CommandLineRole.run())
