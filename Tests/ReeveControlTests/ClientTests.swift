// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveClient
import ReeveControl
import ReeveCore
import ReeveLinux
import Testing

/// The client against a scripted supervisor on a real socket.
@Suite struct ClientTests {
    @Test func `status collects all pages of its own answer and no others`() throws {
        let overview = sampleOverview()
        let status = try fullStatus()
        let server = try ScriptedServer { line, reply in
            let request = try ControlDecoder.request(line)
            ControlEncoder.end(id: RequestID(999), to: &reply)
            ControlEncoder.statusHeader(overview, id: request.id, to: &reply)
            var next = 0
            while next < 300 {
                next = ControlEncoder.schedulers(
                    from: next, count: 300, id: request.id, status: { _ in status }, to: &reply)
            }
        }
        defer { server.close() }
        let answer = try client(server).status()
        #expect(answer.overview.total == 6)
        #expect(answer.schedulers.count == 300)
        #expect(answer.schedulers.last == SchedulerReport(status))
    }

    @Test func `several requests are sent at once and answered in their order`() throws {
        let known = try name("web")
        let server = try ScriptedServer(linesBeforeReply: 3) { lines, reply in
            // All three are here before the first is answered, and the last is answered first.
            for line in lines.split(separator: UInt8(ascii: "\n")).reversed() {
                let request = try ControlDecoder.request(line)
                guard case .stop(let name) = request.operation, name != "nobody" else {
                    let error = ControlError.unknownScheduler("nobody", among: ["web"])
                    ControlEncoder.failure(error, id: request.id, to: &reply)
                    continue
                }
                let outcome = Reply.Outcome(
                    scheduler: SchedulerID(0), result: .done, words: "stopped \(name)")
                _ = ControlEncoder.outcomes(
                    of: Reply(outcomes: [outcome]), from: 0, id: request.id, name: { _ in known },
                    to: &reply)
            }
        }
        defer { server.close() }
        var answers: [(Int, ActionAnswer)] = []
        try client(server).perform([
            .stop(name: "a"), .stop(name: "nobody"), .stop(name: "b"),
        ]) { answers.append(($0, $1)) }
        #expect(answers.map(\.0) == [0, 1, 2])
        #expect(answers.map { $0.1.outcomes.map(\.message) } == [["stopped a"], [], ["stopped b"]])
        #expect(answers.map { $0.1.error?.code } == [nil, .unknownScheduler, nil])
    }

    @Test func `as many as a supervisor takes are sent before the first is answered`() throws {
        let known = try name("web")
        let count = ControlLimits.openRequestsMax
        let server = try ScriptedServer(linesBeforeReply: count) { lines, reply in
            for line in lines.split(separator: UInt8(ascii: "\n")) {
                let request = try ControlDecoder.request(line)
                _ = ControlEncoder.outcomes(
                    of: Reply(outcomes: []), from: 0, id: request.id, name: { _ in known },
                    to: &reply)
            }
        }
        defer { server.close() }
        var indices: [Int] = []
        try client(server).perform(
            (0..<count).map { .restart(name: "s\($0)", force: false) }
        ) { index, _ in indices.append(index) }
        #expect(indices == Array(0..<count))
    }

    @Test func `more requests than fit a window are all answered`() throws {
        let known = try name("web")
        let server = try ScriptedServer { line, reply in
            let request = try ControlDecoder.request(line)
            _ = ControlEncoder.outcomes(
                of: Reply(outcomes: []), from: 0, id: request.id, name: { _ in known }, to: &reply)
        }
        defer { server.close() }
        var indices: [Int] = []
        try client(server).perform(
            (0..<500).map { .stop(name: "s\($0)") }
        ) { index, _ in indices.append(index) }
        #expect(indices == Array(0..<500))
    }

    @Test func `a stream hands over lines, gaps and its end`() throws {
        let server = try ScriptedServer { line, reply in
            let request = try ControlDecoder.request(line)
            guard case .logs("web", lines: 2, follow: false) = request.operation else { return }
            ControlEncoder.logLine(Array("one".utf8)[...], id: request.id, to: &reply)
            ControlEncoder.gap(missed: 4, reason: "slow", id: request.id, to: &reply)
            ControlEncoder.logLine(Array("two".utf8)[...], id: request.id, to: &reply)
            ControlEncoder.end(id: request.id, to: &reply)
        }
        defer { server.close() }
        var items: [StreamItem] = []
        try client(server).logs(of: "web", lines: 2, follow: false) { (item) throws(ClientError) in
            items.append(item)
        }
        #expect(
            items == [
                .line(OutputReport(text: "one")), .gap(GapReport(missed: 4, reason: "slow")),
                .line(OutputReport(text: "two")),
            ])
    }

    // MARK: What goes wrong

    @Test func `a supervisor that does not answer is waited for no longer than the timeout`() throws
    {
        let server = try ScriptedServer { _, _ in }
        defer { server.close() }
        let impatient = try ControlClient(
            to: location(server.path), timeout: .milliseconds(50))
        let error = #expect(throws: ClientError.self) { try impatient.status() }
        #expect(error?.kind == .timedOut)
        #expect(error?.exitCode == 75)
    }

    @Test func `a supervisor that goes away in the middle is said to have`() throws {
        let server = try ScriptedServer(closesAfterReply: true) { line, reply in
            let request = try ControlDecoder.request(line)
            ControlEncoder.statusHeader(sampleOverview(), id: request.id, to: &reply)
        }
        defer { server.close() }
        let error = #expect(throws: ClientError.self) { try client(server).status() }
        #expect(error?.kind == .noSupervisor)
        #expect(error?.exitCode == 69)
    }

    @Test func `a refusal that answers no request ends the call`() throws {
        let server = try ScriptedServer { _, reply in
            let error = ControlError(.notPermitted, "user 1000 may not use this socket")
            ControlEncoder.failure(error, id: nil, to: &reply)
        }
        defer { server.close() }
        let error = #expect(throws: ClientError.self) { try client(server).status() }
        #expect(error?.kind == .notPermitted && error?.code == .notPermitted)
        #expect(error?.message == "user 1000 may not use this socket")
        #expect(error?.exitCode == 77)
    }

    @Test func `an endless line and nonsense are refused, not collected`() throws {
        for nonsense in [
            [UInt8](repeating: UInt8(ascii: "x"), count: 400_000), Array("hello\n".utf8),
            Array(#"{"id":1,"ok":true}"#.utf8) + [UInt8(ascii: "\n")],
        ] {
            let server = try ScriptedServer { _, reply in reply = nonsense }
            defer { server.close() }
            let error = #expect(throws: ClientError.self) { try client(server).status() }
            #expect(error?.kind == .failed)
        }
    }

    @Test func `where nobody listens every place that was tried is named`() throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let location = SocketLocation(
            named: nil, variable: "", xdgRuntimeDirectory: "/run/user/7", user: 4_000_000_000)
        #expect(
            location.candidates.map(\.path) == [
                "/run/reeve/control.sock", "/run/user/7/reeve/control.sock",
                "/tmp/reeve-4000000000/control.sock", "/dev/shm/reeve-4000000000/control.sock",
            ])
        #expect(location.candidates.map(\.trustedUser) == [nil, nil, 4_000_000_000, 4_000_000_000])

        let named = self.location("\(directory.path)/none.sock")
        let error = #expect(throws: ClientError.self) {
            try ControlClient(to: named, timeout: .seconds(5))
        }
        #expect(error?.exitCode == 69)
        #expect(
            error?.message == "no supervisor answers at \(directory.path)/none.sock (not there); "
                + "it was named by --socket")
        let variable = SocketLocation(
            named: nil, variable: "/x/y", xdgRuntimeDirectory: nil, user: 0)
        #expect(variable.candidates.map(\.path) == ["/x/y"])
        #expect(variable.namedBy == "REEVE_SOCKET")
    }

    @Test func `a socket nobody listens on any more is no supervisor`() throws {
        let server = try ScriptedServer { _, _ in }
        defer { server.close() }
        server.stopListening()
        // A program that another test starts at this moment has the socket until its exec.
        var error: ClientError?
        let deadline = ContinuousClock.now + .seconds(10)
        while error == nil, ContinuousClock.now < deadline {
            do throws(ClientError) {
                _ = try ControlClient(to: location(server.path), timeout: .seconds(5))
            } catch let failure {
                error = failure
            }
        }
        #expect(error?.exitCode == 69)
        #expect(FileManager.default.fileExists(atPath: server.path))
    }

    @Test func `a path too long for a socket is wrong usage`() {
        let long = "/tmp/" + String(repeating: "x", count: 103)
        let error = #expect(throws: ClientError.self) {
            try ControlClient(to: location(long), timeout: .seconds(5))
        }
        #expect(error?.exitCode == 64)
        #expect(error?.message.contains("107") == true)
    }

    // MARK: Details

    private func location(_ path: String) -> SocketLocation {
        SocketLocation(named: path, variable: nil, xdgRuntimeDirectory: nil, user: Host.user)
    }

    private func client(_ server: ScriptedServer) throws -> ControlClient {
        try ControlClient(to: location(server.path), timeout: .seconds(20))
    }
}
