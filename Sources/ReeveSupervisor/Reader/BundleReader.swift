// SPDX-License-Identifier: Apache-2.0
//
// Reading what is kept of failed runs: in a process of its own, since the state directory may be on a disk that does
// not answer. Its output goes to memory without a name.

internal import DequeModule
internal import ReeveCore
internal import ReeveLinux

/// One reading of a bundle, whose outcome comes later.
package final class BundleReading: Equatable {
    package enum Outcome {
        /// nil: nothing is kept.
        case read(KeptFailure?)
        /// Why it cannot be told, as a sentence.
        case failed(words: String)
    }

    let path: String
    /// nil: the newest.
    let run: String?
    /// nil until it is over.
    package internal(set) var outcome: Outcome?

    init(path: String, run: String?) {
        self.path = path
        self.run = run
    }

    package static func == (one: BundleReading, other: BundleReading) -> Bool { one === other }
}

/// Reads bundles, a few at a time.
final class BundleReader {
    static let atOnceMax = 4
    /// Those that SIGKILL did not end: beyond that nothing is read until one does.
    static let stuckMax = 8
    /// Readings that wait for their turn.
    static let waitingMax = 64
    /// How long a disk has to answer: less than whoever asks waits.
    static let timeout = Duration.seconds(3)
    /// How long the process may then take to die: where its disk is gone, SIGKILL waits for it too.
    private static let killTimeout = Duration.seconds(1)

    /// Starts a reader with this as its standard output.
    typealias Starter = (
        _ work: ReaderRole.Work, _ output: consuming FileDescriptor
    ) throws(SpawnFailure) -> ProcessIdentity

    private final class Running {
        let reading: BundleReading
        let pid: PID
        let output: FileDescriptor
        var deadline: Instant
        var isKilled = false

        init(
            _ reading: BundleReading, _ pid: PID, _ output: consuming FileDescriptor,
            deadline: Instant
        ) {
            self.reading = reading
            self.pid = pid
            self.output = output
            self.deadline = deadline
        }
    }

    private let start: Starter
    private var waiting = Deque<BundleReading>()
    private var running: [Running] = []
    private var stuck: Set<PID> = []
    /// Called when one is over.
    var onEnd: ((BundleReading) -> Void)?

    init(start: @escaping Starter) {
        self.start = start
    }

    /// Begins a reading, now or when others are over. Where no process can be made it has an outcome at once.
    func begin(_ reading: BundleReading, at now: Moment) {
        guard waiting.count < BundleReader.waitingMax, stuck.count < BundleReader.stuckMax else {
            return refuse(reading)
        }
        waiting.append(reading)
        startWaiting(at: now.monotonic)
    }

    private func startWaiting(at now: Instant) {
        while stuck.count >= BundleReader.stuckMax, let reading = waiting.popFirst() {
            refuse(reading)
        }
        while running.count < BundleReader.atOnceMax, let reading = waiting.popFirst() {
            do {
                let output = try Memfd.empty(name: "reeve-bundle")
                let work = ReaderRole.Work.bundle(path: reading.path, run: reading.run)
                let pid = try start(work, try output.duplicate()).pid
                running.append(
                    Running(reading, pid, output, deadline: now + BundleReader.timeout))
            } catch {
                let words = (error as? SpawnFailure)?.words ?? "\(error)"
                end(
                    reading,
                    .failed(words: "the process that reads it could not be started: \(words)"))
            }
        }
    }

    private func refuse(_ reading: BundleReading) {
        let words = "\(reading.path) is not read: earlier questions have no answer yet"
        end(reading, .failed(words: words))
    }

    private func end(_ reading: BundleReading, _ outcome: BundleReading.Outcome) {
        reading.outcome = outcome
        onEnd?(reading)
    }

    /// When `timePassed` is due.
    var nextDeadline: Instant? { running.lazy.map(\.deadline).min() }

    /// Ends what takes too long. What not even SIGKILL ends is reaped whenever that is.
    func timePassed(at now: Moment) {
        for late in running where late.deadline <= now.monotonic {
            guard late.isKilled else {
                late.isKilled = true
                late.deadline = now.monotonic + BundleReader.killTimeout
                // ESRCH cannot be: it has not been reaped.
                try? Signals.send(.kill, toUnreaped: late.pid)
                continue
            }
            running.removeAll { $0 === late }
            stuck.insert(late.pid)
            end(late.reading, .failed(words: BundleReader.silence(late.reading)))
        }
        startWaiting(at: now.monotonic)
    }

    private static func silence(_ reading: BundleReading) -> String {
        "\(reading.path) could not be read within \(timeout): its disk does not answer"
    }

    /// A helper process was reaped. Returns whether it was one of these.
    func ended(_ pid: PID, _ status: ExitStatus, at now: Moment) -> Bool {
        if stuck.remove(pid) != nil { return true }
        guard let index = running.firstIndex(where: { $0.pid == pid }) else { return false }
        let over = running.remove(at: index)
        end(over.reading, outcome(of: over, status))
        startWaiting(at: now.monotonic)
        return true
    }

    private func outcome(of over: Running, _ status: ExitStatus) -> BundleReading.Outcome {
        if over.isKilled { return .failed(words: BundleReader.silence(over.reading)) }
        switch status {
        case .exited(code: 0):
            do {
                let bytes = try Memfd.readAll(over.output, max: Bundle.bytesMax)
                if let kept = KeptFailure(bytes) { return .read(kept) }
                return .failed(words: "\(over.reading.path): what is kept there is damaged")
            } catch {
                return .failed(words: "what was read of \(over.reading.path) is lost: \(error)")
            }
        case .exited(code: ReaderRole.nothingKept): return .read(nil)
        default:
            return .failed(words: "the process that reads \(over.reading.path) ended by \(status)")
        }
    }
}
