// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// What in a crontab behaves differently under reeve, found while it is read.
struct CrontabDifferences {
    var hasCarriageReturns = false
    var hasNthWeekday = false
    var hasReboot = false

    /// Whom cron would mail what jobs write.
    static func recipients(of jobs: [Crontab.Job]) -> [String] {
        Set(jobs.compactMap { $0.setting("MAILTO") }).filter { !$0.isEmpty }.sorted()
    }

    /// Everything that holds for these jobs, each said once.
    func sentences(of jobs: [Crontab.Job]) -> [String] {
        guard !jobs.isEmpty else { return [] }
        var all = [
            "output goes to reeve's standard output with the job's name and the run in front, it is not "
                + "mailed",
            "jobs get reeve's environment and the settings above them; cron starts them with "
                + "little more than HOME, LOGNAME, SHELL and PATH=/usr/bin:/bin",
            "a job that fails is logged and counted, and several failures in a row make it unhealthy",
            "at the end of reeve running jobs are ended, too; cron leaves them running",
            "what a job leaves in the background when it ends is stopped (leftovers = \"keep\" changes "
                + "that)",
        ]
        all.append(
            "at most \(ScheduleSettings.maxParallelDefault) executions of one job run at a time, further "
                + "ones are skipped, and that is logged; cron starts any number")
        let recipients = CrontabDifferences.recipients(of: jobs)
        if !recipients.isEmpty {
            all.append(
                "MAILTO: nothing is mailed to \(recipients.map(printable).joined(separator: ", "))")
        }
        if jobs.contains(where: { $0.setting("MAILTO") == "" }) {
            all.append("MAILTO=\"\" silences a job under cron; here its output is shown")
        }
        if jobs.contains(where: { $0.setting("CRON_TZ") != nil }) {
            all.append("CRON_TZ is obeyed; Debian's cron takes it for a plain variable")
        }
        if jobs.contains(where: { $0.setting("HOME") != nil }) {
            all.append(
                "a job whose HOME is not a directory does not run, as under cron, and says so")
        }
        if jobs.contains(where: { $0.user != nil && $0.home == "/" && $0.setting("HOME") == nil }) {
            all.append("a job of a user whose home is not a directory runs in /")
        }
        if hasReboot {
            all.append(
                "@reboot runs once per boot and container, told by the kernel; Debian's cron goes by "
                    + "the file /run/crond.reboot")
        }
        if hasNthWeekday {
            all.append("\"#\" in the weekday is obeyed; Debian's cron drops it and runs every week")
        }
        if hasCarriageReturns {
            all.append(
                "the carriage returns at the ends of lines are dropped; Debian's cron makes them a "
                    + "part of the command")
        }
        return all
    }
}

extension Crontab {
    /// A TOML string of this text.
    package static func tomlText(_ text: String) -> String { tomlString(text) }

    /// The equivalent configuration. `home`: the working directory of jobs without HOME, as far as it
    /// is known. It loads without an error where the keys of schedules are known.
    package func toml(source: String, home: String?) -> String {
        var text = "# Made from \(printable(source)).\n"
        if !differences.isEmpty {
            text += "#\n# Differently from Debian's cron:\n"
            for difference in differences { text += "# * \(difference)\n" }
        }
        text += """

            [defaults]
            # As cron: no time is made up for, and a job is started although the last one still runs.
            overlap = "allow"
            misfire = "skip"
            log-prefix = "run"

            """
        let shared = sharedSettings(home: home)
        for setting in shared { text += "\(setting)\n" }
        for job in jobs { text += "\n" + table(of: job, sharing: shared, home: home) }
        return text
    }

    /// Lines that every job has, so that they are written once.
    private func sharedSettings(home: String?) -> [String] {
        guard let first = jobs.first, jobs.count > 1 else { return [] }
        return settings(of: first, home: home).filter { line in
            jobs.allSatisfy { settings(of: $0, home: home).contains(line) }
        }
    }

    private func table(of job: Job, sharing shared: [String], home: String?) -> String {
        var text = "[schedulers.\(tomlKey(job.name))]\n"
        text += "# line \(job.line)\n"
        text += "cron = \(tomlString(job.schedule))\n"
        text += "command = \(command(of: job))\n"
        if let user = job.user { text += "user = \(tomlString(user))\n" }
        for line in settings(of: job, home: home) where !shared.contains(line) {
            text += line + "\n"
        }
        return text
    }

    /// What settings above a job come to, a line each.
    private func settings(of job: Job, home: String?) -> [String] {
        var lines: [String] = []
        if let zone = job.setting("CRON_TZ"), !zone.isEmpty {
            lines.append("timezone = \(tomlString(zone))")
        }
        let own = job.user == nil ? home : job.home
        if let directory = job.setting("HOME") ?? own, directory.hasPrefix("/") {
            lines.append("working-directory = \(tomlString(directory))")
        }
        var environment = job.environment
        // The shell of another user's account is not what cron gives to its jobs.
        if job.user != nil, job.setting("SHELL") == nil {
            environment.append(EnvironmentVariable(name: "SHELL", value: "/bin/sh"))
        }
        if !environment.isEmpty {
            let pairs = environment.map { "\(tomlKey($0.name)) = \(tomlString($0.value))" }
            lines.append("environment = { \(pairs.joined(separator: ", ")) }")
        }
        return lines
    }

    private func command(of job: Job) -> String {
        let arguments = job.arguments
        // A string is what /bin/sh is given.
        return arguments.count == 3 && arguments[0] == "/bin/sh"
            ? tomlString(job.command) : list(arguments)
    }

    private func list(_ words: [String]) -> String {
        "[" + words.map(tomlString).joined(separator: ", ") + "]"
    }
}
