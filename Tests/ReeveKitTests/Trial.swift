// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import ReeveLinux
import ReeveTestSupport

/// A scheduler of its own process (Tests/Fixtures/Scheduler), with the socket of a supervisor that it tells of
/// itself.
final class Trial {
    let place: Place
    let process: Guarded
    private let environment: [String: String]
    private let socket: FileDescriptor
    private var told: [String] = []

    /// Every variable is one more; "NOTIFY_SOCKET" is there unless it is set.
    init(_ variables: [String: String] = [:], isAbstract: Bool = false, at place: Place) throws {
        self.place = place
        let name = isAbstract ? "reeve-kit-tests/" + place.directory : place.file("notify")
        socket = try NotifySocket.bind(to: name, isAbstract: isAbstract)
        let own = ["NOTIFY_SOCKET": isAbstract ? "@" + name : name]
        environment = Guarded.environment.merging(own) { $1 }.merging(variables) { $1 }
        process = try Guarded(
            [Tree.product("reeve-test-scheduler")], environment: environment,
            directory: place.directory, name: "trial")
    }

    /// The lines that it printed.
    var lines: [String] { process.output.split(separator: "\n").map(String.init) }

    /// Waits for a line.
    func prints(_ line: String) async throws {
        try await eventually("\"\(line)\" of \(lines), \(process.errors)") { lines.contains(line) }
    }

    /// What it has told so far.
    func messages() throws -> [String] {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while let message = try Datagrams.receive(socket, into: &buffer) {
            told.append(String(decoding: buffer.prefix(message.length), as: UTF8.self))
        }
        return told
    }

    /// Waits until it has told a message that many times.
    func tells(_ message: String, times: Int = 1) async throws {
        try await eventually("\(times) × \"\(message)\" of \(told), \(process.errors)") {
            try messages().count { $0 == message } >= times
        }
    }

    /// Deletes a file of its directory.
    func removeFile(_ name: String) throws {
        guard unsafe unlink(place.file(name)) == 0 else { throw HarnessFailure("no file \(name)") }
    }

    func send(_ signal: Int32) async throws {
        Processes.signal(try await process.pid(), signal)
    }

    /// Waits for its end, which leaves nothing behind.
    func ends(_ wanted: Ending) async throws {
        let ending = try await process.ended()
        guard ending == wanted else { throw HarnessFailure("it ended by \(ending), not \(wanted)") }
        let leaks = try await process.leaks()
        guard leaks.isEmpty else { throw HarnessFailure("it left behind: \(leaks)") }
    }

    /// Asks the one that runs, as reeve does.
    func askHealth(_ name: String, _ variables: [String: String]) async throws -> Outcome {
        let asker = try Guarded(
            [Tree.product("reeve-test-scheduler"), "--health-check"],
            environment: Guarded.environment.merging(variables) { $1 },
            directory: place.directory, name: name)
        guard case .exit(let code) = try await asker.ended() else {
            throw HarnessFailure("the one who asks died")
        }
        return Outcome(code: code, output: asker.output, errors: asker.errors)
    }
}

/// Runs a body with a trial in a directory of its own; whatever is left of it is killed.
func trying(
    _ variables: @autoclosure () -> [String: String] = [:], isAbstract: Bool = false,
    _ body: (Trial) async throws -> Void
) async throws {
    let place = try Place()
    defer { place.remove() }
    let resolved = variables().mapValues {
        $0.replacingOccurrences(of: "@", in: place)
    }
    let trial = try Trial(resolved, isAbstract: isAbstract, at: place)
    do {
        try await body(trial)
    } catch {
        try? await trial.send(SIGKILL)
        throw HarnessFailure("\(error)\n\(trial.lines)\n\(trial.process.errors)")
    }
    if trial.process.ending == nil { try await trial.send(SIGKILL) }
    _ = try await trial.process.leaks()
}

extension String {
    /// "@NAME" is the path of the file NAME in a place.
    fileprivate func replacingOccurrences(of mark: Character, in place: Place) -> String {
        split(separator: " ", omittingEmptySubsequences: false).map { word in
            word.first == mark ? place.file(String(word.dropFirst())) : String(word)
        }.joined(separator: " ")
    }
}
