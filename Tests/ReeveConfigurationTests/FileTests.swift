// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveConfiguration
import ReeveCore
import Testing

/// Files as they are found on disks.
@Suite struct FileTests {
    /// Runs `body` with a new directory, and removes that afterwards.
    private func withDirectory(_ body: (String) throws -> Void) throws {
        let pattern = "/tmp/reeve-configuration-" + String(repeating: "X", count: 6)
        var template = Array(pattern.utf8CString)
        let path = unsafe template.withUnsafeMutableBufferPointer { buffer -> String? in
            guard let start = buffer.baseAddress, let made = unsafe mkdtemp(start) else {
                return nil
            }
            return unsafe String(cString: made)
        }
        let directory = try #require(path)
        defer {
            for name in ["reeve.toml", "loop"] { _ = unsafe unlink(directory + "/" + name) }
            _ = unsafe rmdir(directory)
        }
        try body(directory)
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        defer { _ = close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            try #require(count > 0)
            rest = rest.dropFirst(count)
        }
    }

    private func found(_ path: String) -> [Found] {
        let outcome = ConfigurationLoader.load(path: path, environment: [:])
        #expect(outcome.diagnostics.allSatisfy { $0.file == path })
        #expect(outcome.specification == nil)
        return outcome.diagnostics.map(Found.init)
    }

    @Test func `a file is read`() throws {
        try withDirectory { directory in
            let path = directory + "/reeve.toml"
            try write(Array("[schedulers.a]\ncommand = [\"a\"]\n".utf8), to: path)
            let outcome = ConfigurationLoader.load(path: path, environment: [:])
            #expect(outcome.diagnostics.map(Found.init) == [])
            #expect(outcome.specification?.supervisor.source == path)
        }
    }

    @Test func `a file that is not there, or none, is told`() throws {
        try withDirectory { directory in
            #expect(
                found(directory + "/reeve.toml") == [
                    Found(
                        "- error", "there is no such file",
                        help: "check the name and the directory you are in")
                ])
            #expect(
                found(directory) == [
                    Found("- error", "this is a directory, not a file", help: "name the file in it")
                ])
            let path = directory + "/reeve.toml"
            try write([], to: path)
            #expect(
                found(path + "/x") == [
                    Found("- error", "a part of this path is no directory", help: "check the path")
                ])
            let loop = directory + "/loop"
            try #require(unsafe symlink(loop, loop) == 0)
            #expect(
                found(loop) == [
                    Found("- error", "its symbolic links lead in a circle", help: "check the path")
                ])
            #expect(
                found("") == [
                    Found(
                        "- error", "the name of the file is empty",
                        help: "name the configuration's file")
                ])
            #expect(found("a\0b").map(\.message) == ["the name of the file holds a NUL character"])
            let long = directory + "/" + String(repeating: "n", count: 300)
            #expect(found(long).map(\.message) == ["the name of the file is too long"])
        }
    }

    @Test func `a file that may not be read is told`() async {
        await #expect(processExitsWith: .success) {
            try FileTests().lookAtClosedFile()
        }
    }

    /// Root may read everything, so that it has to become somebody else: in a process of its own.
    private func lookAtClosedFile() throws {
        try withDirectory { directory in
            let path = directory + "/reeve.toml"
            try write([], to: path)
            try #require(unsafe chmod(path, 0) == 0)
            try #require(unsafe chmod(directory, 0o755) == 0)
            if geteuid() == 0 { try #require(seteuid(54_321) == 0) }
            defer { if getuid() == 0 { seteuid(0) } }
            #expect(
                found(path).map(\.message) == [
                    "the file may not be read by this user (id \(geteuid()))"
                ])
        }
    }

    @Test func `a file of eight megabytes is read, a larger one is not`() throws {
        try withDirectory { directory in
            let path = directory + "/reeve.toml"
            var bytes = Array("[schedulers.a]\ncommand = [\"a\"]\n#".utf8)
            bytes += Array(
                repeating: UInt8(ascii: "x"), count: ConfigurationLoader.bytesMax - bytes.count)
            try write(bytes, to: path)
            #expect(
                ConfigurationLoader.load(path: path, environment: [:]).specification != nil)
            try write(bytes + [UInt8(ascii: "x")], to: path)
            let tooLarge = Found(
                "- error", "the file is larger than 8 MiB, so it is not read",
                help: "10,000 schedulers fit into that; is this the right file?")
            #expect(found(path) == [tooLarge])
            #expect(found("/dev/zero") == [tooLarge])
        }
    }

    @Test func `a pipe is read to its end`() throws {
        var ends: [Int32] = [-1, -1]
        try #require(unsafe pipe(&ends) == 0)
        defer { _ = close(ends[0]) }
        let text = Array("[schedulers.a]\ncommand = [\"a\"]\n".utf8)
        let count = unsafe text.withUnsafeBytes { buffer in
            unsafe Glibc.write(ends[1], buffer.baseAddress, buffer.count)
        }
        _ = close(ends[1])
        #expect(count == text.count)
        let outcome = ConfigurationLoader.load(path: "/proc/self/fd/\(ends[0])", environment: [:])
        #expect(outcome.specification?.schedulers.count == 1)
    }

    @Test func `what is not UTF-8 is told with its place`() {
        let table: [([UInt8], String, String)] = [
            ([0xFF], "1:1+1 error", "0xff"),
            (Array("a = \"ü\"\nb = \"".utf8) + [0xE9, 0x22], "2:6+1 error", "0xe9"),
            (Array("ü".utf8) + [0xC3], "1:2+1 error", "0xc3"),
            ([0xED, 0xA0, 0x80], "1:1+1 error", "0xed"),
            ([0xC0, 0x80], "1:1+1 error", "0xc0"),
        ]
        for (bytes, place, byte) in table {
            let outcome = ConfigurationLoader.load(bytes: bytes, path: "x.toml", environment: [:])
            #expect(
                outcome.diagnostics.map(Found.init) == [
                    Found(
                        place,
                        "the file is not UTF-8: the byte \(byte) is no part of a character",
                        help: "save the file as UTF-8")
                ])
        }
    }
}
