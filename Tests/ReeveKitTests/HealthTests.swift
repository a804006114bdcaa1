// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveTestSupport
import Testing

@Suite struct `The health of a scheduler in Swift` {
    @Test func `it gives signs of life at half of the period, and none while it is not well`()
        async throws
    {
        try await trying([
            "EXECUTE": "wait", "WATCHDOG_USEC": "400000", "HEALTHCHECK": "while @well",
            "READINESS": "@well",
        ]) { trial in
            try await trial.prints("init")
            try Place.touch(trial.place.file("well"))
            try await trial.tells("WATCHDOG=1", times: 3)
            // Nothing before it was ready.
            #expect(try trial.messages().filter { $0 != "STATUS=working hard" }.first == "READY=1")
            try trial.removeFile("well")
            try await eventually("the words") {
                trial.process.errors == "the health check failed: it is not well\n"
            }
            let count = try trial.messages().count { $0 == "WATCHDOG=1" }
            // Longer than a period: what a supervisor would have missed.
            try await Task.sleep(for: .milliseconds(600))
            #expect(try trial.messages().count { $0 == "WATCHDOG=1" } == count)
            try Place.touch(trial.place.file("well"))
            try await trial.tells("WATCHDOG=1", times: count + 1)
            #expect(trial.process.errors.contains("the health check passes again"))
        }
    }

    @Test func `a watchdog that waits for another process gets nothing`() async throws {
        try await trying(["EXECUTE": "wait", "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"]) {
            trial in
            try await trial.tells("READY=1")
            try await Task.sleep(for: .milliseconds(300))
            let told = try trial.messages()
            #expect(!told.contains("WATCHDOG=1"))
        }
    }

    @Test func `asked from outside, the one that runs answers, by its run's id and by its pid`()
        async throws
    {
        try await trying([
            "EXECUTE": "wait", "REEVE_RUN_ID": "@run", "HEALTHCHECK": "while @well",
            "READINESS": "@well",
        ]) { trial in
            try await trial.prints("init")
            let run = ["REEVE_ABOUT_RUN": trial.place.file("run"), "MAINPID": "1"]
            try await trial.tells("STATUS=working hard")
            let early = try await trial.askHealth("early", run)
            #expect(early.code == 1 && early.output == "failed: it is not ready yet\n")
            try Place.touch(trial.place.file("well"))
            try await trial.tells("READY=1")
            let well = try await trial.askHealth("well", run)
            #expect(well.code == 0 && well.output == "passed\n")
            try trial.removeFile("well")
            let ill = try await trial.askHealth("ill", run)
            #expect(ill.code == 1 && ill.output == "failed: it is not well\n")
        }
        try await trying(["EXECUTE": "wait", "HEALTHCHECK": "throw"]) { trial in
            try await trial.tells("READY=1")
            let pid = try await trial.process.pid()
            let ill = try await trial.askHealth("ill", ["MAINPID": "\(pid)"])
            #expect(ill.code == 1 && ill.output == "failed: the database is away\n")
            try await trial.send(SIGTERM)
            try await trial.ends(.exit(0))
            let gone = try await trial.askHealth("gone", ["MAINPID": "\(pid)"])
            #expect(gone.code == 1 && gone.errors.contains("does not run"))
            let nobody = try await trial.askHealth("nobody", [:])
            #expect(nobody.code == 64 && nobody.errors.contains("REEVE_ABOUT_RUN"))
        }
    }
}
