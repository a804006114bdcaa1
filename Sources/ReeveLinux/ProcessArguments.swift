// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux

/// The arguments that this process was started with, its own name first.
///
/// Swift's `CommandLine` reads them from /proc/self/cmdline, and is empty where there is no /proc.
package enum ProcessArguments {
    /// As text; what is no UTF-8 is replaced. Empty only where the program was executed with none at
    /// all, not even its name.
    package static func texts() -> [String] {
        bytes().map { String(decoding: $0, as: UTF8.self) }
    }

    /// Byte for byte.
    static func bytes() -> [[UInt8]] {
        guard let start = unsafe reeve_arguments() else { return [] }
        var found: [[UInt8]] = []
        for index in 0..<Int(reeve_argument_count()) {
            guard let argument = unsafe start[index] else { break }
            let count = unsafe reeve_length(argument)
            let text = unsafe UnsafeRawPointer(argument).assumingMemoryBound(to: UInt8.self)
            found.append(unsafe Array(UnsafeBufferPointer(start: text, count: count)))
        }
        return found
    }
}
