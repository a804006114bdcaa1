// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ReeveCore

@Suite struct CommandTests {
    private let command = AuxiliaryCommand(.alert, arguments: ["/bin/alert"], timeout: .seconds(5))

    @Test func `ids of commands and of runs are of one sequence`() {
        var turn = Turn(now: World.start, sequence: RunSequence(origin: World.origin))
        let first = turn.run(command)
        let second = turn.run(command)
        let run = turn.sequence.next(at: World.start.wall)
        #expect(first < second && second.run < run && first.run.origin == World.origin)
        #expect(turn.effects == [.runCommand(first, command), .runCommand(second, command)])
    }

    @Test func `each command of the table is ended once and answered once`() {
        var turn = Turn(now: World.start, sequence: RunSequence(origin: 1))
        var table = CommandTable()
        let ids = [turn.run(command), turn.run(command)]
        table.add(from: &turn)
        table.add(from: &turn)
        #expect(table.endAll() == ids && table.endAll().isEmpty)
        #expect(table.remove(ids[0]) == .command(command) && table.remove(ids[0]) == nil)
        #expect(!table.isEmpty && table.remove(ids[1]) == .command(command) && table.isEmpty)
    }

    @Test func `an outcome that nobody waits for is a defect`() {
        var world = World.booted([daemon("web")])
        let stranger = CommandID(RunID(order: 1, origin: 1))
        world.send(.commandEnded(stranger, .timedOut(output: "")))
        #expect(world.overall.defects == 1)
    }
}

@Suite struct PlainTextTests {
    @Test func `text from outside becomes one line without control characters`() {
        func line(_ text: String, max: Int = 100) -> String {
            PlainText.line(text.utf8, max: max)
        }
        #expect(line("  serving\t12\nclients\u{1B}[2J\u{85} ") == "serving 12 clients [2J")
        #expect(line("a\u{202E}b\u{2028}c\u{7F}d") == "a b c d")
        #expect(line("grün ✓ 日本") == "grün ✓ 日本")
        // Never a part of a character.
        #expect(line("日本", max: 5) == "日" && line("abc  ", max: 4) == "abc")
        #expect(PlainText.line([0xFF, 0x41, 0xC3], max: 100) == "\u{FFFD}A\u{FFFD}")
        #expect(line("") == "" && line("\n\n") == "")
    }

    @Test func `lines are kept apart and empty ones left out`() {
        #expect(PlainText.lines(Array("one\r\n\n two\u{7}\n".utf8)) == "one\ntwo")
    }
}
