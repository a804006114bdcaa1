// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveControl

/// `reeve`.
struct ReeveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reeve",
        abstract:
            "Supervise daemons and tasks: start, watch, restart and stop them, and tell how they are.",
        discussion: """
            Write a configuration, check it, run it, and look:

              $ cat reeve.toml
              [schedulers.web]
              command = ["python3", "-m", "http.server", "8000"]
              $ reeve check reeve.toml
              $ reeve run reeve.toml &
              $ reeve status

            `reeve run` stays in the foreground; it may be the first process of a container or a \
            service of systemd. All other commands speak to a running reeve through its control \
            socket, which is found at /run/reeve, $XDG_RUNTIME_DIR/reeve, /tmp/reeve-UID or \
            /dev/shm/reeve-UID, or named by --socket or REEVE_SOCKET.

            EXIT CODES: 0 done, 1 the operation failed, 64 wrong usage, 69 no supervisor there, \
            75 timed out, 77 not permitted, 78 the configuration has errors.
            """,
        version: Version.text,
        groupedSubcommands: [
            CommandGroup(
                name: "Run",
                subcommands: [
                    RunCommand.self, InitCommand.self, CrontabCommand.self, CheckCommand.self,
                    GraphCommand.self,
                    PlanCommand.self,
                    UnitCommand.self,
                ]),
            CommandGroup(
                name: "Look",
                subcommands: [
                    StatusCommand.self, TopCommand.self, NextCommand.self, RunsCommand.self,
                    WhyCommand.self, LogsCommand.self, EventsCommand.self, AlertsCommand.self,
                    MetricsCommand.self,
                    HealthcheckCommand.self,
                ]),
            CommandGroup(
                name: "Act",
                subcommands: [
                    StartCommand.self, StopCommand.self, RestartCommand.self, RecoverCommand.self,
                    ResetCommand.self,
                    RunNowCommand.self, PauseCommand.self, ResumeCommand.self,
                    StartAllCommand.self, StopAllCommand.self, SignalCommand.self,
                    ReloadCommand.self, RegisterCommand.self, UnregisterCommand.self,
                ]),
        ])
}
