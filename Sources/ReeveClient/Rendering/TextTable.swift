// SPDX-License-Identifier: Apache-2.0

/// Columns of text, aligned. The last column may be long: it is cut where lines have to fit.
struct TextTable {
    struct Cell {
        var text: String
        var tint = Tint.plain
    }
    struct Column {
        var title: String
        /// Numbers stand at the right.
        var isRight = false
    }

    let columns: [Column]
    private(set) var rows: [[Cell]] = []

    init(columns: [Column]) {
        self.columns = columns
    }

    /// Adds a row of as many cells as there are columns.
    mutating func add(_ row: [Cell]) {
        rows.append(row)
    }

    /// The title line and the rows, each with a newline. Columns are as wide as their longest cell and
    /// two spaces apart; a line has no spaces at its end.
    func rendered(_ appearance: Appearance) -> String {
        var widths = columns.map(\.title.count)
        for row in rows {
            for (index, cell) in row.enumerated() where index < widths.count {
                widths[index] = max(widths[index], cell.text.count)
            }
        }
        // Never less than a few characters, even where the terminal is narrower than the columns.
        let before = widths.dropLast().reduce(0) { $0 + $1 + 2 }
        let lastMax = appearance.width.map { max(8, $0 - before) } ?? .max
        var text = line(
            columns.map { Cell(text: $0.title, tint: .strong) }, widths, lastMax, appearance)
        for row in rows { text += line(row, widths, lastMax, appearance) }
        return text
    }

    private func line(
        _ cells: [Cell], _ widths: [Int], _ lastMax: Int, _ appearance: Appearance
    ) -> String {
        var text = ""
        var blanks = 0
        for (index, cell) in cells.enumerated() where index < widths.count {
            let isLast = index == widths.count - 1
            let shown = isLast ? cell.text.cut(toColumns: lastMax) : cell.text
            let padding = max(0, widths[index] - shown.count)
            if columns[index].isRight { blanks += padding }
            if !shown.isEmpty {
                text += String(repeating: " ", count: blanks) + cell.tint.paint(shown, appearance)
                blanks = 0
            }
            blanks += columns[index].isRight ? 2 : padding + 2
        }
        return text + "\n"
    }
}
