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
    var isReadable: Bool { (try? files.names(max: RegisteredFiles.filesMax)) != nil }

    /// All of them, by name, and what is to be said of those that cannot be read. What has another name
    /// than a scheduler's is nobody's.
    func read() -> (texts: [RegisteredText], warnings: [Diagnostic]) {
        var texts: [RegisteredText] = []
        var warnings: [Diagnostic] = []
        func warn(_ path: String, _ words: String) {
            warnings.append(
                .warning(
                    of: path, "\(words); what is registered there is left out",
                    help: "mend it, or remove it"))
        }
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
                    warn(files.path(of: entry), error.words)
                }
            }
        } catch {
            warn(files.directory, error.words)
        }
        return (texts, warnings)
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
        let (texts, warnings) = RegisteredFiles(directory: registered).read()
        var whole = texts.isEmpty ? outcome : load(texts)
        whole.diagnostics += warnings
        return whole
    }
}
