// SPDX-License-Identifier: Apache-2.0
//
// `reeve top`, one screen of it: a pure function of what was answered, what was seen before, and how large
// the terminal is. What is worst stands first, so that it is seen without scrolling.

package import ReeveControl
package import ReeveCore

/// How the rows of `reeve top` are ordered.
package enum TopOrder: String, CaseIterable, Sendable {
    /// The worst first, then by name.
    case state
    case name
    /// The largest first.
    case memory
    /// The most restarts within the window first.
    case restarts

    /// The one after it, the first after the last.
    package var next: TopOrder {
        let all = TopOrder.allCases
        let index = all.firstIndex(of: self) ?? 0
        return all[(index + 1) % all.count]
    }
}

/// What `reeve top` remembers between two screens.
package struct TopHistory: Sendable {
    /// Measurements kept for each scheduler.
    package static let samplesMax = 8

    /// Looked up by name, never iterated.
    private var memory: [String: [Int64]] = [:]

    package init() {}

    /// Takes one answer in. Schedulers that are gone are forgotten.
    package mutating func add(_ schedulers: [SchedulerReport]) {
        var kept: [String: [Int64]] = [:]
        for scheduler in schedulers {
            var samples = memory[scheduler.name] ?? []
            samples.append(scheduler.memoryBytes ?? 0)
            kept[scheduler.name] = Array(samples.suffix(TopHistory.samplesMax))
        }
        memory = kept
    }

    /// The last measurements, oldest first.
    func samples(of name: String) -> [Int64] { memory[name] ?? [] }
}

/// The terminal that a screen is for.
package struct TopScreen: Equatable, Sendable {
    package var columns: Int
    package var rows: Int

    package init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
    }
}

extension StatusText {
    /// A screen of exactly so many rows, the last without a newline; no line is wider than the terminal.
    /// `first` is the first row of the table that is shown; `notice` takes the place of the last line.
    package static func top(
        _ answer: StatusAnswer, _ history: TopHistory, order: TopOrder, first: Int,
        notice: String?, on screen: TopScreen, at now: WallTime, _ appearance: Appearance
    ) -> String {
        let room = max(0, screen.rows - 3)
        let sorted = answer.schedulers.sorted { isBefore($0, $1, order) }
        let start = max(0, min(first, sorted.count - room))
        let shown = sorted.dropFirst(start).prefix(room)
        var lines = [summary(answer.overview, screen, appearance)]
        lines += rows(shown, history, screen, at: now, appearance)
        while lines.count < screen.rows - 1 { lines.append("") }
        let range = sorted.isEmpty ? "none" : "\(start + 1) to \(start + shown.count)"
        let keys = "order: \(order.rawValue) (o)  scroll: j k  quit: q"
        let place = "\(range) of \(counted(sorted.count, "scheduler"))"
        let foot = notice?.printable ?? "\(place)  \(keys)"
        let tint = notice == nil ? Tint.faint : .warning
        lines.append(tint.paint(foot.cut(toColumns: screen.columns), appearance))
        return lines.prefix(screen.rows).joined(separator: "\r\n")
    }

    /// How far down a table of so many rows can be scrolled.
    package static func topScrollMax(_ count: Int, on screen: TopScreen) -> Int {
        max(0, count - max(0, screen.rows - 3))
    }

    private static func isBefore(
        _ left: SchedulerReport, _ right: SchedulerReport, _ order: TopOrder
    ) -> Bool {
        let (first, second): (Int64, Int64) =
            switch order {
            case .state: (rank(left.status), rank(right.status))
            case .name: (0, 0)
            case .memory: (right.memoryBytes ?? -1, left.memoryBytes ?? -1)
            case .restarts: (Int64(right.restartsInWindow), Int64(left.restartsInWindow))
            }
        return first == second ? left.name < right.name : first < second
    }

    private static func rank(_ health: Health) -> Int64 {
        switch health {
        case .unhealthy: 0
        case .degraded: 1
        case .starting: 2
        case .stopping: 3
        case .healthy: 4
        case .stopped: 5
        }
    }

    /// `✗ unhealthy  40 schedulers: 38 healthy, 2 unhealthy  up 3h`.
    private static func summary(
        _ overview: Overview, _ screen: TopScreen, _ appearance: Appearance
    ) -> String {
        let counts: [(Health, Int)] = [
            (.unhealthy, overview.unhealthy), (.degraded, overview.degraded),
            (.starting, overview.starting), (.stopping, overview.stopping),
            (.healthy, overview.healthy), (.stopped, overview.stopped),
        ]
        let parts = counts.filter { $0.1 > 0 }.map { "\($0.1) \($0.0.rawValue)" }
        var text = symbol(overview.health, appearance) + overview.health.rawValue
        text += "  " + counted(overview.total, "scheduler")
        if !parts.isEmpty { text += ": " + parts.joined(separator: ", ") }
        if overview.isShuttingDown { text += "  shutting down" }
        text += "  up \(Duration.seconds(overview.uptime))"
        return overview.health.tint.paint(text.cut(toColumns: screen.columns), appearance)
    }

    private static func rows(
        _ schedulers: ArraySlice<SchedulerReport>, _ history: TopHistory, _ screen: TopScreen,
        at now: WallTime, _ appearance: Appearance
    ) -> [String] {
        var columns: [TextTable.Column] = [
            .init(title: "NAME"), .init(title: "STATE"), .init(title: "MEMORY", isRight: true),
        ]
        // A narrow terminal shows less, and never two lines for one scheduler.
        let hasTrend = appearance.hasSymbols && screen.columns >= 76
        let hasTimes = screen.columns >= 66
        if hasTrend { columns.append(.init(title: "TREND")) }
        if hasTimes { columns.append(.init(title: "UPTIME", isRight: true)) }
        columns += [.init(title: "RESTARTS", isRight: true), .init(title: "WHY")]
        var table = TextTable(columns: columns)
        for scheduler in schedulers {
            var cells: [TextTable.Cell] = [
                .init(text: scheduler.name.printable.cut(toColumns: 20), tint: .strong),
                .init(
                    text: symbol(scheduler.status, appearance) + scheduler.status.rawValue,
                    tint: scheduler.status.tint),
                .init(text: scheduler.memoryBytes.map { Bytes($0).description } ?? "-"),
            ]
            if hasTrend {
                cells.append(.init(text: spark(history.samples(of: scheduler.name))))
            }
            if hasTimes { cells.append(.init(text: uptime(scheduler))) }
            cells += [
                .init(
                    text: "\(scheduler.restartCount)",
                    tint: scheduler.restartsInWindow > 0 ? .warning : .plain),
                .init(text: why(scheduler, at: now)),
            ]
            table.add(cells)
        }
        var fitting = appearance
        fitting.width = screen.columns
        return table.rendered(fitting).split(separator: "\n").map(String.init)
    }

    /// What comes next where something does, else why it is as it is.
    private static func why(_ scheduler: SchedulerReport, at now: WallTime) -> String {
        guard let next = scheduler.nextRestart else { return scheduler.reason.printable }
        let left = max(.zero, next - now)
        return "starts in \(Duration.seconds(left.seconds)): \(scheduler.reason.printable)"
    }

    /// One sign for each measurement, as high as its share of the largest: "▁▂▄█".
    static func spark(_ samples: [Int64]) -> String {
        let signs = Array("▁▂▃▄▅▆▇█")
        guard let largest = samples.max(), largest > 0 else { return "" }
        return String(
            samples.map { sample in
                let share = Double(max(0, sample)) / Double(largest)
                return signs[min(signs.count - 1, Int(share * Double(signs.count)))]
            })
    }
}
