// SPDX-License-Identifier: Apache-2.0
//
// The sockets through which runs tell of themselves, one for each run that asks for it. The socket says which
// run a message is about, the kernel who sent it: root, reeve's own user, or the run's. Whatever is wrong
// with a message is said once for each run. A run that sends without end is read no faster than so many
// messages a second; the rest waits in the socket, where it holds up nobody but its sender. So does what comes
// after a message with descriptors, until those are closed, which `Discards` does.

internal import ReeveCore
internal import ReeveLinux

/// The notify sockets of all runs.
final class NotifySockets {
    /// Messages taken from one run in one turn, and in one second.
    static let messagesPerTurnMax = 32
    static let messagesPerSecondMax = 200
    /// So many messages one with descriptors counts as: a process is started for it.
    static let descriptorsWeight = 25
    private static let second = Duration.seconds(1)

    /// What is said at most once for each run.
    private struct Complaints: OptionSet {
        let rawValue: Int
        static let flood = Complaints(rawValue: 1)
        static let garbage = Complaints(rawValue: 2)
        static let length = Complaints(rawValue: 4)
        static let sender = Complaints(rawValue: 8)
        static let store = Complaints(rawValue: 16)
        static let mainProcess = Complaints(rawValue: 32)
        static let descriptors = Complaints(rawValue: 64)
        static let reading = Complaints(rawValue: 128)
    }

    private final class Entry {
        let run: RunID
        let name: SchedulerName
        let token: Token
        let shared: SharedDescriptor
        var socket: FileDescriptor { _read { yield shared.descriptor } }
        /// nil: it is abstract.
        let path: String?
        /// The run's user, where it is another than reeve's.
        let user: UInt32?
        var secondBegan = Instant.zero
        var count = 0
        /// It is not read before this.
        var heldUntil: Instant?
        /// Its next message carries descriptors, has been read and is being taken.
        var isDiscarding = false
        /// That message, until it is known to be gone: a reader that died before it had taken it leaves it there, and it
        /// is not told twice.
        var told: [UInt8]?
        var complaints: Complaints = []

        init(
            run: RunID, name: SchedulerName, token: Token, socket: consuming FileDescriptor,
            path: String?, user: UInt32?
        ) {
            self.run = run
            self.name = name
            self.token = token
            shared = SharedDescriptor(socket)
            self.path = path
            self.user = user
        }
    }

    private let epoll: Epoll
    private let discards: Discards
    /// nil: there is none that could be used, and every socket is abstract.
    private let directory: String?
    private let ownUser: UInt32
    /// Says a sentence about a run of this name.
    private let say: (SchedulerName, RunID, String) -> Void
    /// The process of this pid where it is a member of the run.
    private let member: (PID, RunID) -> ProcessIdentity?
    private var entries: [Entry?] = []
    private var generations: [UInt32] = []
    private var free: [Int] = []
    private var slots: [RunID: Int] = [:]
    /// Whose descriptors are to be closed when what came before them has been handled.
    private var barriers: [Token] = []
    private var buffer = [UInt8](repeating: 0, count: NotifyMessage.bytesMax)
    private var held = 0

    init(
        epoll: Epoll, discards: Discards, directory: String?, ownUser: UInt32 = Host.user,
        member: @escaping (PID, RunID) -> ProcessIdentity?,
        say: @escaping (SchedulerName, RunID, String) -> Void
    ) {
        self.epoll = epoll
        self.discards = discards
        self.directory = directory
        self.ownUser = ownUser
        self.member = member
        self.say = say
    }

    /// How many are open.
    var count: Int { slots.count }

    // MARK: A run's life

    /// Makes the socket of a run. Returns what its program finds in NOTIFY_SOCKET. Throws EMFILE, ENFILE
    /// and what else keeps a socket from being made, with nothing kept.
    func open(
        _ run: RunID, _ specification: SchedulerSpecification
    ) throws(Errno) -> String {
        let path = path(of: run, specification)
        let name = path ?? "reeve/\(run)"
        let socket = try NotifySocket.bind(to: name, isAbstract: path == nil)
        let slot = free.popLast() ?? grow()
        let token = Token(
            source: SourceKind.notify.rawValue, slot: UInt32(truncatingIfNeeded: slot),
            generation: generations[slot])
        let entry = Entry(
            run: run, name: specification.name, token: token, socket: socket, path: path,
            user: specification.program.launch.user?.number)
        do throws(Errno) {
            try epoll.add(entry.socket, token: token, interest: .readable)
        } catch {
            if let path { UnixSocket.remove(path) }
            free.append(slot)
            throw error
        }
        entries[slot] = entry
        slots[run] = slot
        return path ?? "@" + name
    }

    /// nil: it is to be abstract.
    private func path(of run: RunID, _ specification: SchedulerSpecification) -> String? {
        guard specification.notify.socket != .abstract, let directory else { return nil }
        // The runtime directory is reeve's own: another user does not reach what is in it.
        if let user = specification.program.launch.user?.number, user != ownUser { return nil }
        let path = "\(directory)/\(run)"
        return path.utf8.count <= UnixSocket.pathMax ? path : nil
    }

    /// The run is forgotten: nobody can send any more. Unknown runs are ignored.
    func close(_ run: RunID, at now: Moment) {
        guard let slot = slots.removeValue(forKey: run), let entry = entries[slot] else { return }
        // Before the descriptor goes: a child that is being spawned may hold a duplicate of it.
        epoll.remove(entry.socket)
        if let path = entry.path { UnixSocket.remove(path) }
        if entry.heldUntil != nil { held -= 1 }
        entries[slot] = nil
        // ENOTCONN cannot be. What is left in it may carry descriptors, and nothing is to come after it.
        let hasRest = (try? Datagrams.close(entry.socket)) != false
        if hasRest || entry.isDiscarding { discards.close(entry.shared, at: now) }
        generations[slot] = Token.generation(after: generations[slot])
        free.append(slot)
    }

    /// What a run has said before its end, a bounded amount of it.
    func drain(_ run: RunID, at now: Moment) -> [Event] {
        guard let slot = slots[run], let entry = entries[slot], mayBeRead(entry) else {
            return []
        }
        return receive(entry, at: now)
    }

    // MARK: The loop's side

    /// Something has come.
    func ready(_ token: Token, at now: Moment) -> [Event] {
        guard let entry = entry(token), mayBeRead(entry) else { return [] }
        return receive(entry, at: now)
    }

    private func mayBeRead(_ entry: Entry) -> Bool {
        entry.heldUntil == nil && !entry.isDiscarding
    }

    /// Has closed what came along with messages of this turn: what was sent before has been handled, which is what a
    /// barrier asks (sd_notify_barrier(3)).
    func endTurn(at now: Moment) {
        for token in barriers {
            guard let entry = entry(token) else { continue }
            discards.takeNext(of: entry.shared, at: now) { [weak self] isDone, _ in
                self?.discarded(token, isDone: isDone)
            }
        }
        barriers.removeAll()
    }

    private func entry(_ token: Token) -> Entry? {
        let slot = Int(token.slot)
        guard entries.indices.contains(slot), generations[slot] == token.generation else {
            return nil
        }
        return entries[slot]
    }

    private func discarded(_ token: Token, isDone: Bool) {
        guard let entry = entry(token) else { return }
        entry.isDiscarding = false
        if isDone { entry.told = nil }
        if entry.heldUntil == nil { watch(entry, .readable) }
    }

    /// When a run that was held up may go on; nil while none is.
    var nextDeadline: Instant? {
        guard held > 0 else { return nil }
        return entries.lazy.compactMap { $0?.heldUntil }.min()
    }

    /// Reads on where a run was held up.
    func timePassed(at now: Moment) {
        for case let entry? in entries {
            guard let until = entry.heldUntil, until <= now.monotonic else { continue }
            entry.heldUntil = nil
            held -= 1
            if !entry.isDiscarding { watch(entry, .readable) }
        }
    }

    // MARK: Messages

    private func receive(_ entry: Entry, at now: Moment) -> [Event] {
        var events: [Event] = []
        for _ in 0..<NotifySockets.messagesPerTurnMax where !entry.isDiscarding {
            guard mayReceive(entry, at: now) else { break }
            do throws(Errno) {
                guard let message = try Datagrams.receive(entry.socket, into: &buffer) else {
                    break
                }
                entry.count += message.hasDescriptors ? NotifySockets.descriptorsWeight : 1
                if message.hasDescriptors {
                    entry.isDiscarding = true
                    watch(entry, [])
                    barriers.append(entry.token)
                    let bytes = Array(buffer.prefix(message.length))
                    if entry.told == bytes { break }
                    entry.told = bytes
                } else {
                    entry.told = nil
                }
                let notifications = take(message, entry)
                if !notifications.isEmpty { events.append(.notified(entry.run, notifications)) }
            } catch {
                // ENOMEM, ENOBUFS.
                complain(.reading, entry, "its notify socket cannot be read now: \(error)")
                hold(entry, until: now.monotonic + NotifySockets.second)
                break
            }
        }
        return events
    }

    /// Counts by seconds, and holds up who has had his share of one.
    private func mayReceive(_ entry: Entry, at now: Moment) -> Bool {
        if now.monotonic - entry.secondBegan >= NotifySockets.second {
            entry.secondBegan = now.monotonic
            entry.count = 0
        }
        guard entry.count >= NotifySockets.messagesPerSecondMax else { return true }
        hold(entry, until: entry.secondBegan + NotifySockets.second)
        complain(
            .flood, entry,
            "it sends more than \(NotifySockets.messagesPerSecondMax) notify messages a second: they "
                + "are read no faster than that")
        return false
    }

    private func hold(_ entry: Entry, until instant: Instant) {
        entry.heldUntil = instant
        held += 1
        watch(entry, [])
    }

    private func watch(_ entry: Entry, _ interest: PollEvents) {
        do throws(Errno) {
            try epoll.modify(entry.socket, token: entry.token, interest: interest)
        } catch {
            // ENOENT and ENOMEM are all it can be; without a change the socket is read at the next turn.
            complain(.garbage, entry, "its notify socket cannot be waited for: \(error)")
        }
    }

    private func take(
        _ message: Datagrams.Message, _ entry: Entry
    ) -> [Notification] {
        guard let user = message.user, user == 0 || user == ownUser || user == entry.user else {
            let who = message.user.map { "user \($0)" } ?? "somebody unknown"
            complain(.sender, entry, "a notify message from \(who) is refused")
            return []
        }
        guard message.length <= buffer.count else {
            complain(
                .length, entry,
                "a notify message of \(message.length) bytes is refused, at most "
                    + "\(buffer.count) are read")
            return []
        }
        let read = NotifyMessage(buffer[..<message.length])
        if read.hasGarbage {
            complain(.garbage, entry, "it sends notify messages that are not understood")
        }
        if read.wantsStore {
            complain(
                .store, entry, "it wants descriptors to be kept (FDSTORE=1): reeve keeps none")
        } else if message.hasDescriptors, !read.isBarrier {
            complain(
                .descriptors, entry, "descriptors that it sends along with messages are closed")
        }
        return read.notifications + mainProcess(read, entry)
    }

    private func mainProcess(_ read: NotifyMessage, _ entry: Entry) -> [Notification] {
        guard let pid = read.mainPID else { return [] }
        if let process = member(pid, entry.run) { return [.mainProcess(process)] }
        complain(
            .mainProcess, entry,
            "it calls process \(pid) its main one (MAINPID=), which is none of its own")
        return []
    }

    private func complain(_ what: Complaints, _ entry: Entry, _ sentence: String) {
        guard entry.complaints.insert(what).inserted else { return }
        say(entry.name, entry.run, sentence)
    }

    private func grow() -> Int {
        entries.append(nil)
        generations.append(0)
        return entries.count - 1
    }
}
