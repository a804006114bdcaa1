// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux

/// The read end of one command's output, of which the last is kept.
final class CommandOutput {
    /// Bytes that are kept.
    static let bytesMax = 4_096
    /// Reads in one turn, and at the end; a pipe holds 64 kB.
    private static let readsMax = 16

    let descriptor: FileDescriptor
    let token: Token
    private var kept: [UInt8] = []
    private var buffer = [UInt8](repeating: 0, count: 8_192)

    init(descriptor: consuming FileDescriptor, token: Token) {
        self.descriptor = descriptor
        self.token = token
    }

    /// Takes what is there, a bounded amount, and returns whether there may be more in a later turn: false
    /// at the end of the output.
    func read() -> Bool {
        for _ in 0..<CommandOutput.readsMax {
            // Nothing is there now; errors a pipe of our own has none.
            guard let read = try? descriptor.read(into: &buffer) else { return true }
            guard read > 0 else { return false }
            kept += buffer.prefix(read)
            if kept.count > CommandOutput.bytesMax {
                kept.removeFirst(kept.count - CommandOutput.bytesMax)
            }
        }
        return true
    }

    /// The last of what was written.
    func finish() -> String {
        _ = read()
        return PlainText.lines(kept)
    }
}

/// The outputs by slot, so that a token finds its output and a stale one finds none.
struct OutputTable {
    private var outputs: [CommandOutput?] = []
    private var generations: [UInt32] = []
    private var free: [Int] = []

    /// The token of the next output.
    mutating func reserve() -> Token {
        let slot = free.popLast() ?? grow()
        return Token(
            source: SourceKind.command.rawValue, slot: UInt32(truncatingIfNeeded: slot),
            generation: generations[slot])
    }

    /// Puts an output into the slot that was reserved for its token.
    mutating func insert(_ output: CommandOutput) { outputs[Int(output.token.slot)] = output }

    subscript(token: Token) -> CommandOutput? {
        let slot = Int(token.slot)
        guard outputs.indices.contains(slot), generations[slot] == token.generation else {
            return nil
        }
        return outputs[slot]
    }

    mutating func remove(_ output: CommandOutput) {
        let slot = Int(output.token.slot)
        guard outputs.indices.contains(slot), outputs[slot] === output else { return }
        outputs[slot] = nil
        generations[slot] = Token.generation(after: generations[slot])
        free.append(slot)
    }

    private mutating func grow() -> Int {
        outputs.append(nil)
        generations.append(0)
        return outputs.count - 1
    }
}
