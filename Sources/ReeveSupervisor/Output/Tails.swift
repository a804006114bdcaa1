// SPDX-License-Identifier: Apache-2.0
//
// The last lines of each scheduler, in ring files of the runtime directory, so that `reeve logs`
// can show them, also those of before a restart of reeve. Each line is kept as `TIME o TEXT` (see
// `LogText.tailLine`). A reader holds a place in the stream of all bytes that were ever written;
// who falls so far behind that his place was overwritten finds that out by himself.

internal import ReeveCore
internal import ReeveLinux

/// One scheduler's tail.
private final class Tail {
    let name: SchedulerName
    let capacity: Int
    private var ring: RingFile?
    /// Bytes that came in and were not even written, since more came after them than the ring
    /// holds.
    private var skipped: UInt64 = 0
    /// The tail could not be opened or written, and that was said.
    var hasComplained = false

    init(name: SchedulerName, capacity: Int) {
        self.name = name
        self.capacity = capacity
    }

    var isOpen: Bool { ring != nil }

    func open(in directory: String) throws(Errno) {
        guard ring == nil else { return }
        ring = try RingFile(path: directory + "/" + name.text, capacity: capacity)
    }

    func close() {
        ring = nil
    }

    func append(_ bytes: Span<UInt8>) throws(Errno) {
        try ring?.append(bytes)
        skipped += UInt64(max(0, bytes.count - capacity))
    }

    /// How many bytes ever came in.
    var written: UInt64 { (ring?.written ?? 0) + skipped }

    /// The place of the oldest byte that is kept.
    var oldest: UInt64 { (ring?.oldest ?? 0) + skipped }

    /// Whether the oldest byte is the first that ever came in.
    var isWhole: Bool { ring?.oldest == 0 && skipped == 0 }

    /// At most `count` bytes from a place on that is not before `oldest`. All that is kept came in
    /// after what was skipped.
    func read(from place: UInt64, atMost count: Int) throws(Errno) -> [UInt8] {
        let inRing = place.subtractingReportingOverflow(skipped)
        return try ring?.read(from: inRing.overflow ? 0 : inRing.partialValue, atMost: count) ?? []
    }
}

/// What a reader gets of a tail.
struct TailPage {
    /// Where the reader goes on.
    var next: UInt64
    /// Bytes that were overwritten before the reader came to them.
    var missed: UInt64
    /// Whole lines, each with its line break.
    var bytes: [UInt8]
}

/// All tails.
final class Tails {
    /// What all of them may take together, in bytes.
    static let bytesMax: Int64 = 16_000_000
    /// The smallest ring that is worth its file.
    static let tailBytesMin = Int64(RingFile.capacities.lowerBound)
    /// Files that are held open; one more closes another.
    static let openMax = 512

    private let directory: String?
    private var tails: [Tail?]
    /// What each asked for, in bytes.
    private var wanted: [Int64]
    /// Tails with an open file, the one opened first at the front.
    private var opened: [Int] = []
    private let say: (String) -> Void
    /// By the scheduler's index; no more than `followedMax`.
    private var followed: [Int: FollowedTail] = [:]
    /// Schedulers of which more than the ring is kept for followers; those of more have the ring.
    static let followedMax = 16

    /// `say` is called once for each tail that cannot be kept, with a sentence.
    init(directory: String?, schedulers: [SchedulerSpecification], say: @escaping (String) -> Void)
    {
        self.directory = directory
        self.say = say
        if let directory {
            // Of those of earlier configurations only what the last few said is kept.
            _ = KeptFiles(directory: directory).removeOthers(
                than: Set(schedulers.map(\.name.text)), keeping: Limits.emptyPlacesMax)
        }
        let wanted = schedulers.map { Tails.wanted(by: $0.log) }
        self.wanted = wanted
        let sum = wanted.map(Bytes.init).reduce(.zero, +).count
        tails = zip(schedulers, wanted).map { scheduler, size in
            guard directory != nil, size > 0 else { return nil }
            return Tail(name: scheduler.name, capacity: Tails.share(of: size, sum: sum))
        }
    }

    /// Other settings, or one scheduler more. Tails that are kept already keep their size.
    func adopt(_ specification: SchedulerSpecification, of scheduler: SchedulerID) {
        let size = Tails.wanted(by: specification.log)
        while tails.count <= scheduler.index {
            tails.append(nil)
            wanted.append(0)
        }
        guard wanted[scheduler.index] != size else { return }
        wanted[scheduler.index] = size
        // The places of the new tail are others; whoever still follows has its ring.
        followed[scheduler.index] = nil
        tails[scheduler.index]?.close()
        opened.removeAll { $0 == scheduler.index }
        let sum = wanted.map(Bytes.init).reduce(.zero, +).count
        let isKept = directory != nil && size > 0
        tails[scheduler.index] =
            isKept
            ? Tail(name: specification.name, capacity: Tails.share(of: size, sum: sum)) : nil
    }

    /// Another scheduler has this place from here on: what was kept is dropped, with its file.
    func forget(_ scheduler: SchedulerID) {
        guard let tail = tail(scheduler), let directory else { return }
        tails[scheduler.index] = nil
        wanted[scheduler.index] = 0
        followed[scheduler.index] = nil
        opened.removeAll { $0 == scheduler.index }
        tail.close()
        StateFile.remove(directory + "/" + tail.name.text)
    }

    private static func wanted(by log: LogSettings) -> Int64 {
        isKept(log) ? max(0, log.tail.count) : 0
    }

    /// Evenly: each gets the same part of what it asked for where all together ask for too much.
    /// With 16 kB each that begins above 1,000 schedulers.
    static func share(of size: Int64, sum: Int64) -> Int {
        var part = Double(size)
        if sum > bytesMax { part *= Double(bytesMax) / Double(sum) }
        return Int(min(max(part, Double(tailBytesMin)), Double(bytesMax)))
    }

    private static func isKept(_ log: LogSettings) -> Bool {
        switch log.destination {
        case .prefixed, .file, .journal: true
        case .inherit, .none: false
        }
    }

    /// Whether output of this scheduler is kept.
    func has(_ scheduler: SchedulerID) -> Bool { tail(scheduler) != nil }

    /// The same, of the scheduler of this name: another one may have its place.
    func has(_ scheduler: SchedulerID, named name: SchedulerName) -> Bool {
        tail(scheduler)?.name == name
    }

    /// Files that are open.
    var openFiles: Int { opened.count }

    /// Adds whole lines in the form of a tail.
    func append(_ bytes: [UInt8], to scheduler: SchedulerID) {
        guard !bytes.isEmpty, let tail = tail(scheduler) else { return }
        do throws(Errno) {
            try open(tail, scheduler)
            try tail.append(bytes.span)
            followed[scheduler.index]?.append(bytes, end: tail.written)
            tail.hasComplained = false
        } catch {
            // Some of it may be in the ring: followers go on with what comes next.
            if followed[scheduler.index] != nil {
                followed[scheduler.index] = FollowedTail(from: tail.written)
            }
            complain(tail, "cannot be written: \(error)")
        }
    }

    /// Keeps for followers what comes from now on, of exactly these.
    func keepForFollowers(of schedulers: [SchedulerID]) {
        let wanted = schedulers.filter(has).map(\.index)
        if followed.isEmpty && wanted.isEmpty { return }
        followed = followed.filter { wanted.contains($0.key) }
        for index in wanted where followed[index] == nil && followed.count < Tails.followedMax {
            followed[index] = FollowedTail(from: end(of: SchedulerID(index)))
        }
    }

    /// The place after everything that was written.
    func end(of scheduler: SchedulerID) -> UInt64 {
        reading(scheduler, otherwise: 0) { $0.written }
    }

    /// The place where the last `lines` lines begin; all that is kept where that is nil.
    func start(of scheduler: SchedulerID, lines: Int?) -> UInt64 {
        reading(scheduler, otherwise: 0) { (tail) throws(Errno) in
            let first = try Tails.firstLine(of: tail)
            guard let lines else { return first }
            guard lines > 0 else { return tail.written }
            // Backwards by blocks. The last byte is the last line's own break.
            var (end, left) = (tail.written, lines)
            while end > first {
                let block = max(first, end - min(end, UInt64(Tails.blockBytes)))
                let bytes = try tail.read(from: block, atMost: Int(end - block))
                for index in bytes.indices.reversed() where bytes[index] == UInt8(ascii: "\n") {
                    let next = block + UInt64(index) + 1
                    guard next < tail.written else { continue }
                    left -= 1
                    if left == 0 { return max(first, next) }
                }
                end = block
            }
            return first
        }
    }

    /// Whole lines from a place on, at most `bytesMax` bytes, or one line where that is longer.
    func page(of scheduler: SchedulerID, from place: UInt64, bytesMax: Int) -> TailPage {
        let nothing = TailPage(next: place, missed: 0, bytes: [])
        return reading(scheduler, otherwise: nothing) { (tail) throws(Errno) in
            // A place after the end: the file was made anew.
            guard place <= tail.written else {
                return TailPage(next: tail.written, missed: 0, bytes: [])
            }
            let recent = followed[scheduler.index]
            let start = try Tails.start(at: place, tail, recent)
            let count = bytesMax + Tails.blockBytes
            let bytes =
                if let recent, recent.start <= start {
                    recent.read(from: start, atMost: count)
                } else {
                    try tail.read(from: start, atMost: count)
                }
            var page = bytes.prefix(bytesMax)
            if page.count < bytes.count {
                let lineEnd =
                    page.lastIndex(of: UInt8(ascii: "\n"))
                    ?? bytes.firstIndex(of: UInt8(ascii: "\n"))
                page = bytes[...(lineEnd ?? bytes.endIndex - 1)]
            }
            return TailPage(
                next: start + UInt64(page.count), missed: start - place, bytes: Array(page))
        }
    }

    /// The last lines of a span of time, at most `bytesMax` bytes; `isCut`: there were more. Looks at the last
    /// 256 kB. A scheduler that never wrote anything costs one look for its file.
    func lines(
        of scheduler: SchedulerID, from start: WallTime, through end: WallTime, bytesMax: Int
    ) -> (bytes: [UInt8], count: Int, isCut: Bool) {
        guard let tail = tail(scheduler), let directory,
            tail.isOpen || StateFile.exists(directory + "/" + tail.name.text)
        else { return ([], 0, false) }
        return reading(scheduler, otherwise: ([], 0, false)) { (tail) throws(Errno) in
            let first = try Tails.firstLine(of: tail)
            let place = max(first, tail.written - min(tail.written, Tails.lookedAtMax))
            let bytes = try tail.read(from: place, atMost: Int(tail.written - place))
            let (low, high) = (
                Array(start.rfc3339(fractionDigits: 3).utf8),
                Array(end.rfc3339(fractionDigits: 3).utf8)
            )
            var lines = bytes.split(separator: UInt8(ascii: "\n")).filter { line in
                // Times of one length, in UTC: the order of bytes is that of time.
                let time = line.prefix(low.count)
                return time.count == low.count && !time.lexicographicallyPrecedes(low)
                    && !high.lexicographicallyPrecedes(time)
            }[...]
            let isFromStart = tail.isWhole && place == 0
            var isCut = !isFromStart && lines.first?.startIndex == 0
            var size = lines.reduce(0) { $0 + $1.count + 1 }
            while size > bytesMax, let oldest = lines.popFirst() {
                size -= oldest.count + 1
                isCut = true
            }
            return (lines.flatMap { $0 + [UInt8(ascii: "\n")] }, lines.count, isCut)
        }
    }

    private static let lookedAtMax: UInt64 = 262_144

    // MARK: - Details

    /// More than the longest line of a tail: `LineSplitter.lineBytesMax` and the time in front.
    private static let blockBytes = 2 * LineSplitter.lineBytesMax

    /// `place` where it is still kept, else the next place that is.
    private static func start(
        at place: UInt64, _ tail: Tail, _ recent: FollowedTail?
    ) throws(Errno) -> UInt64 {
        if place >= tail.oldest { return place }
        guard let recent, recent.start <= tail.oldest else { return try firstLine(of: tail) }
        return max(place, recent.start)
    }

    /// Where the first whole line begins: after an overflow the oldest byte is anywhere in a line.
    private static func firstLine(of tail: Tail) throws(Errno) -> UInt64 {
        guard !tail.isWhole else { return 0 }
        let bytes = try tail.read(from: tail.oldest, atMost: blockBytes)
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return tail.written }
        return tail.oldest + UInt64(end) + 1
    }

    private func reading<Result>(
        _ scheduler: SchedulerID, otherwise: Result, _ body: (Tail) throws(Errno) -> Result
    ) -> Result {
        guard let tail = tail(scheduler) else { return otherwise }
        do throws(Errno) {
            try open(tail, scheduler)
            return try body(tail)
        } catch {
            complain(tail, "cannot be read: \(error)")
            return otherwise
        }
    }

    private func tail(_ scheduler: SchedulerID) -> Tail? {
        tails.indices.contains(scheduler.index) ? tails[scheduler.index] : nil
    }

    private func open(_ tail: Tail, _ scheduler: SchedulerID) throws(Errno) {
        guard !tail.isOpen, let directory else { return }
        if opened.count >= Tails.openMax { closeOldest() }
        do throws(Errno) {
            try tail.open(in: directory)
        } catch .tooManyOpenFiles where !opened.isEmpty {
            closeOldest()
            try tail.open(in: directory)
        }
        opened.append(scheduler.index)
    }

    private func closeOldest() {
        tails[opened.removeFirst()]?.close()
    }

    private func complain(_ tail: Tail, _ words: String) {
        guard !tail.hasComplained else { return }
        tail.hasComplained = true
        say("the log tail of \(tail.name) \(words); `reeve logs` misses what comes until it can")
    }
}
