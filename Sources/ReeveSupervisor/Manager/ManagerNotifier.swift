// SPDX-License-Identifier: Apache-2.0
//
// What reeve tells a service manager above it (systemd, Type=notify): sd_notify(3) through
// libsystemd, which is loaded only where NOTIFY_SOCKET is set. Messages that cannot be sent now are
// kept, merged into one datagram, and tried again: a manager that is busy reading its own units
// must not lose READY=1. Sending never waits.

package import ReeveCore

#if Systemd
    internal import CSystemd
    internal import ReeveLinux
#endif

/// The line to the service manager. Silent, and free, where there is none.
///
/// Ask `nextDeadline` after each call and call `timePassed` when it is due.
package final class ManagerNotifier {
    /// How long a message that could not be sent waits for the next try.
    static let retryInterval = Duration.seconds(1)
    /// Tries in a row, without a success between them, after which what waits is given up.
    static let triesMax = 30

    /// A status that has changed is sent at most this often.
    static let statusInterval = Duration.milliseconds(200)
    /// How often more time is asked for while reeve starts, reloads or stops, and how much.
    static let extensionInterval = Duration.seconds(1)
    static let extensionTime = Duration.seconds(10)

    private enum Line {
        /// No manager asked to be told, or it cannot be.
        case none
        case open
    }

    private let say: (SupervisorSettings.LogLevel, String) -> Void
    private var line = Line.none
    private var pending = Pending()
    private var tries = 0
    private var hasComplained = false
    private var retryAt: Instant?
    /// Half of the manager's watchdog timeout; nil where it wants no keep-alive.
    private var keepAliveInterval: Duration?
    private var keepAliveAt: Instant?
    /// The last status that was sent, and when the next may be.
    private var lastStatus: String?
    private var nextStatusAt = Instant.zero
    private var isStatusDue = false
    /// When more time is asked for again; nil while nothing is going on.
    private var extendAt: Instant?

    /// Looks for NOTIFY_SOCKET in `environment`; libsystemd itself reads the process's own, which
    /// must hold the same. `say` is called, at most once per cause, with what is missing.
    package init(
        environment: [(name: String, value: String)], at now: Moment,
        say: @escaping (SupervisorSettings.LogLevel, String) -> Void
    ) {
        self.say = say
        guard environment.contains(where: { $0.name == "NOTIFY_SOCKET" && !$0.value.isEmpty })
        else {
            return
        }
        open(at: now)
    }

    /// Whether a manager is being told.
    package var isActive: Bool { line == .open }

    /// Sends the message, or keeps it for the next try. A status may be of any length and is cut;
    /// line breaks in it become spaces, since they would begin another field.
    package func tell(_ message: ManagerMessage, at now: Moment) {
        guard line == .open else { return }
        switch message {
        case .ready:
            pending.reloadingSince = nil
            pending.isReady = true
            // What `systemctl start` shows next should be so.
            nextStatusAt = .zero
        case .reloading:
            pending.isReady = false
            pending.reloadingSince = now.monotonic
        case .status(let text): pending.status = ManagerNotifier.oneLine(text)
        case .stopping: pending.isStopping = true
        }
        tries = 0
        send(at: now)
    }

    /// Called after each turn of the loop: keeps the status current, and asks for time as long as
    /// something is going on that comes to its end by itself. That it comes out of the loop is the point:
    /// a loop that hangs gets no time.
    package func turned(at now: Moment, isInTransition: Bool, status: () -> String) {
        guard line == .open else { return }
        if now.monotonic >= nextStatusAt {
            isStatusDue = false
            let status = status()
            if status != lastStatus {
                lastStatus = status
                nextStatusAt = now.monotonic + ManagerNotifier.statusInterval
                tell(.status(status), at: now)
            }
        } else {
            isStatusDue = true
        }
        guard isInTransition else {
            extendAt = nil
            return
        }
        if let extendAt, now.monotonic < extendAt { return }
        extendAt = now.monotonic + ManagerNotifier.extensionInterval
        pending.needsTime = true
        send(at: now)
    }

    /// When `timePassed`, or another turn, is due; nil while nothing waits.
    package var nextDeadline: Instant? {
        [retryAt, keepAliveAt, extendAt, isStatusDue ? nextStatusAt : nil].compactMap(\.self).min()
    }

    /// Sends what is due.
    package func timePassed(at now: Moment) {
        if let due = keepAliveAt, let interval = keepAliveInterval, due <= now.monotonic {
            pending.isAlive = true
            keepAliveAt = now.monotonic + interval
            send(at: now)
        } else if let due = retryAt, due <= now.monotonic {
            send(at: now)
        }
    }

    /// The longest status that is sent, in bytes.
    static let statusBytesMax = 1_024

    /// Control characters as spaces, cut at a character.
    static func oneLine(_ text: String) -> String {
        var line = ""
        var bytes = 0
        for scalar in text.unicodeScalars {
            bytes += UTF8.width(scalar)
            if bytes > statusBytesMax { break }
            line.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
        }
        return line
    }
}

/// What has not been sent yet; at most one of each.
private struct Pending {
    var isReady = false
    var status: String?
    var isStopping = false
    /// The keep-alive is due.
    var isAlive = false
    /// When the reload began; CLOCK_MONOTONIC, as the manager wants to know.
    var reloadingSince: Instant?
    /// More time is needed.
    var needsTime = false

    var isEmpty: Bool {
        !isReady && status == nil && !isStopping && !isAlive && reloadingSince == nil && !needsTime
    }

    /// One datagram of sd_notify(3).
    var text: String {
        var fields: [String] = []
        if isReady { fields.append("READY=1") }
        if let reloadingSince {
            fields.append("RELOADING=1")
            fields.append("MONOTONIC_USEC=\(reloadingSince.nanoseconds / 1_000)")
        }
        if needsTime {
            let time = ManagerNotifier.extensionTime.nanoseconds / 1_000
            fields.append("EXTEND_TIMEOUT_USEC=\(time)")
        }
        if let status { fields.append("STATUS=" + status) }
        if isStopping { fields.append("STOPPING=1") }
        if isAlive { fields.append("WATCHDOG=1") }
        return fields.joined(separator: "\n")
    }
}

// MARK: - With and without libsystemd

#if Systemd
    extension ManagerNotifier {
        private func open(at now: Moment) {
            if let words = unsafe reeve_systemd_load() {
                let why = unsafe String(cString: words)
                say(
                    .warning,
                    "libsystemd cannot be loaded (\(why)); the service manager is not told")
                return
            }
            line = .open
            var microseconds: UInt64 = 0
            let wanted = unsafe reeve_systemd_watchdog(&microseconds)
            if wanted < 0 {
                say(.warning, "WATCHDOG_USEC cannot be read; no keep-alive is sent to the manager")
            }
            guard wanted > 0, let timeout = Int64(exactly: microseconds) else { return }
            // Half of it, as sd_watchdog_enabled(3) advises.
            let interval = max(.milliseconds(1), Duration.microseconds(timeout / 2))
            keepAliveInterval = interval
            keepAliveAt = now.monotonic + interval
        }

        private func send(at now: Moment) {
            guard !pending.isEmpty else { return }
            let result = unsafe reeve_systemd_notify(pending.text)
            if result > 0 {
                pending = Pending()
                retryAt = nil
                tries = 0
                return
            }
            // 0: NOTIFY_SOCKET has gone from our environment; nobody can be told any more. EAGAIN:
            // the manager's queue is full, which passes by itself. Everything else may pass, too (a
            // manager that is being executed anew refuses connections for a moment), but is said.
            if result == 0 {
                complain("NOTIFY_SOCKET has gone from the environment; the manager is not told")
                line = .none
                pending = Pending()
                retryAt = nil
                keepAliveAt = nil
                extendAt = nil
                isStatusDue = false
                return
            }
            tries += 1
            if result != -Errno.tryAgain.code {
                complain("the service manager cannot be told (errno \(-result)); trying again")
            }
            if tries >= ManagerNotifier.triesMax {
                complain("the service manager does not read its notifications; they are given up")
                pending = Pending()
                retryAt = nil
                return
            }
            retryAt = now.monotonic + ManagerNotifier.retryInterval
        }

        private func complain(_ sentence: String) {
            guard !hasComplained else { return }
            hasComplained = true
            say(.warning, sentence)
        }
    }

#else
    extension ManagerNotifier {
        private func open(at now: Moment) {
            say(
                .warning,
                "NOTIFY_SOCKET is set, but this reeve was built without libsystemd; the service "
                    + "manager is not told")
        }

        private func send(at now: Moment) {}
    }
#endif
