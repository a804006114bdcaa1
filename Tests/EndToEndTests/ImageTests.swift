// SPDX-License-Identifier: Apache-2.0
//
// What examples/container offers, assembled and run by a real engine.

import Foundation
import Glibc
import ReeveTestSupport
import Testing

@Suite(
    .serialized, .needs("root, podman, runc and the static build", if: Images.isPossible))
struct ImageTests {
    /// The example's folder with the binaries that its README says to put there.
    private func context(
        in place: Place, of example: String = "container"
    ) async throws -> String {
        let folder = place.file("context")
        let files = FileManager.default
        try files.copyItem(atPath: Tree.root + "/examples/" + example, toPath: folder)
        try? files.removeItem(atPath: folder + "/reeve")
        try? files.removeItem(atPath: folder + "/busybox")
        try files.copyItem(atPath: StaticBuild.shell, toPath: folder + "/busybox")
        let strip = try Guarded(
            ["strip", "-o", folder + "/reeve", StaticBuild.product("reeve")],
            directory: place.directory, name: "strip")
        let ending = try await strip.ended()
        #expect(ending == .exit(0), "\(strip.errors)")
        return folder
    }

    private func build(
        _ images: Images, _ name: String, _ file: String, in folder: String
    ) async throws {
        let built = try await images.podman(
            "build", "--network=none", "--pull=never", "--layers=false", "--build-arg",
            "BASE=localhost/debian", "-t",
            name,
            "-f", folder + "/" + file, folder, within: 120)
        #expect(built.code == 0, "\(built.errors)")
    }

    @Test func `an image of nothing but reeve and one program, and reeve as the init of any other`()
        async throws
    {
        try await Images.using { images, place in
            let folder = try await context(in: place)
            try await build(images, "reeve-scratch", "Containerfile.scratch", in: folder)
            let own = try images.run("reeve-scratch", "sh", "-c", "echo hello; exit 3")
            let ending = try await own.ended(within: 30)
            #expect(ending == .exit(3), "\(own.errors)")
            #expect(own.output == "hello\n")

            // The engine's own --init, with our binary under the engine's name.
            let script = "readlink /proc/1/exe; kill -HUP $$"
            let other = try images.run(
                "--init", "--init-path", folder + "/reeve", "--entrypoint", "[\"/busybox\"]",
                "reeve-scratch", "sh", "-c", script)
            let signalled = try await other.ended(within: 30)
            #expect(signalled == .exit(129), "\(other.errors)")

            // A stop of the engine reaches the program through it.
            let stopped = try images.run(
                "--name", "stopped", "--init", "--init-path", folder + "/reeve", "--entrypoint",
                "[\"/busybox\"]", "reeve-scratch", "sh", "-c",
                "trap 'echo bye; exit 6' TERM; echo up; while :; do sleep 0.1; done")
            try await eventually("the program") { stopped.output.contains("up") }
            let begin = ContinuousClock.now
            let stop = try await images.podman("stop", "stopped")
            #expect(stop.code == 0, "\(stop.errors)")
            #expect(ContinuousClock.now - begin < .seconds(8))
            let last = try await stopped.ended()
            #expect(last == .exit(6))
            #expect(stopped.output.contains("bye"))
        }
    }

    @Test(.timeLimit(.minutes(10)), .needs("debootstrap", if: Images.hasDebian))
    func `a Debian image with two schedulers, read-only, stopped within the engine's grace`()
        async throws
    {
        try await Images.using { images, place in
            let folder = try await context(in: place)
            try await images.importDebian(as: "debian")
            try await build(images, "reeve-debian", "Containerfile", in: folder)
            let run = try images.run("--name", "web", "--read-only", "reeve-debian")
            try await eventually("the server", within: 60) {
                if let ending = run.ending { throw HarnessFailure("\(ending): \(run.errors)") }
                return run.output.contains("web | serving")
            }
            try await eventually("a healthy answer", within: 30) {
                try await images.podman("exec", "web", "reeve", "healthcheck", "--strict").code == 0
            }
            let check = try await images.podman("exec", "web", "reeve", "check")
            #expect(check.code == 0, "\(check)")
            let begin = ContinuousClock.now
            let stop = try await images.podman("stop", "web")
            #expect(stop.code == 0, "\(stop.errors)")
            #expect(ContinuousClock.now - begin < .seconds(10))
            let ending = try await run.ended()
            #expect(ending == .exit(0), "\(run.errors)")
        }
    }

    @Test(.timeLimit(.minutes(10)), .needs("debootstrap", if: Images.hasDebian))
    func `a crontab as it is in a Debian image, read-only, as nobody`() async throws {
        try await Images.using { images, place in
            let folder = try await context(in: place, of: "crontab-in-container")
            try await images.importDebian(as: "debian")
            try await build(images, "jobs", "Containerfile", in: folder)
            let mounted = place.file("jobs")
            try FileManager.default.createDirectory(
                atPath: mounted, withIntermediateDirectories: true)
            try FileManager.default.copyItem(
                atPath: folder + "/crontab", toPath: mounted + "/crontab")
            let run = try images.run(
                "--name", "jobs", "--read-only", "-v", mounted + ":/etc/reeve:ro", "jobs")
            try await eventually("a line with the job and the run", within: 60) {
                if let ending = run.ending { throw HarnessFailure("\(ending): \(run.errors)") }
                return run.output.split(separator: "\n").contains {
                    $0.hasPrefix("tick 01") && $0.hasSuffix(" | tick")
                }
            }
            #expect((run.output + run.errors).contains("MAILTO: nothing is mailed to ops@"))
            #expect(run.output.contains(" | the container has started"))
            // The mounted crontab changes.
            let text = try String(contentsOfFile: mounted + "/crontab", encoding: .utf8)
            try text.replacingOccurrences(
                of: "@every 10s       echo tick", with: "@every 1s echo tock"
            )
            .write(toFile: mounted + "/crontab", atomically: true, encoding: .utf8)
            try await eventually("the new job", within: 30) { run.output.contains(" | tock") }
            let stop = try await images.podman("stop", "jobs")
            #expect(stop.code == 0, "\(stop.errors)")
            let ending = try await run.ended()
            #expect(ending == .exit(0), "\(run.errors)")
        }
    }
}
