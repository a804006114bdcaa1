// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// As much of HTTP/1.1 as a health check needs: a request, and the status of the response.
enum HTTPResponse {
    /// Bytes of a response that are looked at; interim responses (1xx) may come before the one that counts.
    static let bytesMax = 65_536

    static func request(to target: ProbeTarget, path: String) -> [UInt8] {
        let host = target.port == 80 ? hostOnly(target) : target.description
        let lines = [
            "GET \(path) HTTP/1.1", "Host: \(host)", "User-Agent: reeve-health-check",
            "Accept: */*", "Connection: close", "", "",
        ]
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    private static func hostOnly(_ target: ProbeTarget) -> String {
        target.host.contains(":") ? "[\(target.host)]" : target.host
    }

    enum Reading: Equatable {
        /// The status is not there yet.
        case incomplete
        case status(Int)
        /// What came is no HTTP; its beginning.
        case foreign(String)
    }

    /// What has come so far.
    static func read(_ bytes: [UInt8]) -> Reading {
        var rest = bytes[...]
        while true {
            let prefix = Array("HTTP/1.".utf8)
            guard rest.prefix(prefix.count).elementsEqual(prefix.prefix(rest.count)) else {
                return .foreign(PlainText.line(rest.prefix(80), max: 80))
            }
            guard let end = rest.firstIndex(of: 0x0A) else { return .incomplete }
            // "HTTP/1.1 200 OK"
            let line = rest[..<end]
            let fields = line.split(separator: 0x20, maxSplits: 2)
            guard fields.count >= 2, fields[1].prefix(3).count == 3,
                let code = Int(String(decoding: fields[1].prefix(3), as: UTF8.self)),
                (100...599).contains(code)
            else { return .foreign(PlainText.line(line.prefix(80), max: 80)) }
            guard code < 200 else { return .status(code) }
            guard let next = endOfHead(rest) else { return .incomplete }
            rest = rest[next...]
            if rest.isEmpty { return .incomplete }
        }
    }

    /// Behind the blank line.
    private static func endOfHead(_ bytes: ArraySlice<UInt8>) -> Int? {
        var isLineEmpty = false
        for index in bytes.indices {
            switch bytes[index] {
            case 0x0A:
                if isLineEmpty { return index + 1 }
                isLineEmpty = true
            case 0x0D: break
            default: isLineEmpty = false
            }
        }
        return nil
    }
}
