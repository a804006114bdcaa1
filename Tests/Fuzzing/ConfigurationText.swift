// SPDX-License-Identifier: Apache-2.0

internal import ReeveConfiguration
internal import ReeveCore

/// No file of this machine but the zones and what commands and directories name: the same answer everywhere.
private let machine = Machine(
    user: 0, passwd: "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1000::/:/bin/sh\n",
    group: "root:x:0:\nweb:x:1000:\n", mountinfo: "")

/// Any bytes as a configuration: a specification or an error, each diagnostic at a place of the text.
func fuzzConfiguration(_ bytes: [UInt8]) {
    let outcome = ConfigurationLoader.load(
        bytes: bytes, path: "reeve.toml", environment: ["PATH": "/usr/bin:/bin"], machine: machine)
    if (outcome.specification == nil) != !outcome.errors.isEmpty {
        finding("neither a specification nor an error, or both")
    }
    let lines = bytes.count { $0 == UInt8(ascii: "\n") } + 1
    for diagnostic in outcome.diagnostics {
        if diagnostic.message.isEmpty { finding("a diagnostic without words") }
        guard let location = diagnostic.location else { continue }
        if !(1...lines).contains(location.line) || location.column < 1 || location.length < 1 {
            finding("\(location.line):\(location.column)+\(location.length) of \(lines) lines")
        }
        let excerpt = location.excerpt
        if excerpt.markStart < 0 || excerpt.markLength < 1
            || excerpt.markStart + excerpt.markLength > excerpt.text.unicodeScalars.count + 1
        {
            finding("a mark outside of its line")
        }
    }
    _ = outcome.diagnostics.rendered
    _ = outcome.explanation.rendered
}
