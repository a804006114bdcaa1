// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import ReeveLinux

/// Files that change: the way to them, their state, and what the kernel tells.
@Suite struct WatchingTests {
    private func withDirectory(_ body: (String) throws -> Void) throws {
        let directory =
            FileManager.default.temporaryDirectory.path + "/rw-"
            + String(UInt32.random(in: 0 ... .max), radix: 36)
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try body(directory)
    }

    /// The places of a way, from the directory of the test on.
    private func places(_ path: String, in directory: String) -> [String] {
        PathTrail(of: path).places.filter { $0.path.hasPrefix(directory + "/") }.map {
            "\($0.path.dropFirst(directory.count + 1)) \($0.kind)"
        }
    }

    @Test func `a way goes through links as the kernel goes`() throws {
        try withDirectory { directory in
            let manager = FileManager.default
            try manager.createDirectory(
                atPath: directory + "/a/..1", withIntermediateDirectories: true)
            try Data().write(to: URL(fileURLWithPath: directory + "/a/..1/file"))
            try manager.createSymbolicLink(
                atPath: directory + "/a/..data", withDestinationPath: "..1")
            try manager.createSymbolicLink(
                atPath: directory + "/a/file", withDestinationPath: "..data/file")
            #expect(
                places(directory + "//a/./file", in: directory) == [
                    "a plain", "a/file link", "a/..data link", "a/..1 plain", "a/..1/file plain",
                ])
            #expect(places(directory + "/a/no/x", in: directory) == ["a plain", "a/no missing"])
            try manager.createSymbolicLink(
                atPath: directory + "/absolute", withDestinationPath: directory + "/a/..1")
            #expect(
                places(directory + "/absolute/file", in: directory) == [
                    "absolute link", "a plain", "a/..1 plain", "a/..1/file plain",
                ])
        }
    }

    @Test func `a way in a circle, or without an end, comes to one`() throws {
        try withDirectory { directory in
            try FileManager.default.createSymbolicLink(
                atPath: directory + "/loop", withDestinationPath: "loop")
            #expect(places(directory + "/loop", in: directory).count == 41)
            let deep = directory + String(repeating: "/.", count: 5_000) + "/x"
            #expect(places(deep, in: directory) == ["x missing"])
            let up = directory + String(repeating: "/..", count: 5_000)
            #expect(PathTrail(of: up).places.count == 128)
            for path in ["", "/", ".", "//", String(repeating: "a", count: 10_000)] {
                #expect(PathTrail(of: path).places.count <= 1)
            }
        }
    }

    @Test func `a stamp tells states of a file apart`() throws {
        try withDirectory { directory in
            let path = directory + "/file"
            #expect(FileStamp(of: path) == nil)
            try Data("a".utf8).write(to: URL(fileURLWithPath: path))
            let first = FileStamp(of: path)
            #expect(first != nil && first == FileStamp(of: path))
            try Data("b".utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            #expect(FileStamp(of: path) != first)
        }
    }

    @Test func `what happens in a directory and to a file is told by name`() throws {
        try withDirectory { directory in
            let inotify = try Inotify()
            let watch = try inotify.watch(directory, for: [.created, .renamed, .deleted, .gone])
            #expect(try inotify.read().isEmpty)
            try Data().write(to: URL(fileURLWithPath: directory + "/one"))
            try FileManager.default.moveItem(
                atPath: directory + "/one", toPath: directory + "/two")
            try FileManager.default.removeItem(atPath: directory + "/two")
            let told = try inotify.read()
            #expect(told.allSatisfy { $0.watch == watch })
            #expect(told.map { $0.name ?? "-" } == ["one", "one", "two", "two"])
            #expect(told.first?.changes == .created && told.last?.changes == .deleted)
            #expect(
                throws: Errno.noEntry,
                performing: {
                    _ = try inotify.watch(directory + "/no", for: .gone)
                })
            inotify.remove(watch)
            #expect(try inotify.read().map(\.changes) == [.ignored])
            inotify.remove(watch)
        }
    }

    @Test func `bytes that are no notifications do not trap`() {
        for count in 0..<64 {
            for byte in [UInt8(0), 1, 0xFF] {
                let bytes = [UInt8](repeating: byte, count: count)
                #expect(Inotify.notifications(in: bytes[...]).count <= 4)
            }
        }
    }
}
