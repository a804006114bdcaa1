// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

private func bytes(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

/// What the supervisor and the scribe tell each other.
@Suite struct ScribeMessageTests {
    private static let requests: [ScribeRequest] = [
        .file(0, LogFileSettings(path: "/a")),
        .file(.max, LogFileSettings(path: "/ä b", maxSize: 1, maxFiles: 7, makesDirectory: true)),
        .write(3, position: .max, bytes: []),
        .write(4, position: 9, bytes: Array(repeating: 10, count: ScribeRequest.writeBytesMax)),
        .bundle(Bundle(path: "/failures/wéb", capacity: 9_216, bytes: Array("{}\n".utf8))),
        .bundle(
            Bundle(
                path: "/" + String(repeating: "p", count: 4_094), capacity: .max,
                bytes: Array(repeating: 9, count: Bundle.bytesMax))),
    ]
    private static let answers: [ScribeAnswer] = [
        .written(3, position: 1 << 40),
        .failed(4, position: 0, LogTrouble(step: .write, errno: .noSpace)),
        .troubled(5, LogTrouble(step: .rotate, errno: .accessDenied)), .troubled(6, nil),
        .kept(nil), .kept(.noSpace),
    ]

    /// Cuts a stream in pieces of one size, and reads what is whole after each.
    private func read(_ stream: [UInt8], by size: Int, max: Int) throws -> [[UInt8]] {
        var buffer = MessageBuffer()
        var found: [[UInt8]] = []
        for start in stride(from: 0, to: stream.count, by: size) {
            buffer.append(stream[start..<min(start + size, stream.count)])
            while let message = try buffer.next(max: max) { found.append(Array(message)) }
        }
        return found
    }

    @Test func `every message survives, however the stream is cut`() throws {
        for size in [1, 3, 64, 4_096, 1 << 20] {
            var (stream, back): ([UInt8], [UInt8]) = ([], [])
            for request in Self.requests { request.append(to: &stream) }
            for answer in Self.answers { answer.append(to: &back) }
            let requests = try read(stream, by: size, max: ScribeRequest.messageBytesMax)
            #expect(try requests.map { try ScribeRequest(reading: $0[...]) } == Self.requests)
            let answers = try read(back, by: size, max: ScribeAnswer.messageBytesMax)
            #expect(try answers.map { try ScribeAnswer(reading: $0[...]) } == Self.answers)
        }
    }

    @Test func `what is no message is refused and traps nowhere`() throws {
        var buffer = MessageBuffer()
        buffer.append([255, 255, 255, 255])
        #expect(throws: ScribeFault.self) { try buffer.next(max: ScribeRequest.messageBytesMax) }
        var whole: [UInt8] = []
        Self.requests[1].append(to: &whole)
        let message = whole.dropFirst(4)
        for end in 0..<17 {
            #expect(throws: ScribeFault.self) { try ScribeRequest(reading: message.prefix(end)) }
        }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            let noise = (0..<Int.random(in: 0...40)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            _ = try? ScribeRequest(reading: noise[...])
            _ = try? ScribeAnswer(reading: noise[...])
        }
    }
}

/// When a file is full, and what becomes of those before it.
@Suite struct RotationTests {
    @Test func `lines are written as far as they fit, and stay whole`() {
        func next(_ text: String, size: Int64, max: Int64?, open: Bool = false) -> Rotation.Step {
            Rotation.next(bytes(text), size: size, maxSize: max, isLineOpen: open)
        }
        #expect(next("aaa\nbbb\n", size: 0, max: nil) == .write(8))
        #expect(next("aaa\nbbb\n", size: 0, max: 8) == .write(8))
        #expect(next("aaa\nbbb\n", size: 0, max: 7) == .write(4))
        #expect(next("aaa\nbbb\n", size: 1, max: 8) == .write(4))
        #expect(next("aaa\nbbb\n", size: 5, max: 8) == .rotate)
        #expect(next("aaa\nbbb\n", size: 8, max: 8) == .rotate)
        #expect(next("aaa\nbbb\n", size: .max, max: 8) == .rotate)
        // The beginning of a line that does not fit begins in the next file.
        #expect(next("aaa\nbb", size: 0, max: 5) == .write(4))
        #expect(next("bb", size: 4, max: 5) == .rotate)
        // A line that is longer than a file has one of its own; what is open is ended where it is.
        #expect(next("aaaaaa\nb\n", size: 0, max: 5) == .write(7))
        #expect(next("aaaaaa", size: 0, max: 5) == .write(6))
        #expect(next("aa\nb\n", size: 5, max: 5, open: true) == .write(3))
        #expect(next("aa", size: 5, max: 5, open: true) == .write(2))
        #expect(next("\n", size: 5, max: 5, open: true) == .write(1))
    }

    /// Whatever is cut short, doing it once more loses nothing but what was to go.
    @Test func `a rotation that is cut short anywhere is done by the next`() {
        for maxFiles in 2...6 {
            for count in 0..<maxFiles {
                // "FILE.n" by its number, and FILE as 0.
                let before = Array((0...count).map { "age \($0)" })
                let length = count + 2
                for cut in 0...length {
                    var files = Dictionary(
                        uniqueKeysWithValues: before.enumerated().map { ($0, $1) })
                    rotate(&files, maxFiles, steps: cut)
                    if files[0] != nil { rotate(&files, maxFiles, steps: .max) }
                    let kept = before.prefix(maxFiles - 1)
                    for (index, age) in kept.enumerated() {
                        #expect(files[index + 1] == age, "\(maxFiles) \(count) \(cut): \(files)")
                    }
                    #expect(files[0] == nil && files.count == kept.count)
                }
            }
        }
    }

    private func rotate(_ files: inout [Int: String], _ maxFiles: Int, steps: Int) {
        let shifts = Rotation.shifts(maxFiles: maxFiles) { files[$0] != nil }
        for number in (shifts + [0]).prefix(steps) {
            files[number + 1] = files.removeValue(forKey: number)
        }
    }
}

/// What makes a line be written once although the scribe dies.
@Suite struct WriteMarkTests {
    private let mark = WriteMark(
        state: .begun, file: 3, position: 1_000, count: 50, size: 200,
        identity: FileIdentity(device: 1, inode: .max))

    @Test func `the next byte is told by the size of the file`() {
        #expect(mark.nextPosition(found: 200) == 1_000)
        #expect(mark.nextPosition(found: 220) == 1_020)
        #expect(mark.nextPosition(found: 250) == 1_050)
        // Somebody else wrote, or emptied it.
        #expect(mark.nextPosition(found: 900) == 1_050)
        #expect(mark.nextPosition(found: 0) == 1_000)
        #expect(mark.nextPosition(found: nil) == 1_000)
        var done = mark
        done.state = .done
        done.count = 20
        #expect(done.nextPosition(found: nil) == 1_020)
    }

    @Test func `it survives in memory, and there is none in what is none`() throws {
        let memory = try Memfd.empty(name: "test")
        var found = WriteMark(of: 3, from: memory)
        #expect(found == nil)
        try mark.write(to: memory)
        found = WriteMark(of: 3, from: memory)
        #expect(found == mark)
        // Each file has its own.
        var other = mark
        other.file = 2
        try other.write(to: memory)
        found = WriteMark(of: 3, from: memory)
        #expect(found == mark)
        found = WriteMark(of: 2, from: memory)
        #expect(found == other)
        for file: UInt32 in [0, 4, .max] {
            found = WriteMark(of: file, from: memory)
            #expect(found == nil)
        }
        try memory.writeAll([UInt8](repeating: 255, count: 4 * 56).span, at: 0)
        found = WriteMark(of: 3, from: memory)
        #expect(found == nil)
    }
}

/// One file as the scribe keeps it.
@Suite struct ScribeFileTests {
    private let scratch: ScratchDirectory
    private let memory: FileHolder
    private let path: String

    private final class FileHolder {
        let descriptor: FileDescriptor
        init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
    }

    init() throws {
        scratch = try ScratchDirectory()
        memory = FileHolder(try Memfd.empty(name: "test"))
        path = scratch.file("log")
        for number in 1...4 { _ = scratch.file("log.\(number)") }
    }

    private func text(_ suffix: String = "") throws -> String {
        let file = try FileDescriptor.openForReading(path + suffix)
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = try file.read(into: &buffer, at: 0)
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    @discardableResult
    private func write(_ file: LogFile, _ text: String, at position: UInt64 = 0) -> LogTrouble? {
        let (done, trouble) = file.write(bytes(text), at: position, mark: memory.descriptor)
        if trouble == nil { #expect(done == text.utf8.count) }
        return trouble
    }

    @Test func `it is rotated, and no more files are kept than are wanted`() throws {
        var settings = LogFileSettings(path: path, maxSize: 8, maxFiles: 3)
        let file = LogFile(0, settings)
        write(file, "a1\na2\na3\nb1\nb2\nc1\n")
        #expect(try text() == "b2\nc1\n" && text(".1") == "a3\nb1\n" && text(".2") == "a1\na2\n")
        write(file, "d1\nd2\nd3\n")
        #expect(try text() == "d3\n" && text(".1") == "d1\nd2\n" && text(".2") == "b2\nc1\n")
        #expect(throws: Errno.noEntry) { try text(".3") }
        // Fewer, then only the one that is written.
        settings.maxFiles = 2
        file.adopt(settings)
        write(file, "e1\ne2\n")
        #expect(try text() == "e2\n" && text(".1") == "d3\ne1\n")
        #expect(throws: Errno.noEntry) { try text(".2") }
        settings.maxFiles = 1
        file.adopt(settings)
        write(file, "f1\nf2\n")
        #expect(try text() == "f2\n")
        #expect(throws: Errno.noEntry) { try text(".1") }
    }

    @Test func `another file of its name is written, and a line that was begun is ended`() throws {
        let file = LogFile(0, LogFileSettings(path: path))
        write(file, "one\nhal")
        try StateFile.rename(path, to: path + ".1")
        write(file, "f\n")
        write(file, "two\n")
        #expect(try text(".1") == "one\nhalf\n" && text() == "two\n")
        StateFile.remove(path)
        write(file, "three\n")
        #expect(try text() == "three\n")
    }

    @Test func `a line that stands torn in a file is ended, and one's own goes on`() throws {
        try SmallFile.replace(path, contents: Array("torn".utf8))
        let file = LogFile(0, LogFileSettings(path: path))
        write(file, "one\nhal")
        #expect(try text() == "torn\none\nhal")
        // The next scribe goes on where the line is.
        let next = LogFile(0, LogFileSettings(path: path))
        write(next, "f\n", at: 7)
        #expect(try text() == "torn\none\nhalf\n")
        // Another program has put a file of its own there.
        try SmallFile.replace(path, contents: Array("other".utf8))
        write(next, "two\n", at: 9)
        #expect(try text() == "other\ntwo\n")
    }

    @Test func `what cannot be rotated grows on, and that is told once`() throws {
        #expect(unsafe mkdir(path + ".1", 0o700) == 0)
        defer { unsafe rmdir(path + ".1") }
        let file = LogFile(0, LogFileSettings(path: path, maxSize: 4, maxFiles: 2))
        #expect(write(file, "one\ntwo\n") == nil)
        #expect(file.takeNews() == .some(LogTrouble(step: .rotate, errno: .isDirectory)))
        #expect(write(file, "three\n") == nil)
        #expect(file.takeNews() == nil)
        #expect(try text() == "one\ntwo\nthree\n")
        #expect(unsafe rmdir(path + ".1") == 0)
        write(file, "four\n")
        #expect(file.takeNews() == .some(nil))
        #expect(try text() == "four\n" && text(".1") == "one\ntwo\nthree\n")
    }

    @Test func `what no regular file is stays as it is`() throws {
        let file = LogFile(0, LogFileSettings(path: path))
        #expect(unsafe symlink("/dev/null", path) == 0)
        #expect(write(file, "a\n") == LogTrouble(step: .open, errno: .tooManyLinks))
        unsafe unlink(path)
        #expect(unsafe mkfifo(path, 0o600) == 0)
        #expect(write(file, "a\n") == LogTrouble(step: .open, errno: .exists))
        unsafe unlink(path)
        let device = LogFile(0, LogFileSettings(path: "/dev/null"))
        #expect(write(device, "a\n") == LogTrouble(step: .open, errno: .exists))
        let deep = LogFile(0, LogFileSettings(path: path + "/x", maxSize: nil))
        #expect(write(deep, "a\n") == LogTrouble(step: .open, errno: .noEntry))
    }

    @Test func `the next scribe goes on where this one was`() throws {
        let settings = LogFileSettings(path: path, maxSize: 12, maxFiles: 3)
        write(LogFile(0, settings), "one\ntwo\n", at: 100)
        let noted = WriteMark(of: 0, from: memory.descriptor)
        let done = try #require(noted)
        #expect(LogFile(0, settings).nextPosition(after: done) == 108)
        // It died in the write, of which a part is there.
        var begun = done
        begun.state = .begun
        begun.size = 4
        begun.position = 104
        begun.count = 100
        #expect(LogFile(0, settings).nextPosition(after: begun) == 108)
        try StateFile.rename(path, to: path + ".1")
        #expect(LogFile(0, settings).nextPosition(after: begun) == 108)
        begun.identity = FileIdentity(device: 0, inode: 0)
        #expect(LogFile(0, settings).nextPosition(after: begun) == 104)
    }
}

/// What waits for one log file.
@Suite struct LogChannelTests {
    private let channel = LogChannel(
        SchedulerID(2), name("web"), LogFileSettings(path: "/log"), timestamps: false)
    private let wall = WallTime(nanoseconds: 0)
    private let out = LogOrigin(
        run: RunID(order: 1, origin: 1), stream: .stdout)
    private let err = LogOrigin(
        run: RunID(order: 1, origin: 1), stream: .stderr)

    private func add(
        _ text: String, _ ending: OutputLine.Ending = .complete, from origin: LogOrigin? = nil,
        limit: Int = .max
    ) {
        _ = channel.append(
            OutputLine(bytes: bytes(text), ending: ending), from: origin ?? out,
            time: Array("TIME".utf8), limit: limit, at: wall)
    }

    private var text: String {
        channel.queue.withBytes { span in
            String(decoding: (0..<span.count).map { span[$0] }, as: UTF8.self)
        }
    }

    @Test func `a long line stays one, and two streams do not tear each other's`() {
        add("long ", .cut)
        add("line")
        add("prompt", .waiting)
        add("error", from: err)
        add(" and its answer")
        #expect(text == "long line\nprompt\nerror\n and its answer\n")
    }

    @Test func `the time stands once in front of each line`() {
        channel.timestamps = true
        add("long ", .cut)
        add("line")
        add("")
        #expect(text == "TIME long line\nTIME \n")
    }

    @Test func `whole lines are dropped, also of those that were begun`() {
        add("aaa")
        add("bbbbbb", limit: 8)
        add("cc", .cut, limit: 8)
        add("dd", limit: 8)
        add("ee", .cut, from: err, limit: 10)
        add("", from: err)
        add("f")
        #expect(text == "aaa\ncc\nee\nf\n")
        #expect(channel.giveUp(at: wall)?.contains("lines were dropped since 1970-01-01") == true)
        #expect(channel.giveUp(at: wall) == nil)
    }

    @Test func `what is not answered is sent again, what is answered is gone`() {
        add("one")
        add("two")
        guard case .write(2, position: 0, let sent) = channel.send() else {
            Issue.record("nothing was sent")
            return
        }
        #expect(sent == Array("one\ntwo\n".utf8) && !channel.isSendable(at: .zero))
        channel.connectionLost()
        #expect(channel.send() == .write(2, position: 0, bytes: sent))
        #expect(channel.written(before: 9, at: .zero) == nil)
        #expect(channel.written(before: 4, at: .zero) == 4)
        #expect(channel.send() == .write(2, position: 4, bytes: Array("two\n".utf8)))
        #expect(channel.written(before: 8, at: .zero) == 4 && text.isEmpty)
        // Nothing was asked.
        #expect(channel.written(before: 8, at: .zero) == nil)
    }

    @Test func `a trouble is said when it begins and when it is over`() {
        let full = LogTrouble(step: .write, errno: .noSpace)
        add("one")
        _ = channel.send()
        #expect(channel.written(before: 0, at: .zero) == 0)
        let said = channel.failed(full, retryAt: .zero + .seconds(5))
        #expect(
            said
                == "the log file /log of web cannot be written: no space left on device (ENOSPC); it is "
                + "tried again every 5s, and what does not fit the buffer is dropped, and counted")
        #expect(channel.failed(full, retryAt: .zero + .seconds(9)) == nil)
        #expect(!channel.isSendable(at: .zero + .seconds(8)))
        #expect(channel.isSendable(at: .zero + .seconds(9)))
        add("two", limit: 4)
        add("three", limit: 4)
        #expect(
            channel.recovered()
                == "the log file /log of web is written again; 2 lines were dropped since "
                + "1970-01-01T00:00:00.000Z")
        #expect(channel.recovered() == nil)
    }
}
