// SPDX-License-Identifier: Apache-2.0
//
// A terminal that a test can look at and type into: tmux on a server of its own, in the directory of the test.

internal import Foundation

/// A program in a terminal.
package final class TmuxTerminal: Sendable {
    private let directory: String
    private let socket: String
    private let server: Guarded

    /// Starts the program in a terminal of that size. When it has ended, the terminal shows its exit code and
    /// stays.
    package init(
        in directory: String, columns: Int, rows: Int, running command: [String]
    ) async throws {
        self.directory = directory
        socket = directory + "/tmux"
        // In the foreground, so that it is the warden's like every other program.
        server = try Guarded(
            ["tmux", "-S", socket, "-f", "/dev/null", "-D"], directory: directory,
            name: "tmux-server")
        let path = socket
        try await eventually("tmux's socket") { FileManager.default.fileExists(atPath: path) }
        let words = command.map { "'\($0)'" }.joined(separator: " ")
        let script = "LC_ALL=C.UTF-8 TERM=screen \(words); echo code $?; exec sleep 600"
        try await tmux(
            "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", "/bin/sh", "-c", script)
        try await tmux("set-option", "-g", "status", "off")
        // The status line had a row; the terminal has it from here on.
        try await resize(columns: columns, rows: rows)
    }

    /// Presses keys, by tmux's names for them.
    package func press(_ keys: String...) async throws {
        try await tmux(["send-keys"] + keys)
    }

    /// Changes the size of the terminal.
    package func resize(columns: Int, rows: Int) async throws {
        try await tmux(
            "resize-window", "-x", "\(columns)", "-y", "\(rows)")
    }

    /// Waits until the screen is as wanted, and returns its rows.
    @discardableResult
    package func screen(
        _ what: String, within seconds: Double = 20, _ condition: ([String]) -> Bool
    ) async throws -> [String] {
        var last: [String] = []
        do {
            return try await eventually(what, within: seconds) {
                let text = try await tmux("capture-pane", "-p")
                last = text.split(separator: "\n", omittingEmptySubsequences: false)
                    .dropLast().map(String.init)
                return last.count > 2 && condition(last) ? last : nil
            }
        } catch let error as TimedOut {
            throw HarnessFailure("\(error); the screen:\n\(last.joined(separator: "\n"))")
        }
    }

    /// Ends the server, and with it everything in the terminal.
    package func close() async {
        _ = try? await tmux("kill-server")
        _ = try? await server.leaks()
    }

    @discardableResult
    private func tmux(_ words: String...) async throws -> String { try await tmux(words) }

    @discardableResult
    private func tmux(_ words: [String]) async throws -> String {
        let name = "tmux-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        let client = try Guarded(["tmux", "-S", socket] + words, directory: directory, name: name)
        guard try await client.ended(within: 20) == .exit(0) else {
            throw HarnessFailure("tmux \(words.joined(separator: " ")): \(client.errors)")
        }
        return client.output
    }
}
