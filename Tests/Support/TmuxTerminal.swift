// SPDX-License-Identifier: Apache-2.0
//
// A terminal that a test can look at and type into: tmux on a server of its own, in the directory of the test.

internal import Foundation

/// A program in a terminal.
package struct TmuxTerminal: Sendable {
    private let socket: String

    /// Starts the program in a terminal of that size. When it has ended, the terminal shows its exit code and
    /// stays.
    package init(
        in directory: String, columns: Int, rows: Int, running command: [String]
    ) async throws {
        socket = directory + "/tmux"
        let words = command.map { "'\($0)'" }.joined(separator: " ")
        let script = "LC_ALL=C.UTF-8 TERM=screen \(words); echo code $?; exec sleep 600"
        try TmuxTerminal.tmux(
            socket, "-f", "/dev/null", "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)",
            "/bin/sh", "-c", script)
        try TmuxTerminal.tmux(socket, "set-option", "-g", "status", "off")
        // The status line had a row; the terminal has it from here on.
        try await resize(columns: columns, rows: rows)
    }

    /// Presses keys, by tmux's names for them.
    package func press(_ keys: String...) async throws {
        try TmuxTerminal.tmux(socket, ["send-keys"] + keys)
    }

    /// Changes the size of the terminal.
    package func resize(columns: Int, rows: Int) async throws {
        try TmuxTerminal.tmux(
            socket, "resize-window", "-x", "\(columns)", "-y", "\(rows)")
    }

    /// Waits until the screen is as wanted, and returns its rows.
    @discardableResult
    package func screen(
        _ what: String, within seconds: Double = 20, _ condition: ([String]) -> Bool
    ) async throws -> [String] {
        var last: [String] = []
        do {
            return try await eventually(what, within: seconds) {
                let text = try TmuxTerminal.tmux(socket, "capture-pane", "-p")
                last = text.split(separator: "\n", omittingEmptySubsequences: false)
                    .dropLast().map(String.init)
                return last.count > 2 && condition(last) ? last : nil
            }
        } catch let error as TimedOut {
            throw HarnessFailure("\(error); the screen:\n\(last.joined(separator: "\n"))")
        }
    }

    /// Ends the server, and with it everything in the terminal.
    package func close() {
        _ = try? TmuxTerminal.tmux(socket, "kill-server")
    }

    @discardableResult
    private static func tmux(_ socket: String, _ words: String...) throws -> String {
        try tmux(socket, words)
    }

    @discardableResult
    private static func tmux(_ socket: String, _ words: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["tmux", "-S", socket] + words
        // The server keeps what its first client has open: a pipe would never end.
        let path = socket + ".out"
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let output = FileHandle(forWritingAtPath: path)
        else { throw HarnessFailure("\(path) cannot be written") }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        process.waitUntilExit()
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        guard process.terminationStatus == 0 else {
            throw HarnessFailure("tmux \(words.joined(separator: " ")): \(text)")
        }
        return text
    }
}
