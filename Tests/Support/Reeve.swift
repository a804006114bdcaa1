// SPDX-License-Identifier: Apache-2.0
//
// The built `reeve`, run as an operator would run it, in a directory of its own.

internal import Foundation
internal import Glibc

/// What a command of reeve's gave.
package struct Outcome: Sendable {
    package let code: Int32
    package let output: String
    package let errors: String

    package init(code: Int32, output: String, errors: String) {
        self.code = code
        self.output = output
        self.errors = errors
    }
}

/// One scheduler of `reeve status --json`, as far as the tests read it.
package struct SchedulerReport: Decodable, Sendable {
    package struct LastExit: Decodable, Sendable {
        package let code: Int32?
        package let signal: String?
        package let meaning: String
        package let at: String
    }
    package struct Run: Decodable, Sendable {
        package let runId: String
        package let pid: Int32?
        package let scheduledAt: String?
    }
    package struct Execution: Decodable, Sendable {
        package let timestamp: String
        package let duration: Int
        package let success: Bool
    }
    package struct Recovery: Decodable, Sendable {
        package struct Action: Decodable, Sendable {
            package let action, result, reason: String
            package let before, after: String?
        }
        package let trigger, message: String
        package let endedAt: String?
        package let actions: [Action]
    }

    package let name: String
    package let status: String
    package let kind: String
    package let origin: String
    package let lifecycle: String
    package let reason: String
    package let priority: Int
    package let phase: Int
    package let pid: Int32?
    package let runId: String?
    package let runs: [Run]
    package let memoryUsage: Int?
    package let memoryBytes: Int?
    package let uptime: Int
    package let consecutiveFailures: Int
    package let restartCount: Int
    package let restartsInWindow: Int
    package let nextRestart: String?
    package let nextRun: String?
    package let lastOutcome: String?
    package let lastExit: LastExit?
    package let lastExecution: Execution?
    package let recovery, lastRecovery: Recovery?
}

/// `reeve status --json`.
package struct StatusReport: Decodable, Sendable {
    package struct Summary: Decodable, Sendable {
        package let totalSchedulers, healthySchedulers, degradedSchedulers: Int
        package let unhealthySchedulers, stoppedSchedulers: Int
        package let startingSchedulers, stoppingSchedulers: Int
    }

    package let status: String
    package let summary: Summary
    package let schedulers: [SchedulerReport]
    package let timestamp: String
}

/// A line that the test child stamped.
package struct Stamp: Sendable, Equatable {
    package let word: String
    package let pid: Int32
    /// CLOCK_MONOTONIC.
    package let nanoseconds: Int64
}

/// A supervisor under test.
package final class Reeve: Sendable {
    /// Holds everything of this test: configuration, runtime and state directory, stamps, output.
    package let directory: String
    package let process: Guarded
    package let pid: Int32
    private let environment: [String: String]
    private let counter = Counter()

    private init(_ process: Guarded, pid: Int32, directory: String, environment: [String: String]) {
        self.directory = directory
        self.process = process
        self.pid = pid
        self.environment = environment
    }

    /// The control socket.
    package var socket: String { directory + "/run/control.sock" }
    /// What reeve wrote to standard error: its own log.
    package var log: String { process.errors }

    /// How a supervisor is set up.
    package struct Setup: Sendable {
        /// Lines for the `[reeve]` table.
        package var settings = ""
        /// Added to the environment.
        package var environment: [String: String] = [:]
        /// Put in front of `reeve run FILE`.
        package var prefix: [String] = []
        /// Standard output: a file, "deaf", or "terminal".
        package var output: String?
        /// Whether to wait until the control socket answers.
        package var waitsForSocket = true

        package init() {}
    }

    /// Runs reeve with a configuration for as long as the body takes, then stops it, and fails where
    /// anything of it is still there afterwards.
    ///
    /// - Parameters:
    ///   - configuration: the schedulers' tables, made from the directory of the test.
    ///   - change: changes the set-up.
    package static func supervising(
        _ configuration: @Sendable (Place) -> String,
        setup change: @Sendable (inout Setup) -> Void = { _ in },
        _ body: @Sendable (Reeve) async throws -> Void
    ) async throws {
        try await Gate.supervisors.pass {
            let place = try Place()
            defer { place.remove() }
            var setup = Setup()
            change(&setup)
            try place.write("reeve.toml", place.settings(setup.settings) + configuration(place))
            let environment = Guarded.environment.merging(setup.environment) { $1 }
            let process = try Guarded(
                setup.prefix + [Tree.product("reeve"), "run", place.file("reeve.toml")],
                environment: environment, directory: place.directory, name: "reeve",
                output: setup.output)
            let pid = try await process.pid()
            let reeve = Reeve(
                process, pid: pid, directory: place.directory, environment: environment)
            do {
                if setup.waitsForSocket { try await reeve.waitForSocket() }
                try await body(reeve)
            } catch {
                _ = try? await reeve.end()
                throw HarnessFailure("\(error)\nreeve's log:\n\(reeve.log.suffix(6_000))")
            }
            let leaks = try await reeve.end()
            guard leaks.isEmpty else {
                throw HarnessFailure("left behind: \(leaks)\n\(reeve.log.suffix(6_000))")
            }
        }
    }

    private func waitForSocket() async throws {
        try await eventually("the control socket") {
            if let ending = process.ending { throw HarnessFailure("reeve ended: \(ending)") }
            return unsafe access(socket, F_OK) == 0
        }
        try await eventually("an answer on the control socket") {
            try await command("status", "--json").code == 0
        }
    }

    /// Ends it if it still runs: by SIGTERM, then by SIGKILL. Returns what was left alive.
    private func end() async throws -> [Leak] {
        if process.ending == nil {
            Processes.signal(pid, SIGTERM)
            do {
                _ = try await process.ended(within: 20)
            } catch {
                Processes.signal(pid, SIGKILL)
                _ = try await process.leaks()
                throw HarnessFailure("reeve did not end within 20 s of SIGTERM")
            }
        }
        return try await process.leaks()
    }

    /// Runs `reeve WORDS` against this supervisor and waits for its end.
    package func command(_ words: String..., within seconds: Double = 20) async throws -> Outcome {
        let started = try start(words)
        let ending = try await started.ended(within: seconds)
        guard case .exit(let code) = ending else {
            throw HarnessFailure("reeve \(words.joined(separator: " ")) ended by \(ending)")
        }
        return Outcome(code: code, output: started.output, errors: started.errors)
    }

    /// Starts `reeve WORDS` against this supervisor, for commands that do not end by themselves.
    package func start(_ words: [String]) throws -> Guarded {
        try Guarded(
            [Tree.product("reeve")] + words,
            environment: environment.merging(["REEVE_SOCKET": socket]) { $1 },
            directory: directory, name: "command-\(counter.next())")
    }

    /// `reeve status --json`, decoded.
    package func status() async throws -> StatusReport {
        let outcome = try await command("status", "--json")
        guard outcome.code == 0 else {
            throw HarnessFailure("status --json: exit code \(outcome.code): \(outcome.errors)")
        }
        do {
            return try JSONDecoder().decode(StatusReport.self, from: Data(outcome.output.utf8))
        } catch {
            let (head, tail) = (outcome.output.prefix(400), outcome.output.suffix(400))
            throw HarnessFailure("status --json: \(error)\n\(head)\n…\n\(tail)\n\(outcome.errors)")
        }
    }

    /// One scheduler of `reeve status --json`.
    package func scheduler(_ name: String) async throws -> SchedulerReport {
        let report = try await status()
        guard let scheduler = report.schedulers.first(where: { $0.name == name }) else {
            throw HarnessFailure("status does not show \(name)")
        }
        return scheduler
    }

    /// Waits until a scheduler's status is as wanted, and returns it.
    @discardableResult
    package func scheduler(
        _ name: String, becomes what: String, within seconds: Double = 15,
        _ condition: (SchedulerReport) -> Bool
    ) async throws -> SchedulerReport {
        var last: SchedulerReport?
        do {
            return try await eventually("\(name): \(what)", within: seconds) {
                let report = try await scheduler(name)
                last = report
                return condition(report) ? report : nil
            }
        } catch let error as TimedOut {
            throw HarnessFailure("\(error); last seen: \(last.map { "\($0)" } ?? "nothing")")
        }
    }

    /// Waits until reeve's own log holds a text.
    package func log(says text: String, within seconds: Double = 15) async throws {
        try await eventually("\"\(text)\" in the log", within: seconds) { log.contains(text) }
    }

    /// The stamps of a file in the test's directory, in their order.
    package func stamps(_ file: String) -> [Stamp] {
        Place.stamps(directory + "/" + file)
    }

    /// Waits until a file holds that many stamps, and returns them.
    package func stamps(
        _ file: String, reach count: Int, within seconds: Double = 15
    ) async throws -> [Stamp] {
        try await eventually("\(count) stamps in \(file)", within: seconds) {
            let found = stamps(file)
            return found.count >= count ? found : nil
        }
    }
}

/// A directory of a test's own.
package struct Place: Sendable {
    package let directory: String

    /// Made in the system's temporary folder; short, because it holds a socket.
    package init() throws {
        let base = FileManager.default.temporaryDirectory.path
        directory = base + "/rv-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o755])
    }

    /// One that is there already.
    package init(at directory: String) {
        self.directory = directory
    }

    /// Deletes it with everything in it.
    package func remove() {
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// The path of a file in it.
    package func file(_ name: String) -> String { directory + "/" + name }

    /// Writes a file in it.
    package func write(_ name: String, _ text: String, mode: Int = 0o644) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file(name))
    }

    /// The `[reeve]` table of a test: its own directories and a short shutdown, then further lines.
    package func settings(_ further: String) -> String {
        var table = "[reeve]\n"
        let own = [
            ("runtime-directory", "\"\(file("run"))\""),
            ("state-directory", "\"\(file("state"))\""),
            ("graceful-timeout", "\"8s\""), ("force-timeout", "\"2s\""),
        ]
        for (key, value) in own where !further.contains(key) { table += "\(key) = \(value)\n" }
        return table + further + "\n"
    }

    /// A command of the test child, as a TOML array. "@NAME" is the path of the file NAME in here.
    package func child(_ steps: String...) -> String {
        let words =
            [Tree.product("reeve-test-child")]
            + steps.map { step in
                step.hasPrefix("@") ? file(String(step.dropFirst())) : step
            }
        return "[" + words.map { "\"\($0)\"" }.joined(separator: ", ") + "]"
    }

    /// Makes an empty file, for which a child waits.
    package static func touch(_ path: String) throws {
        try Data().write(to: URL(fileURLWithPath: path))
    }

    /// The permission bits of a file.
    package static func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return (attributes[.posixPermissions] as? Int ?? 0) & 0o7777
    }

    /// The stamps in a file, in their order.
    package static func stamps(_ path: String) -> [Stamp] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count == 3, let pid = Int32(fields[1]), let time = Int64(fields[2]) else {
                return nil
            }
            return Stamp(word: String(fields[0]), pid: pid, nanoseconds: time)
        }
    }
}

/// Numbers for file names.
private final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var last = 0

    func next() -> Int {
        lock.withLock {
            last += 1
            return last
        }
    }
}

/// Runs `reeve WORDS` without a supervisor.
package func reeve(
    _ words: String..., environment: [String: String] = [:], in place: Place,
    within seconds: Double = 20
) async throws -> Outcome {
    let name = "reeve-" + String(UInt32.random(in: 0 ... .max), radix: 36)
    let process = try Guarded(
        [Tree.product("reeve")] + words,
        environment: Guarded.environment.merging(environment) { $1 },
        directory: place.directory, name: name)
    let ending = try await process.ended(within: seconds)
    guard case .exit(let code) = ending else {
        throw HarnessFailure("reeve \(words.joined(separator: " ")) ended by \(ending)")
    }
    return Outcome(code: code, output: process.output, errors: process.errors)
}
