// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveConfiguration
import Testing

/// A diagnostic as a table writes it.
struct Found: Equatable, Sendable, CustomStringConvertible {
    /// "3:16+2 error": line, column and length; "- error" for the whole file.
    var place: String
    var message: String
    var help: String?

    init(_ place: String, _ message: String, help: String? = nil) {
        self.place = place
        self.message = message
        self.help = help
    }

    init(_ diagnostic: Diagnostic) {
        let location = diagnostic.location.map { "\($0.line):\($0.column)+\($0.length)" } ?? "-"
        place = "\(location) \(diagnostic.severity.rawValue)"
        message = diagnostic.message
        help = diagnostic.help
    }

    var description: String { "\(place): \(message)" + (help.map { "\n  help: \($0)" } ?? "") }
}

/// A text, and everything that is found in it.
struct Case: Sendable, CustomTestStringConvertible {
    let text: String
    let found: [Found]

    /// Lines below the header and the command of a scheduler named web; the first is line 3.
    init(_ lines: String, _ found: [Found]) {
        self.init(whole: "[schedulers.web]\ncommand = [\"/bin/true\"]\n" + lines, found)
    }

    init(whole text: String, _ found: [Found]) {
        self.text = text
        self.found = found
    }

    var testDescription: String { text }

    func check(sourceLocation: SourceLocation = #_sourceLocation) {
        let outcome = ConfigurationLoader.load(text: text)
        #expect(outcome.diagnostics.map(Found.init) == found, sourceLocation: sourceLocation)
        let hasErrors = found.contains { $0.place.hasSuffix(" error") }
        #expect((outcome.specification == nil) == hasErrors, sourceLocation: sourceLocation)
    }
}

/// Reads a file of the tests.
func readText(_ path: String) throws -> String {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    try #require(descriptor >= 0, "\(path)")
    defer { _ = close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = Array(repeating: UInt8(0), count: 65_536)
    while true {
        let count = unsafe chunk.withUnsafeMutableBytes { buffer in
            unsafe read(descriptor, buffer.baseAddress, buffer.count)
        }
        try #require(count >= 0)
        if count == 0 { return String(decoding: bytes, as: UTF8.self) }
        bytes += chunk[..<count]
    }
}
