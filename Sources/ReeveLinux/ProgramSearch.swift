// SPDX-License-Identifier: Apache-2.0
//
// Finding a program by its name. We look before the spawn instead of letting the C library try each
// directory in the child, for two reasons: it is the child's PATH that counts, not ours, and only
// so can the message say where was looked and what was there.

internal import CReeveLinux
internal import ReeveCore

/// The lookup of one request's program.
struct ProgramSearch {
    /// Where is looked when the environment has no PATH.
    static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    private let name: String
    private let environment: EnvironmentBlock
    private let directory: String?

    init(_ request: SpawnRequest) {
        name = request.arguments[0] ?? ""
        environment = request.environment
        directory = request.workingDirectory
    }

    init(name: String, environment: EnvironmentBlock, directory: String?) {
        self.name = name
        self.environment = environment
        self.directory = directory
    }

    /// What to execute: a name with a slash as it is, relative to the working directory; any other
    /// name as the first match in PATH that may be executed. As in execvp(3), an empty element is
    /// the working directory, and a match that may not be executed does not end the search.
    func program() throws(SpawnFailure) -> String {
        if name.utf8.contains(UInt8(ascii: "/")) { return name }
        let path = environment.value(of: "PATH") ?? ProgramSearch.defaultPath
        var refused: String?
        // By bytes: splitting by characters took longer than the kernel's looks at the files.
        let elements = path.utf8.split(
            separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for element in elements {
            let candidate = (element.isEmpty ? "." : String(Substring(element))) + "/" + name
            switch look(at: candidate) {
            case .executable: return candidate
            case .refused: refused = refused ?? candidate
            case .absent: continue
            }
        }
        let said = printable(name)
        if let refused {
            throw SpawnFailure(
                "\(said): found as \(printable(refused)), which may not be executed", .accessDenied)
        }
        if let directory, SpawnDiagnosis.directoryFailure(directory, .noEntry) != nil {
            // The directory may be the reason, and is the better one to hear of.
            let diagnosis = SpawnDiagnosis(program: name, directory: directory, errno: .noEntry)
            throw diagnosis.failure()
        }
        let list = path.isEmpty ? "which is empty" : printable(path)
        throw SpawnFailure("\(said): no such program in PATH (\(list))", .noEntry)
    }

    private enum Finding {
        case executable, refused, absent
    }

    private func look(at candidate: String) -> Finding {
        let path = SpawnDiagnosis.path(candidate, from: directory)
        let mayExecute = unsafe path.withCString { unsafe reeve_may_execute($0) }
        if mayExecute == -Errno.noEntry.code || mayExecute == -Errno.notDirectory.code {
            return .absent
        }
        guard let facts = FileFacts(path), facts.kind == .regular else { return .absent }
        return mayExecute == 0 ? .executable : .refused
    }
}
