// SPDX-License-Identifier: Apache-2.0
//
// What the process that reads a configuration is told: the arguments of the parser's role, written by the
// supervisor and read by the same program. A crontab says nothing of reeve's own settings, so that those
// of the command line go along; and its jobs have no names, so that each keeps the one it has by what it
// executes.

package import ReeveCore

/// Where a configuration is read from, and how.
package struct ConfigurationSource: Equatable, Sendable {
    package var path: String
    package var form: SupervisorSettings.SourceForm
    /// As the command line had them; only of a crontab.
    package var runtimeDirectory: String?
    package var stateDirectory: String?
    package var watch: Bool
    /// Names by the fingerprint of what is executed, in the order of the file; only of a crontab.
    package var names: [String: [String]] = [:]

    /// Jobs whose names are handed on at most: their number is bounded by what an exec takes.
    package static let namesMax = 4_096

    package init(path: String, form: SupervisorSettings.SourceForm, watch: Bool) {
        self.path = path
        self.form = form
        self.watch = watch
    }

    /// nil for a configuration that came from no file.
    package init?(of specification: Specification) {
        guard let path = specification.supervisor.source else { return nil }
        self.init(
            path: path, form: specification.supervisor.sourceForm,
            watch: specification.supervisor.watch)
        guard form != .configuration else { return }
        runtimeDirectory = specification.supervisor.runtimeDirectory
        stateDirectory = specification.supervisor.stateDirectory
        for scheduler in specification.schedulers.prefix(ConfigurationSource.namesMax) {
            names[scheduler.program.fingerprint, default: []].append(scheduler.name.text)
        }
    }

    /// "PATH FORM WATCH RUNTIME STATE FINGERPRINT=NAME..."; a directory that was not given is empty.
    package var arguments: [String] {
        let fixed = [
            path, form.rawValue, watch ? "watch" : "", runtimeDirectory ?? "", stateDirectory ?? "",
        ]
        let pairs = names.sorted { $0.key < $1.key }.flatMap { fingerprint, names in
            names.map { "\(fingerprint)=\($0)" }
        }
        return fixed + pairs
    }

    /// Reads what `arguments` writes; nil for anything else.
    package init?(arguments: [String]) {
        guard arguments.count >= 5,
            let form = SupervisorSettings.SourceForm(rawValue: arguments[1])
        else { return nil }
        self.init(path: arguments[0], form: form, watch: arguments[2] == "watch")
        runtimeDirectory = arguments[3].isEmpty ? nil : arguments[3]
        stateDirectory = arguments[4].isEmpty ? nil : arguments[4]
        for argument in arguments.dropFirst(5) {
            let parts = argument.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            names[String(parts[0]), default: []].append(String(parts[1]))
        }
    }
}
