// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import Synchronization
import Testing

@testable import ReeveLinux

/// A directory of its own that goes with everything in it.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array(("/tmp/reeve-linux-" + String(repeating: "X", count: 6)).utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.flatMap { unsafe mkdtemp($0) }.map {
                unsafe String(cString: $0)
            }
        }
        path = try #require(made)
    }

    deinit { TemporaryDirectory.remove(path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws -> String {
        let path = file(name)
        try FileDescriptor.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            .writeAll(Array(text.utf8).span)
        #expect(unsafe chmod(path, mode) == 0)
        return path
    }

    func makeDirectory(_ name: String, mode: mode_t = 0o755) -> String {
        #expect(unsafe mkdir(file(name), mode) == 0)
        #expect(unsafe chmod(file(name), mode) == 0)
        return file(name)
    }

    private static func remove(_ path: String) {
        if let directory = unsafe opendir(path) {
            while let entry = unsafe readdir(directory) {
                let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name == "." || name == ".." { continue }
                let child = "\(path)/\(name)"
                if unsafe unlink(child) != 0 { remove(child) }
            }
            unsafe closedir(directory)
        }
        unsafe rmdir(path)
    }
}

/// Waits until the condition holds; false when it did not within ten seconds.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = Clock.now().monotonic + .seconds(10)
    while Clock.now().monotonic < deadline {
        if try condition() { return true }
        usleep(1_000)
    }
    return false
}

/// Reads until the end, or ten seconds.
func readAll(_ descriptor: borrowing FileDescriptor) throws -> String {
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    let deadline = Clock.now().monotonic + .seconds(10)
    while Clock.now().monotonic < deadline {
        guard let count = try descriptor.read(into: &buffer) else {
            usleep(1_000)
            continue
        }
        if count == 0 { return String(decoding: text, as: UTF8.self) }
        text += buffer.prefix(count)
    }
    Issue.record("no end within ten seconds after: \(String(decoding: text, as: UTF8.self))")
    return String(decoding: text, as: UTF8.self)
}

/// Waits for a child of ours and reaps it; kills it after ten seconds.
func reap(_ pid: PID) throws -> Reaped {
    var reaped: Reaped?
    let ended = try eventually {
        reaped = try Reaper.reap(pid)
        return reaped != nil
    }
    if !ended {
        kill(pid.number, SIGKILL)
        Issue.record("process \(pid) did not end")
    }
    return try #require(reaped)
}

/// A child that lives until this value ends.
final class Child {
    let identity: ProcessIdentity
    private var isReaped = false

    init(
        _ arguments: [String], environment: EnvironmentBlock = .standard, directory: String? = nil,
        spawner: ProcessSpawner? = nil
    ) throws {
        let request = try SpawnRequest(
            arguments: arguments, environment: environment, workingDirectory: directory)
        let streams = ChildStreams(stdout: .null, stderr: .null)
        let spawner = try spawner ?? ProcessSpawner()
        identity = try spawner.spawn(request, streams: streams).identity
    }

    var pid: PID { identity.pid }

    func end() throws -> Reaped {
        let reaped = try ReeveLinuxTests.reap(pid)
        isReaped = true
        return reaped
    }

    deinit {
        guard !isReaped else { return }
        kill(identity.pid.number, SIGKILL)
        _ = try? ReeveLinuxTests.reap(identity.pid)
    }
}

extension EnvironmentBlock {
    /// Only a PATH.
    static let standard: EnvironmentBlock = {
        var block = EnvironmentBlock()
        try? block.set("PATH", "/usr/bin:/bin")
        return block
    }()
}

/// Runs a program to its end and returns what it wrote to its standard output.
func output(
    of arguments: [String], environment: EnvironmentBlock = .standard, directory: String? = nil,
    spawner: ProcessSpawner? = nil
) throws -> String {
    let request = try SpawnRequest(
        arguments: arguments, environment: environment, workingDirectory: directory)
    let spawner = try spawner ?? ProcessSpawner()
    let (pid, text) = try Pipe.make().text { writeEnd in
        let streams = ChildStreams(stdout: .descriptor(writeEnd), stderr: .inherit)
        return try spawner.spawn(request, streams: streams).identity.pid
    }
    #expect(try reap(pid).status == .exited(code: 0))
    return text
}

extension Pipe {
    /// Gives the writing end away and reads what comes.
    consuming func text(
        _ start: (consuming FileDescriptor) throws -> PID
    ) throws -> (PID, String) {
        let writing = try writeEnd.duplicate()
        let reading = try readEnd.duplicate()
        try reading.setNonblocking()
        dropEnds(self)
        let pid = try start(writing)
        return (pid, try readAll(reading))
    }
}

private func dropEnds(_ pipe: consuming Pipe) {}

/// The message of a failure, or a note that there was none.
func words<Failure: Error & CustomStringConvertible>(
    of type: Failure.Type, _ body: () throws -> Void
) -> String {
    do {
        try body()
        return "no failure"
    } catch let failure as Failure {
        return failure.description
    } catch {
        return "another failure: \(error)"
    }
}

func openDescriptors() throws -> Int {
    var count = 0
    for number: Int32 in 0..<1_024 where fcntl(number, F_GETFD) >= 0 { count += 1 }
    return count
}

/// A number that two threads share.
final class Shared: Sendable {
    private let value = Atomic<Int32>(0)

    var number: Int32 {
        get { value.load(ordering: .sequentiallyConsistent) }
        set { value.store(newValue, ordering: .sequentiallyConsistent) }
    }
}
