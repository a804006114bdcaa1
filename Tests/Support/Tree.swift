// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The source tree that this test was compiled from, and the build directory it runs from.
package enum Tree {
    /// The top of the tree.
    package static let root: String = {
        var directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        while directory.path != "/" {
            let manifest = directory.appendingPathComponent("Package.swift").path
            if FileManager.default.fileExists(atPath: manifest) { break }
            directory.deleteLastPathComponent()
        }
        return directory.path
    }()

    /// Where the build put its products: the folder of the running test bundle.
    package static let products: String = {
        let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(fileURLWithPath: own ?? ".").deletingLastPathComponent().path
    }()

    /// The path of a product, such as "reeve".
    package static func product(_ name: String) -> String { products + "/" + name }

    /// Every file of the tree that belongs to the project, by its path from the top, sorted. Folders whose
    /// name begins with a dot are left out, but for `.ci`; so is everything that a build or an editor makes.
    package static let files: [String] = {
        let made = ["__pycache__", ".git"]
        var found: [String] = []
        var folders = [""]
        while let folder = folders.popLast() {
            let path = folder.isEmpty ? root : root + "/" + folder
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            for name in names where !made.contains(name) && !name.hasSuffix(".swp") {
                let relative = folder.isEmpty ? name : folder + "/" + name
                if isFolder(relative) {
                    if !name.hasPrefix(".") || relative == ".ci" { folders.append(relative) }
                } else {
                    found.append(relative)
                }
            }
        }
        return found.sorted()
    }()

    /// The files with one of these extensions, below one of these folders.
    package static func files(_ extensions: [String], under folders: [String]) -> [String] {
        files.filter { file in
            folders.contains { file.hasPrefix($0 + "/") }
                && extensions.contains { file.hasSuffix("." + $0) }
        }
    }

    /// The text of a file, by its path from the top; nil where it is not UTF-8.
    package static func text(_ file: String) -> String? {
        try? String(contentsOfFile: root + "/" + file, encoding: .utf8)
    }

    /// The lines of a file, without their ends.
    package static func lines(_ file: String) -> [Substring] {
        (text(file) ?? "").split(separator: "\n", omittingEmptySubsequences: false)
    }

    private static func isFolder(_ file: String) -> Bool {
        let attributes = try? FileManager.default.attributesOfItem(atPath: root + "/" + file)
        return attributes?[.type] as? FileAttributeType == .typeDirectory
    }
}
