// SPDX-License-Identifier: Apache-2.0
//
// reeve's answers for the oracles: reads questions, one a line, and prints one line for each.
//
//     next|EXPRESSION|ZONE|START|COUNT    the instants after START, or "refused: …"
//     zone|ZONE|INSTANT,INSTANT,…         offset:daylight:abbreviation at each
//     changes|ZONE|FROM|UNTIL             instant:offset of each change of the offset

internal import Glibc
internal import ReeveCore

@main struct Answers {
    private var zones: [String: Zone] = [:]

    static func main() {
        var answers = Answers()
        while let line = readLine() {
            let words = line.split(separator: "|").map(String.init)
            print(answers.answer(words) ?? "not understood")
        }
    }

    private mutating func answer(_ words: [String]) -> String? {
        switch words.first {
        case "next" where words.count == 5:
            guard let zone = zone(words[2]), let start = Int64(words[3]), let count = Int(words[4])
            else { return nil }
            return next(words[1], zone, after: start, count: count)
        case "zone" where words.count == 3:
            guard let zone = zone(words[1]) else { return nil }
            return words[2].split(separator: ",").compactMap { Int64($0) }.map {
                let period = zone.period(at: $0)
                return
                    "\(period.offset):\(period.isDaylightSaving ? 1 : 0):\(period.abbreviation)"
            }.joined(separator: ",")
        case "changes" where words.count == 4:
            guard let zone = zone(words[1]), let from = Int64(words[2]),
                let until = Int64(words[3])
            else { return nil }
            return changes(zone, from: from, until: until)
        default: return nil
        }
    }

    private func next(_ text: String, _ zone: Zone, after start: Int64, count: Int) -> String {
        do throws(CronError) {
            guard case .times(let expression) = try CronParser.parse(text, hash: 0).schedule else {
                return "refused: no times"
            }
            var found: [Int64] = []
            while found.count < count,
                let next = expression.occurrence(after: found.last ?? start, in: zone)
            {
                found.append(next.second)
            }
            return found.map(String.init).joined(separator: ",")
        } catch {
            return "refused: \(error.message)"
        }
    }

    private func changes(_ zone: Zone, from: Int64, until: Int64) -> String {
        var found: [String] = []
        var second = from
        var offset = zone.period(at: from).offset
        while let change = zone.transition(after: second), change.at <= until {
            // A transition may change only the name.
            if change.period.offset != offset {
                offset = change.period.offset
                found.append("\(change.at):\(offset)")
            }
            second = change.at
        }
        return found.joined(separator: ",")
    }

    private mutating func zone(_ name: String) -> Zone? {
        if let known = zones[name] { return known }
        guard let bytes = bytes(of: "/usr/share/zoneinfo/\(name)"),
            let zone = try? Zone.parse(bytes, name: name)
        else { return nil }
        zones[name] = zone
        return zone
    }

    private func bytes(of path: String) -> [UInt8]? {
        guard let file = unsafe fopen(path, "re") else { return nil }
        defer { unsafe _ = fclose(file) }
        var bytes: [UInt8] = []
        while true {
            let byte = unsafe getc(file)
            if byte < 0 { return bytes }
            bytes.append(UInt8(truncatingIfNeeded: byte))
        }
    }
}
