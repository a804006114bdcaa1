// SPDX-License-Identifier: Apache-2.0
//
// How the tests start programs. Each gets a warden (Tests/Fixtures/Warden), which tells in a report file how
// the program ended and what it left behind; so the tests need no `waitpid`, which another test in the same
// process may do first, and nothing that they start can outlive them.

internal import Foundation
internal import Glibc

/// How a program ended.
package enum Ending: Equatable, Sendable {
    case exit(Int32)
    case signal(Int32)
}

/// A process that was alive after the program that started it had ended.
package struct Leak: Equatable, Sendable, CustomStringConvertible {
    package let pid: Int32
    package let name: String

    package var description: String { "\(name) (pid \(pid))" }
}

/// A program that runs, or ran, with a warden.
package final class Guarded: Sendable {
    /// Where standard output and standard error went, and the report.
    package let outputFile, errorFile, reportFile: String

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - arguments: the program, looked up in this process's own PATH, and its arguments.
    ///   - environment: the whole environment of the program.
    ///   - directory: a folder for the three files, which is also the working directory.
    ///   - name: what the files' names begin with.
    ///   - output: where standard output goes in place of a file: "deaf" or "terminal" (see the warden).
    package init(
        _ arguments: [String], environment: [String: String] = Guarded.environment,
        directory: String, name: String, output: String? = nil
    ) throws {
        outputFile = output ?? "\(directory)/\(name).out"
        errorFile = output == "terminal" ? "terminal" : "\(directory)/\(name).err"
        reportFile = "\(directory)/\(name).report"
        let program = Tree.product("reeve-test-warden")
        let whole = [program, reportFile, outputFile, errorFile, directory] + arguments
        let words = unsafe cStrings(whole)
        let variables = unsafe cStrings(environment.map { "\($0)=\($1)" })
        defer {
            unsafe words.forEach { unsafe free($0) }
            unsafe variables.forEach { unsafe free($0) }
        }
        var pid: Int32 = 0
        let code = unsafe posix_spawn(&pid, program, nil, nil, words, variables)
        guard code == 0 else { throw HarnessFailure("\(program): errno \(code)") }
        // It forks and ends at once. Another test may have reaped it; then there is nothing to do.
        while waitpid(pid, nil, 0) < 0, errno == EINTR {}
    }

    /// What every program of the tests gets, unless a test says otherwise: nothing of the surroundings.
    package static let environment = [
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/dev/null", "LANG": "C.UTF-8",
    ]

    private var report: [[Substring]] {
        let text = (try? String(contentsOfFile: reportFile, encoding: .utf8)) ?? ""
        // A line that is being written has no end yet.
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            .map { $0.split(separator: " ") }
    }

    /// The program's pid, as soon as it runs.
    package func pid() async throws -> Int32 {
        try await eventually("the start of \(reportFile)") {
            for line in report where line.count == 2 {
                if line[0] == "started" { return Int32(line[1]) }
                if line[0] == "failed" { throw HarnessFailure("not started: errno \(line[1])") }
            }
            return nil
        }
    }

    /// How it ended; nil while it runs.
    package var ending: Ending? {
        for line in report where line.count == 3 && line[0] == "ended" {
            guard let number = Int32(line[2]) else { return nil }
            return line[1] == "exit" ? .exit(number) : .signal(number)
        }
        return nil
    }

    /// Waits for the end.
    package func ended(within seconds: Double = 15) async throws -> Ending {
        try await eventually("the end of \(reportFile)\n\(errors.suffix(2_000))", within: seconds) {
            ending
        }
    }

    /// Waits until the warden has looked around, and returns what the program left alive. All of it is dead
    /// by then.
    package func leaks() async throws -> [Leak] {
        try await eventually("the warden of \(reportFile)", within: 20) { () -> [Leak]? in
            let lines = report
            guard lines.last == ["done"] else { return nil }
            return lines.filter { $0.first == "left" && $0.count >= 4 }.map { line in
                Leak(pid: Int32(line[1]) ?? 0, name: line[3...].joined(separator: " "))
            }
        }
    }

    /// Ended children that the program itself had not reaped when it ended; known after `leaks()`.
    package var zombiesLeft: Int? {
        for line in report where line.count == 2 && line[0] == "zombies" { return Int(line[1]) }
        return nil
    }

    /// Closes the pseudo-terminal of a program with output "terminal".
    package func hangUp() {
        for line in report where line.count == 2 && line[0] == "warden" {
            if let warden = Int32(line[1]) { kill(warden, SIGUSR1) }
        }
    }

    /// Standard output so far.
    package var output: String { text(of: outputFile) }
    /// Standard error so far.
    package var errors: String { text(of: errorFile) }

    private func text(of file: String) -> String {
        guard let bytes = FileManager.default.contents(atPath: file) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Copies for C, with a null pointer at the end; the caller frees each.
private func cStrings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
    unsafe texts.map { unsafe strdup($0) } + [nil]
}
