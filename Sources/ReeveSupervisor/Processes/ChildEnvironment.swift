// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux

/// The environment of reeve's children: what reeve was given, less what was meant for reeve alone,
/// then what the scheduler's table says, then the variables that name the run.
struct ChildEnvironment {
    /// The variable that names the run a process belongs to.
    static let runIdentifierName = "REEVE_RUN_ID"
    /// The run ids of all reeves above, outermost first, separated by slashes.
    static let runPathName = "REEVE_RUN_PATH"

    /// What each run gets from reeve, whatever else says so.
    static let own: Set<String> = [
        runIdentifierName, runPathName, "REEVE_SCHEDULER", "REEVE_ATTEMPT", "REEVE_SCHEDULED_AT",
        "REEVE_ROLE", "MAINPID", "NOTIFY_SOCKET", "WATCHDOG_USEC", commandName, aboutName,
    ]
    /// What an auxiliary command is for.
    private static let commandName = "REEVE_COMMAND"
    /// The run that an auxiliary command is about.
    private static let aboutName = "REEVE_ABOUT_RUN"

    /// Variables that were meant for reeve: its service manager's sockets and credentials, its
    /// crash reporter, its own role, and the run that reeve itself may be (one reeve below
    /// another).
    private static let withheld: Set<String> = [
        "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "RUNTIME_DIRECTORY", "STATE_DIRECTORY",
        "SWIFT_BACKTRACE", journalStreamName,
        "REEVE_ROLE", runIdentifierName, runPathName, "REEVE_SCHEDULER", "REEVE_ATTEMPT",
        "REEVE_SCHEDULED_AT", commandName, aboutName,
    ]
    private static let withheldPrefixes = ["WATCHDOG_", "LISTEN_"]
    /// Goes on only with the stream that it describes.
    private static let journalStreamName = "JOURNAL_STREAM"

    private let inherited: EnvironmentBlock
    private let journalStream: String?
    private let outerPath: String
    /// Where a service manager put credentials for reeve.
    let credentialsDirectory: String?
    /// Where the libraries of this binary are, if it was told.
    private let libraryPath: String?

    /// `own` is reeve's own environment, with the names of all its variables.
    init(own: EnvironmentBlock, names: [String]) {
        var inherited = own
        for name in names
        where ChildEnvironment.withheld.contains(name)
            || ChildEnvironment.withheldPrefixes.contains(where: { name.hasPrefix($0) })
        {
            inherited.remove(name)
        }
        self.inherited = inherited
        journalStream = own.value(of: ChildEnvironment.journalStreamName)
        credentialsDirectory = own.value(of: "CREDENTIALS_DIRECTORY")
        libraryPath = own.value(of: "LD_LIBRARY_PATH")
        let path = own.value(of: ChildEnvironment.runPathName) ?? ""
        outerPath = path.isEmpty ? "" : path + "/"
    }

    /// What a run is told of its notify socket.
    struct Notify {
        /// NOTIFY_SOCKET.
        let socket: String
        /// WATCHDOG_USEC. Without WATCHDOG_PID, which is not known before the program runs: whoever sends
        /// signs of life then speaks for the run.
        let watchdog: Duration?
    }

    /// The environment of one run. What the scheduler's table sets wins over what is inherited;
    /// nothing wins over the variables that name the run. `scheduledAt` is the occurrence's instant,
    /// for scheduled ones; `mainPID` is for a stop command.
    ///
    /// Throws a sentence where a name or a value cannot be passed to a program.
    func block(
        for scheduler: SchedulerSpecification, run: RunID, attempt: Int,
        scheduledAt: WallTime? = nil, mainPID: PID? = nil, notify: Notify? = nil
    ) throws(SystemFailure) -> EnvironmentBlock {
        let isJournal = scheduler.log.destination == .inherit
        var block = try block(for: scheduler, id: run, passesJournal: isJournal)
        try block.set("REEVE_ATTEMPT", "\(attempt)")
        if let scheduledAt {
            try block.set("REEVE_SCHEDULED_AT", scheduledAt.description)
        }
        if let mainPID { try block.set("MAINPID", "\(mainPID)") }
        if let notify {
            try block.set("NOTIFY_SOCKET", notify.socket)
            if let watchdog = notify.watchdog {
                try block.set("WATCHDOG_USEC", "\(watchdog.nanoseconds / 1_000)")
            }
        }
        return block
    }

    /// The environment of a command that is no run: that of its scheduler's runs, or reeve's own, with an id
    /// of its own. The id of the run that it is about is not among its own: its processes are not that run's.
    func block(
        for command: AuxiliaryCommand, _ id: CommandID, _ scheduler: SchedulerSpecification?,
        mainPID: PID?
    ) throws(SystemFailure) -> EnvironmentBlock {
        var block = try block(for: scheduler, id: id.run, passesJournal: false)
        try block.set(ChildEnvironment.commandName, command.purpose.rawValue)
        if let run = command.run { try block.set(ChildEnvironment.aboutName, run.description) }
        if let mainPID { try block.set("MAINPID", "\(mainPID)") }
        return block
    }

    private func block(
        for scheduler: SchedulerSpecification?, id: RunID, passesJournal: Bool
    ) throws(SystemFailure) -> EnvironmentBlock {
        let clears = scheduler?.program.clearEnvironment == true
        var block = clears ? EnvironmentBlock() : inherited
        if let journalStream, passesJournal, !clears {
            try block.set(ChildEnvironment.journalStreamName, journalStream)
        }
        if let scheduler {
            if let user = scheduler.program.launch.user { try set(user, in: &block) }
            try block.set(scheduler.program.environment)
            try block.set("REEVE_SCHEDULER", scheduler.name.text)
        }
        try name(id, in: &block)
        return block
    }

    /// What a login sets. Of an account without an entry no name is known, and reeve's own is another's.
    private func set(
        _ user: UserAccount, in block: inout EnvironmentBlock
    ) throws(SystemFailure) {
        try block.set("HOME", user.home)
        try block.set("SHELL", user.shell)
        for variable in ["USER", "LOGNAME"] {
            if let name = user.name {
                try block.set(variable, name)
            } else {
                block.remove(variable)
            }
        }
    }

    private func name(_ run: RunID, in block: inout EnvironmentBlock) throws(SystemFailure) {
        let id = run.description
        try block.set(ChildEnvironment.runIdentifierName, id)
        try block.set(ChildEnvironment.runPathName, outerPath + id)
    }

    /// What a launcher itself gets: its role and the run that it is a process of, and nothing that was
    /// meant for the program.
    func launcherBlock(for run: RunID) throws(SystemFailure) -> EnvironmentBlock {
        var block = EnvironmentBlock()
        try block.set("REEVE_ROLE", LauncherRole.role)
        try block.set("SWIFT_BACKTRACE", "enable=no")
        if let libraryPath { try block.set("LD_LIBRARY_PATH", libraryPath) }
        try name(run, in: &block)
        return block
    }
}
