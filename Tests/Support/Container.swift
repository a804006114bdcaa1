// SPDX-License-Identifier: Apache-2.0
//
// Real containers: Debian's runc, a root file system that holds nothing but what the test puts there, and
// the static build of reeve. No engine, no image store, no network.

internal import Foundation
internal import Glibc

/// The static build, and whether containers can be run here.
package enum StaticBuild {
    /// The folder of `swift build --disable-default-traits -static-executable`, as Tests/run makes it.
    package static let folder =
        ProcessInfo.processInfo.environment["REEVE_STATIC_BUILD"]
        ?? Tree.root + "/.build-static/release"

    /// The path of a static product.
    package static func product(_ name: String) -> String { folder + "/" + name }

    /// Root, runc, a static shell, and the static build.
    package static let isPossible =
        getuid() == 0
        && [product("reeve"), product("reeve-test-child"), runc, shell].allSatisfy {
            FileManager.default.isExecutableFile(atPath: $0)
        }

    static let runc = "/usr/sbin/runc"
    /// Debian's busybox-static.
    package static let shell = "/bin/busybox"
}

/// A container, for as long as a test runs it.
package final class Container: Sendable {
    /// How a container is set up.
    package struct Setup: Sendable {
        /// Argument 0 and the others.
        package var command: [String] = []
        /// Files that are put in, by their paths inside.
        package var files: [String: String] = [:]
        package var environment: [String: String] = [:]
        package var user = 0
        package var isReadOnly = true
        /// Where a writable tmpfs is mounted.
        package var writable = ["/tmp", "/run"]
        /// The host's `/usr` and `/etc`, read-only, for programs that are not static. `/bin/busybox` is the
        /// host's then.
        package var hasHostPrograms = false
        /// Bytes of memory, swap included.
        package var memory: Int?
        /// Where standard output goes: a path of the host, or "deaf" for a pipe that nobody reads.
        package var output: String?

        package init() {}
    }

    private let process: Guarded
    private let bundle: String
    private let id: String

    private init(_ process: Guarded, bundle: String, id: String) {
        self.process = process
        self.bundle = bundle
        self.id = id
    }

    /// The capabilities that Docker gives to a container by default.
    private static let capabilities = [
        "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID",
        "SETFCAP",
        "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
    ]

    /// Runs a container for as long as the body takes, and removes whatever is left of it.
    ///
    /// Inside are `/reeve`, `/child` (the test child) and `/bin/busybox`, all static, and what the set-up
    /// puts there.
    package static func running(
        _ change: @Sendable (inout Setup) -> Void,
        _ body: @Sendable (Container) async throws -> Void
    ) async throws {
        try await Gate.supervisors.pass {
            let place = try Place()
            defer { place.remove() }
            var setup = Setup()
            change(&setup)
            let id = "reeve-test-" + String(UInt32.random(in: 0 ... .max), radix: 36)
            try prepare(setup, id: id, in: place)
            let process = try Guarded(
                [
                    StaticBuild.runc, "--root", place.file("state"), "run", "-b", place.directory,
                    id,
                ],
                directory: place.directory, name: "container", output: setup.output)
            let container = Container(process, bundle: place.directory, id: id)
            do {
                try await body(container)
            } catch {
                let words = "\n" + container.output.suffix(3_000) + container.errors.suffix(3_000)
                try await container.remove()
                throw HarnessFailure("\(error)\(words)")
            }
            try await container.remove()
        }
    }

    private func remove() async throws {
        _ = try await runc("delete", "--force", id)
        _ = try await process.leaks()
    }

    private func runc(_ words: String...) async throws -> Outcome {
        let name = "runc-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        let command = try Guarded(
            [StaticBuild.runc, "--root", bundle + "/state"] + words, directory: bundle, name: name)
        guard case .exit(let code) = try await command.ended() else {
            throw HarnessFailure("runc \(words) died")
        }
        return Outcome(code: code, output: command.output, errors: command.errors)
    }

    // MARK: What a test does with it

    /// What its PID 1 and all others wrote.
    package var output: String { process.output }
    package var errors: String { process.errors }
    /// nil while it runs.
    package var ending: Ending? { process.ending }

    /// A signal to its PID 1, as an engine's `kill` and `stop` send it.
    package func signal(_ number: Int32) async throws {
        let outcome = try await runc("kill", id, String(number))
        guard outcome.code == 0 else { throw HarnessFailure("runc kill: \(outcome.errors)") }
    }

    /// Waits for its end, and returns the exit code that the engine sees: 128 and more for a signal.
    package func ended(within seconds: Double = 20) async throws -> Int32 {
        switch try await process.ended(within: seconds) {
        case .exit(let code): code
        case .signal(let number): 128 + number
        }
    }

    /// Runs another command inside and waits for its end.
    package func execute(_ words: String...) async throws -> Outcome {
        let command = try Guarded(
            [StaticBuild.runc, "--root", bundle + "/state", "exec", id] + words, directory: bundle,
            name: "exec-" + String(UInt32.random(in: 0 ... .max), radix: 36))
        guard case .exit(let code) = try await command.ended() else {
            throw HarnessFailure("runc exec \(words) died")
        }
        return Outcome(code: code, output: command.output, errors: command.errors)
    }

    /// The host's pid of its PID 1; waits for its start.
    package func pid() async throws -> Int32 {
        try await eventually("the container's start") {
            if let ending { throw HarnessFailure("the container ended: \(ending)") }
            let state = try await runc("state", id)
            let object = try? JSONSerialization.jsonObject(with: Data(state.output.utf8))
            guard let fields = object as? [String: Any], fields["status"] as? String == "running",
                let pid = fields["pid"] as? Int, pid > 0
            else { return nil }
            return Int32(pid)
        }
    }

    /// Waits until its output holds the words.
    package func says(_ words: String, within seconds: Double = 15) async throws {
        try await eventually("\"\(words)\" in the output", within: seconds) {
            if (output + errors).contains(words) { return true }
            if let ending { throw HarnessFailure("the container ended: \(ending)") }
            return false
        }
    }
}

// MARK: - The bundle

extension Container {
    private static func prepare(_ setup: Setup, id: String, in place: Place) throws {
        var mounts: [[String: Any]] = [
            mount("/proc", "proc", []),
            mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/pts", "devpts", ["newinstance", "ptmxmode=0666", "mode=0620"]),
            mount("/dev/shm", "tmpfs", ["nosuid", "noexec", "nodev", "mode=1777", "size=64m"]),
            mount("/sys", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
            mount("/sys/fs/cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"]),
        ]
        mounts += setup.writable.map { mount($0, "tmpfs", ["nosuid", "nodev"]) }
        var bound = [
            "/reeve": StaticBuild.product("reeve"),
            "/child": StaticBuild.product("reeve-test-child"), "/bin/busybox": StaticBuild.shell,
        ]
        var folders = setup.writable + ["/proc", "/sys", "/dev", "/bin", "/etc"]
        try FileManager.default.createDirectory(
            atPath: place.file("root"), withIntermediateDirectories: true)
        if setup.hasHostPrograms {
            bound["/bin/busybox"] = nil
            folders.removeAll { $0 == "/bin" }
            folders.append("/usr")
            for name in ["bin", "sbin", "lib", "lib64"] {
                try FileManager.default.createSymbolicLink(
                    atPath: place.file("root/" + name), withDestinationPath: "usr/" + name)
            }
            try FileManager.default.createDirectory(
                atPath: place.file("root/var"), withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(
                atPath: place.file("root/var/run"), withDestinationPath: "../run")
            for path in ["/usr", "/etc"] {
                mounts.insert(bind(path, to: path), at: 0)
            }
        }
        for (path, text) in setup.files {
            let source = place.file("file" + path.replacing("/", with: "-"))
            try text.write(toFile: source, atomically: true, encoding: .utf8)
            bound[path] = source
        }
        for path in folders {
            try FileManager.default.createDirectory(
                atPath: place.file("root" + path), withIntermediateDirectories: true)
        }
        // A tmpfs gets the mode of the folder that it covers.
        for path in setup.writable where path != "/run" {
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o1777], ofItemAtPath: place.file("root" + path))
        }
        for (path, source) in bound.sorted(by: { $0.key < $1.key }) {
            try Place.touch(place.file("root" + path))
            mounts.append(bind(source, to: path))
        }
        let configuration = specification(setup, id: id, mounts: mounts)
        let json = try JSONSerialization.data(withJSONObject: configuration)
        try json.write(to: URL(fileURLWithPath: place.file("config.json")))
    }

    private static func mount(_ path: String, _ type: String, _ options: [String]) -> [String: Any]
    {
        ["destination": path, "type": type, "source": type, "options": options]
    }

    private static func bind(_ source: String, to path: String) -> [String: Any] {
        ["destination": path, "type": "bind", "source": source, "options": ["bind", "ro"]]
    }

    private static func specification(
        _ setup: Setup, id: String, mounts: [[String: Any]]
    ) -> [String: Any] {
        // For another user than root the sets that an exec keeps are empty, as an engine has it.
        let names = capabilities.map { "CAP_" + $0 }
        let held = setup.user == 0 ? names : []
        var resources: [String: Any] = [:]
        if let memory = setup.memory { resources["memory"] = ["limit": memory, "swap": memory] }
        let environment = ["PATH": "/bin"].merging(setup.environment) { $1 }
        return [
            "ociVersion": "1.0.2", "hostname": "reeve-test",
            "root": ["path": "root", "readonly": setup.isReadOnly],
            "mounts": mounts,
            "process": [
                "terminal": false, "cwd": "/", "args": setup.command, "noNewPrivileges": true,
                "user": ["uid": setup.user, "gid": setup.user],
                "env": environment.map { "\($0)=\($1)" }.sorted(),
                "rlimits": [["type": "RLIMIT_NOFILE", "hard": 4_096, "soft": 1_024]],
                "capabilities": ["bounding": names, "effective": held, "permitted": held],
            ] as [String: Any],
            "linux": [
                "cgroupsPath": "/" + id, "resources": resources,
                "namespaces": ["pid", "network", "ipc", "uts", "mount", "cgroup"].map {
                    ["type": $0]
                },
                "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
                "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"],
            ] as [String: Any],
        ]
    }
}
