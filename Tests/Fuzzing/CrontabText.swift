// SPDX-License-Identifier: Apache-2.0

internal import ReeveConfiguration
internal import ReeveCore

/// Any bytes as a crontab, in both forms: what is accepted converts to a configuration that loads.
func fuzzCrontab(_ bytes: [UInt8]) {
    for form in [Crontab.Form.user, .system] {
        let outcome = Crontab.read(bytes, path: "crontab", form: form, user: "root")
        _ = outcome.diagnostics.rendered
        guard let crontab = outcome.crontab else {
            if outcome.diagnostics.isEmpty { finding("refused without a word") }
            continue
        }
        guard !crontab.jobs.isEmpty else { continue }
        let names = Set(crontab.jobs.map(\.name))
        if names.count != crontab.jobs.count { finding("two jobs have one name") }
        let loaded = ConfigurationLoader.load(text: crontab.toml(source: "crontab", home: "/"))
        if let error = loaded.errors.first {
            finding("the conversion does not load: \(error.rendered)")
        }
    }
}
