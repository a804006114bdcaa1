// SPDX-License-Identifier: Apache-2.0
//
// Time zones from the system's TZif files (RFC 9636; tzfile(5)), versions 1 to 4. The file holds a table
// of transitions and, from version 2 on, a POSIX rule for everything after the last of them. The shell
// reads the file; this reads the bytes, and trusts none of them.

/// One time zone.
package struct Zone: Equatable, Sendable {
    /// What holds from an instant on.
    package struct Period: Equatable, Sendable {
        /// Seconds east of Greenwich.
        package let offset: Int64
        package let isDaylightSaving: Bool
        /// "CET", "+0330".
        package let abbreviation: String
    }

    struct Transition: Equatable, Sendable {
        /// Seconds since 1970 in UTC.
        let at: Int64
        let period: Period
    }

    /// "Europe/Berlin".
    package let name: String
    /// Ascending.
    let transitions: [Transition]
    /// What holds before the first transition.
    let first: Period
    /// What holds after the last one, if it goes on changing.
    let rule: PosixZoneRule?

    /// Coordinated universal time.
    package static let utc = Zone(
        name: "UTC", transitions: [],
        first: Period(offset: 0, isDaylightSaving: false, abbreviation: "UTC"), rule: nil)

    /// What holds at an instant (seconds since 1970 in UTC).
    package func period(at second: Int64) -> Period {
        guard let last = transitions.last else { return rule?.period(at: second) ?? first }
        if second >= last.at { return rule?.period(at: second) ?? last.period }
        let index = indexOfTransition(after: second)
        return index == 0 ? first : transitions[index - 1].period
    }

    /// The first change of the offset after an instant, and what holds from it on; nil if none follows.
    package func transition(after second: Int64) -> (at: Int64, period: Period)? {
        let index = indexOfTransition(after: second)
        if index < transitions.count {
            return (transitions[index].at, transitions[index].period)
        }
        return rule?.transition(after: max(second, transitions.last?.at ?? second))
    }

    /// The index of the first transition later than `second`.
    private func indexOfTransition(after second: Int64) -> Int {
        var (low, high) = (0, transitions.count)
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle].at <= second { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// A time zone as the system's file has it; what a specification carries.
package struct ZoneFile: Equatable, Sendable {
    /// "Europe/Berlin".
    package var name: String
    /// TZif; empty for UTC, which needs no file.
    package var bytes: [UInt8]

    package init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }

    /// Coordinated universal time.
    package static let utc = ZoneFile(name: "UTC", bytes: [])

    /// Reads it.
    ///
    /// - Throws: `ZoneError` where the bytes are no time zone.
    package func zone() throws(ZoneError) -> Zone {
        bytes.isEmpty && name == ZoneFile.utc.name ? .utc : try Zone.parse(bytes, name: name)
    }
}

/// Why a file is no time zone.
package struct ZoneError: Error, Equatable, Sendable {
    /// A sentence without a full stop.
    package let message: String
}

extension Zone {
    /// Reads a TZif file.
    ///
    /// - Throws: `ZoneError` where the bytes are not one, or contradict themselves.
    package static func parse(_ bytes: [UInt8], name: String) throws(ZoneError) -> Zone {
        var reader = Reader(bytes: bytes)
        var header = try reader.header()
        var timeSize = 4
        if header.version >= 2 {
            // The first block is for readers that know only 32-bit times.
            try reader.skip(header.blockSize(timeSize: 4))
            header = try reader.header()
            timeSize = 8
        }
        let (transitions, first) = try reader.block(header, timeSize: timeSize)
        var rule: PosixZoneRule?
        if timeSize == 8 {
            let footer = reader.footer()
            rule = footer.isEmpty ? nil : PosixZoneRule(footer)
            if !footer.isEmpty && rule == nil {
                throw ZoneError(
                    message: "its rule for later years, \"\(footer)\", is not understood")
            }
        }
        return Zone(name: name, transitions: transitions, first: first, rule: rule)
    }

    private struct Header {
        let version: Int
        let isUTCCount: Int
        let isStandardCount: Int
        let leapCount: Int
        let transitionCount: Int
        let typeCount: Int
        let characterCount: Int

        func blockSize(timeSize: Int) -> Int {
            transitionCount * (timeSize + 1) + typeCount * 6 + characterCount
                + leapCount * (timeSize + 4) + isStandardCount + isUTCCount
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        mutating func skip(_ count: Int) throws(ZoneError) {
            _ = try take(count)
        }

        mutating func take(_ count: Int) throws(ZoneError) -> ArraySlice<UInt8> {
            guard count >= 0, count <= bytes.count - position else {
                throw ZoneError(message: "it is cut short after \(bytes.count) bytes")
            }
            defer { position += count }
            return bytes[position..<position + count]
        }

        mutating func integer(_ size: Int) throws(ZoneError) -> Int64 {
            var value: UInt64 = 0
            for byte in try take(size) { value = value << 8 | UInt64(byte) }
            let unused = UInt64(64 - size * 8)
            return Int64(bitPattern: value << unused) >> Int64(unused)
        }

        mutating func header() throws(ZoneError) -> Header {
            guard bytes.count - position >= 44,
                Array(bytes[position..<position + 4]) == Array("TZif".utf8)
            else { throw ZoneError(message: "it does not begin with \"TZif\"") }
            let mark = bytes[position + 4]
            try skip(20)
            var counts: [Int] = []
            for _ in 0..<6 {
                let count = try integer(4)
                guard (0...100_000).contains(count) else {
                    throw ZoneError(message: "it claims a table of \(count) entries")
                }
                counts.append(Int(count))
            }
            let version = mark == 0 ? 1 : Int(mark) - Int(UInt8(ascii: "0"))
            return Header(
                version: version, isUTCCount: counts[0], isStandardCount: counts[1],
                leapCount: counts[2], transitionCount: counts[3], typeCount: counts[4],
                characterCount: counts[5])
        }

        mutating func block(
            _ header: Header, timeSize: Int
        ) throws(ZoneError) -> ([Transition], Period) {
            var times: [Int64] = []
            for _ in 0..<header.transitionCount { times.append(try integer(timeSize)) }
            let indices = Array(try take(header.transitionCount))
            var types: [(offset: Int64, isDaylightSaving: Bool, name: Int)] = []
            for _ in 0..<header.typeCount {
                let offset = try integer(4)
                let flags = Array(try take(2))
                types.append((offset, flags[0] != 0, Int(flags[1])))
            }
            let characters = Array(try take(header.characterCount))
            try skip(header.leapCount * (timeSize + 4) + header.isStandardCount + header.isUTCCount)

            let periods = types.map { type in
                let name = characters.dropFirst(type.name).prefix { $0 != 0 }
                return Period(
                    offset: max(-93_599, min(93_599, type.offset)),
                    isDaylightSaving: type.isDaylightSaving,
                    abbreviation: String(decoding: name, as: UTF8.self))
            }
            guard let first = periods.first else {
                throw ZoneError(message: "it has no local time at all")
            }
            var transitions: [Transition] = []
            for (time, index) in zip(times, indices) {
                guard Int(index) < periods.count else {
                    throw ZoneError(message: "a transition names a local time that is not there")
                }
                if let last = transitions.last, last.at >= time {
                    throw ZoneError(message: "its transitions are not in order")
                }
                transitions.append(Transition(at: time, period: periods[Int(index)]))
            }
            return (transitions, first)
        }

        /// The text between the two line ends after the second block; empty if there is none.
        func footer() -> String {
            let rest = bytes[min(position, bytes.count)...]
            guard rest.first == UInt8(ascii: "\n") else { return "" }
            return String(
                decoding: rest.dropFirst().prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        }
    }
}
