// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveConfiguration
import ReeveTestSupport
import Testing

/// What is offered to other targets, to operators and to readers is also explained to them.
@Suite struct DocumentationTests {
    @Test func `every declaration that other targets see has a doc comment`() {
        for file in Tree.files(["swift"], under: ["Sources"]) {
            let found = undocumented(Tree.lines(file)).map { "\($0.number): \($0.line)" }
            #expect(found.isEmpty, "\(file) has no doc comment at \(found.joined(separator: "; "))")
        }
    }

    @Test func `a declaration without a doc comment is seen`() {
        func found(_ text: String) -> Int {
            undocumented(text.split(separator: "\n", omittingEmptySubsequences: false)).count
        }
        #expect(found("package struct A {") == 1)
        #expect(found("/// A.\npackage struct A {") == 0)
        #expect(found("/// A.\n@frozen\npackage struct A {") == 0)
        #expect(found("    package mutating func a()") == 1)
        #expect(found("    package internal(set) var a = 1") == 1)
        #expect(found("package import ReeveCore") == 0)
        #expect(found("package init(a: Int) {\n    self.a = a\n}") == 0)
        #expect(found("package init(a: Int) {\n    self.a = a + 1\n}") == 1)
        #expect(found("    package static func < (left: A, right: A) -> Bool") == 0)
        #expect(found("/// A.\npackage let a = 1\npackage let b = 2") == 0)
        #expect(found("/// A.\npackage let a = 1\n\npackage let b = 2") == 1)
    }

    @Test func `every configuration file of the examples loads`() async throws {
        let place = try Place()
        defer { place.remove() }
        let files = Tree.files(["toml"], under: ["examples"])
        #expect(!files.isEmpty)
        for file in files {
            let outcome = try await reeve("check", Tree.root + "/" + file, in: place)
            #expect(outcome.code == 0, "\(file): \(outcome.output)\(outcome.errors)")
        }
    }

    @Test func `every key of the configuration is documented`() throws {
        let article = "Sources/ReeveConfiguration/Documentation.docc/Configuration.md"
        let text = try #require(Tree.text(article), "\(article) is missing")
        for key in KnownKeys.all {
            #expect(text.contains("`\(key.name)`"), "\(key.table.rawValue): \(key.name)")
        }
    }

    @Test func `every test that the article about pressure names exists`() throws {
        let article = try #require(
            Tree.text("Sources/ReeveCore/Documentation.docc/UnderPressure.md"))
        let sources = Tree.files(["swift"], under: ["Tests"]).compactMap(Tree.text).joined()
        let names = article.matches(of: /\| `([^`|]+)` \|\n/).map { String($0.output.1) }
        #expect(names.count > 25)
        for name in names { #expect(sources.contains("func `\(name)`"), "\(name)") }
    }

    @Test func `every command that the texts show exists`() async throws {
        let place = try Place()
        defer { place.remove() }
        let help = try await reeve("--help", in: place).output
        for file in ["README.md"] + Tree.files(["md"], under: ["Sources", "examples"]) {
            for line in shellLines(file) {
                let words = line.split(separator: " ").drop { $0.contains("=") || $0 == "sudo" }
                guard let first = words.first else { continue }
                if first.hasPrefix("./") {
                    let path = Tree.root + "/" + first.dropFirst(2)
                    let isProgram = FileManager.default.isExecutableFile(atPath: path)
                    #expect(isProgram, "\(file): \(first) is no program")
                }
                guard first == "reeve", let verb = words.dropFirst().first else { continue }
                if verb.hasPrefix("-") { continue }
                #expect(help.contains("  \(verb) "), "\(file): reeve has no command \(verb)")
            }
        }
    }

    @Test func `links between the texts lead somewhere`() throws {
        let link = try Regex(
            #"\]\(([^)#:]+)(#[^)]*)?\)"#, as: (Substring, Substring, Substring?).self)
        for file in ["README.md"] + Tree.files(["md"], under: ["Sources", "Tests", "examples"]) {
            let folder = URL(fileURLWithPath: Tree.root + "/" + file).deletingLastPathComponent()
            for match in (Tree.text(file) ?? "").matches(of: link) {
                let target = folder.appendingPathComponent(String(match.output.1)).path
                #expect(
                    FileManager.default.fileExists(atPath: target), "\(file): \(match.output.1)")
            }
        }
    }

    /// The lines of a text's blocks that are marked as shell; continued lines are joined.
    private func shellLines(_ file: String) -> [String] {
        var lines: [String] = []
        var isShell = false
        var continued = ""
        for line in Tree.lines(file) {
            if line.hasPrefix("```") {
                isShell = !isShell && ["```sh", "```bash", "```console"].contains(String(line))
            } else if isShell {
                let text = line.hasPrefix("$ ") ? line.dropFirst(2) : line
                if text.hasSuffix("\\") {
                    continued += text.dropLast()
                } else {
                    lines.append(continued + text)
                    continued = ""
                }
            }
        }
        return lines
    }

    /// The `package` and `public` declarations for which no doc comment speaks, with their line numbers.
    ///
    /// A doc comment speaks for the declaration below it and for those that follow without an empty line,
    /// as the rows of a table do. What a protocol of the standard library already explains needs none, and
    /// neither does an initializer that only stores its arguments.
    private func undocumented(_ lines: [Substring]) -> [(number: Int, line: Substring)] {
        var found: [(number: Int, line: Substring)] = []
        var isSpokenFor = false
        var isInText = false
        for (index, whole) in lines.enumerated() {
            let line = whole.drop { $0 == " " }
            if whole.contains("\"\"\"") { isInText.toggle() }
            if isInText { continue }
            if line.hasPrefix("///") {
                isSpokenFor = true
            } else if line.isEmpty {
                isSpokenFor = false
            } else if isDeclaration(line), !isSpokenFor, !isWitness(line),
                !(line.contains("init(") && onlyStores(lines[index...]))
            {
                found.append((index + 1, line))
            }
        }
        return found
    }

    private func isDeclaration(_ line: Substring) -> Bool {
        guard line.hasPrefix("package ") || line.hasPrefix("public ") else { return false }
        let keywords: Set<Substring> = [
            "func", "var", "let", "struct", "enum", "class", "protocol", "typealias", "actor",
            "subscript", "init", "case", "macro",
        ]
        let words = line.split { " (<{:?".contains($0) }
        return words.contains { keywords.contains($0) } && !words.contains("import")
    }

    /// Whether the initializer that begins the lines consists of assignments of its arguments.
    private func onlyStores(_ lines: ArraySlice<Substring>) -> Bool {
        guard let first = lines.first, !first.hasSuffix("{}") else { return true }
        let end = first.prefix { $0 == " " } + "}"
        let body = lines.drop { !$0.hasSuffix("{") }.dropFirst().prefix { $0 != end }
        return body.allSatisfy { line in
            let words = line.split(separator: " ")
            let target = words.first.map { $0.hasPrefix("self.") ? $0.dropFirst(5) : $0 }
            return words.count == 3 && words[1] == "=" && target == words[2]
        }
    }

    private func isWitness(_ line: Substring) -> Bool {
        let witnesses = [
            "static func ==", "static func <", "func hash(into", "var description:",
            "var debugDescription:", "static func + ", "static func - ", "static func * ",
            "static func / ", "static func += ",
        ]
        return witnesses.contains { line.contains($0) }
    }
}
