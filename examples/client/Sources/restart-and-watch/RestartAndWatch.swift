// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveClient

/// `restart-and-watch NAME`: shows how everything is, restarts one scheduler, and shows what happens to it until
/// it is ready again. Ends with 1 where it did not become ready, or could not be asked to.
@main struct RestartAndWatch {
    static func main() async throws {
        guard let name = CommandLine.arguments.dropFirst().first else {
            print("usage: restart-and-watch NAME")
            exit(64)
        }
        do {
            // REEVE_SOCKET, or the socket in one of the usual places.
            let supervisor = try await SupervisorClient.connect()
            try await show(supervisor)
            guard try await restart(name, supervisor) else { exit(1) }
        } catch let error as SupervisorError {
            print("\(error.reason.rawValue): \(error)")
            exit(1)
        }
    }

    private static func show(_ supervisor: SupervisorClient) async throws {
        let health = try await supervisor.health()
        let summary = health.summary
        print("\(health.status): \(summary.healthy) of \(summary.total) are healthy")
        for scheduler in health.schedulers {
            let memory = scheduler.memoryUsage.map { ", \($0) MB" } ?? ""
            print("  \(scheduler.name): \(scheduler.status)\(memory), \(scheduler.reason)")
        }
    }

    /// Returns whether it is ready again.
    private static func restart(
        _ name: String, _ supervisor: SupervisorClient
    ) async throws -> Bool {
        let before = try await supervisor.health(of: name).runID
        let watching = Task { try await watch(name, after: before, supervisor) }
        defer { watching.cancel() }
        // Comes back when it is ready, or will not be; meanwhile the events are read.
        let outcomes = try await supervisor.restart(name)
        let isReady = outcomes.allSatisfy { $0.result == .done }
        if isReady { try await watching.value }
        for outcome in outcomes {
            print("\(outcome.scheduler): \(outcome.result.rawValue), \(outcome.message)")
        }
        return isReady
    }

    /// Until the event that it is ready.
    private static func watch(
        _ name: String, after before: String?, _ supervisor: SupervisorClient
    ) async throws {
        for try await event in supervisor.events() where event.scheduler == name {
            print("\(event.at) \(event.name): \(event.message)")
            if event.name == "ready", event.runID != before, try await isCurrent(event, supervisor)
            {
                return
            }
        }
    }

    /// Events of earlier runs come first: of everything that reeve still remembers.
    private static func isCurrent(
        _ event: SupervisorEvent, _ supervisor: SupervisorClient
    ) async throws -> Bool {
        guard let name = event.scheduler else { return false }
        return try await supervisor.health(of: name).runID == event.runID
    }
}
