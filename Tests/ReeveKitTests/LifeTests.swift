// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveTestSupport
import Testing

@Suite struct `The life of a scheduler in Swift` {
    @Test func `a task runs once, through every step in its order, and ends with 0`() async throws {
        try await trying([
            "REEVE_SCHEDULER": "nightly", "REEVE_RUN_ID": "RUN", "REEVE_ATTEMPT": "2",
        ]) {
            trial in
            try await trial.ends(.exit(0))
            #expect(
                trial.lines == [
                    "init", "onStart", "name nightly, id RUN, attempt 2", "execute", "onStop",
                    "cleanup",
                ])
            #expect(trial.process.errors == "")
            #expect(try trial.messages() == ["READY=1", "STATUS=working hard", "STOPPING=1"])
        }
    }

    @Test func `the instant that it was due is told in text and in seconds`() async throws {
        try await trying(["REEVE_SCHEDULED_AT": "2026-11-25T02:30:00Z"]) { trial in
            try await trial.ends(.exit(0))
            #expect(trial.lines.contains("due 2026-11-25T02:30:00Z, 1795573800"))
        }
    }

    @Test func `by hand it has a name, an id and a first attempt, and nobody is told`() async throws
    {
        try await trying(["NOTIFY_SOCKET": ""]) { trial in
            try await trial.ends(.exit(0))
            let facts = try #require(trial.lines.first { $0.hasPrefix("name ") })
            #expect(facts.hasPrefix("name reeve-test-scheduler, id "))
            #expect(facts.hasSuffix(", attempt 1"))
            let words = facts.split { ", ".contains($0) }
            #expect(words[3].count == 26)
            #expect(trial.process.errors == "")
        }
    }

    @Test(arguments: [("throw", 1), ("throw 65", 65), ("throw 0", 1), ("throw 256", 1)])
    func `an execution that fails says so, chooses its exit code, and is still ended in order`(
        words: String, code: Int32
    ) async throws {
        try await trying(["EXECUTE": words]) { trial in
            try await trial.ends(.exit(code))
            #expect(trial.lines.suffix(2) == ["onStop", "cleanup"])
            #expect(trial.process.errors.hasPrefix("the execution failed, exit code \(code): "))
        }
    }

    @Test func `what fails before the work ends the program, without onStop`() async throws {
        try await trying(["ONSTART": "throw 78"]) { trial in
            try await trial.ends(.exit(78))
            #expect(trial.lines == ["init", "onStart", "cleanup"])
            #expect(trial.process.errors == "the start failed, exit code 78: as it was told to\n")
            #expect(try trial.messages() == [])
        }
        try await trying(["INIT": "throw"]) { trial in
            try await trial.ends(.exit(1))
            #expect(trial.lines == ["init"])
        }
    }

    @Test func `a failed onStop makes a success a failure, a failed cleanup is only said`()
        async throws
    {
        try await trying(["ONSTOP": "throw 3", "CLEANUP": "throw"]) { trial in
            try await trial.ends(.exit(3))
            #expect(trial.process.errors.contains("the orderly end failed, exit code 3: "))
            #expect(trial.process.errors.contains("the cleanup failed, and the program goes on: "))
        }
        try await trying(["EXECUTE": "throw 4", "ONSTOP": "throw 3"]) { trial in
            try await trial.ends(.exit(4))
        }
        try await trying(["CLEANUP": "throw"]) { trial in
            try await trial.ends(.exit(0))
        }
    }

    @Test func `SIGTERM cancels the work, then comes the orderly end, and the code is 0`()
        async throws
    {
        try await trying(["EXECUTE": "wait"]) { trial in
            try await trial.prints("execute")
            // A supervisor sends it to the group as well: a second one changes nothing.
            try await trial.send(SIGTERM)
            try await trial.send(SIGTERM)
            try await trial.ends(.exit(0))
            #expect(
                trial.lines.suffix(3) == ["cancelled: true, task: true", "onStop", "cleanup"])
            #expect(try trial.messages().suffix(1) == ["STOPPING=1"])
            #expect(trial.process.errors == "")
        }
    }

    @Test func `SIGINT does the same with 130, and a second one is patient no longer`() async throws
    {
        try await trying(["EXECUTE": "wait"]) { trial in
            try await trial.prints("execute")
            try await trial.send(SIGINT)
            try await trial.ends(.exit(130))
            #expect(trial.lines.suffix(2) == ["onStop", "cleanup"])
        }
        try await trying(["EXECUTE": "deaf"]) { trial in
            try await trial.prints("execute")
            try await trial.send(SIGINT)
            try await trial.tells("STOPPING=1")
            try await trial.send(SIGINT)
            try await trial.ends(.exit(130))
            #expect(!trial.lines.contains("onStop"))
        }
    }

    @Test func `work that is finished in spite of SIGTERM is a success, an error a failure`()
        async throws
    {
        try await trying(["EXECUTE": "await @go"]) { trial in
            try await trial.prints("execute")
            try await trial.send(SIGTERM)
            try await trial.tells("STOPPING=1")
            try Place.touch(trial.place.file("go"))
            try await trial.ends(.exit(0))
        }
        try await trying(["EXECUTE": "cancel"]) { trial in
            try await trial.ends(.exit(1))
        }
    }

    @Test func `SIGTERM during the start: no work, and onStop where the start was finished`()
        async throws
    {
        try await trying(["ONSTART": "wait"]) { trial in
            try await trial.prints("onStart")
            try await trial.send(SIGTERM)
            try await trial.ends(.exit(0))
            #expect(trial.lines == ["init", "onStart", "cleanup"])
        }
        try await trying(["ONSTART": "await @go"]) { trial in
            try await trial.prints("onStart")
            try await trial.send(SIGTERM)
            try await trial.tells("STOPPING=1")
            try Place.touch(trial.place.file("go"))
            try await trial.ends(.exit(0))
            #expect(trial.lines == ["init", "onStart", "onStop", "cleanup"])
            #expect(try trial.messages() == ["STOPPING=1"])
        }
        // What did not run has not succeeded: a shell script shall not go on.
        try await trying(["ONSTART": "await @go"]) { trial in
            try await trial.prints("onStart")
            try await trial.send(SIGINT)
            try await trial.tells("STOPPING=1")
            try Place.touch(trial.place.file("go"))
            try await trial.ends(.exit(130))
        }
        try await trying(["INIT": "wait"]) { trial in
            try await trial.prints("init")
            try await trial.send(SIGTERM)
            try await trial.ends(.exit(0))
        }
    }

    @Test func `SIGUSR1 has it clean up while it works`() async throws {
        try await trying(["EXECUTE": "wait"]) { trial in
            try await trial.prints("execute")
            try await trial.send(SIGUSR1)
            try await trial.prints("cleanup")
            #expect(trial.lines.last == "cleanup")
            try await trial.send(SIGTERM)
            try await trial.ends(.exit(0))
            #expect(trial.lines.count { $0 == "cleanup" } == 2)
        }
    }

    @Test func `the main actor is free`() async throws {
        try await trying(["EXECUTE": "main"]) { trial in
            try await trial.ends(.exit(0))
            #expect(trial.lines.contains("main actor"))
        }
    }

    @Test func `a socket of the abstract namespace is told as well`() async throws {
        try await trying(isAbstract: true) { trial in
            try await trial.ends(.exit(0))
            #expect(try trial.messages() == ["READY=1", "STATUS=working hard", "STOPPING=1"])
        }
    }

    @Test func `it is ready when it says so, where it says that it will`() async throws {
        try await trying(["EXECUTE": "wait", "READINESS": "@ready"]) { trial in
            try await trial.tells("STATUS=working hard")
            let early = try trial.messages()
            #expect(!early.contains("READY=1"))
            try Place.touch(trial.place.file("ready"))
            try await trial.tells("READY=1")
        }
    }

    @Test func `it waits without using the processor`() async throws {
        try await trying(["EXECUTE": "wait"]) { trial in
            try await trial.prints("execute")
            let pid = try await trial.process.pid()
            let before = try #require(Processes.stat(pid)).ticks
            try await Task.sleep(for: .seconds(1))
            let after = try #require(Processes.stat(pid)).ticks
            #expect(after - before <= 1)
        }
    }
}
