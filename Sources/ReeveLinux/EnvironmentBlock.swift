// SPDX-License-Identifier: Apache-2.0
//
// Arguments and environments in the form that execve(2) takes. The strings lie one after the other
// in one array, each with its NUL, so that a block that a thousand children share is copied as one
// piece of memory when one of them gets a variable of its own.

internal import CReeveLinux
package import ReeveCore

/// Strings for execve(2), none of which contains a NUL.
package struct CStringArray: Hashable, Sendable {
    private var bytes: [UInt8] = []
    private var offsets: [Int] = []

    /// An empty one.
    package init() {}

    /// All of these, in order. Throws what `append` throws.
    package init(_ strings: [String]) throws(SystemFailure) {
        for string in strings { try append(string) }
    }

    /// How many strings there are.
    package var count: Int { offsets.count }

    /// The string at a position, with what is no UTF-8 repaired; nil outside the bounds.
    package subscript(index: Int) -> String? {
        guard offsets.indices.contains(index) else { return nil }
        return String(decoding: slice(at: index), as: UTF8.self)
    }

    /// The strings from a position on; an empty array where there are none.
    package func dropping(first count: Int) -> CStringArray {
        var rest = self
        rest.offsets.removeFirst(min(max(0, count), offsets.count))
        return rest
    }

    /// Throws a sentence where the string contains a NUL, which would cut it short.
    package mutating func append(_ string: String) throws(SystemFailure) {
        guard !string.utf8.contains(0) else {
            throw SystemFailure(
                "\(printable(string)): contains a NUL character, which no program can be given",
                errno: .invalid)
        }
        append(unchecked: Array(string.utf8))
    }

    mutating func append(unchecked string: [UInt8]) {
        offsets.append(bytes.count)
        bytes.append(contentsOf: string)
        bytes.append(0)
    }

    /// Forgets the string at a valid position. Its bytes stay until the array goes.
    fileprivate mutating func remove(at index: Int) {
        offsets.remove(at: index)
    }

    /// The bytes without the NUL, at a valid position.
    fileprivate func slice(at index: Int) -> ArraySlice<UInt8> {
        let rest = bytes[offsets[index]...]
        return rest[rest.startIndex..<(rest.firstIndex(of: 0) ?? rest.endIndex)]
    }

    fileprivate func firstIndex(withName name: [UInt8]) -> Int? {
        offsets.indices.first { index in
            let start = offsets[index]
            // The NUL at the end stops the comparison inside the array.
            for (position, byte) in name.enumerated() where bytes[start + position] != byte {
                return false
            }
            return bytes[start + name.count] == UInt8(ascii: "=")
        }
    }

    /// Calls `body` with the array of pointers, ended by a null pointer, which are valid only
    /// inside.
    func withPointers<Result>(
        _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result? {
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe withUnsafeTemporaryAllocation(
                of: UnsafeMutablePointer<CChar>?.self, capacity: offsets.count + 1
            ) { pointers in
                unsafe pointers.initialize(repeating: nil)
                for (index, offset) in offsets.enumerated() {
                    let start = unsafe bytes.baseAddress?.advanced(by: offset)
                        .assumingMemoryBound(to: CChar.self)
                    // execve only reads; its type says otherwise for historical reasons.
                    unsafe pointers[index] = unsafe UnsafeMutablePointer(mutating: start)
                }
                return unsafe pointers.baseAddress.map { unsafe body(UnsafePointer($0)) }
            }
        }
    }
}

/// The environment of a program: names without repetition, values as bytes.
package struct EnvironmentBlock: Hashable, Sendable {
    private(set) var strings = CStringArray()

    /// An empty environment.
    package init() {}

    /// This process's own, byte for byte. Entries without a name are left out; of two with the same
    /// name the first counts, as for getenv(3).
    package static func current() -> EnvironmentBlock {
        var block = EnvironmentBlock()
        for entry in Environment.entries() {
            guard let equals = entry.firstIndex(of: UInt8(ascii: "=")), equals > 0,
                block.strings.firstIndex(withName: Array(entry[..<equals])) == nil
            else { continue }
            block.strings.append(unchecked: entry)
        }
        return block
    }

    /// How many variables there are.
    package var count: Int { strings.count }

    /// The value, with what is no UTF-8 repaired; nil where there is none.
    package func value(of name: String) -> String? {
        guard let index = strings.firstIndex(withName: Array(name.utf8)) else { return nil }
        return String(
            decoding: strings.slice(at: index).dropFirst(name.utf8.count + 1), as: UTF8.self)
    }

    /// Adds a variable or replaces its value. Throws a sentence where the name is empty or contains
    /// "=", or one of both contains a NUL.
    package mutating func set(_ name: String, _ value: String) throws(SystemFailure) {
        guard !name.isEmpty, !name.utf8.contains(UInt8(ascii: "=")) else {
            let name = printable(name)
            throw SystemFailure(
                "\"\(name)\" cannot be an environment variable's name", errno: .invalid)
        }
        guard !name.utf8.contains(0), !value.utf8.contains(0) else {
            throw SystemFailure(
                "environment variable \(printable(name)): contains a NUL character", errno: .invalid
            )
        }
        remove(name)
        strings.append(unchecked: Array(name.utf8) + [UInt8(ascii: "=")] + Array(value.utf8))
    }

    /// The same for a value that need not be UTF-8.
    package mutating func set(_ name: String, bytes: [UInt8]) throws(SystemFailure) {
        guard !bytes.contains(0) else {
            throw SystemFailure(
                "environment variable \(printable(name)): contains a NUL character", errno: .invalid
            )
        }
        try set(name, "")
        remove(name)
        strings.append(unchecked: Array(name.utf8) + [UInt8(ascii: "=")] + bytes)
    }

    /// Adds a whole "NAME=VALUE" as it came from another block; the name must not be there yet.
    package mutating func append(entry: [UInt8]) {
        strings.append(unchecked: entry.filter { $0 != 0 })
    }

    /// Each "NAME=VALUE" as bytes.
    package var entries: [[UInt8]] {
        (0..<strings.count).map { Array(strings.slice(at: $0)) }
    }

    /// Adds or replaces all of these, in order.
    package mutating func set(_ variables: [EnvironmentVariable]) throws(SystemFailure) {
        for variable in variables { try set(variable.name, variable.value) }
    }

    /// Removes a variable if it is there.
    package mutating func remove(_ name: String) {
        guard let index = strings.firstIndex(withName: Array(name.utf8)) else { return }
        strings.remove(at: index)
    }
}

/// This process's environment.
package enum Environment {
    /// Every variable in its order, with what is no UTF-8 repaired. For the bytes as they are:
    /// `EnvironmentBlock.current`.
    package static func current() -> [EnvironmentVariable] {
        entries().compactMap { entry in
            guard let equals = entry.firstIndex(of: UInt8(ascii: "=")), equals > 0 else {
                return nil
            }
            return EnvironmentVariable(
                name: String(decoding: entry[..<equals], as: UTF8.self),
                value: String(decoding: entry[(equals + 1)...], as: UTF8.self))
        }
    }

    /// One value, with what is no UTF-8 repaired.
    package static func value(of name: String) -> String? {
        current().first { $0.name == name }?.value
    }

    /// Each "NAME=VALUE" as bytes.
    static func entries() -> [[UInt8]] {
        var entries: [[UInt8]] = []
        guard var next = unsafe reeve_environment() else { return [] }
        while let entry = unsafe next.pointee {
            let text = unsafe UnsafeRawPointer(entry).assumingMemoryBound(to: UInt8.self)
            let count = unsafe reeve_length(entry)
            entries.append(unsafe Array(UnsafeBufferPointer(start: text, count: count)))
            unsafe next += 1
        }
        return entries
    }
}

/// The text with control characters replaced, for messages: names come from outside.
func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 32 ? "?" : $0 }))
}
