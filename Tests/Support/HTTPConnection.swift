// SPDX-License-Identifier: Apache-2.0
//
// A raw connection for HTTP/1.1, for what no well-behaved client sends, and for answers to be looked at as
// they are on the wire.

internal import Foundation
internal import Glibc

/// One answer.
package struct HTTPAnswer: Sendable {
    package let status: Int
    /// By name in lower case.
    package let fields: [String: String]
    package let body: [UInt8]

    package var text: String { String(decoding: body, as: UTF8.self) }
}

/// A client that writes any bytes. Nothing blocks: many tests share a thread.
package final class HTTPConnection {
    private let descriptor: Int32
    private var received: [UInt8] = []
    /// The other side has closed.
    package private(set) var isEnded = false

    /// Connects to 127.0.0.1; throws where nobody listens.
    package init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw HarnessFailure("socket: errno \(errno)") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let code = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else {
            let number = errno
            close(descriptor)
            throw HarnessFailure("connect to port \(port): errno \(number)")
        }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit {
        close(descriptor)
    }

    /// Sends all of it, or what the other side takes before it closes.
    package func send(_ text: String, within seconds: Double = 10) async throws {
        let bytes = Array(text.utf8)
        var sent = 0
        let end = ContinuousClock.now + .seconds(seconds)
        while sent < bytes.count {
            let count = unsafe bytes[sent...].withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno == EPIPE || errno == ECONNRESET {
                return
            } else {
                guard ContinuousClock.now < end else { throw HarnessFailure("nothing is taken") }
                try await Task.sleep(for: .milliseconds(2))
            }
        }
    }

    /// Everything that has come so far.
    package var text: String {
        take()
        return String(decoding: received, as: UTF8.self)
    }

    private func take() {
        var buffer = [UInt8](repeating: 0, count: 64 * 1_024)
        while !isEnded {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe recv(descriptor, $0.baseAddress, $0.count, 0)
            }
            if count > 0 {
                received += buffer[..<count]
            } else if count == 0 || errno != EAGAIN {
                isEnded = true
            } else {
                return
            }
        }
    }

    /// Waits until the other side closes.
    package func end(within seconds: Double = 15) async throws {
        try await eventually("the end of the connection", within: seconds) {
            take()
            return isEnded
        }
    }

    /// The next whole answer, which is then taken off.
    package func answer(within seconds: Double = 15) async throws -> HTTPAnswer {
        try await eventually("an answer; so far: \(text.prefix(500))", within: seconds) {
            take()
            return parse()
        }
    }

    private func parse() -> HTTPAnswer? {
        guard let head = received.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: received[..<head.lowerBound], as: UTF8.self)
            .split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, let status = Int(words[1]) else { return nil }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            fields[line[..<colon].lowercased()] = String(value)
        }
        let rest = received[head.upperBound...]
        if fields["transfer-encoding"] == "chunked" {
            guard let (body, end) = chunks(rest) else { return nil }
            received.removeSubrange(..<end)
            return HTTPAnswer(status: status, fields: fields, body: body)
        }
        let length = fields["content-length"].flatMap { Int($0) } ?? 0
        guard rest.count >= length else { return nil }
        let body = Array(rest.prefix(length))
        received.removeSubrange(..<(head.upperBound + length))
        return HTTPAnswer(status: status, fields: fields, body: body)
    }

    /// nil while the last chunk has not come.
    private func chunks(_ bytes: ArraySlice<UInt8>) -> (body: [UInt8], end: Int)? {
        var body: [UInt8] = []
        var rest = bytes
        while let line = rest.firstRange(of: Array("\r\n".utf8)) {
            let digits = String(decoding: rest[..<line.lowerBound], as: UTF8.self)
            guard let size = Int(digits, radix: 16), rest.endIndex - line.upperBound >= size + 2
            else { return nil }
            body += rest[line.upperBound..<(line.upperBound + size)]
            rest = rest[(line.upperBound + size + 2)...]
            if size == 0 { return (body, rest.startIndex) }
        }
        return nil
    }
}
