// SPDX-License-Identifier: Apache-2.0
//
// Images, assembled and run by Debian's podman in a store of the test's own. Nothing is pulled: a base that an
// image needs is made with debootstrap, once for a checkout.

internal import Foundation
internal import Glibc

/// Podman, with everything that it keeps below one folder.
package final class Images: Sendable {
    private let place: Place

    private init(_ place: Place) {
        self.place = place
    }

    /// What `StaticBuild` needs, and podman.
    package static let isPossible =
        StaticBuild.isPossible && FileManager.default.isExecutableFile(atPath: "/usr/bin/podman")

    /// Whether `importDebian` can work.
    package static let hasDebian =
        FileManager.default.fileExists(atPath: debian + "/complete")
        || FileManager.default.isExecutableFile(atPath: "/usr/sbin/debootstrap")

    private static let debian = Tree.root + "/.build-static/debian"

    /// Makes a store for as long as the body takes.
    package static func using(_ body: (Images, Place) async throws -> Void) async throws {
        try await Gate.supervisors.pass {
            let place = try Place()
            let images = Images(place)
            do {
                try await body(images, place)
            } catch {
                try? await images.remove()
                throw error
            }
            try await images.remove()
        }
    }

    private func remove() async throws {
        _ = try await podman("rm", "--all", "--force", "--time", "0")
        _ = try await podman("system", "reset", "--force", within: 60)
        // Podman leaves an empty group in each hierarchy of version 1. Another podman's is not empty.
        let base = "/sys/fs/cgroup"
        for name in (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? [] {
            unsafe rmdir("\(base)/\(name)/libpod_parent/conmon")
            unsafe rmdir("\(base)/\(name)/libpod_parent")
        }
        place.remove()
    }

    private func start(_ words: [String]) throws -> Guarded {
        let store = place.file("store")
        let options = [
            "--root", store, "--runroot", place.file("run-root"), "--tmpdir", place.file("run-tmp"),
            "--storage-driver", "vfs", "--cgroup-manager=cgroupfs", "--events-backend=file",
            "--runtime", "runc",
        ]
        return try Guarded(
            ["podman"] + options + words,
            environment: Guarded.environment.merging(["HOME": place.directory]) { $1 },
            directory: place.directory,
            name: "podman-" + String(UInt32.random(in: 0 ... .max), radix: 36))
    }

    /// Runs `podman WORDS` and waits for its end.
    package func podman(_ words: String..., within seconds: Double = 30) async throws -> Outcome {
        let command = try start(words)
        guard case .exit(let code) = try await command.ended(within: seconds) else {
            throw HarnessFailure("podman \(words) died")
        }
        return Outcome(code: code, output: command.output, errors: command.errors)
    }

    /// Starts `podman run WORDS` in the foreground. The limits are those of the machine: it may not be allowed
    /// to raise them to what podman asks for.
    package func run(_ words: String...) throws -> Guarded {
        let limits = ["--ulimit", "nofile=1024:4096", "--ulimit", "nproc=4096:4096"]
        return try start(["run", "--rm", "--network=none"] + limits + words)
    }

    /// A Debian of nothing but its essential packages, as an image with the given name.
    package func importDebian(as name: String) async throws {
        let folder = Images.debian
        if !FileManager.default.fileExists(atPath: folder + "/complete") {
            let script = """
                set -e
                . /etc/os-release
                find() {
                    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
                        | grep -v security | head -n 1
                }
                mirror=$(find)
                [ -n "$mirror" ] || { apt-get -qq update; mirror=$(find); }
                rm -rf --one-file-system "$1"
                debootstrap --variant=minbase "$VERSION_CODENAME" "$1" "$mirror"
                rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/usr/share/doc "$1"/usr/share/locale
                touch "$1"/complete
                """
            let make = try Guarded(
                ["/bin/sh", "-c", script, "sh", folder], directory: place.directory, name: "debian")
            let ending = try await make.ended(within: 400)
            guard ending == .exit(0) else {
                throw HarnessFailure("debootstrap: \(make.output.suffix(2_000))\(make.errors)")
            }
        }
        let script = "tar -C \"$1\" -cf \"$2\" ."
        let archive = place.file("debian.tar")
        let pack = try Guarded(
            ["/bin/sh", "-c", script, "sh", folder, archive], directory: place.directory,
            name: "tar")
        _ = try await pack.ended(within: 60)
        let imported = try await podman("import", archive, name, within: 120)
        guard imported.code == 0 else { throw HarnessFailure(imported.errors) }
    }
}
