// SPDX-License-Identifier: Apache-2.0
//
// The ledger: what happened to each occurrence, and what operators want to hold, in one file of the
// state directory that is only ever appended to.
//
// What is guaranteed. A record is in the kernel's hands (written) when `append` returns, and so
// survives any death of reeve; `append` comes before the spawn that it is about. It is on the
// storage within about a second (`syncDelay`, and what the storage needs), so a crash of the host may
// lose the last second. The loop never waits for the storage: `BackgroundSync` does.
//
// What goes wrong is said once, and once more when it is right again. A record that cannot be
// written (a full disk) waits in bounded memory and is tried again; what does not fit is counted, and
// the count is written in its place. Without a state directory nothing is kept, and all of this
// does nothing.

internal import DequeModule
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// The ledger's file, open for appending.
final class Ledger {
    /// From a write until its synchronisation is asked for: what comes within shares it.
    static let syncDelay = Duration.milliseconds(250)
    /// Until what could not be written is tried again, where nothing else comes to be written.
    static let retryDelay = Duration.seconds(10)
    /// What may wait for room on the disk.
    static let waitingBytesMax = 262_144
    /// A file is compacted when it is longer than this and than twice what is needed of it.
    static let compactedFromBytes: Int64 = 1_048_576
    /// Of a longer file only the end is read at start.
    static let readBytesMax: Int64 = 67_108_864

    private struct Waiting {
        let record: LedgerRecord
        let line: [UInt8]
        let at: WallTime
    }

    /// What the synchronisation in flight is for.
    private enum Flight {
        case none, file, compaction, directory
    }

    /// Made at the first synchronisation: a supervisor without schedules needs none.
    private enum Synchroniser {
        case notYet
        case made(BackgroundSync)
        /// It cannot be; said.
        case none
    }

    let path: String
    private let say: (SupervisorSettings.LogLevel, String) -> Void
    private var file: FileDescriptor
    private let directory: FileDescriptor
    /// Where the next record goes.
    private var end: Int64
    private(set) var index = LedgerIndex()
    private let epoll: Epoll?
    private var synchroniser = Synchroniser.notYet
    private var flight = Flight.none
    /// When the oldest write that is not on the storage was made.
    private var dirtySince: Instant?
    private var isDirectoryDirty = false

    private var waiting = Deque<Waiting>()
    private var waitingBytes = 0
    private var lost: (count: Int64, from: WallTime, to: WallTime)?
    /// Lost since it was last said, and counted in the file.
    private var missing: Int64 = 0
    private var retryAt: Instant?

    /// Who went for good, the first of them at the front.
    private var departed = Deque<SchedulerName>()

    private var compaction: LedgerCompaction?
    /// No compaction before the file has this length: an earlier one failed.
    private var compactedFrom = Ledger.compactedFromBytes

    // MARK: Opening

    /// Opens the ledger of a state directory, whose lock the caller holds, and reads it. Throws a
    /// sentence where it cannot be opened or read; reeve then goes on without one.
    init(
        directory path: String, epoll: Epoll?,
        say: @escaping (SupervisorSettings.LogLevel, String) -> Void
    ) throws(SystemFailure) {
        self.path = path.hasSuffix("/") ? path + "ledger" : path + "/ledger"
        self.say = say
        let opened = try LedgerOpening(self.path, say: say)
        index = opened.index
        end = opened.end
        do throws(Errno) {
            directory = try StateFile.openDirectory(path)
            file = try StateFile.open(self.path)
        } catch {
            throw SystemFailure("ledger \(self.path): cannot be opened", error)
        }
        self.epoll = epoll
        StateFile.remove(compactedPath)
        // A head alone is not worth a synchronisation: it goes with the first record.
        isDirectoryDirty = opened.isNew
    }

    /// This scheduler is gone for good. Of those before it whose place is needed nothing is kept any more, unless
    /// they are back: the next compaction leaves them out.
    func forget(_ name: SchedulerName, unless isBack: (SchedulerName) -> Bool) {
        departed.append(name)
        guard departed.count > LedgerIndex.departedMax, let first = departed.popFirst() else {
            return
        }
        if !isBack(first), !departed.contains(first) { index.forget(first) }
    }

    /// At the start: the same for those of earlier configurations.
    func forgetOthers(than names: Set<SchedulerName>) {
        index.forgetOthers(than: names, keeping: LedgerIndex.departedMax)
    }

    private func sync() -> BackgroundSync? {
        switch synchroniser {
        case .made(let sync): return sync
        case .none: return nil
        case .notYet: break
        }
        do throws(Errno) {
            let sync = try BackgroundSync()
            let token = Token(source: SourceKind.ledger.rawValue, slot: 0)
            try epoll?.add(sync.descriptor, token: token, interest: .readable)
            synchroniser = .made(sync)
            return sync
        } catch {
            synchroniser = .none
            say(
                .warning,
                "ledger \(path): cannot be synchronised in the background (\(error)); it goes to the "
                    + "storage when the kernel writes it, so a crash of the host may lose the last "
                    + "half minute")
            return nil
        }
    }

    private var compactedPath: String { path + ".new" }

    // MARK: Appending

    /// Writes a record. When this returns it survives the death of reeve, or waits for room on the
    /// disk; it never throws, because what it is about goes on either way.
    func append(_ record: LedgerRecord, at now: Moment) {
        let waiting = Waiting(record: record, line: LedgerFraming.line(record), at: now.wall)
        if self.waiting.isEmpty {
            do {
                try write(waiting, at: now)
            } catch {
                say(
                    .error,
                    "ledger \(path): cannot be written (\(error)); everything goes on, what is to be "
                        + "written waits in memory and is tried again")
                wait(waiting, at: now)
            }
        } else {
            wait(waiting, at: now)
            writeWaiting(at: now)
        }
        // What is kept is counted by going through it: only where it may be worth it.
        if compaction == nil, end > compactedFrom, end > 2 * index.keptBytes {
            beginCompaction(at: now)
        }
    }

    /// Writes records with one call: all of them or none.
    private func write(_ items: Waiting..., at now: Moment) throws(Errno) {
        do {
            try file.writeAll(Array(items.map(\.line).joined()).span, at: end)
        } catch {
            // A piece may be there. If it cannot be cut off, the next record overwrites it, and what
            // then still sticks out is skipped by whoever reads.
            _ = try? file.setSize(end)
            throw error
        }
        for item in items {
            let place = LedgerPlace(offset: end, length: Int32(item.line.count - 1))
            index.note(item.record, at: place)
            end += Int64(item.line.count)
        }
        if dirtySince == nil { dirtySince = now.monotonic }
    }

    private func wait(_ item: Waiting, at now: Moment) {
        waiting.append(item)
        waitingBytes += item.line.count
        if retryAt == nil { retryAt = now.monotonic + Ledger.retryDelay }
        while waitingBytes > Ledger.waitingBytesMax, let oldest = waiting.popFirst() {
            waitingBytes -= oldest.line.count
            lost = ((lost?.count ?? 0) + 1, lost?.from ?? oldest.at, oldest.at)
        }
    }

    /// Writes what waits, oldest first, until it is done or fails again.
    private func writeWaiting(at now: Moment) {
        guard !waiting.isEmpty else { return }
        do throws(Errno) {
            while let item = waiting.first {
                if let gap = lost {
                    let record = LedgerRecord.gap(count: gap.count, from: gap.from, to: gap.to)
                    let line = LedgerFraming.line(record)
                    try write(Waiting(record: record, line: line, at: now.wall), item, at: now)
                    missing += gap.count
                    lost = nil
                } else {
                    try write(item, at: now)
                }
                waiting.removeFirst()
                waitingBytes -= item.line.count
            }
        } catch {
            // Said when it began.
            retryAt = now.monotonic + Ledger.retryDelay
            return
        }
        retryAt = nil
        say(
            missing == 0 ? .info : .warning,
            "ledger \(path): is written again, "
                + (missing == 0
                    ? "nothing is missing" : "\(missing) records are missing and counted in it"))
        missing = 0
    }

    // MARK: Reading

    /// What earlier supervisors wrote that this one has to know, oldest first.
    func history() -> [LedgerEntry] {
        entries(at: index.needed)
    }

    /// The last entries of one scheduler, oldest first; at most `LedgerIndex.recentMax`. An entry
    /// that waits for room on the disk is among them.
    func entries(of name: SchedulerName, last count: Int) -> [LedgerEntry] {
        let places = index.recent(of: name).suffix(max(0, count))
        var entries = entries(at: Array(places))
        for item in waiting {
            if case .entry(let entry) = item.record, entry.scheduler == name {
                entries.append(entry)
            }
        }
        return entries.suffix(max(0, count))
    }

    private func entries(at places: [LedgerPlace]) -> [LedgerEntry] {
        places.compactMap { place in
            // What cannot be read any more (a failing disk) is left out.
            guard let bytes = try? line(at: place), LedgerFraming.isWhole(bytes[...]),
                case .entry(let entry) = LedgerRecord(json: bytes)
            else { return nil }
            return entry
        }
    }

    private func line(at place: LedgerPlace) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(place.length))
        _ = try file.read(into: &bytes, at: place.offset)
        return bytes
    }

    // MARK: The loop's side

    /// Whether the next turn must not wait: a compaction has more to copy.
    var hasWork: Bool { compaction?.hasMoreToCopy ?? false }

    /// Whether a compaction goes on.
    var isCompacting: Bool { compaction != nil }

    /// Whether a synchronisation goes on, whose end makes its descriptor readable.
    var isSynchronising: Bool { flight != .none }

    /// When `timePassed` is due; nil while nothing is to be written or synchronised.
    var nextDeadline: Instant? {
        var due = retryAt
        if flight == .none, let since = dirtySince {
            let instant = since + Ledger.syncDelay
            due = min(due ?? instant, instant)
        }
        return due
    }

    /// Does what is due.
    func timePassed(at now: Moment) {
        if let due = retryAt, due <= now.monotonic {
            retryAt = now.monotonic + Ledger.retryDelay
            writeWaiting(at: now)
        }
        if let since = dirtySince, since + Ledger.syncDelay <= now.monotonic { startSync() }
    }

    /// Copies the next records of a compaction, if one goes on.
    func work(at now: Moment) {
        guard let compaction, compaction.hasMoreToCopy else { return }
        do {
            try compaction.copyMore(from: file)
        } catch {
            return abandonCompaction(error)
        }
        if !compaction.hasMoreToCopy {
            // The new file has to be on the storage before it takes the old one's place.
            guard flight == .none else { return }
            startSync(of: compaction, at: now)
        }
    }

    /// A synchronisation is over.
    func ready(at now: Moment) {
        guard case .made(let sync) = synchroniser else { return }
        let flown = flight
        do {
            guard try sync.collect() else { return }
            flight = .none
        } catch {
            flight = .none
            syncFailed(flown, error, at: now)
        }
        switch flown {
        case .compaction:
            if compaction != nil { endCompaction(at: now) }
        case .file, .directory, .none: break
        }
        if let compaction, !compaction.hasMoreToCopy, flight == .none {
            startSync(of: compaction, at: now)
        } else if isDirectoryDirty, flight == .none {
            startDirectorySync()
        }
    }

    // MARK: Synchronising

    private func startSync() {
        guard flight == .none else { return }
        dirtySince = nil
        guard let sync = sync() else { return }
        do {
            try sync.start(file)
            flight = .file
        } catch {
            // EINVAL: this file system has no such thing; EAGAIN: the next write tries again.
            sayOnce("ledger \(path): cannot be synchronised: \(error)")
        }
    }

    private func startDirectorySync() {
        guard let sync = sync() else { return }
        isDirectoryDirty = false
        do {
            try sync.start(directory)
            flight = .directory
        } catch {
            // Not every file system synchronises directories; those that do not need it least.
        }
    }

    private func syncFailed(_ flown: Flight, _ error: Errno, at now: Moment) {
        switch flown {
        case .compaction: abandonCompaction(error)
        case .file:
            // The kernel will not try again; what is in its cache is copied to a new file.
            sayOnce(
                "ledger \(path): the storage did not take it (\(error)); it is copied to a new file"
            )
            if compaction == nil { beginCompaction(at: now) }
        case .directory, .none: break
        }
    }

    private var said: Set<String> = []

    private func sayOnce(_ words: String) {
        guard said.count < 16, said.insert(words).inserted else { return }
        say(.error, words)
    }

    /// The end of reeve: tries once more to write what waits, and waits for the storage until the
    /// deadline.
    func finish(until deadline: Instant, at now: Moment) {
        writeWaiting(at: now)
        if compaction != nil { abandonCompaction(nil) }
        guard dirtySince != nil || flight != .none, let sync = sync() else { return }
        do throws(Errno) {
            let epoll = try Epoll()
            try epoll.add(
                sync.descriptor, token: Token(source: 0, slot: 0), interest: .readable)
            while true {
                if flight == .none {
                    guard dirtySince != nil else { return }
                    startSync()
                    if flight == .none { return }
                }
                guard try epoll.wait(until: deadline, { _, _ in }) > 0 else { return }
                ready(at: now)
            }
        } catch {
            // It is written; only that it is on the storage cannot be waited for.
        }
    }
}

// MARK: - Compaction

extension Ledger {
    private func beginCompaction(at now: Moment) {
        do {
            compaction = try LedgerCompaction(
                compactedPath, keeping: index.kept.filter { $0.end <= end }, before: end)
        } catch {
            abandonCompaction(error)
        }
    }

    private func startSync(of compaction: LedgerCompaction, at now: Moment) {
        guard let sync = sync() else { return endCompaction(at: now) }
        do {
            try compaction.startSync(sync)
            flight = .compaction
        } catch {
            endCompaction(at: now)
        }
    }

    /// What was appended meanwhile follows, and the new file takes the name.
    private func endCompaction(at now: Moment) {
        guard let compaction else { return }
        self.compaction = nil
        do {
            try compaction.copyRest(from: file, until: end)
            let size = compaction.end
            let fresh = try compaction.take(name: path)
            file = fresh
            index.move { place in place = compaction.moved(place) }
            end = size
        } catch {
            self.compaction = compaction
            return abandonCompaction(error)
        }
        compactedFrom = Ledger.compactedFromBytes
        if dirtySince == nil { dirtySince = now.monotonic }
        isDirectoryDirty = true
    }

    private func abandonCompaction(_ error: Errno?) {
        compaction = nil
        StateFile.remove(compactedPath)
        compactedFrom = max(compactedFrom, end) + end / 2
        guard let error else { return }
        say(
            .warning,
            "ledger \(path): cannot be compacted (\(error)); it grows, and it is tried again at "
                + "\(Bytes(compactedFrom))")
    }
}
