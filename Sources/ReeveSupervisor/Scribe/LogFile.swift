// SPDX-License-Identifier: Apache-2.0

internal import ReeveLinux

/// One log file, as the scribe keeps it. Every method may take as long as the disk does.
final class LogFile {
    /// Files beyond `maxFiles`, of a time when more were kept, that one rotation removes.
    private static let removedMax = 1_000

    let number: UInt32
    private(set) var settings: LogFileSettings
    private var file: AppendFile?
    private var size: Int64 = 0
    private var isLineOpen = false
    /// Whether what was written last ended a line; nil: an earlier scribe wrote it.
    private var hasEndedLine: Bool?
    /// Bytes were written that the storage may not have.
    private(set) var isDirty = false
    /// Nothing was written since `closeIfIdle` last looked.
    private var isIdle = true
    /// What does not keep it from being written, and was told.
    private var trouble: LogTrouble?
    /// What is to be told of that: nil inside is its end.
    private var news: LogTrouble??

    init(_ number: UInt32, _ settings: LogFileSettings) {
        self.number = number
        self.settings = settings
    }

    var isOpen: Bool { file != nil }

    /// Other settings; of another path the next bytes begin there.
    func adopt(_ settings: LogFileSettings) {
        if settings.path != self.settings.path { close() }
        self.settings = settings
    }

    /// Writes everything, in as many files as that needs. `done` bytes of it were, in any case; a trouble tells
    /// why not all were. `mark` is kept before and after each write; `position` is that of the first byte.
    func write(
        _ bytes: ArraySlice<UInt8>, at position: UInt64, mark: borrowing FileDescriptor
    ) -> (done: Int, trouble: LogTrouble?) {
        var rest = bytes
        isIdle = false
        while !rest.isEmpty {
            do throws(Errno) {
                try makeReady()
            } catch {
                return (bytes.count - rest.count, LogTrouble(step: .open, errno: error))
            }
            let from = position &+ UInt64(bytes.count - rest.count)
            do throws(Errno) {
                try endForeignLine(before: from)
            } catch {
                return (bytes.count - rest.count, LogTrouble(step: .write, errno: error))
            }
            var part = rest
            switch Rotation.next(
                rest, size: size, maxSize: settings.maxSize, isLineOpen: isLineOpen)
            {
            case .write(let count): part = rest.prefix(count)
            case .rotate:
                guard rotate() else { break }
                continue
            }
            do throws(Errno) {
                let count = try append(part, at: from, mark: mark)
                rest = rest.dropFirst(count)
            } catch {
                return (bytes.count - rest.count, LogTrouble(step: .write, errno: error))
            }
        }
        return (bytes.count, nil)
    }

    private func append(
        _ part: ArraySlice<UInt8>, at position: UInt64, mark: borrowing FileDescriptor
    ) throws(Errno) -> Int {
        guard let identity = file?.identity else { throw .badDescriptor }
        var note = WriteMark(
            state: .begun, file: number, position: position, count: part.count, size: size,
            identity: identity)
        // Memory is all that this can lack; then a death right here may write these bytes twice.
        try? note.write(to: mark)
        let count = try file?.append(part.span) ?? 0
        note.state = .done
        note.count = count
        try? note.write(to: mark)
        size += Int64(count)
        isDirty = true
        if count > 0 {
            isLineOpen = part[part.startIndex + count - 1] != UInt8(ascii: "\n")
            hasEndedLine = !isLineOpen
        }
        return count
    }

    /// Ends a line that stands torn in the file, of a time when the machine or reeve was killed, where a line
    /// of ours begins. It counts as no byte of ours.
    private func endForeignLine(before position: UInt64) throws(Errno) {
        guard isLineOpen, hasEndedLine ?? (position == 0) else { return }
        let lineBreak: [UInt8] = [UInt8(ascii: "\n")]
        size += Int64(try file?.append(lineBreak.span) ?? 0)
        isLineOpen = false
    }

    /// Opens the file that has the name now: another program may have renamed or removed it. A line that was
    /// begun in the other one is ended there.
    private func makeReady() throws(Errno) {
        if let identity = file?.identity {
            if isLineOpen { return }
            if isStillNamed(identity) { return }
            close()
        }
        try open()
    }

    private func isStillNamed(_ identity: FileIdentity) -> Bool {
        do throws(Errno) {
            return try FileIdentity.of(settings.path) == identity
        } catch {
            // EACCES, EIO: where it cannot be asked, what is open is as good as anything.
            return true
        }
    }

    private func open() throws(Errno) {
        let opened: AppendFile
        do throws(Errno) {
            opened = try AppendFile.open(settings.path)
        } catch .noEntry where settings.makesDirectory {
            let end = settings.path.lastIndex(of: "/") ?? settings.path.startIndex
            try AppendFile.makeDirectory(String(settings.path[..<end]))
            opened = try AppendFile.open(settings.path)
        }
        size = opened.size
        isLineOpen = !opened.endsWithBreak
        file = consume opened
    }

    // MARK: Rotation

    /// Returns whether the file is another now; where it is not it grows on.
    private func rotate() -> Bool {
        synchronise()
        do throws(Errno) {
            if settings.maxFiles <= 1 {
                try AppendFile.remove(settings.path)
            } else {
                let path = settings.path
                let shifts = Rotation.shifts(maxFiles: settings.maxFiles) {
                    StateFile.exists(Rotation.path(path, $0))
                }
                for number in shifts {
                    try StateFile.rename(
                        Rotation.path(path, number), to: Rotation.path(path, number + 1))
                }
                try StateFile.rename(path, to: Rotation.path(path, 1))
            }
        } catch {
            note(LogTrouble(step: .rotate, errno: error))
            return false
        }
        file = nil
        removeSurplus()
        endTrouble(of: .rotate)
        return true
    }

    /// What was kept when `maxFiles` was more.
    private func removeSurplus() {
        for number in settings.maxFiles..<settings.maxFiles + LogFile.removedMax {
            // ENOENT: that was the last. What cannot be removed stays, and harms nobody.
            guard (try? AppendFile.remove(Rotation.path(settings.path, number))) != nil else {
                return
            }
        }
    }

    // MARK: Storage

    /// Waits until the storage has what was written.
    func synchronise() {
        guard isDirty else { return }
        isDirty = false
        do throws(Errno) {
            try file?.synchronise()
            endTrouble(of: .synchronise)
        } catch {
            note(LogTrouble(step: .synchronise, errno: error))
        }
    }

    /// Closes it where nothing was written since the last look, so that nobody's renamed or removed file is
    /// kept for long.
    func closeIfIdle() {
        if isIdle { close() }
        isIdle = true
    }

    func close() {
        synchronise()
        file = nil
        isLineOpen = false
    }

    // MARK: Recovery

    /// Where the next byte belongs, as far as an earlier scribe has come.
    func nextPosition(after mark: WriteMark) -> UInt64 {
        let places = [settings.path, Rotation.path(settings.path, 1)]
        for path in places where (try? FileIdentity.of(path)) == mark.identity {
            guard let file = try? AppendFile.open(path) else { continue }
            return mark.nextPosition(found: file.size)
        }
        return mark.nextPosition(found: nil)
    }

    // MARK: Trouble

    /// What is to be told; nil: nothing. nil in it: the trouble is over.
    func takeNews() -> LogTrouble?? {
        defer { news = nil }
        return news
    }

    private func note(_ trouble: LogTrouble) {
        guard self.trouble != trouble else { return }
        self.trouble = trouble
        news = .some(trouble)
    }

    private func endTrouble(of step: LogTrouble.Step) {
        guard trouble?.step == step else { return }
        trouble = nil
        news = .some(nil)
    }
}
