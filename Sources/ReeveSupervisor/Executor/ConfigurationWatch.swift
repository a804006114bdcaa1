// SPDX-License-Identifier: Apache-2.0
//
// `watch = true`: the configuration is read again when its file has changed. What is watched is the way
// to the file, not only the file: the directories in which a name on that way is a link or the file's
// own, where editors and deployments put another in its place, and every directory of it, which may be
// renamed away. After each change the way is gone again; the file is read when its state is another than
// the one that was read last and nothing has happened for a moment, so that what writes in two steps is
// read once. A file that has gone changes nothing: what runs goes on until it is there again.

internal import ReeveCore
internal import ReeveLinux

/// Watches one file.
final class ConfigurationWatch {
    /// How long nothing has to happen before the file is read.
    static let quietTime = Duration.milliseconds(250)
    /// It is read after this at the latest, however much happens.
    static let quietTimeMax = Duration.seconds(2)
    /// Directories and files watched at most; a way has rarely more than ten.
    private static let watchesMax = 64
    /// A way that keeps changing is gone this often, and then at the next change.
    private static let roundsMax = 5

    private let path: String
    private let epoll: Epoll
    private let inotify: Inotify
    /// By watch: the names that matter in that directory; of a file, or of a directory that only may not
    /// go away, none.
    private var names: [Int32: Set<String>] = [:]
    /// The state of the file that was read last; nil where it was not there.
    private var lastStamp: String?
    private var isMissing = false
    /// Something happened: at first, and when the file is looked at.
    private var pending: (since: Instant, due: Instant)?
    private let say: (SupervisorSettings.LogLevel, String) -> Void

    /// `stamp` is the state in which the file was read; one that is another by now is read again soon.
    /// Throws a sentence where the file cannot be watched.
    init(
        _ path: String, stamp: String?, epoll: Epoll, at now: Instant,
        say: @escaping (SupervisorSettings.LogLevel, String) -> Void
    ) throws(SystemFailure) {
        self.path = path
        self.epoll = epoll
        self.say = say
        lastStamp = stamp
        do throws(Errno) {
            inotify = try Inotify()
            try epoll.add(
                inotify.descriptor,
                token: Token(source: SourceKind.configuration.rawValue, slot: 0),
                interest: .readable)
            try follow()
        } catch {
            throw SystemFailure(
                "\(path) cannot be watched: \(ConfigurationWatch.reason(error))", errno: error)
        }
        if FileStamp(of: path)?.description != lastStamp { changed(at: now) }
    }

    deinit {
        // The last reference to the descriptor is ours, so that the kernel would drop it by itself; a
        // child that has just been made may still hold a copy until it executes its program.
        epoll.remove(inotify.descriptor)
    }

    /// When `timePassed` is due.
    var nextDeadline: Instant? { pending?.due }

    /// The file was read, in this state: by request too, so that it is not read twice.
    func wasRead(_ stamp: String?) {
        lastStamp = stamp ?? lastStamp
    }

    /// Something was told. Returns false, after saying so, where nothing will be any more.
    func ready(at now: Instant) -> Bool {
        do throws(Errno) {
            for notification in try inotify.read() where isRelevant(notification) {
                changed(at: now)
            }
            return true
        } catch {
            say(.warning, "\(path) is no longer watched: \(error); \(ConfigurationWatch.otherwise)")
            return false
        }
    }

    /// Nothing has happened for a while. Returns why the file is to be read; nil where it is not.
    func timePassed() -> String? {
        pending = nil
        do throws(Errno) {
            try follow()
        } catch {
            let words = "\(path) is watched only in part: \(ConfigurationWatch.reason(error)); "
            say(.warning, words + ConfigurationWatch.otherwise)
        }
        guard let stamp = FileStamp(of: path)?.description else {
            if !isMissing {
                say(
                    .warning,
                    "\(path) is no longer there: what runs goes on, and the file is read when it is "
                        + "back")
            }
            isMissing = true
            return nil
        }
        let wasMissing = isMissing
        isMissing = false
        guard stamp != lastStamp else { return nil }
        lastStamp = stamp
        return wasMissing ? "\(path) is back" : "\(path) has changed"
    }

    /// What to do where nothing is told.
    static let otherwise = "after a change of it send SIGHUP or use `reeve reload`"

    // MARK: Details

    /// The kernel's words for its limits on watches would be misread.
    private static func reason(_ errno: Errno) -> String {
        switch errno {
        case .tooManyOpenFiles:
            "the limit of open files, or of fs.inotify.max_user_instances, is reached (\(errno.name))"
        case .noSpace: "the limit of fs.inotify.max_user_watches is reached (\(errno.name))"
        default: "\(errno)"
        }
    }

    private func changed(at now: Instant) {
        let since = pending?.since ?? now
        let latest = since + ConfigurationWatch.quietTimeMax
        pending = (since, min(now + ConfigurationWatch.quietTime, latest))
    }

    private func isRelevant(_ notification: FileNotification) -> Bool {
        if !notification.changes.isDisjoint(with: [.overflow, .unmounted]) { return true }
        guard let names = names[notification.watch] else { return false }
        if notification.changes.contains(.ignored) {
            self.names[notification.watch] = nil
            return true
        }
        return notification.name.map { names.contains($0) } ?? true
    }

    /// Watches the way as it is now.
    private func follow() throws(Errno) {
        for _ in 0..<ConfigurationWatch.roundsMax {
            let trail = PathTrail(of: path)
            try watch(trail)
            // What changed before it was watched was told to nobody.
            guard PathTrail(of: path) != trail else { return }
        }
    }

    private func watch(_ trail: PathTrail) throws(Errno) {
        var current: [Int32: Set<String>] = [:]
        func add(_ path: String, for changes: FileChanges, name: String?) throws(Errno) {
            guard current.count < ConfigurationWatch.watchesMax else { return }
            do throws(Errno) {
                let watch = try inotify.watch(path, for: changes)
                current[watch, default: []].formUnion(name.map { [$0] } ?? [])
            } catch .noSpace {
                throw .noSpace
            } catch {
                // It went, or may not be read: the places before it are watched, and the look at the
                // file tells the rest.
            }
        }
        let entries: FileChanges = [.created, .deleted, .renamed, .written, .gone]
        for (index, place) in trail.places.enumerated() {
            let isLast = index == trail.places.count - 1
            if isLast || place.kind == .link {
                try add(place.directory, for: entries, name: place.name)
            }
            guard place.kind == .plain else { continue }
            // A file that is mounted by itself has no directory that would tell.
            let own: FileChanges =
                isLast ? [.modified, .written, .attributes, .gone] : [.gone]
            try add(place.path, for: own, name: nil)
        }
        for watch in names.keys where current[watch] == nil { inotify.remove(watch) }
        names = current
    }
}
