// SPDX-License-Identifier: Apache-2.0

/// Up to three names that look like `name`, the nearest first, ties in the order of `names`.
///
/// Nearness is the edit distance (insert, delete, replace, swap of neighbours), at most a third of the
/// name's length, at least one; a name that begins with `name` counts as near, too. Names are at most
/// 63 bytes, and only the first 64 bytes of `name` are looked at, so that the cost is bounded.
package func nearestNames(to name: String, among names: some Sequence<String>) -> [String] {
    let wanted = Array(name.lowercased().utf8.prefix(64))
    guard !wanted.isEmpty else { return [] }
    let allowed = max(1, wanted.count / 3)
    var found: [(distance: Int, name: String)] = []
    for candidate in names {
        let letters = Array(candidate.utf8.prefix(64))
        var distance = editDistance(wanted, letters)
        if distance > allowed, wanted.count >= 2, letters.starts(with: wanted) {
            distance = allowed
        }
        guard distance <= allowed else { continue }
        let position = found.firstIndex { $0.distance > distance } ?? found.endIndex
        if position < 3 {
            found.insert((distance, candidate), at: position)
            if found.count > 3 { found.removeLast() }
        }
    }
    return found.map(\.name)
}

/// The optimal string alignment distance, by the usual table of three rows.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
    var beforeLast = [Int](repeating: 0, count: right.count + 1)
    var last = Array(0...right.count)
    for row in 1...left.count {
        var current = [row] + [Int](repeating: 0, count: right.count)
        for column in 1...right.count {
            let same = left[row - 1] == right[column - 1]
            var best = min(
                last[column] + 1, current[column - 1] + 1, last[column - 1] + (same ? 0 : 1))
            if row > 1, column > 1, left[row - 1] == right[column - 2],
                left[row - 2] == right[column - 1]
            {
                best = min(best, beforeLast[column - 2] + 1)
            }
            current[column] = best
        }
        beforeLast = last
        last = current
    }
    return last[right.count]
}
