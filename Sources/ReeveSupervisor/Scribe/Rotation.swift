// SPDX-License-Identifier: Apache-2.0

/// When a log file is full, and what its files are called: FILE is written, FILE.1 was written before it, and
/// so on. Files are renamed and never copied, so that no line is in two of them or in none.
enum Rotation {
    /// What comes next.
    enum Step: Equatable {
        /// So many of the bytes that wait.
        case write(Int)
        case rotate
    }

    /// `isLineOpen`: the file ends in the middle of a line, whose end must follow there. A line that is longer
    /// than a file may be has one of its own. `bytes` is not empty.
    static func next(
        _ bytes: ArraySlice<UInt8>, size: Int64, maxSize: Int64?, isLineOpen: Bool
    ) -> Step {
        guard let maxSize else { return .write(bytes.count) }
        let room = maxSize - min(size, maxSize)
        if Int64(bytes.count) <= room { return .write(bytes.count) }
        let lineBreak = UInt8(ascii: "\n")
        if let last = bytes.prefix(Int(room)).lastIndex(of: lineBreak) {
            return .write(last + 1 - bytes.startIndex)
        }
        guard isLineOpen || size == 0 else { return .rotate }
        return .write(
            bytes.firstIndex(of: lineBreak).map { $0 + 1 - bytes.startIndex } ?? bytes.count)
    }

    /// What FILE.1 and the following have to be renamed to, in this order, so that there is no FILE.1 any more:
    /// each pair is a number and the one after it. A gap, which a rotation that was cut short leaves, is filled
    /// first, so that doing the whole once more does the rest.
    static func shifts(maxFiles: Int, exists: (Int) -> Bool) -> [Int] {
        let last = maxFiles - 1
        guard last > 1 else { return [] }
        let gap = (1..<last).first { !exists($0) } ?? last
        return (1..<gap).reversed()
    }

    static func path(_ file: String, _ number: Int) -> String { "\(file).\(number)" }
}
