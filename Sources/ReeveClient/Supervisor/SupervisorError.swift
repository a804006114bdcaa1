// SPDX-License-Identifier: Apache-2.0

internal import ReeveControl

/// Why the supervisor did not do what it was asked, or could not be asked.
public struct SupervisorError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of trouble it is. More may come; those that you do not know are like ``failed``.
    public struct Reason: RawRepresentable, Hashable, Sendable {
        /// The word, as the control socket has it.
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// It was tried, and did not succeed.
        public static let failed = Reason(rawValue: "failed")
        /// Nobody listens on the socket, or whoever did has gone.
        public static let noSupervisor = Reason(rawValue: "no-supervisor")
        /// No answer came within the time; what was asked goes on.
        public static let timedOut = Reason(rawValue: "timed-out")
        /// This user may not use the socket.
        public static let notPermitted = Reason(rawValue: "not-permitted")
        /// The call makes no sense, such as a path that is too long for a socket.
        public static let usage = Reason(rawValue: "usage")
        /// No scheduler has this name.
        public static let unknownScheduler = Reason(rawValue: "unknown-scheduler")
        /// Nothing is started any more.
        public static let shuttingDown = Reason(rawValue: "shutting-down")
        /// Processes of an earlier run could not be ended; `force` starts all the same.
        public static let survivors = Reason(rawValue: "survivors")
        /// Nothing of it runs.
        public static let notRunning = Reason(rawValue: "not-running")
        /// It has no schedule.
        public static let notScheduled = Reason(rawValue: "not-scheduled")
        /// The configuration has mistakes.
        public static let configuration = Reason(rawValue: "configuration")
        /// The configuration's file has the name, or others depend on it.
        public static let conflict = Reason(rawValue: "conflict")
        /// It cannot be kept in the state directory.
        public static let notKept = Reason(rawValue: "not-kept")
        /// No output is kept of it.
        public static let noLog = Reason(rawValue: "no-log")
    }

    /// For programs.
    public let reason: Reason
    /// For people: a sentence without a full stop.
    public let message: String
    /// How it went for each scheduler that was touched, where something was done.
    public let outcomes: [ActionOutcome]

    public var description: String { message }

    init(_ reason: Reason, _ message: String, outcomes: [ActionOutcome] = []) {
        self.reason = reason
        self.message = message
        self.outcomes = outcomes
    }

    init(_ error: ControlError, outcomes: [ActionOutcome] = []) {
        // What failed has its sentence with the scheduler; that about the whole only counts.
        let failed = outcomes.first { $0.result == .failed }
        self.init(
            Reason(rawValue: error.code.rawValue), failed?.message ?? error.message,
            outcomes: outcomes)
    }

    init(_ error: ClientError) {
        let reason: Reason =
            switch error.kind {
            case .failed: error.code.map { Reason(rawValue: $0.rawValue) } ?? .failed
            case .usage: .usage
            case .noSupervisor: .noSupervisor
            case .timedOut: .timedOut
            case .notPermitted: .notPermitted
            }
        self.init(reason, error.message)
    }
}
