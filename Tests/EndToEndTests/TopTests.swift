// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveTestSupport
import Testing

/// `reeve top` on a real terminal of 80 columns and 24 rows, as tmux has one.
@Suite struct TopTests {
    @Test func `the table keeps itself current on a terminal of 80 by 24`() async throws {
        try await Reeve.supervising({ place in
            (1...30).map { index in
                """
                [schedulers.calm-\(index)]
                command = \(place.child("forever"))
                ready = "spawn"

                """
            }.joined() + """
                [schedulers.zealous]
                command = \(place.child("exit", "3"))
                restart-delay = "60s"
                restart-jitter = 0.0
                """
        }) { reeve in
            _ = try await reeve.scheduler("zealous", becomes: "failed") {
                $0.lifecycle == "backing-off"
            }
            let terminal = try await TmuxTerminal(
                in: reeve.directory, columns: 80, rows: 24,
                running: [Tree.product("reeve"), "top", "--socket", reeve.socket])
            do {
                try await use(terminal, of: reeve)
            } catch {
                await terminal.close()
                throw error
            }
            await terminal.close()
        }
    }

    @Test func `without a terminal it says what to use instead`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = \(place.child("forever"))
            """
        }) { reeve in
            let answer = try await reeve.command("top")
            #expect(answer.code == 64)
            #expect(answer.errors.contains("reeve status"))
        }
    }

    /// It listens, and never answers.
    @Test func `an error of the first look is told, not an empty screen`() async throws {
        let place = try Place()
        defer { place.remove() }
        let path = place.file("mute.sock")
        let listener = try MuteListener(at: path)
        defer { withExtendedLifetime(listener) {} }
        let terminal = try await TmuxTerminal(
            in: place.directory, columns: 80, rows: 24,
            running: [
                Tree.product("reeve"), "top", "--timeout", "300ms", "--socket", path,
            ])
        do {
            try await terminal.screen("why, and the exit code") { rows in
                rows[0].hasPrefix("reeve: ") && rows.contains { $0.hasPrefix("code 75") }
            }
        } catch {
            await terminal.close()
            throw error
        }
        await terminal.close()
    }

    private func use(_ terminal: TmuxTerminal, of reeve: Reeve) async throws {
        // The worst stands first, under the title, though its name is the last.
        let screen = try await terminal.screen("the failed one first") {
            $0.count > 2 && $0[2].contains("zealous") && $0[2].contains("starts in")
        }
        #expect(screen.count == 24)
        #expect(screen[0].contains("degraded  31 schedulers: 1 degraded, 30 healthy"))
        #expect(screen[1].hasPrefix("NAME") && screen[1].contains("WHY"))
        #expect(screen[23].hasPrefix("1 to 21 of 31 schedulers"))
        #expect(screen.allSatisfy { $0.count <= 80 })

        try await terminal.press("o")
        try await terminal.screen("by name") {
            $0[2].hasPrefix("calm-1 ") && $0[23].contains("order: name")
        }
        try await terminal.press("j", "j")
        try await terminal.screen("scrolled by two") { $0[23].hasPrefix("3 to 23 of 31") }
        try await terminal.press("Space")
        try await terminal.screen("scrolled to the end") { $0[23].hasPrefix("11 to 31 of 31") }

        _ = try await reeve.command("stop", "calm-1", within: 20)
        try await terminal.press("o", "o", "o")
        try await terminal.screen("the stop is seen") { $0[0].contains("1 stopped") }

        try await terminal.resize(columns: 60, rows: 12)
        try await terminal.screen("fits a smaller terminal") {
            $0.count == 12 && $0[11].contains("of 31 schedulers")
                && $0.allSatisfy { $0.count <= 60 }
        }
        try await terminal.press("q")
        try await terminal.screen("left, and the shell is back") {
            $0.contains { $0.contains("code 0") } && !$0.contains { $0.contains("WHY") }
        }
    }
}
