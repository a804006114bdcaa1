// SPDX-License-Identifier: Apache-2.0

import ReeveControl
import ReeveCore
import Testing

/// Whatever comes in, reading it ends in a value or in a sentence.
@Suite struct HostileTextTests {
    /// xorshift64*: the same lines in every run.
    private struct Dice: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return state &* 0x2545_F491_4F6C_DD1D
        }
    }

    private func mutated(_ bytes: [UInt8], _ dice: inout Dice) -> [UInt8] {
        var bytes = bytes
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"", "\\u0000", "\\", "null", "1e9999", "-1", "0.5",
            "99999999999999999999", "\u{FF}", "{\"id\":", "true",
        ].map { Array($0.utf8) }
        for _ in 0...Int.random(in: 0...4, using: &dice) {
            guard let place = bytes.indices.randomElement(using: &dice) else { break }
            switch Int.random(in: 0...4, using: &dice) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &dice)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(contentsOf: pieces.randomElement(using: &dice) ?? [], at: place)
            case 3: bytes.removeSubrange(place...)
            default:
                let end = Int.random(in: place...bytes.count, using: &dice)
                bytes.insert(contentsOf: bytes[place..<end], at: place)
            }
        }
        return bytes
    }

    @Test func `a mangled request is read or refused with a sentence`() {
        var refused = 0
        for seed in UInt64(1)...200 {
            var dice = Dice(state: seed &* 0x9E37_79B9_7F4A_7C15)
            for (line, _) in RequestTests.operations {
                do {
                    _ = try ControlDecoder.request(mutated(Array(line.utf8), &dice))
                } catch {
                    refused += 1
                    #expect(!error.message.isEmpty && error.message.utf8.count < 1_000)
                }
            }
        }
        #expect(refused > 2_000)
    }

    @Test func `a mangled answer is read or refused with a sentence`() throws {
        let status = try fullStatus()
        var lines: [[UInt8]] = [[], [], []]
        ControlEncoder.statusHeader(sampleOverview(), id: RequestID(1), to: &lines[0])
        _ = ControlEncoder.schedulers(
            from: 0, count: 1, id: RequestID(1), status: { _ in status }, to: &lines[1])
        ControlEncoder.event(
            Record(at: sampleTime, scheduler: status.name, fact: .completed(ran: .zero)),
            position: EventPosition(epoch: "A", sequence: 1), id: RequestID(1), to: &lines[2])
        for seed in UInt64(1)...500 {
            var dice = Dice(state: seed &* 0x9E37_79B9_7F4A_7C15)
            for line in lines {
                do {
                    _ = try ControlDecoder.message(mutated(line, &dice))
                } catch {
                    #expect(!error.description.isEmpty)
                }
            }
        }
    }

    @Test func `a mangled hand-over is read or refused with a sentence`() throws {
        let scheduler = SchedulerSpecification(
            name: try name("web"), program: Program(arguments: ["true"]))
        let whole = Handover.encode(Specification(schedulers: [scheduler, scheduler]))
        for seed in UInt64(1)...500 {
            var dice = Dice(state: seed &* 0x9E37_79B9_7F4A_7C15)
            do {
                _ = try Handover.decode(mutated(whole, &dice))
            } catch {
                #expect(error.description.hasPrefix("the hand-over cannot be read: "))
            }
        }
    }
}
