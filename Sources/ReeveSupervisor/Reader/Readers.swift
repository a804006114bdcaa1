// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux

/// All that is done by readers.
final class Readers {
    let discards: Discards
    let bundles: BundleReader

    /// `processes` starts them.
    init(_ processes: Processes) {
        discards = Discards { [unowned processes] (work, input) throws(SpawnFailure) in
            var streams = ChildStreams(stdout: .null, stderr: .null)
            streams.stdin = .descriptor(input)
            return try processes.spawnReader(work, streams: streams)
        }
        bundles = BundleReader { [unowned processes] (work, output) throws(SpawnFailure) in
            try processes.spawnReader(
                work, streams: ChildStreams(stdout: .descriptor(output), stderr: .null))
        }
    }

    /// When `timePassed` is due.
    var nextDeadline: Instant? {
        [discards.nextDeadline, bundles.nextDeadline].compactMap(\.self).min()
    }

    func timePassed(at now: Moment) {
        discards.timePassed(at: now)
        bundles.timePassed(at: now)
    }

    /// A helper process was reaped. Returns whether it was one of these.
    func ended(_ pid: PID, _ status: ExitStatus, at now: Moment) -> Bool {
        discards.ended(pid, status, at: now) || bundles.ended(pid, status, at: now)
    }
}

extension Processes {
    fileprivate func spawnReader(
        _ work: ReaderRole.Work, streams: borrowing ChildStreams
    ) throws(SpawnFailure) -> ProcessIdentity {
        try spawnHelper(
            role: ReaderRole.name, arguments: work.arguments, isSpared: true, streams: streams)
    }
}
