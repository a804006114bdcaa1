// SPDX-License-Identifier: Apache-2.0

import ReeveTestSupport
import Testing

/// Which module each target may name in an import. Everything else is an arrow that the design lacks.
private let arrows: [String: Set<String>] = [
    "ReeveCore": ["DequeModule", "HeapModule"],
    "ReeveLinux": ["CReeveLinux", "Glibc", "ReeveCore"],
    "ReeveControl": ["CJansson", "Glibc", "ReeveCore"],
    "ReeveConfiguration": ["CToml", "Glibc", "ReeveCore"],
    "ReeveClient": ["Glibc", "ReeveControl", "ReeveCore", "ReeveLinux", "Synchronization"],
    "ReeveKit": ["Glibc", "ReeveCore", "ReeveLinux", "Synchronization"],
    "ReeveSimulator": ["DequeModule", "HeapModule", "ReeveCore"],
    "ReeveSupervisor": [
        "CSystemd", "DequeModule", "HeapModule", "ReeveControl", "ReeveCore", "ReeveLinux",
    ],
    "ReeveGateway": [
        "FoundationEssentials", "HTTPTypes", "Hummingbird", "HummingbirdCore", "Logging", "NIOCore",
        "NIOHTTPTypes", "NIOPosix", "NIOSSL", "ReeveClient", "ReeveControl", "ReeveCore",
        "ReeveLinux", "ServiceLifecycle", "Synchronization", "UnixSignals",
    ],
    "reeve-gateway": ["ArgumentParser", "Logging", "ReeveGateway"],
    "reeve": [
        "ArgumentParser", "Glibc", "ReeveClient", "ReeveConfiguration", "ReeveControl",
        "ReeveCore", "ReeveLinux", "ReeveSupervisor",
    ],
]

@Suite struct ImportTests {
    @Test func `every target of the sources has its arrows written down`() {
        let folders = Set(
            Tree.files(["swift"], under: ["Sources"]).map { String($0.split(separator: "/")[1]) })
        #expect(folders == Set(arrows.keys))
    }

    @Test func `no source imports what its target may not use`() {
        for file in Tree.files(["swift"], under: ["Sources"]) {
            let target = String(file.split(separator: "/")[1])
            for (number, line) in Tree.lines(file).enumerated() {
                guard let module = importedModule(line) else { continue }
                let isAllowed = arrows[target, default: []].contains(module)
                #expect(isAllowed, "\(file):\(number + 1): \(target) may not import \(module)")
            }
        }
    }

    @Test func `imports are read in every spelling`() {
        #expect(importedModule("import Glibc") == "Glibc")
        #expect(importedModule("package import ReeveCore") == "ReeveCore")
        #expect(importedModule("@_exported public import struct Foundation.URL") == "Foundation")
        #expect(importedModule("@testable import reeve") == "reeve")
        #expect(importedModule("    importance += 1") == nil)
        #expect(importedModule("/// import things") == nil)
    }

    /// The top-level module that a line imports; nil where the line is no import.
    private func importedModule(_ line: Substring) -> String? {
        let kinds: Set<Substring> = [
            "struct", "class", "enum", "protocol", "typealias", "func", "let", "var",
        ]
        let access: Set<Substring> = ["public", "package", "internal", "private", "fileprivate"]
        var words = line.split(separator: " ")[...]
        while let word = words.first, word.hasPrefix("@") || access.contains(word) {
            words.removeFirst()
        }
        guard words.popFirst() == "import" else { return nil }
        if let word = words.first, kinds.contains(word) { words.removeFirst() }
        return words.first.map { String($0.split(separator: ".")[0]) }
    }
}
