// SPDX-License-Identifier: Apache-2.0
//
// A scheduler that does what its environment says, and prints what it is asked to do. Each step looks for a
// variable of its own name in capitals:
//
//   wait          until it is cancelled
//   deaf          until it is killed
//   await FILE    until FILE exists
//   throw [CODE]  an error, without an exit code or with one
//   cancel        CancellationError
//   while FILE    (HEALTHCHECK) well as long as FILE exists
//   main          a line from the main actor

import Glibc
import ReeveKit

struct Plain: Error {}

@main struct Trial: Scheduler {
    static var readiness: Readiness { variable("READINESS") == nil ? .afterStart : .whenCalled }

    init() async throws { try await step("init") }
    func onStart() async throws { try await step("onStart") }
    func onStop() async throws {
        try await step(Task.isCancelled ? "onStop, cancelled" : "onStop")
    }
    func cleanup() async throws { try await step("cleanup") }

    func execute(_ context: ExecutionContext) async throws {
        tell("name \(context.schedulerName), id \(context.executionID), attempt \(context.attempt)")
        if let due = context.scheduledAt {
            tell("due \(due), \(due.sinceEpoch.components.seconds)")
        }
        context.report(status: "working\nhard")
        if let file = variable("READINESS") {
            await appears(file)
            context.ready()
        }
        do {
            try await step("execute")
        } catch {
            tell("cancelled: \(context.isCancelled), task: \(Task.isCancelled)")
            throw error
        }
    }

    func healthCheck() async throws -> Bool {
        guard let words = variable("HEALTHCHECK") else { return true }
        if words == "throw" { throw SchedulerFailure("the database is away") }
        return unsafe access(String(words.dropFirst("while ".count)), F_OK) == 0
    }
}

func step(_ name: String) async throws {
    tell(name)
    let words = (variable(name.uppercased()) ?? "").split(separator: " ").map(String.init)
    switch words.first {
    case "wait": try await Task.sleep(for: .seconds(3_600))
    case "deaf": while true { _ = try? await Task.sleep(for: .milliseconds(50)) }
    case "await": await appears(words[1])
    case "throw":
        if words.count > 1, let code = Int32(words[1]) {
            throw SchedulerFailure("as it was told to", exitCode: code)
        }
        throw Plain()
    case "cancel": throw CancellationError()
    case "main": await MainActor.run { tell("main actor") }
    default: break
    }
}

/// Also in a task that is cancelled.
func appears(_ file: String) async {
    await Task.detached {
        while unsafe access(file, F_OK) != 0 { _ = try? await Task.sleep(for: .milliseconds(5)) }
    }.value
}

func tell(_ line: String) {
    print(line)
    fflush(nil)
}

func variable(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
}
