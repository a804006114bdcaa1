// SPDX-License-Identifier: Apache-2.0

import ReeveClient

/// `restart-and-watch NAME`: shows how everything is, restarts one scheduler, and shows what happens to it until
/// it is ready again.
@main struct RestartAndWatch {
    static func main() async throws {
        guard let name = CommandLine.arguments.dropFirst().first else {
            return print("usage: restart-and-watch NAME")
        }
        do {
            // REEVE_SOCKET, or the socket in one of the usual places.
            let supervisor = try await SupervisorClient.connect()
            try await show(supervisor)
            try await watch(name, supervisor)
        } catch let error as SupervisorError {
            print("\(error.reason.rawValue): \(error)")
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

    private static func watch(_ name: String, _ supervisor: SupervisorClient) async throws {
        let before = try await supervisor.health(of: name).runID
        // Comes back when it is ready; meanwhile the events are read.
        async let restart = supervisor.restart(name)
        for try await event in supervisor.events() where event.scheduler == name {
            print("\(event.at) \(event.name): \(event.message)")
            if event.name == "ready", event.runID != before, try await isCurrent(event, supervisor)
            {
                break
            }
        }
        for outcome in try await restart {
            print("\(outcome.scheduler): \(outcome.result.rawValue), \(outcome.message)")
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
