// SPDX-License-Identifier: Apache-2.0

package import ReeveControl
package import ReeveCore

/// The lines of `reeve runs` and `reeve why`, from entries of the ledger.
package enum RunsText {
    /// One occurrence: what was written about it, in order.
    package struct Account: Equatable, Sendable {
        /// Never empty.
        package var entries: [LedgerReport]

        /// The first entry's: all have the same occurrence and trigger.
        package var first: LedgerReport { entries[0] }
        /// The entry with the outcome; nil while there is none.
        package var end: LedgerReport? { entries.last { $0.outcome != nil } }
    }

    /// Entries by occurrence, in the order in which each was first written of.
    package static func accounts(_ entries: [LedgerReport]) -> [Account] {
        var accounts: [Account] = []
        for entry in entries {
            let place = accounts.lastIndex {
                $0.first.occurrence == entry.occurrence && $0.first.trigger == entry.trigger
            }
            if let place {
                accounts[place].entries.append(entry)
            } else {
                accounts.append(Account(entries: [entry]))
            }
        }
        return accounts
    }

    /// The account of an instant: of the occurrence that is it, or covers it, else of the last one
    /// before; nil: the latest.
    package static func account(of time: WallTime?, among accounts: [Account]) -> Account? {
        guard let time else { return accounts.max { $0.first.occurrence < $1.first.occurrence } }
        return accounts.filter { $0.first.occurrence <= time }
            .max { $0.first.occurrence < $1.first.occurrence }
    }

    /// A table, one occurrence a line, oldest first; ends with a line break.
    package static func table(_ accounts: [Account], _ appearance: Appearance) -> String {
        var table = TextTable(columns: [
            .init(title: "OCCURRENCE"), .init(title: "BY"), .init(title: "STARTED"),
            .init(title: "TOOK", isRight: true), .init(title: "OUTCOME"), .init(title: "WHY"),
        ])
        for account in accounts {
            let start = account.entries.first { $0.kind == "started" }
            let end = account.end
            let outcome = end?.outcome ?? "running"
            let isLost = outcome == LedgerEntry.Outcome.lost.rawValue
            let took = isLost ? nil : start.flatMap { start in end.map { $0.at - start.at } }
            let count = account.first.count > 1 ? " (and \(account.first.count - 1) more)" : ""
            table.add([
                .init(text: account.first.occurrence.rfc3339(fractionDigits: 0) + count),
                .init(text: account.first.trigger.printable, tint: .faint),
                .init(text: start.map { $0.at.rfc3339(fractionDigits: 0) } ?? "-"),
                .init(text: took.map { max($0, .zero).description } ?? "-"),
                .init(text: outcome.printable, tint: tint(of: outcome)),
                .init(text: (end?.reason ?? "").printable),
            ])
        }
        return table.rendered(appearance)
    }

    /// Everything that is known of one occurrence, a line each.
    package static func chain(_ account: Account, _ appearance: Appearance) -> String {
        let first = account.first
        var text = Tint.strong.paint(first.scheduler.printable, appearance)
        text +=
            ", due at \(first.occurrence.rfc3339(fractionDigits: 0)) (\(first.trigger.printable))"
        if first.count > 1 {
            text +=
                " and \(first.count - 1) more times until "
                + first.through.rfc3339(fractionDigits: 0)
        }
        text += "\n"
        for entry in account.entries {
            let time = Tint.faint.paint(entry.at.rfc3339(fractionDigits: 3), appearance)
            if let outcome = entry.outcome {
                let word = tint(of: outcome).paint(outcome.printable, appearance)
                text += "\(time) \(word): \((entry.reason ?? "").printable)\n"
            } else {
                let attempt = entry.attempt.map { ", attempt \($0)" } ?? ""
                text +=
                    "\(time) \(entry.kind.printable) as run \((entry.run ?? "?").printable)\(attempt)\n"
            }
        }
        if account.end == nil { text += "it has no outcome yet\n" }
        return text
    }

    private static func tint(of outcome: String) -> Tint {
        switch LedgerEntry.Outcome(rawValue: outcome) {
        case .succeeded: .good
        case .failed, .timedOut, .lost: .bad
        case .skippedOverlap, .skippedDependency, .missed: .warning
        case .coalesced, .cancelled, .paused, nil: .plain
        }
    }
}
