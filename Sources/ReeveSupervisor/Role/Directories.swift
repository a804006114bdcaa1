// SPDX-License-Identifier: Apache-2.0
//
// Where a supervisor lives. The runtime directory it must have: the lock that keeps a second
// supervisor away, the control socket, the tails. The state directory it should have: without one
// it goes on, with a random id that lasts as long as this process.

internal import ReeveControl
package import ReeveCore
internal import ReeveLinux

/// Why the supervisor cannot start.
struct StartFailure: Error {
    /// A sentence without a full stop.
    let words: String
    /// article Commands: 69, 70, 71, 77, 78.
    let code: Int32

    init(_ words: String, code: Int32) {
        self.words = words
        self.code = code
    }

    /// 77 where a permission is missing, else 71: the system refused.
    init(_ failure: SystemFailure) {
        let isPermission = failure.errno == .notPermitted || failure.errno == .accessDenied
        self.init(failure.words, code: isPermission ? 77 : 71)
    }
}

/// One thing that was chosen at start, to be said as soon as there is a log.
struct StartNotice {
    let level: SupervisorSettings.LogLevel
    let words: String

    static func info(_ words: String) -> StartNotice { StartNotice(level: .info, words: words) }
    static func warning(_ words: String) -> StartNotice {
        StartNotice(level: .warning, words: words)
    }
}

/// The runtime directory, with its lock held.
struct RuntimeDirectory: ~Copyable {
    let path: String
    /// Held as long as this value lives.
    private let lock: FileLock

    /// Takes the configured directory, or the first usable one of the rule that the article Configuration has.
    ///
    /// `group` may search the directory, since it may use the socket in it.
    static func take(
        _ settings: SupervisorSettings, group: UInt32?, notices: inout [StartNotice]
    ) throws(StartFailure) -> RuntimeDirectory {
        if let path = settings.runtimeDirectory {
            return try take(path, group, why: "as configured", &notices)
        }
        if let path = serviceDirectory("RUNTIME_DIRECTORY") {
            return try take(path, group, why: "the service manager's", &notices)
        }
        let candidates = RuntimePaths.directories(
            xdgRuntimeDirectory: Environment.value(of: "XDG_RUNTIME_DIR"), uid: Host.user)
        var refusals: [String] = []
        for path in candidates {
            do {
                try PrivateDirectory.ensure(path, searchableBy: group)
            } catch {
                refusals.append(error.words)
                continue
            }
            let why = refusals.isEmpty ? "the first choice" : refusals.joined(separator: "; ")
            return try take(path, group, why: why, &notices)
        }
        throw StartFailure(
            "no runtime directory can be used: " + refusals.joined(separator: "; "), code: 77)
    }

    private static func take(
        _ path: String, _ group: UInt32?, why: String, _ notices: inout [StartNotice]
    ) throws(StartFailure) -> RuntimeDirectory {
        let socket = RuntimePaths.socket(in: path)
        guard socket.utf8.count <= RuntimePaths.socketPathBytesMax else {
            throw StartFailure(
                "runtime directory \(path): the path of its control socket would have "
                    + "\(socket.utf8.count) bytes and may have \(RuntimePaths.socketPathBytesMax)",
                code: 78)
        }
        let outcome: LockOutcome
        do {
            try PrivateDirectory.ensure(path, makingParents: true, searchableBy: group)
            outcome = try FileLock.take(joined(path, "lock"))
        } catch {
            throw StartFailure(error)
        }
        switch consume outcome {
        case .taken(let lock):
            notices.append(.info("runtime directory \(path) (\(why))"))
            lock.note(in: path, &notices)
            return RuntimeDirectory(path: path, lock: lock)
        case .held(by: let pid):
            let holder = pid.map { "pid \($0)" } ?? "another process"
            throw StartFailure(
                "runtime directory \(path): another supervisor (\(holder)) holds its lock; "
                    + "stop that one, or set runtime-directory to another path",
                code: 69)
        }
    }

    private init(path: String, lock: consuming FileLock) {
        self.path = path
        self.lock = lock
    }

    var socketPath: String { RuntimePaths.socket(in: path) }

    /// The directory of the notify sockets, without those of earlier supervisors; nil where it cannot be
    /// used, and then those are in the abstract namespace.
    func notifySockets(notices: inout [StartNotice]) -> String? {
        let directory = joined(path, "notify")
        do throws(SystemFailure) {
            try PrivateDirectory.ensure(directory)
            do throws(Errno) {
                _ = try NotifySocket.removeAll(in: directory)
            } catch {
                throw SystemFailure("\(directory): cannot be read", error)
            }
            return directory
        } catch {
            notices.append(.warning("\(error.words); notify sockets are abstract ones"))
            return nil
        }
    }

    /// The directory of the tails, made if it can be; nil, and said, where it cannot.
    func tails(notices: inout [StartNotice]) -> String? {
        let tails = joined(path, "tails")
        do {
            try PrivateDirectory.ensure(tails)
            return tails
        } catch {
            notices.append(.warning("\(error.words); no output is kept for `reeve logs`"))
            return nil
        }
    }
}

/// The directory that a service manager made for reeve (`RuntimeDirectory=`, `StateDirectory=`,
/// systemd.exec(5)): the first of the list that is separated by colons; nil where there is none.
private func serviceDirectory(_ variable: String) -> String? {
    let list = Environment.value(of: variable) ?? ""
    guard let path = list.split(separator: ":").first, path.utf8.first == UInt8(ascii: "/") else {
        return nil
    }
    return String(path)
}

/// Where the state directory of a configuration is, for this user and environment.
package enum StateLocation {
    /// As configured, what a service manager made, /var/lib/reeve for root, else below $XDG_STATE_HOME; nil: there
    /// is no place for one.
    package static func path(_ settings: SupervisorSettings) -> String? {
        if let path = settings.stateDirectory { return path }
        if let path = serviceDirectory("STATE_DIRECTORY") { return path }
        if Host.user == 0 { return "/var/lib/reeve" }
        if let path = absolute(Environment.value(of: "XDG_STATE_HOME")) {
            return joined(path, "reeve")
        }
        // The XDG Base Directory Specification's default.
        return absolute(Environment.value(of: "HOME")).map { joined($0, ".local/state/reeve") }
    }

    /// Where registered schedulers are kept in a state directory.
    package static func registered(in directory: String) -> String {
        joined(directory, "registered")
    }

    private static func absolute(_ path: String?) -> String? {
        guard let path, path.utf8.first == UInt8(ascii: "/") else { return nil }
        return path
    }
}

/// Where log files are that have no path of their own.
enum LogDirectory {
    /// What a service manager made for it (`LogsDirectory=`), the place of the system's logs where the state is in
    /// that of the system's, else a directory of the state's; nil: there is none. It need not exist.
    static func path(state: String?) -> String? {
        if let path = serviceDirectory("LOGS_DIRECTORY") { return path }
        if state == "/var/lib/reeve" { return "/var/log/reeve" }
        return state.map { joined($0, "log") }
    }
}

/// The state directory, or what stands in for it.
struct StateDirectory: ~Copyable {
    /// The directory's own id: half of every run id.
    let origin: UInt64
    /// nil: there is none, and nothing outlives this process.
    let path: String?
    /// Nobody had it before.
    let isNew: Bool
    private let lock: FileLock?

    /// Takes the configured directory, or the first usable one of the rule that the article Configuration has.
    static func take(
        _ settings: SupervisorSettings, random: () throws(Errno) -> UInt64,
        notices: inout [StartNotice]
    ) throws(StartFailure) -> StateDirectory {
        var refusals: [String] = []
        let candidates = StateLocation.path(settings).map { [$0] } ?? []
        for path in candidates {
            do {
                try PrivateDirectory.ensure(path, makingParents: true)
                return try take(path, random: random, notices: &notices)
            } catch {
                // Where it was asked for, another supervisor of the same configuration would run
                // everything a second time.
                if settings.stateDirectory != nil, error.errno == .tryAgain {
                    let remedy = "stop that one, or set state-directory to another path"
                    throw StartFailure("\(error.words); \(remedy)", code: 69)
                }
                refusals.append(error.words)
            }
        }
        if refusals.isEmpty { refusals = ["neither HOME nor XDG_STATE_HOME is set"] }
        notices.append(
            .warning(
                "no state directory, going on without: " + refusals.joined(separator: "; ")))
        return StateDirectory(origin: try drawn(random), path: nil, isNew: true, lock: nil)
    }

    private static func take(
        _ path: String, random: () throws(Errno) -> UInt64, notices: inout [StartNotice]
    ) throws(SystemFailure) -> StateDirectory {
        switch try FileLock.take(joined(path, "lock")) {
        case .held(by: let pid):
            let holder = pid.map { "pid \($0)" } ?? "another process"
            throw SystemFailure(
                "state directory \(path) belongs to another supervisor (\(holder))",
                errno: .tryAgain)
        case .taken(let lock):
            let (id, origin) = try StateIdentifier.readOrCreate(
                in: path, boot: Host.boot(ProcFS()), random: random)
            notices.append(.info("state directory \(path)"))
            if origin == .replaced {
                notices.append(
                    .warning(
                        "state directory \(path): it is a copy of another one, or was moved, and gets an id of "
                            + "its own; what runs for that one is left alone"))
            }
            lock.note(in: path, &notices)
            return StateDirectory(origin: id, path: path, isNew: origin != .read, lock: lock)
        }
    }

    private static func drawn(_ random: () throws(Errno) -> UInt64) throws(StartFailure) -> UInt64 {
        do {
            return try random()
        } catch {
            throw StartFailure("the kernel gives no random numbers: \(error)", code: 71)
        }
    }

    private init(origin: UInt64, path: String?, isNew: Bool, lock: consuming FileLock?) {
        self.origin = origin
        self.path = path
        self.isNew = isNew
        self.lock = lock
    }
}

extension FileLock {
    /// Says where the holder's pid could not be noted.
    fileprivate func note(in directory: String, _ notices: inout [StartNotice]) {
        guard let noteFailure else { return }
        notices.append(
            .warning(
                "lock file \(joined(directory, "lock")): reeve's pid could not be noted "
                    + "(\(noteFailure)); the lock holds, a second supervisor cannot say by whom"))
    }
}

/// The file `id` of a state directory: 16 hexadecimal digits, then where they were written (the directory's inode and
/// device number, and the boot), with a blank before each, and a line break. A copy of the directory is another one by
/// that: with the id of the first it would end what runs for it. The device is compared within one boot only: after it
/// the same disk may have another number.
struct StateIdentifier: Equatable {
    /// Where a directory is.
    struct Place: Equatable {
        var inode: UInt64
        var device: UInt64
        var boot: String

        /// Whether a directory that is here now is the one that was there.
        func isThat(of earlier: Place) -> Bool {
            inode == earlier.inode && (device == earlier.device || boot != earlier.boot)
        }
    }

    var id: UInt64
    /// nil: not known (an earlier version of reeve).
    var place: Place?

    /// How the id of a directory came about.
    enum Origin {
        case read, made
        /// The directory is a copy: what was there is another's.
        case replaced
    }

    /// Reads the id, or makes a new one. The caller holds the directory's lock.
    static func readOrCreate(
        in directory: String, boot: String, random: () throws(Errno) -> UInt64
    ) throws(SystemFailure) -> (id: UInt64, origin: Origin) {
        let path = joined(directory, "id")
        let place = StateFile.place(of: directory).map {
            Place(inode: $0.inode, device: $0.device, boot: boot)
        }
        var origin = Origin.made
        if let text = try read(path) {
            guard var found = StateIdentifier(text) else {
                throw SystemFailure(
                    "\(path): does not begin with 16 hexadecimal digits; remove it to get a new id",
                    errno: .invalid)
            }
            guard let before = found.place, let place, !place.isThat(of: before) else {
                if let place, found.place != place {
                    found.place = place
                    // ENOSPC, EROFS: the id is what it is, and where that was written is told at the next start.
                    try? SmallFile.replace(path, contents: found.contents)
                }
                return (found.id, .read)
            }
            origin = .replaced
        }
        let id: UInt64
        do {
            id = try random()
        } catch {
            throw SystemFailure("\(path): the kernel gives no random number", error)
        }
        try SmallFile.replace(path, contents: StateIdentifier(id: id, place: place).contents)
        return (id, origin)
    }

    private static func read(_ path: String) throws(SystemFailure) -> [UInt8]? {
        do {
            let file = try FileDescriptor.openForReading(path)
            var buffer = [UInt8](repeating: 0, count: 256)
            let count = try file.read(into: &buffer) ?? 0
            return Array(buffer.prefix(count))
        } catch {
            if error == .noEntry { return nil }
            throw SystemFailure("\(path): cannot be read", error)
        }
    }

    init(id: UInt64, place: Place?) {
        self.id = id
        self.place = place
    }

    /// nil where the text is none that reeve writes.
    init?(_ bytes: [UInt8]) {
        let text = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
        let parts = text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard let first = parts.first, first.utf8.count == 16, let id = UInt64(first, radix: 16)
        else { return nil }
        self.init(id: id, place: nil)
        guard parts.count > 1 else { return }
        guard parts.count == 4, let inode = UInt64(parts[1]), let device = UInt64(parts[2]) else {
            return nil
        }
        place = Place(inode: inode, device: device, boot: parts[3])
    }

    var contents: [UInt8] {
        let end = place.map { " \($0.inode) \($0.device) \($0.boot)" } ?? ""
        return Array((StateIdentifier.text(of: id) + end + "\n").utf8)
    }

    /// The id alone.
    static func text(of id: UInt64) -> String {
        let digits = String(id, radix: 16)
        return String(repeating: "0", count: max(0, 16 - digits.count)) + digits
    }
}

private func joined(_ directory: String, _ name: String) -> String {
    directory.utf8.last == UInt8(ascii: "/") ? directory + name : directory + "/" + name
}
