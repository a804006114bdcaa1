// SPDX-License-Identifier: Apache-2.0
//
// Standard output. What a command writes is collected and goes out in few writes; whether that worked
// is told by the exit code, so that a full disk does not pass for success.

internal import ReeveClient
internal import ReeveCore
internal import ReeveLinux

/// Standard output of a command.
final class Output {
    private let descriptor = FileDescriptor(owning: 1)
    private var buffer: [UInt8] = []
    /// What the place can show.
    let appearance: Appearance

    init() {
        let environment = EnvironmentBlock.current()
        let isTerminal = StandardStreams.isTerminal(.output)
        appearance = Appearance(
            isTerminal: isTerminal, columns: isTerminal ? RawTerminal.size()?.columns : nil
        ) { environment.value(of: $0) }
    }

    func write(_ text: String) throws(Exit) {
        buffer.append(contentsOf: text.utf8)
        if buffer.count >= 64 * 1_024 { try flush() }
    }

    func write(_ bytes: [UInt8]) throws(Exit) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= 64 * 1_024 { try flush() }
    }

    /// One line, which `write` appends.
    func writeLine(_ write: (inout [UInt8]) -> Void) throws(Exit) {
        write(&buffer)
        try self.write("\n")
    }

    /// Writes out what was collected. A reader that has gone ends the command without a word, as
    /// SIGPIPE does where it is not ignored.
    func flush() throws(Exit) {
        var done = 0
        do throws(Errno) {
            while done < buffer.count {
                guard let count = try writeOnce(from: done) else {
                    try waitForRoom()
                    continue
                }
                done += count
            }
            buffer.removeAll(keepingCapacity: true)
        } catch .brokenPipe {
            throw .failed
        } catch {
            throw Exit(code: 1, message: "standard output: \(error)")
        }
    }

    private func writeOnce(from start: Int) throws(Errno) -> Int? {
        let bytes = buffer
        return try descriptor.write(bytes.span.extracting(start..<bytes.count))
    }

    /// Somebody who shares the pipe has made it non-blocking.
    private func waitForRoom() throws(Errno) {
        let epoll = try Epoll()
        try epoll.add(descriptor, token: Token(source: 0, slot: 0), interest: .writable)
        try epoll.wait(until: nil) { _, _ in }
    }
}
