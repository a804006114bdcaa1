// SPDX-License-Identifier: Apache-2.0
//
// What the scribe writes besides log files: bundles of failed runs, each into a ring of its scheduler.

internal import ReeveCore
internal import ReeveLinux

/// Bytes for the end of a ring file.
struct Bundle: Equatable {
    /// What a bundle has at most: twice what its head is counted with, for that of a run that said much, and its log.
    static let bytesMax = 2 * FailureStore.headBytesMax + FailureStore.logBytesMax

    /// Of the file; absolute.
    var path: String
    /// Of the ring, in bytes.
    var capacity: Int
    var bytes: [UInt8]

    /// No bundle: what was kept in this file is removed.
    static func removal(of path: String) -> Bundle { Bundle(path: path, capacity: 0, bytes: []) }

    /// Waits for the disk: only the scribe does that. Throws as `RingFile` does.
    func write() throws(Errno) {
        if capacity == 0 { return StateFile.remove(path) }
        var file = try RingFile(path: path, capacity: capacity)
        try file.append(bytes.span)
    }
}

/// Where bundles come from.
protocol BundleSource: AnyObject {
    /// How many are left, with the one that is under way.
    var bundleCount: Int { get }
    /// The next one that is due. It is under way until `bundleEnded`, and none follows before.
    func nextBundle() -> Bundle?
    /// It is kept, or is not, and is not tried again.
    func bundleEnded(_ failure: Errno?, at now: Moment)
}
