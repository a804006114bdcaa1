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
    /// Where registered schedulers are kept; nil: nowhere.
    package var registeredDirectory: String?
    /// What is to be changed there. The text of a registration goes another way.
    package var change: RegistrationChange?
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
        registeredDirectory = specification.supervisor.registeredDirectory
        guard form != .configuration else { return }
        runtimeDirectory = specification.supervisor.runtimeDirectory
        stateDirectory = specification.supervisor.stateDirectory
        let jobs = specification.schedulers.filter { $0.origin == .file }
        for scheduler in jobs.prefix(ConfigurationSource.namesMax) {
            names[scheduler.program.fingerprint, default: []].append(scheduler.name.text)
        }
    }

    /// "PATH FORM WATCH RUNTIME STATE REGISTERED CHANGE NAME FILE FINGERPRINT=NAME..."; what was not given
    /// is empty.
    package var arguments: [String] {
        var verb = ""
        var file: String?
        switch change {
        case .register(let registration)?:
            verb = registration.isRestricted ? Verb.registerRestricted : Verb.register
            file = registration.file
        case .unregister?: verb = Verb.unregister
        case nil: break
        }
        let fixed = [
            path, form.rawValue, watch ? "watch" : "", runtimeDirectory ?? "", stateDirectory ?? "",
            registeredDirectory ?? "", verb, change?.name.text ?? "", file ?? "",
        ]
        let pairs = names.sorted { $0.key < $1.key }.flatMap { fingerprint, names in
            names.map { "\(fingerprint)=\($0)" }
        }
        return fixed + pairs
    }

    private enum Verb {
        static let register = "register"
        static let registerRestricted = "register-restricted"
        static let unregister = "unregister"
    }

    /// Reads what `arguments` writes; nil for anything else. `text` is asked for where there is a
    /// registration.
    package init?(arguments: [String], text: () -> String? = { nil }) {
        guard arguments.count >= 9,
            let form = SupervisorSettings.SourceForm(rawValue: arguments[1])
        else { return nil }
        self.init(path: arguments[0], form: form, watch: arguments[2] == "watch")
        runtimeDirectory = arguments[3].isEmpty ? nil : arguments[3]
        stateDirectory = arguments[4].isEmpty ? nil : arguments[4]
        registeredDirectory = arguments[5].isEmpty ? nil : arguments[5]
        if !arguments[6].isEmpty {
            guard let change = ConfigurationSource.change(arguments[6...8], text) else {
                return nil
            }
            self.change = change
        }
        for argument in arguments.dropFirst(9) {
            let parts = argument.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            names[String(parts[0]), default: []].append(String(parts[1]))
        }
    }

    private static func change(
        _ words: ArraySlice<String>, _ text: () -> String?
    ) -> RegistrationChange? {
        guard words.count == 3, let verb = words.first, let file = words.last,
            let name = SchedulerName(words[words.startIndex + 1])
        else { return nil }
        if verb == Verb.unregister { return .unregister(name) }
        guard verb == Verb.register || verb == Verb.registerRestricted, let text = text() else {
            return nil
        }
        return .register(
            Registration(
                name: name, text: text, file: file.isEmpty ? nil : file,
                isRestricted: verb == Verb.registerRestricted))
    }
}
