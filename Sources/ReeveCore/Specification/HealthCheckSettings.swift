// SPDX-License-Identifier: Apache-2.0

/// How the health of a run that is up is asked for.
package struct HealthCheckSettings: Equatable, Sendable {
    package enum Method: Equatable, Sendable {
        /// Exit code 0 passes. Program and arguments, never empty.
        case exec([String])
        /// A connection that is accepted passes.
        case tcp(ProbeTarget)
        /// A response with one of these status codes passes. The path begins with a slash.
        case http(ProbeTarget, path: String, status: ClosedRange<Int>)
    }

    /// What is asked.
    package var method: Method
    /// What takes longer has failed.
    package var timeout = Duration.seconds(3)
    /// Failures in a row that make it unhealthy; at least 1.
    package var failures = 3
    /// Successes in a row after which it no longer is; at least 1.
    package var successes = 1
    /// From the start of a run: failures before the first success do not count.
    package var startPeriod = Duration.zero

    package init(_ method: Method) {
        self.method = method
    }
}

/// Where a probe connects to.
package struct ProbeTarget: Equatable, Sendable, CustomStringConvertible {
    /// A name, or a numeric address without brackets.
    package var host: String
    package var port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// "localhost:80", "[::1]:80".
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// A connection that reeve makes itself to see whether somebody answers.
package struct Probe: Equatable, Sendable {
    package enum Question: Equatable, Sendable {
        case connects
        /// `path` begins with a slash.
        case responds(path: String, status: ClosedRange<Int>)
    }

    /// Whose health is asked for.
    package var scheduler: SchedulerID
    package var target: ProbeTarget
    /// What has to be so for it to pass.
    package var question: Question
    package var timeout: Duration

    package init(
        for scheduler: SchedulerID, _ target: ProbeTarget, _ question: Question, timeout: Duration
    ) {
        self.scheduler = scheduler
        self.target = target
        self.question = question
        self.timeout = timeout
    }
}

/// How a probe, or a health check of any kind, went; `words` say what was seen, without a full stop.
package enum ProbeOutcome: Equatable, Sendable {
    case passed(words: String)
    case failed(words: String)
    /// There were no descriptors, processes or memory to ask: that tells nothing of who was to be asked.
    case unasked(words: String)

    /// Whether it passed.
    package var isPassed: Bool {
        if case .passed = self { true } else { false }
    }

    /// What was seen.
    package var words: String {
        switch self {
        case .passed(let words), .failed(let words): words
        case .unasked(let words): "could not be asked: \(words)"
        }
    }
}

/// What a program may tell through a notify socket, and has to.
package struct NotifySettings: Equatable, Sendable {
    package enum Socket: String, Equatable, Sendable, CaseIterable {
        /// Only where readiness or the watchdog need it.
        case none
        /// In the runtime directory, or abstract where that cannot be.
        case path
        /// In the abstract namespace of the network namespace.
        case abstract
    }

    /// Whether it gets a socket, and where.
    package var socket = Socket.none
    /// How often it must send WATCHDOG=1; nil: it need not.
    package var watchdog: Duration?

    package init() {}
}

extension SchedulerSpecification {
    /// Whether a run gets a notify socket.
    package var wantsNotifySocket: Bool {
        readiness.rule == .notify || notify.watchdog != nil || notify.socket != .none
    }
}
