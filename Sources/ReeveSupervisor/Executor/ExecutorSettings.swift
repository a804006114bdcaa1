// SPDX-License-Identifier: Apache-2.0
//
// What the settings of `[reeve]` and the table of schedulers are in the shell.

internal import ReeveCore
internal import ReeveLinux

extension Executor {
    /// Watches the file, or no longer, as the settings say.
    func watchConfiguration() {
        let settings = core.supervisor.supervisorSettings
        guard settings.watch, let source = settings.source else {
            watch = nil
            return
        }
        guard watch == nil else {
            watch?.wasRead(settings.sourceStamp)
            return
        }
        do {
            watch = try ConfigurationWatch(
                source, stamp: settings.sourceStamp, epoll: epoll, at: now.monotonic
            ) { [weak self] level, words in
                guard let self else { return }
                notice(level, words, at: now)
            }
        } catch {
            notice(
                .warning, "\(error.words); \(ConfigurationWatch.otherwise)", at: now)
        }
    }

    /// Opens the socket for syslog(3), or closes it, as the settings say.
    func openSyslog() {
        let path = core.supervisor.supervisorSettings.syslog
        guard path != syslog?.path else { return }
        syslog?.close(at: now)
        syslog = nil
        guard let path else { return }
        do {
            syslog = try SyslogReader(
                path, epoll: epoll, output: output, discards: readers.discards
            ) { [processes] pid in
                // What a command logs is reeve's own.
                guard let run = processes.run(of: pid), case .program(let scheduler) = run.kind
                else { return nil }
                return (scheduler, run.id)
            }
        } catch {
            notice(
                .warning, "\(error.words); what programs log there does not reach reeve", at: now)
        }
    }

    /// Something happened to the configuration's file, or near it.
    func configurationChanged(at now: Moment) {
        guard let watch, !watch.ready(at: now.monotonic) else { return }
        self.watch = nil
    }

    /// Nothing is kept any more for a scheduler whose place another one has taken.
    func forget(_ scheduler: SchedulerID, _ name: SchedulerName) {
        control.forget(scheduler, name)
        output.forget(scheduler)
        failures.forget(name, at: now)
        ledger?.forget(name) { core.supervisor.scheduler(named: $0.text) != nil }
    }
}
