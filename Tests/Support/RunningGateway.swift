// SPDX-License-Identifier: Apache-2.0
//
// The built `reeve-gateway` beside a supervisor of a test.

internal import Foundation
internal import Glibc

/// A gateway under test.
package struct RunningGateway: Sendable {
    package let process: Guarded
    package let pid: Int32
    /// Where it listens on 127.0.0.1; the kernel chose it.
    package let port: Int

    /// Starts one and waits until it listens.
    package init(
        _ arguments: [String], directory: String,
        environment: [String: String] = Guarded.environment,
        listen: String = "127.0.0.1:0"
    ) async throws {
        let name = "gateway-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        let process = try Guarded(
            [Tree.product("reeve-gateway"), "--listen", listen] + arguments,
            environment: environment, directory: directory, name: name)
        self.process = process
        pid = try await process.pid()
        port = try await eventually("the gateway's port") {
            if let ending = process.ending {
                throw HarnessFailure("the gateway ended: \(ending)\n\(process.errors)")
            }
            let found = process.errors.firstMatch(of: /listening on https?:\/\/[^\n]*:(\d+)/)
            return (found?.output.1).flatMap { Int($0) }
        }
    }

    /// Ends it, by SIGTERM or as told, and waits.
    @discardableResult
    package func end(_ signal: Int32 = SIGTERM) async throws -> Ending {
        if process.ending == nil { Processes.signal(pid, signal) }
        return try await process.ended(within: 20)
    }

    /// One request on a connection of its own.
    package func send(
        _ method: String, _ path: String, _ fields: [String] = [], body: String? = nil,
        within seconds: Double = 30
    ) async throws -> HTTPAnswer {
        let connection = try HTTPConnection(port: port)
        var head = "\(method) \(path) HTTP/1.1\r\nConnection: close\r\n"
        if !fields.contains(where: { $0.lowercased().hasPrefix("host:") }) {
            head += "Host: 127.0.0.1:\(port)\r\n"
        }
        if let body { head += "Content-Length: \(body.utf8.count)\r\n" }
        for field in fields { head += field + "\r\n" }
        try await connection.send(head + "\r\n" + (body ?? ""))
        return try await connection.answer(within: seconds)
    }

    package func get(_ path: String, _ fields: [String] = []) async throws -> HTTPAnswer {
        try await send("GET", path, fields)
    }

    package func post(_ path: String, _ fields: [String] = []) async throws -> HTTPAnswer {
        try await send("POST", path, fields)
    }

    /// A request whose answer goes on; it is read from the connection.
    package func open(_ path: String, _ fields: [String] = []) async throws -> HTTPConnection {
        let connection = try HTTPConnection(port: port)
        let all = ["GET \(path) HTTP/1.1", "Host: 127.0.0.1:\(port)"] + fields
        try await connection.send(all.joined(separator: "\r\n") + "\r\n\r\n")
        return connection
    }
}

extension Reeve {
    /// Runs a gateway against this supervisor for as long as the body takes.
    package func withGateway(
        _ arguments: [String] = [], _ body: (RunningGateway) async throws -> Void
    ) async throws {
        let gateway = try await RunningGateway(
            ["--socket", socket] + arguments, directory: directory)
        do {
            try await body(gateway)
        } catch {
            _ = try? await gateway.end(SIGKILL)
            throw HarnessFailure("\(error)\nthe gateway's log:\n\(gateway.process.errors)")
        }
        try await gateway.end()
        let leaks = try await gateway.process.leaks()
        guard leaks.isEmpty else { throw HarnessFailure("the gateway left behind: \(leaks)") }
    }
}
