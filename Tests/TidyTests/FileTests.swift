// SPDX-License-Identifier: Apache-2.0

import ReeveTestSupport
import Testing

/// What every file of the tree has to look like.
@Suite struct FileTests {
    private let code = ["swift", "c", "h", "cpp", "hpp", "py", "sh"]

    @Test func `the top level holds what the design names and nothing else`() {
        let allowed: Set<String> = [
            "Package.swift", "Package.resolved", "Sources", "Tests", "units", "examples",
            "README.md", "LICENSE", ".ci",
        ]
        let entries = Set(Tree.files.map { String($0.split(separator: "/")[0]) })
        let strangers = entries.filter { !allowed.contains($0) && !$0.hasPrefix(".") }
        #expect(strangers.isEmpty)
        #expect(entries.isSuperset(of: allowed.subtracting(["Package.resolved"])))
    }

    @Test func `every source file begins with its licence`() {
        for file in Tree.files(code + ["modulemap"], under: ["Sources", "Tests"]) + [
            "Package.swift"
        ] {
            let head = Tree.lines(file).prefix(2)
            let says = head.contains { $0.contains("SPDX-License-Identifier: Apache-2.0") }
            #expect(says, "\(file) has no SPDX line at its top")
        }
    }

    @Test func `no file is longer than a reader would like`() {
        for file in Tree.files(code, under: ["Sources", "Tests"]) {
            let most = file.hasPrefix("Tests/") ? 800 : 600
            let count = Tree.lines(file).count - 1
            #expect(count <= most, "\(file) has \(count) lines, of at most \(most)")
        }
    }

    @Test func `sources hold no marks and no traps`() {
        // Put together here, so that this file may say what it looks for.
        let everywhere = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]
        let traps = ["fatal" + "Error(", "try" + "!", "as" + "! "]
        for file in Tree.files(
            code + ["md", "toml", "run"], under: ["Sources", "Tests", "examples"])
        {
            let isShipped = file.hasPrefix("Sources/") && file.hasSuffix(".swift")
            for (number, line) in Tree.lines(file).enumerated() {
                for mark in everywhere + (isShipped ? traps : []) where line.contains(mark) {
                    Issue.record("\(file):\(number + 1): \(mark)")
                }
            }
        }
    }

    @Test func `libraries do not print`() {
        for file in Tree.files(["swift"], under: ["Sources"])
        where !file.hasPrefix("Sources/reeve/") {
            for (number, line) in Tree.lines(file).enumerated() {
                let code = line.drop { $0 == " " }
                let prints = ["print(", "debugPrint(", "dump("].contains { code.hasPrefix($0) }
                #expect(!prints, "\(file):\(number + 1) prints")
            }
        }
    }

    @Test func `no file names a path outside the tree`() {
        // Homes and private roots of some machine; what every Debian has is no such path.
        let roots = ["home", "Users", "opt", "mnt", "work", "workspace", "root"]
        for file in Tree.files where file != "LICENSE" {
            let folder = file.split(separator: "/").dropLast().map(String.init)
            for (number, line) in Tree.lines(file).enumerated() {
                let place = "\(file):\(number + 1)"
                for root in roots where names(root, in: line) {
                    Issue.record("\(place) names a path below /\(root)")
                }
                #expect(!climbsOut(line, from: folder), "\(place) leads out of the tree")
            }
        }
    }

    @Test func `paths that lead out of the tree are recognised`() {
        #expect(names("opt", in: "see /" + "opt/swift/bin"))
        #expect(!names("opt", in: "usr/" + "opt/x and {a/" + "opt/b}"))
        #expect(climbsOut("see ." + "./." + "./x", from: ["Tests"]))
        #expect(!climbsOut("see ../x", from: ["Tests"]))
    }

    /// Whether the line holds "/ROOT/" at the beginning of a path.
    private func names(_ root: String, in line: Substring) -> Bool {
        let needle = "/" + root + "/"
        var rest = line
        while let range = rest.firstRange(of: needle) {
            let before = rest[..<range.lowerBound].last
            let continues =
                before.map { $0.isLetter || $0.isNumber || "._-})/".contains($0) } ?? false
            if !continues { return true }
            rest = rest[range.upperBound...]
        }
        return false
    }

    /// Whether the line holds a relative path that goes further up than the top of the tree.
    private func climbsOut(_ line: Substring, from folder: [String]) -> Bool {
        var most = 0
        var ups = 0
        var rest = line
        while let range = rest.firstRange(of: "../") {
            ups = range.lowerBound == rest.startIndex ? ups + 1 : 1
            most = max(most, ups)
            rest = rest[range.upperBound...]
        }
        return most > folder.count
    }
}
