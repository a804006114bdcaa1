// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ReeveTestSupport
import Testing

@Suite struct ExampleTests {
    @Test func `the first steps show what they promise within half a minute`() async throws {
        let text = try #require(Tree.text("examples/first-steps/reeve.toml"))
        let schedulers = text.split(separator: "\n\n", omittingEmptySubsequences: false)
            .filter { $0.contains("[schedulers.") }.joined(separator: "\n\n")
        try await Reeve.supervising({ _ in schedulers }) { reeve in
            for words in ["web: waits for database", "flaky: next start in", "above 40MB"] {
                try await reeve.log(says: words, within: 30)
            }
            try await reeve.scheduler("web", becomes: "healthy", within: 30) {
                $0.status == "healthy"
            }
            let hungry = try await reeve.scheduler("hungry")
            #expect(hungry.restartCount >= 1)
            let steady = try await reeve.scheduler("steady")
            #expect(steady.restartCount == 0)
            #expect(reeve.process.output.contains("steady | tick"))
        }
    }

    /// Runs an example as it is, in a copy of its folder, save that its place below /tmp is one of the test's.
    func running(
        _ example: String, change: (String) -> String = { $0 },
        _ body: (Place, Guarded, (String...) async throws -> Outcome) async throws -> Void
    ) async throws {
        let place = try Place()
        defer { place.remove() }
        let folder = place.file("example")
        try FileManager.default.copyItem(
            atPath: Tree.root + "/examples/" + example, toPath: folder)
        let text = try String(contentsOfFile: folder + "/reeve.toml", encoding: .utf8)
        let own = text.replacingOccurrences(of: "/tmp/reeve-" + example, with: place.file("run"))
        #expect(own != text)
        // The machine's own would be another reeve's: it ends what that one left.
        #expect(own.contains("\nstate-directory = \"" + place.file("run")), "\(example)")
        try place.write("example/reeve.toml", change(own))
        let process = try Guarded(
            ["/bin/sh", "-c", "cd example && exec \"$0\" run reeve.toml", Tree.product("reeve")],
            environment: Guarded.environment, directory: place.directory, name: "example")
        let pid = try await process.pid()
        let socket = ["REEVE_SOCKET": place.file("run/control.sock")]
        do {
            try await eventually("the start") { process.errors.contains("start-up took") }
            try await body(place, process) { (words: String...) in
                let command = try Guarded(
                    [Tree.product("reeve")] + words,
                    environment: Guarded.environment.merging(socket) { $1 },
                    directory: place.directory,
                    name: "command-" + String(UInt32.random(in: 0 ... .max), radix: 36))
                guard case .exit(let code) = try await command.ended() else {
                    throw HarnessFailure("reeve \(words) died")
                }
                return Outcome(code: code, output: command.output, errors: command.errors)
            }
        } catch {
            Processes.signal(pid, SIGKILL)
            _ = try? await process.leaks()
            throw HarnessFailure("\(error)\n\(process.output)\n\(process.errors)")
        }
        Processes.signal(pid, SIGTERM)
        #expect(try await process.ended(within: 30) == .exit(0))
        let leaks = try await process.leaks()
        #expect(leaks.isEmpty)
    }

    @Test func `of cron and nothing else each time that was due has its outcome`() async throws {
        try await running("cron-only") { place, process, command in
            for words in [
                "| polling", "| at 20", "| attempt 1", "| attempt 2",
                "slow: the execution of", "skipped: the one before still runs",
                "flaky: the execution of",
            ] {
                try await eventually("\"\(words)\"", within: 40) {
                    (process.output + process.errors).contains(words)
                }
            }
            try await eventually("the second attempt to count as a success", within: 20) {
                let runs = try await command("runs", "flaky")
                return runs.output.contains("succeeded")
            }
            let next = try await command("next", "report")
            #expect(next.code == 0 && next.output.contains("T08:00:00-0"), "\(next)")
            let now = try await command("run-now", "report")
            #expect(now.code == 0, "\(now)")
            try await eventually("the report") { process.output.contains("nothing to report") }
            #expect(process.output.contains("report 01"))
        }
    }

    /// What the nightly backup's file has to say of its nights, by another reckoning.
    @Test func `half past two in Berlin is what the system's own library makes of it`() async throws
    {
        let place = try Place()
        defer { place.remove() }
        let next = try await reeve(
            "next", "--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "-n", "400", in: place)
        let zone = try #require(TimeZone(identifier: "Europe/Berlin"))
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        var names: Set<String> = []
        var oddNights = 0
        let lines = next.output.split(separator: "\n")
        #expect(lines.count == 400)
        for line in lines {
            let words = line.split(separator: " ", maxSplits: 2)
            let instant = try #require(
                words.first.flatMap { ISO8601DateFormatter().date(from: String($0)) })
            let isSummer = zone.isDaylightSavingTime(for: instant)
            let offset = isSummer ? "+02:00" : "+01:00"
            #expect(words[0].hasSuffix(offset), "\(line)")
            #expect(words[1] == (isSummer ? "CEST" : "CET"), "\(line)")
            #expect(zone.secondsFromGMT(for: instant) == (isSummer ? 7_200 : 3_600))
            names.insert(String(words[1]))
            let time = calendar.dateComponents([.hour, .minute], from: instant)
            // Right after the hour that does not exist.
            if time.hour == 3, time.minute == 0 {
                oddNights += 1
                #expect(zone.secondsFromGMT(for: instant - 1) == 3_600, "\(line)")
            } else {
                #expect(time.hour == 2 && time.minute == 30, "\(line)")
            }
        }
        #expect(names == ["CET", "CEST"])
        #expect((1...2).contains(oddNights))
    }

    @Test func `the nightly backup packs, and tells what cannot be mended`() async throws {
        let (source, target) = ("\"/etc\"", "/run/archives\"")
        try await running(
            "nightly-backup",
            change: { $0.replacingOccurrences(of: source, with: "\"/usr/lib/os-release.d\"") }
        ) { place, process, command in
            // No such folder: one attempt, since that will not get better.
            _ = try await command("run-now", "backup")
            try await eventually("the refusal") {
                process.errors.contains("failed: failed with exit code 64")
                    && process.errors.contains("no further attempt after exit code 64")
            }
            // Mended in the file, and read again.
            try FileManager.default.createDirectory(
                atPath: place.file("data"), withIntermediateDirectories: true)
            try place.write("data/file", "something to keep\n")
            let file = place.file("example/reeve.toml")
            let text = try String(contentsOfFile: file, encoding: .utf8)
            #expect(text.contains(target))
            try text.replacingOccurrences(
                of: "/usr/lib/os-release.d", with: place.file("data")
            ).write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try await command("reload").code == 0)
            let now = try await command("run-now", "backup")
            #expect(now.code == 0, "\(now)")
            try await eventually("the archive") { process.output.contains("backup | wrote ") }
            let archives = try FileManager.default.contentsOfDirectory(
                atPath: place.file("run/archives"))
            #expect(archives.count == 1 && archives[0].hasSuffix(".tar.gz"), "\(archives)")
            try await eventually("its outcome") {
                try await command("runs", "backup").output.contains("succeeded")
            }
            let next = try await command("next", "backup", "-n", "100")
            #expect(next.code == 0)
            #expect(next.output.split(separator: "\n").count { $0.contains("T02:30:00+0") } >= 99)
        }
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/python3")))
    func `what a web server takes its worker does, also what it was killed over`() async throws {
        let port = UInt16.random(in: 20_000..<32_000)
        try await running(
            "web-and-worker",
            change: {
                $0.replacingOccurrences(of: "8070", with: "\(port)")
                    .replacingOccurrences(of: "watchdog = \"10s\"", with: "watchdog = \"1s\"")
                    .replacingOccurrences(
                        of: "stop-timeout = \"10s\"", with: "stop-timeout = \"500ms\"")
            }
        ) { place, process, command in
            try await eventually("the health of all") {
                try await command("healthcheck").code == 0
            }
            func post(_ job: String) async throws {
                let program = """
                    import sys, urllib.request
                    urllib.request.urlopen("http://127.0.0.1:\(port)/jobs", sys.argv[1].encode())
                    """
                let python = try Guarded(
                    ["python3", "-c", program, job], directory: place.directory,
                    name: "post-" + String(UInt32.random(in: 0 ... .max), radix: 36))
                #expect(try await python.ended() == .exit(0), "\(python.errors)")
            }
            try await post("resize 1.jpg")
            try await eventually("the job") { process.output.contains("done: resize 1.jpg") }
            // It hangs for longer than its watchdog allows, and the second time it does not.
            try await post("sleep 600")
            try await eventually("the watchdog") { process.errors.contains("no sign of life") }
            let queue = place.file("run/store/queue")
            let begun = try FileManager.default.contentsOfDirectory(atPath: queue)
            #expect(begun.count == 1)
            try place.write("run/store/queue/" + (begun.first ?? "none"), "shorter")
            try await eventually("the job, again") { process.output.contains("done: shorter") }
            #expect(try await command("status", "web").output.contains("restarts: 0 automatic"))
        }
    }
}
