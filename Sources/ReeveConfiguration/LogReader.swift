// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// Reads the keys of where output goes.
struct LogReader {
    let effective: EffectiveSettings
    /// The scheduler's.
    let name: String

    func read(_ findings: inout Findings) -> LogSettings {
        var log = LogSettings()
        effective.assign("log", to: &log.destination)
        effective.assign("log-file", to: &log.file)
        effective.assign("log-max-size", to: &log.maxSize)
        effective.assign("log-max-files", to: &log.maxFiles)
        effective.assign("log-timestamps", to: &log.timestamps)
        effective.assign("log-prefix", to: &log.prefix)
        var tail: Bytes? = log.tail
        effective.assign("log-tail", to: &tail)
        log.tail = tail ?? .zero
        check(log, &findings)
        return log
    }

    private func check(_ log: LogSettings, _ findings: inout Findings) {
        if let file = log.file, let objection = LogReader.objection(to: file) {
            findings.error(
                "log-file \(quoted(file)) \(objection.words)", at: effective.span("log-file"),
                help: objection.help)
        }
        guard log.destination != .file, let setting = effective.own["log-file"] else { return }
        findings.warning(
            "`log-file` has no effect, since log = \"\(log.destination.rawValue)\" writes no file",
            at: setting.keySpan, help: "add log = \"file\"")
    }

    /// What other supervisors take for their own output is no file, and neither is a directory.
    private static func objection(to file: String) -> (words: String, help: String)? {
        if file.hasSuffix("/") {
            return ("is a directory's name", "add the name of a file")
        }
        guard file.hasPrefix("/dev/") || file.hasPrefix("/proc/") else { return nil }
        return (
            "is no file that can be rotated",
            "log = \"prefixed\" or \"inherit\" goes to reeve's own output, log = \"none\" nowhere"
        )
    }

    /// Each needs a file of its own: lines of two could not be told apart, nor kept by two rules.
    static func checkFiles(of schedulers: [DeclaredScheduler], _ findings: inout Findings) {
        var owners: [String: String] = [:]
        for scheduler in schedulers {
            guard let log = scheduler.specification?.log, log.destination == .file,
                let file = log.file
            else { continue }
            if let owner = owners[file] {
                findings.error(
                    "log-file \(quoted(file)) is that of \(quoted(owner)), too",
                    at: scheduler.effective.span("log-file"),
                    help: "give each a file of its own, or leave out `log-file`: then each has one")
            } else {
                owners[file] = scheduler.name
            }
        }
    }
}
