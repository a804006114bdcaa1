// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux
internal import Glibc
package import ReeveCore

/// What this process takes of its machine.
package struct ProcessUsage: Equatable, Sendable {
    /// Resident memory; nil where /proc does not tell.
    package var resident: Bytes?
    /// Of all its threads since its start (CLOCK_PROCESS_CPUTIME_ID).
    package var processorTime: Duration
    /// Open descriptors; nil where /proc does not tell.
    package var descriptors: Int?

    /// Reads them now: some ten system calls, and one more for every thousand descriptors.
    package static func own(_ proc: ProcFS = ProcFS()) -> ProcessUsage {
        // Whatever /proc does not tell is shown as unknown.
        let pid = try? proc.ownPID()
        return ProcessUsage(
            resident: pid.flatMap { try? proc.resident($0) },
            processorTime: Duration(nanoseconds: reeve_clock(CLOCK_PROCESS_CPUTIME_ID)),
            descriptors: pid.flatMap { try? proc.descriptorCount(of: $0) })
    }
}
