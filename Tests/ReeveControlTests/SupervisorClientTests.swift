// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveClient
import ReeveControl
import ReeveCore
import ReeveLinux
import Synchronization
import Testing

/// The public client against a scripted supervisor on a real socket.
@Suite struct SupervisorClientTests {
    private func client(
        _ server: ScriptedServer, timeout: Swift.Duration = .seconds(10)
    ) -> SupervisorClient {
        SupervisorClient(socket: server.path, timeout: timeout)
    }

    @Test func `health has the document's names and units`() async throws {
        let overview = sampleOverview()
        let status = try fullStatus()
        let server = try ScriptedServer { line, reply in
            let request = try ControlDecoder.request(line)
            ControlEncoder.statusHeader(overview, id: request.id, to: &reply)
            _ = ControlEncoder.schedulers(
                from: 0, count: 1, id: request.id, status: { _ in status }, to: &reply)
        }
        defer { server.close() }
        let health = try await client(server).health()
        let report = SchedulerReport(status)
        #expect(health.status.rawValue == overview.health.rawValue)
        #expect(health.summary.total == overview.total)
        // It is told in whole seconds.
        #expect(health.timestamp.sinceEpoch == .seconds(overview.at.nanoseconds / 1_000_000_000))
        let scheduler = try #require(health.schedulers.first)
        #expect(scheduler.name == report.name)
        #expect(scheduler.memoryUsage.map(Int64.init) == report.memoryUsage)
        #expect(scheduler.uptime == .seconds(report.uptime))
        #expect(
            scheduler.lastExecution?.duration
                == report.lastExecution.map { .milliseconds($0.duration) })
    }

    @Test func `an action that fails has a reason, a sentence and its outcomes`() async throws {
        let known = try name("web")
        let server = try ScriptedServer { line, reply in
            let request = try ControlDecoder.request(line)
            guard case .restart("web", force: false) = request.operation else {
                let error = ControlError.unknownScheduler("nobody", among: ["web"])
                return ControlEncoder.failure(error, id: request.id, to: &reply)
            }
            let outcome = Reply.Outcome(
                scheduler: SchedulerID(0), result: .failed, words: "it did not become ready")
            _ = ControlEncoder.outcomes(
                of: Reply(outcomes: [outcome]), from: 0, id: request.id, name: { _ in known },
                to: &reply)
        }
        defer { server.close() }
        let failed = await #expect(throws: SupervisorError.self) {
            try await client(server).restart("web")
        }
        #expect(failed?.reason == .failed)
        #expect(failed?.message == "it did not become ready")
        #expect(failed?.outcomes.map(\.scheduler) == ["web"])
        let unknown = await #expect(throws: SupervisorError.self) {
            try await client(server).stop("nobody")
        }
        #expect(unknown?.reason == .unknownScheduler)
        let unreadable = await #expect(throws: SupervisorError.self) {
            try await client(server).signal("web", "NONSENSE")
        }
        #expect(unreadable?.reason == .usage)
    }

    @Test func `nobody there, and nobody who answers, are told apart`() async throws {
        let nowhere = SupervisorClient(socket: "/tmp/reeve-tests-nowhere/control.sock")
        let missing = await #expect(throws: SupervisorError.self) { try await nowhere.ping() }
        #expect(missing?.reason == .noSupervisor)
        #expect(missing?.message.hasSuffix("it was named by the call") == true)
        let server = try ScriptedServer { _, _ in }
        defer { server.close() }
        let mute = await #expect(throws: SupervisorError.self) {
            try await client(server, timeout: .milliseconds(50)).ping()
        }
        #expect(mute?.reason == .timedOut)
    }

    @Test func `a call that waits is broken off with its task`() async throws {
        let asked = Mutex(false)
        let server = try ScriptedServer { _, _ in asked.withLock { $0 = true } }
        defer { server.close() }
        let client = client(server, timeout: .seconds(3_600))
        let task = Task { try await client.health() }
        while !asked.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(2)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func `events come with their position, and with what is missing before them`()
        async throws
    {
        let server = try ScriptedServer { line, reply in
            let request = try ControlDecoder.request(line)
            guard case .subscribe(let after, follow: true) = request.operation else { return }
            guard after == EventPosition(epoch: "A", sequence: 7) else { return }
            ControlEncoder.gap(missed: 3, reason: "too slow", id: request.id, to: &reply)
            for sequence: UInt64 in 11...13 {
                event(sequence, id: request.id, to: &reply)
            }
            ControlEncoder.end(id: request.id, to: &reply)
        }
        defer { server.close() }
        let position = try #require(SupervisorEvent.Position(rawValue: "A-7"))
        #expect(SupervisorEvent.Position(rawValue: "nonsense") == nil)
        var events: [SupervisorEvent] = []
        for try await event in client(server).events(after: position) { events.append(event) }
        #expect(events.map(\.position.rawValue) == ["A-11", "A-12", "A-13"])
        #expect(events.map(\.gapBefore?.missed) == [3, nil, nil])
    }

    @Test func `a reader that takes its time gets everything, and no more is read than it needs`()
        async throws
    {
        let count: UInt64 = 1_000
        let server = try ScriptedServer { line, reply in
            let request = try ControlDecoder.request(line)
            for sequence in 1...count { event(sequence, id: request.id, to: &reply) }
            ControlEncoder.end(id: request.id, to: &reply)
        }
        defer { server.close() }
        var sequences: [String] = []
        for try await event in client(server).events() {
            if sequences.count.isMultiple(of: 100) { try await Task.sleep(for: .milliseconds(5)) }
            sequences.append(event.position.rawValue)
        }
        #expect(sequences == (1...count).map { "A-\($0)" })
    }

    @Test(.timeLimit(.minutes(1)))
    func `a stream ends with its reader, waiting or not`() async throws {
        let server = try ScriptedServer { line, reply in
            let request = try ControlDecoder.request(line)
            guard request.operation != .ping else {
                let greeting = Greeting(pid: PID(7), version: "1", epoch: "A")
                return ControlEncoder.pong(greeting, id: request.id, to: &reply)
            }
            for sequence: UInt64 in 1...500 { event(sequence, id: request.id, to: &reply) }
        }
        defer { server.close() }
        let client = client(server)
        // Far behind the thread, which is parked then.
        for try await event in client.events() where event.position.rawValue == "A-10" { break }
        // In front of it. The server takes one client at a time: this one begins when the first is gone.
        let hasAll = Mutex(false)
        let task = Task {
            for try await event in client.events() where event.position.rawValue == "A-500" {
                hasAll.withLock { $0 = true }
            }
        }
        while !hasAll.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(2)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await client.ping().pid == 7)
    }
}

/// An event of the epoch "A".
private func event(_ sequence: UInt64, id: RequestID, to reply: inout [UInt8]) {
    ControlEncoder.event(
        Record(at: sampleTime, fact: .startupEnded(after: .seconds(1))),
        position: EventPosition(epoch: "A", sequence: sequence), id: id, to: &reply)
}
