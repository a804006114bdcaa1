// SPDX-License-Identifier: Apache-2.0
//
// A reeve that is killed takes nobody along; the next one on the same state directory must not start
// anybody a second time.

import Foundation
import ReeveTestSupport
import Testing

@Suite struct CrashTests {
    @Test func `what a killed reeve left is ended before anything starts again`() async throws {
        try await Reeve.supervising(
            { place in
                """
                [schedulers.web]
                command = \(place.child("stamp", "@pids", "up", "forever"))
                """
            },
            setup: { $0.prefix = ["/bin/sh", "-c", "\"$@\"; exec \"$@\"", "sh"] }
        ) { reeve in
            let first = try await reeve.stamps("pids", reach: 1)[0].pid
            let killed = try #require(Processes.children(of: reeve.pid).first?.pid)
            Processes.signal(killed, 9)

            let second = try await reeve.stamps("pids", reach: 2)[1].pid
            #expect(second != first)
            #expect(!Processes.isAlive(first), "it ran twice")
            try await reeve.log(says: "nothing of the earlier reeve is left")
            #expect(reeve.log.contains("was killed and left"))

            Processes.signal(reeve.pid, 15)
            #expect(try await reeve.process.ended() == .exit(0))
        }
    }

    @Test func `a reeve on a copy of the state directory leaves the first one's programs alone`()
        async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = \(place.child("stamp", "@pids", "up", "forever"))
            """
        }) { reeve in
            let pid = try await reeve.stamps("pids", reach: 1)[0].pid
            let state = reeve.directory + "/state"
            try FileManager.default.copyItem(atPath: state, toPath: state + "-copied")
            let text = try String(
                contentsOfFile: reeve.directory + "/reeve.toml", encoding: .utf8)
            try text.replacingOccurrences(of: state, with: state + "-copied")
                .replacingOccurrences(of: reeve.directory + "/run", with: reeve.directory + "/run2")
                .replacingOccurrences(of: "pids", with: "pids2")
                .write(
                    toFile: reeve.directory + "/copied.toml", atomically: true, encoding: .utf8)
            let second = try reeve.start(["run", reeve.directory + "/copied.toml"])
            let other = try await reeve.stamps("pids2", reach: 1)[0].pid
            #expect(Processes.isAlive(pid) && Processes.isAlive(other))
            Processes.signal(try await second.pid(), 15)
            #expect(try await second.ended() == .exit(0))
            let said = second.output + second.errors
            #expect(said.contains("it is a copy of another one, or was moved"), "\(said)")
            #expect(Processes.isAlive(pid) && !Processes.isAlive(other))
        }
    }
}
