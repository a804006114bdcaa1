// SPDX-License-Identifier: Apache-2.0

internal import ReeveConfiguration
internal import ReeveCore
internal import ReeveLinux
internal import ReeveSupervisor

/// What is registered, as it is kept: one file for each scheduler, `NAME.toml`, in the state directory.
struct RegisteredFiles {
    /// Entries of the directory that are looked at; reeve takes half as many schedulers.
    private static let filesMax = 20_000
    private static let suffix = ".toml"

    private let files: KeptFiles

    init(directory: String) {
        files = KeptFiles(directory: directory)
    }

    /// Whether this user may look at them.
    var isPermitted: Bool {
        do {
            _ = try files.names(max: RegisteredFiles.filesMax)
            return true
        } catch {
            return error.errno != .accessDenied && error.errno != .notPermitted
        }
    }

    /// What is kept, and cannot be read.
    struct Unreadable {
        /// nil: the directory.
        let name: String?
        let path: String
        let words: String

        var warning: Diagnostic {
            .warning(
                of: path, "\(words); what is registered there is left out",
                help: "mend it, or remove it")
        }

        func error(_ consequence: String) -> Diagnostic {
            .error(of: path, "\(words); \(consequence)", help: "mend it, or remove it")
        }
    }

    /// All of them, by name, and those that cannot be read. What has another name than a scheduler's is
    /// nobody's.
    func read() -> (texts: [RegisteredText], unreadable: [Unreadable]) {
        var texts: [RegisteredText] = []
        var unreadable: [Unreadable] = []
        do {
            for entry in try files.names(max: RegisteredFiles.filesMax)
            where entry.hasSuffix(RegisteredFiles.suffix) {
                let name = String(entry.dropLast(RegisteredFiles.suffix.count))
                guard SchedulerName(name) != nil, SchedulerName.objection(to: name) == nil else {
                    continue
                }
                do {
                    let bytes = try files.read(
                        entry, bytesMax: ConfigurationLoader.registeredBytesMax)
                    // One that has just been removed is no more.
                    guard let bytes else { continue }
                    texts.append(
                        RegisteredText(name: name, file: files.path(of: entry), bytes: bytes))
                } catch {
                    unreadable.append(
                        Unreadable(name: name, path: files.path(of: entry), words: error.words))
                }
            }
        } catch {
            unreadable.append(Unreadable(name: nil, path: files.directory, words: error.words))
        }
        return (texts, unreadable)
    }

    /// Keeps a text; one that is kept like this already is left alone. Throws a sentence.
    func keep(_ name: String, _ bytes: [UInt8]) throws(SystemFailure) {
        let entry = name + RegisteredFiles.suffix
        if let known = try? files.read(entry, bytesMax: ConfigurationLoader.registeredBytesMax),
            known == bytes
        {
            // What could not be read is written anew.
            return
        }
        try files.write(entry, bytes)
    }

    /// Whether anything is kept under this name, readable or not.
    func holds(_ name: String) -> Bool {
        StateFile.exists(files.path(of: name + RegisteredFiles.suffix))
    }

    /// Removes what is kept under a name. Throws a sentence.
    func remove(_ name: String) throws(SystemFailure) {
        // That it is gone already is fine.
        _ = try files.remove(name + RegisteredFiles.suffix)
    }

    /// For whoever is about to become the supervisor: the same configuration with what is registered in its
    /// state directory. `load` reads it once more.
    static func added(
        to outcome: LoadOutcome, _ load: ([RegisteredText]) -> LoadOutcome
    ) -> LoadOutcome {
        guard let settings = outcome.specification?.supervisor,
            let directory = StateLocation.path(settings)
        else { return outcome }
        let registered = StateLocation.registered(in: directory)
        let (texts, unreadable) = RegisteredFiles(directory: registered).read()
        var whole = texts.isEmpty ? outcome : load(texts)
        whole.diagnostics += unreadable.map(\.warning)
        return whole
    }
}
