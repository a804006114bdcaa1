// SPDX-License-Identifier: Apache-2.0
//
// What reeve was told to do: the validated result of a configuration file, before anything runs. It
// is a plain value; the configuration target makes it, the control target carries it to the
// supervisor role, the core obeys it. Whoever makes one by hand gets a second check: `Ordering`.

/// The whole of a configuration.
package struct Specification: Equatable, Sendable {
    package var supervisor: SupervisorSettings
    /// In the order of the file; names are unique.
    package var schedulers: [SchedulerSpecification]
    /// The time zones that the schedules name; "UTC" need not be among them.
    package var zones: [ZoneFile]

    package init(
        supervisor: SupervisorSettings = SupervisorSettings(),
        schedulers: [SchedulerSpecification] = [], zones: [ZoneFile] = []
    ) {
        self.supervisor = supervisor
        self.schedulers = schedulers
        self.zones = zones
    }
}

/// The `[reeve]` table.
package struct SupervisorSettings: Equatable, Sendable {
    /// What kind of file it came from.
    package enum SourceForm: String, Equatable, Sendable, CaseIterable {
        case configuration
        case crontab
        /// With the user's name before each command.
        case systemCrontab = "system-crontab"
    }
    package enum LogFormat: String, Equatable, Sendable, CaseIterable { case text, json, journal }
    package enum LogLevel: String, Equatable, Sendable, CaseIterable, Comparable {
        case error, warning, info, debug

        package static func < (left: LogLevel, right: LogLevel) -> Bool {
            left.severity < right.severity
        }
        /// 0 is the most severe.
        private var severity: Int {
            switch self {
            case .error: 0
            case .warning: 1
            case .info: 2
            case .debug: 3
            }
        }
    }

    /// The preset that was chosen, and why; said at start.
    package var profile = Profile.production
    package var profileReason = "the default"
    /// nil: the shell chooses (`/run/reeve`, `$XDG_RUNTIME_DIR/reeve`, `/tmp/reeve-UID`, …).
    package var runtimeDirectory: String?
    /// nil: the shell chooses (`/var/lib/reeve`, `$XDG_STATE_HOME/reeve`), or goes on without.
    package var stateDirectory: String?
    /// Permission bits of the control socket.
    package var controlMode: UInt32 = 0o600
    /// Group name or number of the control socket.
    package var controlGroup: String?
    /// Whole budget of a shutdown before SIGKILL.
    package var gracefulTimeout = Duration.seconds(30)
    /// After SIGKILL: at most this long to reap; also for a single stop.
    package var forceTimeout = Duration.seconds(5)
    package var staggeredStartup = true
    package var phaseTimeout = Duration.seconds(60)
    package var autoRecovery = true
    package var logFormat = LogFormat.text
    package var logLevel = LogLevel.info
    /// The scheduler whose final end ends reeve with its exit code.
    package var exitWith: SchedulerName?
    /// The `[alerts]` table.
    package var alerts = AlertSettings()
    /// Where a socket for syslog(3) is opened; nil: nowhere.
    package var syslog: String?
    /// Read the configuration again when its file changes.
    package var watch = false
    /// The file it came from, by which it is read again; nil where there was none.
    package var source: String?
    /// What that file is.
    package var sourceForm = SourceForm.configuration
    /// In which state the file was read (`FileStamp`); nil where that is not known.
    package var sourceStamp: String?
    /// Where registered schedulers are kept; nil: nowhere, and none can be registered.
    package var registeredDirectory: String?
    /// Whether what comes through the gateway's own connection may register schedulers.
    package var gatewayRegisters = false

    package init() {}
}

/// A preset of defaults.
package enum Profile: String, Equatable, Sendable, CaseIterable {
    case production, render, local
}

/// One `[schedulers.NAME]` table with every default filled in.
package struct SchedulerSpecification: Equatable, Sendable {
    package enum Kind: String, Equatable, Sendable {
        case daemon, task, scheduled

        /// Whether it follows a schedule.
        var isScheduled: Bool { self == .scheduled }
    }
    /// Where it was configured: in the file, or by whoever registered it while reeve ran.
    package enum Origin: String, Equatable, Sendable { case file, registered }

    /// Unique in a specification.
    package var name: SchedulerName
    /// Whether it is kept running, runs to its end, or runs when it is due.
    package var kind = Kind.daemon
    /// Whether it starts with reeve; one that does not can be started by hand.
    package var enabled = true
    /// A part of reeve itself, such as the gateway: supervised like the others, but it is in no total, and
    /// what is asked of all is not asked of it.
    package var isComponent = false
    package var origin = Origin.file
    package var description = ""
    /// What is executed.
    package var program: Program
    /// What follows the end of a run.
    package var restart: RestartPolicy
    /// When it may start.
    package var order = OrderSettings()
    /// When a run counts as ready.
    package var readiness = Readiness()
    /// How its health is asked for; nil: not at all.
    package var healthCheck: HealthCheckSettings?
    /// What it tells of itself.
    package var notify = NotifySettings()
    /// Interval of health checks and of memory samples.
    package var healthCheckInterval = Duration.seconds(30)
    /// Consecutive failures from which on it is unhealthy; at least 1.
    package var errorThreshold = 5
    package var memory = MemorySettings()
    package var recovery = RecoverySettings()
    package var stop = StopSettings()
    package var log = LogSettings()
    /// Exactly where `kind` is `scheduled`: when it is due.
    package var schedule: ScheduleSettings?
    /// Scheduled ones and tasks: longest run; nil is without limit.
    package var timeout: Duration?
    /// Exit codes that are no failure; sorted, 0 to 255.
    package var successExitCodes: [Int32] = [0]

    /// A daemon that restarts always, or a task that restarts on failure.
    package init(name: SchedulerName, kind: Kind = .daemon, program: Program) {
        self.name = name
        self.kind = kind
        self.program = program
        restart = RestartPolicy(mode: kind == .daemon ? .always : .onFailure)
        if kind == .task { readiness.rule = .spawn }
    }

    /// A scheduled one.
    package init(name: SchedulerName, schedule: ScheduleSettings, program: Program) {
        self.init(name: name, kind: .scheduled, program: program)
        restart = RestartPolicy(mode: .never)
        readiness.rule = .spawn
        self.schedule = schedule
    }
}

/// What is executed.
package struct Program: Equatable, Sendable {
    /// Program and arguments, never empty. A string in the file is already `/bin/sh -c STRING`.
    package var arguments: [String]
    package var workingDirectory: String?
    /// In the order of the file.
    package var environment: [EnvironmentVariable] = []
    /// The child gets `environment` and reeve's own variables only.
    package var clearEnvironment = false
    /// What has to be done between the spawn and the program.
    package var launch = LaunchSettings()

    package init(arguments: [String]) {
        self.arguments = arguments
    }
}

/// One variable that a child gets.
package struct EnvironmentVariable: Equatable, Sendable {
    package var name: String
    package var value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// When a run that ended is followed by another.
package struct RestartPolicy: Equatable, Sendable {
    package enum Mode: String, Equatable, Sendable, CaseIterable {
        case always
        case onFailure = "on-failure"
        case never
    }
    /// What reaching `maxRestarts` means: go on at the longest delay, give up, or end reeve.
    package enum WhenExhausted: String, Equatable, Sendable, CaseIterable { case retry, fail, exit }

    /// Which ends are followed by a restart.
    package var mode: Mode
    /// The first delay after a failure, before jitter.
    package var delay = Duration.seconds(1)
    /// Growth per consecutive failure; at least 1.
    package var factor = 2.0
    package var delayMax = Duration.seconds(60)
    /// Share of the delay by which it is drawn shorter or longer; 0 to 1.
    package var jitter = 0.25
    /// Good time after which failures are forgotten.
    package var resetAfter = Duration.seconds(60)
    /// Automatic restarts within `window`; nil is unlimited.
    package var maxRestarts: Int? = 10
    package var window = Duration.minutes(10)
    /// Least time between two recovery restarts.
    package var cooldown = Duration.seconds(30)
    package var whenExhausted = WhenExhausted.retry

    package init(mode: Mode) {
        self.mode = mode
    }
}

/// When it may start.
package struct OrderSettings: Equatable, Sendable {
    package var priority = 0
    package var dependencies: [Dependency] = []
    package var dependencyTimeout = Duration.seconds(60)

    package init() {}
}

/// One edge of the dependency graph.
package struct Dependency: Equatable, Sendable {
    package enum Condition: String, Equatable, Sendable, CaseIterable {
        case healthy, ready, started, completed
    }
    /// What becomes of the dependent when the dependency is lost.
    package enum OnFailure: String, Equatable, Sendable, CaseIterable { case stop, restart, ignore }

    /// The scheduler that is depended on.
    package var name: SchedulerName
    /// What has to hold before the dependent starts.
    package var condition = Condition.healthy
    /// What becomes of the dependent when it is lost.
    package var onFailure = OnFailure.stop

    package init(name: SchedulerName) {
        self.name = name
    }
}

/// When a run counts as ready.
package struct Readiness: Equatable, Sendable {
    package enum Rule: Equatable, Sendable {
        /// As soon as the program runs.
        case spawn
        /// When it has run this long.
        case uptime(Duration)
        /// When it sends READY=1.
        case notify
        /// When its health check has passed.
        case probe
    }

    /// How readiness is recognised.
    package var rule = Rule.uptime(.seconds(1))
    /// Longest wait for READY=1 or for a check that passes, and for the launcher to execute the program.
    package var startTimeout = Duration.seconds(60)

    package init() {}
}

/// The memory rule, over the resident memory of the run's whole tree.
package struct MemorySettings: Equatable, Sendable {
    /// Climb the ladder of recovery, restart at once, leave an execution to its end, or only tell.
    package enum Action: String, Equatable, Sendable, CaseIterable {
        case recover, restart
        case restartWhenIdle = "restart-when-idle"
        case alert
    }

    /// Pages that several processes share: counted for each, or divided among them.
    package enum Measure: String, Equatable, Sendable, CaseIterable { case rss, pss }

    /// nil: not watched.
    package var threshold: Bytes?
    /// Samples in a row above the threshold before anything happens; at least 1.
    package var samples = 3
    /// Killed at one sample above it.
    package var hardLimit: Bytes?
    package var action = Action.recover
    package var measure = Measure.rss

    package init() {}

    /// Whether this scheduler is sampled without being asked.
    package var isWatched: Bool { threshold != nil || hardLimit != nil }
}

/// What a recovery may do, and what is run around a run.
package struct RecoverySettings: Equatable, Sendable {
    /// What makes a program free memory.
    package enum Cleanup: Equatable, Sendable {
        /// To the leader.
        case signal(Signal)
        /// Program and arguments.
        case command([String])
    }

    /// nil: nothing but a restart frees memory.
    package var cleanup: Cleanup?
    /// Run before each start of its program, and after each run's last process is gone; program and arguments.
    package var onStart: [String]?
    package var onStop: [String]?
    /// Longest run of each of these commands.
    package var hookTimeout = Duration.seconds(10)

    package init() {}

    /// The signal of `cleanup`, where it is one.
    package var cleanupSignal: Signal? {
        if case .signal(let signal)? = cleanup { return signal }
        return nil
    }
}

/// How a run is ended.
package struct StopSettings: Equatable, Sendable {
    package enum Scope: String, Equatable, Sendable, CaseIterable {
        case leaderThenGroup = "leader-then-group"
        case group, leader
    }
    /// End what a leader left behind, or let it be.
    package enum Leftovers: String, Equatable, Sendable, CaseIterable { case stop, keep }

    /// The first signal.
    package var signal = Signal.terminate
    /// From the first signal to SIGKILL.
    package var timeout = Duration.seconds(10)
    package var scope = Scope.leaderThenGroup
    /// Run in place of the signal; program and arguments.
    package var command: [String]?
    /// What becomes of processes that a leader which ended by itself left behind.
    package var leftovers = Leftovers.stop

    package init() {}
}

/// Where the output goes.
package struct LogSettings: Equatable, Sendable {
    package enum Destination: String, Equatable, Sendable, CaseIterable {
        case prefixed, inherit, file, journal, none
    }

    /// What stands in front of a line: the scheduler's name, or name and run.
    package enum Prefix: String, Equatable, Sendable, CaseIterable { case name, run }

    /// Through reeve with the name in front, to reeve's own output as it is, to a file of its own, to the
    /// journal with fields of its own, or nowhere.
    package var destination = Destination.prefixed
    /// Absolute; nil: NAME.log where reeve keeps such files.
    package var file: String?
    /// Size at which the file is rotated; nil: reeve never does.
    package var maxSize: Bytes? = Bytes(10_000_000)
    /// Files that are kept, the one that is written included; at least 1.
    package var maxFiles = 10
    /// Whether each line of the file has the time in front.
    package var timestamps = false
    package var prefix = Prefix.name
    /// Size of the tail kept for `reeve logs`; zero keeps none.
    package var tail = Bytes(16_000)

    package init() {}
}
