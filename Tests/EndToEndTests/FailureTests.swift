// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ReeveTestSupport
import Testing

/// The failed run that `reeve why --json` prints, as far as the tests read it.
private struct FailedRun: Decodable {
    struct Line: Decodable {
        let line: String
        let stream: String?
    }
    struct Limit: Decodable {
        let key: String
        let value: String
    }

    let scheduler: String
    let runId: String
    let attempt: Int
    let occurrence: String?
    let code: Int32?
    let signal: String?
    let meaning: String
    let reading: String
    let stopReason: String?
    let limits: [Limit]
    let memoryPeak: Int
    let log: [Line]
}

extension Reeve {
    fileprivate func failedRun(_ words: String...) async throws -> FailedRun? {
        let started = try start(["why", "--json"] + words)
        let ending = try await started.ended(within: 20)
        guard case .exit(0) = ending else { return nil }
        // Records of the ledger may come before it.
        let lines = started.output.split(separator: "\n").filter { $0.contains("\"meaning\"") }
        guard let last = lines.last else { return nil }
        return try JSONDecoder().decode(FailedRun.self, from: Data(last.utf8))
    }
}

@Suite struct FailureTests {
    @Test func `a failed run is kept with its own log, its end and its limits`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = '''
            if [ -e \(place.file("second")) ]; then echo second; exit 4; fi
            touch \(place.file("second")); echo first; echo wrong >&2; exit 3
            '''
            environment = { TOKEN = "hush-hush" }
            restart-delay = "300ms"
            restart-factor = 1000.0
            restart-delay-max = "1h"
            memory-threshold = "90MB"
            """
        }) { reeve in
            let last = try await eventually("the second failure") {
                let run = try await reeve.failedRun("web")
                return run?.code == 4 ? run : nil
            }
            #expect(last.log.map(\.line) == ["second"])
            #expect(last.meaning == "ended with exit code 4" || last.meaning.contains("code 4"))
            #expect(last.limits.contains { $0.key == "memory-threshold" && $0.value == "90MB" })
            let directory = reeve.directory + "/state/failures"
            #expect(try Place.mode(directory) == 0o700)
            // `reeve why` knows one a moment before it is in the file.
            let ids = try await eventually("both are in its file") {
                let kept = try Data(contentsOf: URL(fileURLWithPath: directory + "/web"))
                #expect(kept.range(of: Data("hush-hush".utf8)) == nil)
                let text = String(decoding: kept, as: UTF8.self)
                let ids = text.matches(of: /"runId":"([0-9A-Z]{26})"/).map { String($0.output.1) }
                return ids.count == 2 ? ids : nil
            }
            #expect(try Place.mode(directory + "/web") == 0o600)
            // The one before is kept, too, and is asked for by its id.
            let first = try await reeve.failedRun("web", "--run", ids[0])
            #expect(first?.code == 3)
            #expect(Set(first?.log.map(\.line) ?? []) == ["first", "wrong"])
            #expect(first?.log.contains { $0.stream == "stderr" && $0.line == "wrong" } == true)
            let shown = try await reeve.command("why", "web")
            #expect(shown.output.contains("failed run") && shown.output.contains("second"))
        }
    }

    @Test(.needs("root, unshare and /dev/fuse", if: Machine.mayMountDeaf))
    func `why waits for a disk that does not answer, and nobody else does`() async throws {
        try await Reeve.supervising(
            { _ in
                """
                [schedulers.web]
                command = "echo said; exit 3"
                restart-delay = "1h"
                [schedulers.near]
                command = ["sleep", "1000"]
                """
            },
            setup: { $0.prefix = Machine.withDeafMount(isStuck: true) }
        ) { reeve in
            let kept = reeve.directory + "/state/failures"
            try await eventually("the bundle is in its file") {
                FileManager.default.fileExists(atPath: kept + "/web")
            }
            #expect(try await reeve.command("why", "web").output.contains("said"))
            // Only reeve and its children see the mount.
            try FileManager.default.moveItem(atPath: kept, toPath: kept + ".before")
            try FileManager.default.createSymbolicLink(
                atPath: kept, withDestinationPath: "../away")
            async let why = reeve.command("why", "web", within: 40)
            try await eventually("a reader waits for the disk") {
                Processes.children(of: reeve.pid).contains { $0.name == "reeve-reader" }
            }
            let begin = ContinuousClock.now
            #expect(try await reeve.command("restart", "near").code == 0)
            #expect(ContinuousClock.now - begin < .seconds(5))
            let answer = try await why
            #expect(answer.code == 1)
            #expect(answer.errors.contains("its disk does not answer"), "\(answer.errors)")
            try Place.touch(reeve.directory + "/back")
            try FileManager.default.removeItem(atPath: kept)
            try FileManager.default.moveItem(atPath: kept + ".before", toPath: kept)
            #expect(try await reeve.command("why", "web").output.contains("said"))
        }
    }

    @Test func `a disk that does not answer for what failed runs leave holds up nobody`()
        async throws
    {
        try await Reeve.supervising({ _ in
            """
            [schedulers.web]
            command = "echo said; exit 3"
            restart-delay = "100ms"
            restart-factor = 1.0
            restart-jitter = 0.0
            max-restarts = "unlimited"
            """
        }) { reeve in
            let file = URL(fileURLWithPath: reeve.directory + "/state/failures/web")
            func kept() -> String {
                String(decoding: (try? Data(contentsOf: file)) ?? Data(), as: UTF8.self)
            }
            try await eventually("a bundle") { kept().contains("runId") }
            let scribe = try await eventually("the scribe") {
                Processes.children(of: reeve.pid).first { process in
                    let name = try? String(
                        contentsOfFile: "/proc/\(process.pid)/comm", encoding: .utf8)
                    return name == "reeve-scribe\n"
                }?.pid
            }
            Processes.signal(scribe, SIGSTOP)
            let before = try #require(try await reeve.failedRun("web")).runId
            // Restarts go on, and what waits is found.
            let later = try await eventually("later failures") {
                let run = try await reeve.failedRun("web")
                return run.flatMap { $0.runId > before && !kept().contains($0.runId) ? $0 : nil }
            }
            #expect(later.log.map(\.line) == ["said"])
            try await eventually("the status") {
                try await reeve.command("status", "--json").output.contains(
                    "what failed runs leave is not kept: the scribe does not come forward")
            }
            // What it was given and has not written the next one writes.
            Processes.signal(scribe, SIGKILL)
            try await eventually("newer bundles") {
                kept().matches(of: /"runId":"([0-9A-Z]{26})"/).contains {
                    $0.output.1 > later.runId
                }
            }
        }
    }

    @Test func `one that could not be started has the words of what was to be done before`()
        async throws
    {
        try await Reeve.supervising({ _ in
            """
            [schedulers.web]
            command = ["sleep", "1000"]
            on-start = ["sh", "-c", "echo no table orders >&2; exit 9"]
            restart = "never"
            """
        }) { reeve in
            let run = try await eventually("its bundle") { try await reeve.failedRun("web") }
            #expect(run.meaning.contains("its on-start command ended with exit code 9"))
            #expect(run.log.map(\.line) == ["no table orders"])
        }
    }

    @Test func `a death by SIGKILL is told apart from one that reeve brought about`() async throws {
        try await Reeve.supervising({ place in
            """
            [defaults]
            restart-delay = "1h"
            [schedulers.shot]
            command = ["sleep", "3600"]
            [schedulers.slow]
            kind = "task"
            command = ["sleep", "3600"]
            timeout = "300ms"
            restart = "never"
            [schedulers.fat]
            command = \(place.child("grow", "80", "forever"))
            memory-hard-limit = "30MB"
            health-check-interval = "1s"
            """
        }) { reeve in
            let one = try await reeve.scheduler("shot", becomes: "up") { $0.pid != nil }
            kill(one.pid ?? 0, SIGKILL)
            let shot = try await eventually("its bundle") { try await reeve.failedRun("shot") }
            #expect(shot.signal == "SIGKILL" && shot.stopReason == nil)
            #expect(
                shot.reading.contains("somebody else sent SIGKILL")
                    || shot.reading.contains("cannot be told")
                    || shot.reading.contains("out of memory"))
            let slow = try await eventually("its bundle") { try await reeve.failedRun("slow") }
            #expect(slow.stopReason == "ran longer than its timeout")
            #expect(slow.reading.hasPrefix("reeve ended it by SIGTERM"))
            let fat = try await eventually("its bundle") { try await reeve.failedRun("fat") }
            #expect(fat.signal == "SIGKILL" && fat.reading.hasPrefix("reeve sent SIGKILL"))
            #expect(fat.memoryPeak > 30_000_000)
        }
    }

    @Test func `each attempt of a scheduled one is kept, and why shows both stories`() async throws
    {
        try await Reeve.supervising({ _ in
            """
            [schedulers.job]
            command = "echo try; exit 9"
            interval = "1h"
            run-on-start = true
            max-retries = 1
            retry-delay = "100ms"
            """
        }) { reeve in
            let run = try await eventually("the second attempt's bundle") {
                let run = try await reeve.failedRun("job")
                return run?.attempt == 2 ? run : nil
            }
            #expect(run.occurrence != nil && run.log.map(\.line) == ["try"])
            let shown = try await reeve.command("why", "job")
            #expect(shown.output.contains("due at") && shown.output.contains("failed run"))
        }
    }

    @Test func `what never failed has nothing to show`() async throws {
        try await Reeve.supervising({ _ in "[schedulers.web]\ncommand = [\"sleep\", \"3600\"]" }) {
            reeve in
            let outcome = try await reeve.command("why", "web")
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains("no failed run of it is kept"))
        }
    }
}
