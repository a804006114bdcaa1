// SPDX-License-Identifier: Apache-2.0

internal import ReeveControl
internal import ReeveLinux

/// Any bytes as a ledger file: each record that is found lies where the scan says, and is written again
/// as one that is found.
func fuzzLedger(_ bytes: [UInt8]) {
    do {
        let file = try Memfd.empty(name: "ledger")
        try file.writeAll(bytes.span)
        for bytesMax in [Int64.max, 4_096] {
            var places: [LedgerPlace] = []
            let scan = try LedgerScan(file, bytesMax: bytesMax) { record, place in
                places.append(place)
                let line = LedgerFraming.line(record)
                if !LedgerFraming.isWhole(line.dropLast()) {
                    finding("a record that was read is none when it is written")
                }
            }
            if scan.end > scan.size { finding("the end lies behind the file") }
            for place in places where place.offset < 0 || place.end > scan.size + 1 {
                finding("a record lies outside of the file")
            }
        }
    } catch {
        finding("\(error)")
    }
}
