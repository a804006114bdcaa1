// SPDX-License-Identifier: Apache-2.0
//
// Answers that take more than one line. Each is a place to go on from, in what is there or in a short list
// that was made for it: the next page is made when the socket has taken the last one. A reader that falls behind the event ring or a
// tail finds that its place is gone, and is told how much it has missed.

internal import ReeveControl
internal import ReeveCore

/// An answer that is not complete yet.
struct ControlAnswer {
    enum Rest {
        /// Outcomes of an action from this one on.
        case outcomes(Reply, from: Int)
        /// The head of a status, then all schedulers.
        case overview
        /// The head of a status alone.
        case head
        /// Schedulers from this one on.
        case schedulers(from: Int)
        /// One scheduler: what was configured, then how it is.
        case scheduler(SchedulerID)
        /// Events from this number on.
        case events(from: UInt64, follow: Bool)
        /// Metrics of schedulers from this one on.
        case metrics(from: Int)
        /// Metrics of one scheduler.
        case metricsOfOne(SchedulerID)
        /// Alerts from this one on.
        case alerts([Alert], from: Int)
        /// What is kept of a failed run, when it has been read; and what is said where that is nothing.
        case reading(BundleReading, otherwise: String)
        /// A failed run: lines of its log from this one on.
        case failure(KeptFailure, from: Int)
        /// The configuration in force, from this place on.
        case configuration(ConfigurationPlace)
        /// Entries of the ledger from this one on.
        case entries([LedgerEntry], from: Int)
        /// Coming occurrences of the schedulers from this one to another, exclusive.
        case coming(count: Int, from: Int, to: Int)
        /// Lines of a tail from this place on.
        case logs(SchedulerID, from: UInt64, follow: Bool)
    }

    /// The client's own.
    let id: RequestID
    var rest: Rest
    /// It waits for news (events, lines, a disk), not for the socket.
    var isIdle = false

    /// Whether it goes on until the client leaves.
    var isStream: Bool {
        switch rest {
        case .events(_, let follow), .logs(_, _, let follow): follow
        case .outcomes, .overview, .head, .schedulers, .scheduler, .metrics, .metricsOfOne, .alerts,
            .reading, .failure, .configuration, .entries, .coming:
            false
        }
    }
}

/// How far the configuration in force has been told.
struct ConfigurationPlace: Equatable {
    /// 0 are the settings of `[reeve]`, n the scheduler n - 1.
    var line = 0
    /// Bytes of it that have been told.
    var offset = 0
}

/// What answers are made from.
struct AnswerSource {
    let view: CoreView
    let ring: EventRing
    let tails: Tails
    let greeting: Greeting
    let now: Moment

    /// Appends the next page. Returns false when the answer is complete.
    func advance(_ answer: inout ControlAnswer, to lines: inout [UInt8]) -> Bool {
        let id = answer.id
        switch answer.rest {
        case .outcomes(let reply, let start):
            let next = ControlEncoder.outcomes(
                of: reply, from: start, id: id, name: { view.specification(of: $0)?.name },
                to: &lines)
            answer.rest = .outcomes(reply, from: next)
            return next > start && next < reply.outcomes.count
        case .overview:
            ControlEncoder.statusHeader(overview, id: id, to: &lines)
            answer.rest = .schedulers(from: 0)
            return true
        case .head:
            ControlEncoder.overview(overview, id: id, to: &lines)
            return false
        case .schedulers(let start):
            let count = view.schedulerCount
            let components = view.components
            let next = ControlEncoder.schedulers(
                from: start, count: count, id: id,
                status: { index in
                    let scheduler = SchedulerID(index)
                    return components.contains(scheduler)
                        ? nil : status(of: scheduler, fresh: false)
                }, to: &lines)
            answer.rest = .schedulers(from: next)
            return next > start && next < count
        case .scheduler(let scheduler):
            if let specification = view.specification(of: scheduler) {
                ControlEncoder.settings(of: specification, id: id, to: &lines)
            }
            _ = ControlEncoder.metrics(
                from: 0, count: 1, isLast: false, id: id,
                metrics: { _ in view.metrics(of: scheduler, at: now) }, to: &lines)
            // At most one of each kind: they fit one line.
            _ = ControlEncoder.alerts(
                view.alerts(of: scheduler, at: now), from: 0, isLast: false, id: id, to: &lines)
            _ = ControlEncoder.schedulers(
                from: 0, count: 1, id: id,
                status: { _ in status(of: scheduler, fresh: true) }, to: &lines)
            return false
        case .metrics(let start):
            let count = view.schedulerCount
            let components = view.components
            let next = ControlEncoder.metrics(
                from: start, count: count, id: id,
                metrics: { index in
                    let scheduler = SchedulerID(index)
                    return components.contains(scheduler)
                        ? nil : view.metrics(of: scheduler, at: now)
                }, to: &lines)
            answer.rest = .metrics(from: next)
            return next > start && next < count
        case .metricsOfOne(let scheduler):
            _ = ControlEncoder.metrics(
                from: 0, count: 1, id: id,
                metrics: { _ in view.metrics(of: scheduler, at: now) }, to: &lines)
            return false
        case .alerts(let alerts, let start):
            let next = ControlEncoder.alerts(alerts, from: start, id: id, to: &lines)
            answer.rest = .alerts(alerts, from: next)
            return next > start && next < alerts.count
        case .reading(let reading, let words):
            return self.reading(&answer, reading, otherwise: words, to: &lines)
        case .failure(let failure, let start):
            return self.failure(&answer, failure, from: start, to: &lines)
        case .events(let place, let follow):
            return events(&answer, from: place, follow: follow, to: &lines)
        case .configuration(var place):
            let text = configuration(from: &place)
            answer.rest = .configuration(place)
            if !text.isEmpty { ControlEncoder.part(text, id: id, to: &lines) }
            if place.line <= view.schedulerCount { return true }
            ControlEncoder.end(id: id, to: &lines)
            return false
        case .entries(let entries, let start):
            var next = start
            while next < entries.count, lines.count < AnswerSource.pageBytes {
                ControlEncoder.entry(entries[next], id: id, to: &lines)
                next += 1
            }
            answer.rest = .entries(entries, from: next)
            if next < entries.count { return true }
            ControlEncoder.end(id: id, to: &lines)
            return false
        case .coming(let count, let start, let end):
            var next = start
            while next < end, lines.count < AnswerSource.pageBytes {
                if let coming = view.coming(count, of: SchedulerID(next), at: now) {
                    ControlEncoder.coming(coming, id: id, to: &lines)
                }
                next += 1
            }
            answer.rest = .coming(count: count, from: next, to: end)
            if next < end { return true }
            ControlEncoder.end(id: id, to: &lines)
            return false
        case .logs(let scheduler, let place, let follow):
            return logs(&answer, of: scheduler, from: place, follow: follow, to: &lines)
        }
    }

    private var overview: Overview {
        Overview(
            view.status(at: now), orphans: view.orphans(), alerts: view.alerts(at: now),
            components: view.components.compactMap { status(of: $0, fresh: false) }
                .map(ComponentReport.init) + view.shellComponents(at: now), greeting: greeting,
            at: now.wall)
    }

    /// A scheduler's status with its memory: the last sample where the memory rule takes some, else
    /// one taken now. `fresh` takes one in any case.
    private func status(of scheduler: SchedulerID, fresh: Bool) -> SchedulerStatus? {
        guard var status = view.status(of: scheduler, at: now) else { return nil }
        guard status.run != nil, fresh || status.memory == nil else { return status }
        guard status.runs.count <= 1 else {
            sampleEach(of: &status)
            return status
        }
        switch view.sampleMemory(of: scheduler) {
        case .resident(let bytes): status.memory = bytes
        // An older sample would be taken for one of now.
        case .unreadable: status.memory = nil
        case nil: break
        }
        if !status.runs.isEmpty { status.runs[0].memory = status.memory }
        return status
    }

    private func reading(
        _ answer: inout ControlAnswer, _ reading: BundleReading, otherwise words: String,
        to lines: inout [UInt8]
    ) -> Bool {
        switch reading.outcome {
        case nil:
            answer.isIdle = true
            return true
        case .read(let kept?): return failure(&answer, kept, from: 0, to: &lines)
        case .read(nil):
            ControlEncoder.failure(ControlError(.noFailure, words), id: answer.id, to: &lines)
        case .failed(let words):
            ControlEncoder.failure(ControlError(.notRead, words), id: answer.id, to: &lines)
        }
        return false
    }

    private func failure(
        _ answer: inout ControlAnswer, _ failure: KeptFailure, from start: Int,
        to lines: inout [UInt8]
    ) -> Bool {
        if start == 0 { ControlEncoder.bundle(failure.bundle, id: answer.id, to: &lines) }
        var next = start
        while next < failure.lines.count, lines.count < AnswerSource.pageBytes {
            ControlEncoder.logLine(failure.lines[next], id: answer.id, to: &lines)
            next += 1
        }
        answer.rest = .failure(failure, from: next)
        if next < failure.lines.count { return true }
        ControlEncoder.end(id: answer.id, to: &lines)
        return false
    }

    /// Of several runs: each, and their sum where all of them can be read.
    private func sampleEach(of status: inout SchedulerStatus) {
        var sum: Bytes? = .zero
        for index in status.runs.indices {
            switch view.sampleMemory(of: status.runs[index].id) {
            case .resident(let bytes):
                status.runs[index].memory = bytes
                sum = sum.map { $0 + bytes }
            case .unreadable:
                status.runs[index].memory = nil
                sum = nil
            case nil: break
            }
        }
        status.memory = sum
    }

    private func events(
        _ answer: inout ControlAnswer, from place: UInt64, follow: Bool, to lines: inout [UInt8]
    ) -> Bool {
        var next = place
        if next < ring.first {
            ControlEncoder.gap(
                missed: ring.first - next,
                reason: "the events were overwritten before they were read", id: answer.id,
                to: &lines)
            next = ring.first
        }
        while lines.count < AnswerSource.pageBytes, let record = ring[next] {
            let position = EventPosition(epoch: greeting.epoch, sequence: next)
            ControlEncoder.event(record, position: position, id: answer.id, to: &lines)
            next += 1
        }
        answer.rest = .events(from: next, follow: follow)
        guard next >= ring.next else { return true }
        answer.isIdle = follow
        if !follow { ControlEncoder.end(id: answer.id, to: &lines) }
        return follow
    }

    private func logs(
        _ answer: inout ControlAnswer, of scheduler: SchedulerID, from place: UInt64, follow: Bool,
        to lines: inout [UInt8]
    ) -> Bool {
        let page = tails.page(of: scheduler, from: place, bytesMax: AnswerSource.tailBytes)
        if page.missed > 0 {
            ControlEncoder.gap(
                missed: nil,
                reason: "\(Bytes(Int64(clamping: page.missed))) of output were overwritten before "
                    + "they were read", id: answer.id, to: &lines)
        }
        var rest = page.bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            ControlEncoder.logLine(rest[..<end], id: answer.id, to: &lines)
            rest = rest[(end + 1)...]
        }
        answer.rest = .logs(scheduler, from: page.next, follow: follow)
        guard page.bytes.isEmpty || page.next >= tails.end(of: scheduler) else { return true }
        answer.isIdle = follow
        if !follow { ControlEncoder.end(id: answer.id, to: &lines) }
        return follow
    }

    /// The next piece of the configuration in force. A line longer than a piece is made anew for each of
    /// its pieces: nothing of it is kept meanwhile.
    private func configuration(from place: inout ConfigurationPlace) -> String {
        var piece: [UInt8] = []
        var looked = 0
        while place.line <= view.schedulerCount, piece.count < ControlLimits.partBytesMax,
            looked < AnswerSource.standingsPerPageMax
        {
            looked += 1
            var line: [UInt8] = []
            if place.line == 0 {
                line = StandingText.line(of: view.supervisorSettings)
            } else if let standing = view.standing(of: SchedulerID(place.line - 1)) {
                line = StandingText.line(of: standing)
            }
            let start = min(place.offset, line.count)
            var end = min(line.count, start + ControlLimits.partBytesMax - piece.count)
            // Whole characters: no byte of the form 10xxxxxx begins the next piece.
            while end > start, end < line.count, line[end] & 0xC0 == 0x80 { end -= 1 }
            piece += line[start..<end]
            guard end == line.count else {
                place.offset = end
                break
            }
            place = ConfigurationPlace(line: place.line + 1)
        }
        return String(decoding: piece, as: UTF8.self)
    }

    /// Schedulers looked at for one piece at most.
    private static let standingsPerPageMax = 64

    /// About how much one page holds; the last line may go beyond it.
    static let pageBytes = ControlLimits.lineBytesMax / 2
    /// Bytes of a tail for one page: a control character takes six bytes of JSON, a short line some
    /// thirty for what is around it.
    private static let tailBytes = 4_096
}
