// SPDX-License-Identifier: Apache-2.0
//
// The scribe: the process that writes log files and bundles of failed runs, so that no disk which does not
// answer holds up the supervisor. It keeps nothing of its own: what it is given it writes at once, or says why
// not, and the supervisor keeps whatever is not written, except a bundle that could not be. It ends with the connection, when all that came is written and
// the storage has it; signals that are meant for reeve are none of its business.

internal import ReeveCore
internal import ReeveLinux

/// The role of the process that writes log files. Its standard input is the socket to the supervisor, its standard
/// output the memory of `WriteMark`.
package enum ScribeRole {
    /// The value of REEVE_ROLE for the child.
    package static let name = "scribe"

    /// Writes until the supervisor has ended the connection. Returns the exit code: 0, or 70 where what came was
    /// no message.
    package static func run() -> Int32 {
        SelfExecution.setName("reeve-scribe")
        do throws(Errno) {
            try Signals.prepare()
            // Blocked and never read: what is sent to every process of reeve must not end this one.
            let signals = try SignalDescriptor(Signal.handled)
            let scribe = try Scribe(
                socket: FileDescriptor(owning: 0), mark: FileDescriptor(owning: 1))
            ResidentMemory.release()
            try scribe.run()
            _ = consume signals
            return 0
        } catch {
            return 70
        }
    }
}

/// The scribe's end of the connection.
private final class Scribe {
    /// From a write until the storage is asked to have it, and from one look for idle files to the next.
    private static let synchroniseInterval = Duration.seconds(1)
    /// How long all that takes in one go; what is left is done in the next.
    private static let synchroniseTime = Duration.milliseconds(50)
    /// Files that are held open.
    private static let openMax = 256

    private let socket: FileDescriptor
    private let mark: FileDescriptor
    private let epoll: Epoll
    private var files: [UInt32: LogFile] = [:]
    /// Numbers of those that may be open, the one that waits longest for its synchronisation at the front.
    private var opened: [UInt32] = []
    /// Those that this scribe has written: how far the one before had come is told by `mark`.
    private var taken: Set<UInt32> = []
    private var incoming = MessageBuffer()
    private var buffer = [UInt8](repeating: 0, count: 65_536)
    private var synchroniseAt: Instant?

    init(socket: consuming FileDescriptor, mark: consuming FileDescriptor) throws(Errno) {
        self.socket = socket
        self.mark = mark
        epoll = try Epoll()
        try epoll.add(self.socket, token: Token(source: 0, slot: 0), interest: .readable)
    }

    func run() throws(Errno) {
        while try receive() {
            try epoll.wait(until: synchroniseAt) { _, _ in }
            let now = Clock.now().monotonic
            if let due = synchroniseAt, due <= now { try look(at: now) }
        }
        for number in opened { files[number]?.close() }
    }

    /// Takes what has come, as much of it as fits the buffer: a flood does not put off what is due by time.
    /// Returns false at the end of the connection.
    private func receive() throws(Errno) -> Bool {
        let count: Int
        do throws(Errno) {
            guard let received = try UnixSocket.receive(into: &buffer, from: socket) else {
                return true
            }
            count = received
        } catch .connectionReset {
            // The supervisor has gone with answers unread: there is nothing more to come.
            return false
        }
        guard count > 0 else { return false }
        incoming.append(buffer[..<count])
        do throws(ScribeFault) {
            while let message = try incoming.next(max: ScribeRequest.messageBytesMax) {
                perform(try ScribeRequest(reading: message))
            }
        } catch {
            throw .invalid
        }
        return true
    }

    private func perform(_ request: ScribeRequest) {
        switch request {
        case .file(let number, let settings):
            if let file = files[number] {
                file.adopt(settings)
            } else {
                files[number] = LogFile(number, settings)
            }
        case .write(let number, let position, let bytes): write(bytes, to: number, at: position)
        case .bundle(let bundle): keep(bundle)
        }
    }

    private func keep(_ bundle: Bundle) {
        do throws(Errno) {
            do throws(Errno) {
                try bundle.write()
            } catch .tooManyOpenFiles where !opened.isEmpty {
                closeOldest()
                try bundle.write()
            }
            answer(.kept(nil))
        } catch {
            answer(.kept(error))
        }
    }

    private func write(_ bytes: [UInt8], to number: UInt32, at position: UInt64) {
        guard let file = files[number] else { return }
        var skipped = 0
        if taken.insert(number).inserted, let mark = WriteMark(of: number, from: mark) {
            let next = file.nextPosition(after: mark)
            if next > position { skipped = Int(min(next - position, UInt64(bytes.count))) }
        }
        makeRoom(for: file)
        var (done, trouble) = file.write(
            bytes[skipped...], at: position &+ UInt64(skipped), mark: mark)
        if trouble?.errno == .tooManyOpenFiles, !opened.isEmpty {
            closeOldest()
            let written = skipped + done
            let (more, next) = file.write(
                bytes[written...], at: position &+ UInt64(written), mark: mark)
            (done, trouble) = (done + more, next)
        }
        noteOpen(file)
        let end = position &+ UInt64(skipped + done)
        tellNews(of: file)
        answer(
            trouble.map { .failed(number, position: end, $0) } ?? .written(number, position: end))
    }

    /// Waits for the supervisor, which reads as long as it runs.
    private func answer(_ answer: ScribeAnswer) {
        var bytes: [UInt8] = []
        answer.append(to: &bytes)
        // EPIPE: it has gone; what has come is written all the same, and the next reading tells the end.
        try? UnixSocket.sendAll(bytes.span, to: socket)
    }

    private func tellNews(of file: LogFile) {
        guard let news = file.takeNews() else { return }
        answer(.troubled(file.number, news))
    }

    // MARK: Open files

    private func makeRoom(for file: LogFile) {
        if !file.isOpen, opened.count >= Scribe.openMax { closeOldest() }
    }

    private func closeOldest() {
        guard let number = opened.first, let file = files[number] else { return }
        opened.removeFirst()
        file.close()
        tellNews(of: file)
    }

    private func noteOpen(_ file: LogFile) {
        guard file.isOpen, !opened.contains(file.number) else { return }
        opened.append(file.number)
        if synchroniseAt == nil {
            synchroniseAt = Clock.now().monotonic + Scribe.synchroniseInterval
        }
    }

    /// Synchronises what was written, as long as that takes no more than its time, and closes what is idle.
    private func look(at now: Instant) throws(Errno) {
        let end = now + Scribe.synchroniseTime
        var looked: [UInt32] = []
        while let number = opened.first, Clock.now().monotonic < end {
            opened.removeFirst()
            guard let file = files[number] else { continue }
            file.synchronise()
            file.closeIfIdle()
            tellNews(of: file)
            if file.isOpen { looked.append(number) }
        }
        opened += looked
        synchroniseAt = opened.isEmpty ? nil : Clock.now().monotonic + Scribe.synchroniseInterval
    }
}
