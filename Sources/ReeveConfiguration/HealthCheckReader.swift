// SPDX-License-Identifier: Apache-2.0
//
// `health-check`: one of a command, a port and a page, and how often it has to fail.

internal import ReeveCore

extension ValueReader {
    private static let checkFields: [ValueShape.Field] = [
        .init("exec", .command), .init("tcp", .text), .init("http", .text),
        .init("status", .either(.text, .integer(100...599))),
        .init("timeout", .duration(Span.positive)), .init("failures", .integer(1...1_000)),
        .init("successes", .integer(1...1_000)), .init("start-period", .duration(Span.any)),
    ]

    func healthCheck(
        _ node: TomlNode, _ shape: ValueShape, _ findings: inout Findings
    ) -> SettingValue? {
        guard
            let values = table(
                node, shape, ValueReader.checkFields, ["exec", "tcp", "http"], &findings),
            let method = method(node, values, &findings)
        else { return nil }
        var settings = HealthCheckSettings(method)
        if case .duration(let span)? = values["timeout"] { settings.timeout = span }
        if case .duration(let span)? = values["start-period"] { settings.startPeriod = span }
        if case .integer(let count)? = values["failures"] {
            settings.failures = Int(clamping: count)
        }
        if case .integer(let count)? = values["successes"] {
            settings.successes = Int(clamping: count)
        }
        return .healthCheck(settings)
    }

    private func method(
        _ node: TomlNode, _ values: [String: SettingValue], _ findings: inout Findings
    ) -> HealthCheckSettings.Method? {
        guard case .table(let entries) = node.value else { return nil }
        func at(_ field: String) -> TomlNode { entries.first { $0.key == field }?.node ?? node }
        if values["status"] != nil, values["http"] == nil {
            refuse(
                at("status"), "has a `status`, which only a page has", &findings,
                help: "leave it out, or write http = \"http://localhost:8080/health\"")
            return nil
        }
        if case .command(let arguments)? = values["exec"] { return .exec(arguments) }
        if case .text(let text)? = values["tcp"] {
            if let target = ProbeTarget(text) { return .tcp(target) }
            refuse(
                at("tcp"), "connects to a host and a port, and \(quoted(text)) is none", &findings,
                help: "write it as tcp = \"localhost:5432\", or \"[::1]:5432\"")
            return nil
        }
        guard case .text(let text)? = values["http"], let status = status(values, at, &findings)
        else { return nil }
        switch PageAddress.read(text) {
        case .page(let target, let path): return .http(target, path: path, status: status)
        case .refused(let why, let help):
            refuse(at("http"), why, &findings, help: help)
            return nil
        }
    }

    /// "200-399", "204", or 204.
    private func status(
        _ values: [String: SettingValue], _ at: (String) -> TomlNode, _ findings: inout Findings
    ) -> ClosedRange<Int>? {
        switch values["status"] {
        case nil: return 200...399
        case .integer(let code)?: return Int(code)...Int(code)
        case .text(let text)?:
            let parts = text.split(separator: "-", omittingEmptySubsequences: false)
                .map { part in Int(part.trimmingBlanks) }
            let codes = parts.compactMap(\.self)
            if parts.count == codes.count, (1...2).contains(codes.count), let first = codes.first,
                let last = codes.last, first <= last, (100...599).contains(first),
                (100...599).contains(last)
            {
                return first...last
            }
            refuse(
                at("status"), "has a status code or a range of them, and \(quoted(text)) is none",
                &findings, help: "write it as status = \"200-399\"")
            return nil
        default: return nil
        }
    }
}

extension Substring {
    fileprivate var trimmingBlanks: Substring {
        var text = drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return text
    }
}

extension ProbeTarget {
    /// Reads "host:port", "1.2.3.4:port", "[::1]:port" and ":port", which is this machine's.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        let host = text[..<colon]
        guard let name = ProbeTarget.host(host) else { return nil }
        self.init(host: name, port: port)
    }

    /// A host without its port: a name, or an address, of IPv6 in brackets; empty is localhost.
    static func host(_ text: Substring) -> String? {
        if text.isEmpty { return "localhost" }
        if text.first == "[", text.last == "]" {
            let inner = text.dropFirst().dropLast()
            return inner.contains(":") && inner.utf8.allSatisfy(isOfAddress) ? String(inner) : nil
        }
        let isName = text.utf8.count <= 253 && text.utf8.allSatisfy(isOfName)
        return isName ? String(text) : nil
    }

    private static func isOfAddress(_ byte: UInt8) -> Bool {
        isHexadecimal(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "%") || isOfName(byte)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
            || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
    }
}

/// The address of a page.
enum PageAddress {
    case page(ProbeTarget, path: String)
    case refused(String, help: String?)

    private static let example = "write it as http = \"http://localhost:8080/health\""

    static func read(_ text: String) -> PageAddress {
        let lower = text.lowercased()
        if lower.hasPrefix("https://") {
            return .refused(
                "asks over plain HTTP; reeve itself speaks no TLS",
                help: "ask with a command: exec = [\"curl\", \"-fsS\", \(tomlString(text))]")
        }
        guard lower.hasPrefix("http://") else {
            return .refused("is the address of a page, and \(quoted(text)) is none", help: example)
        }
        let rest = text.dropFirst("http://".count)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        let authority = rest[..<end]
        var path = String(rest[end...].prefix { $0 != "#" })
        if !path.hasPrefix("/") { path = "/" + path }
        // A line of the request is made of it.
        guard path.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), path.utf8.count <= 2_048 else {
            return .refused(
                "has a path with blanks or other characters that an address cannot have",
                help: "write those with percent signs: a blank is %20")
        }
        if authority.contains("@") {
            return .refused(
                "holds a name and a password, which would be sent in the clear",
                help: "let the page be asked for without them, or use exec")
        }
        guard let target = target(authority) else {
            return .refused(
                "asks a host, with a port or without, and \(quoted(String(authority))) is none",
                help: example)
        }
        return .page(target, path: path)
    }

    private static func target(_ authority: Substring) -> ProbeTarget? {
        guard !authority.isEmpty else { return nil }
        if let target = ProbeTarget(String(authority)) { return target }
        let hasPort = authority.last == "]" ? false : authority.contains(":")
        guard !hasPort, let host = ProbeTarget.host(authority) else { return nil }
        return ProbeTarget(host: host, port: 80)
    }
}
