// SPDX-License-Identifier: Apache-2.0
//
// A raw connection to the control socket, for what no well-behaved client sends.

internal import Foundation
internal import Glibc

/// A client that writes any bytes and reads lines.
package final class ControlConnection {
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    /// Connects; throws where nobody listens.
    package init(_ path: String) throws {
        descriptor = try unsafe streamSocket("connect to \(path)", path) {
            unsafe connect($0, $1, $2)
        }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit {
        close(descriptor)
    }

    /// Sends as much as the socket takes within the time; returns how many bytes that were.
    @discardableResult
    package func send(_ bytes: [UInt8], within seconds: Double = 10) async throws -> Int {
        var sent = 0
        let end = ContinuousClock.now + .seconds(seconds)
        while sent < bytes.count, ContinuousClock.now < end {
            let count = unsafe bytes[sent...].withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno == EPIPE || errno == ECONNRESET {
                break
            } else {
                try await Task.sleep(for: .milliseconds(2))
            }
        }
        return sent
    }

    /// Sends one line.
    package func send(_ line: String) async throws {
        try await send(Array((line + "\n").utf8))
    }

    /// The next line, without its end; nil where the other side has closed.
    package func line(within seconds: Double = 10) async throws -> String? {
        let answer: String?? = try await eventually("a line on the control socket", within: seconds)
        {
            if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: buffer[..<end], as: UTF8.self)
                buffer.removeSubrange(...end)
                return .some(line)
            }
            return receive() ? nil : .some(nil)
        }
        return answer ?? nil
    }

    /// The next line as a JSON object.
    package func object(within seconds: Double = 10) async throws -> [String: Any] {
        guard let line = try await line(within: seconds) else {
            throw HarnessFailure("the supervisor closed the connection")
        }
        guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        else { throw HarnessFailure("not an object: \(line)") }
        return object
    }

    /// Reads what is there; false at the end of the stream.
    private func receive() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe chunk.withUnsafeMutableBytes {
            unsafe recv(descriptor, $0.baseAddress, $0.count, 0)
        }
        if count > 0 { buffer.append(contentsOf: chunk[..<count]) }
        return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR))
    }
}

/// A socket at which connections are taken and never answered.
package final class MuteListener {
    private let path: String
    private let descriptor: Int32

    package init(at path: String) throws {
        self.path = path
        descriptor = try unsafe streamSocket("bind \(path)", path) { unsafe bind($0, $1, $2) }
        guard listen(descriptor, 4) == 0 else {
            throw HarnessFailure("listen at \(path): errno \(errno)")
        }
    }

    deinit {
        close(descriptor)
        unsafe unlink(path)
    }
}

/// A socket on which `use` was called with the address of `path`; `what` says that where it fails.
private func streamSocket(
    _ what: String, _ path: String,
    _ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw HarnessFailure("socket: errno \(errno)") }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < 108 else { throw HarnessFailure("\(path) is too long for a socket") }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
        for (index, byte) in bytes.enumerated() { unsafe room[index] = byte }
    }
    let code = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe use(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    guard code == 0 else {
        let reason = errno
        close(descriptor)
        throw HarnessFailure("\(what): errno \(reason)")
    }
    return descriptor
}
