// SPDX-License-Identifier: Apache-2.0

/// A large value that is seldom changed: whoever copies what it is in copies a pointer. A scheduler in an array is
/// copied whole for each method that only reads, unless the optimiser sees better, and its specification is the larger
/// half of it.
@propertyWrapper
struct Boxed<Value: Sendable>: Sendable {
    /// Always one: an array is a value on the heap, with the copying that is wanted.
    private var kept: [Value]

    init(wrappedValue: Value) {
        kept = [wrappedValue]
    }

    var wrappedValue: Value {
        _read { yield kept[0] }
        _modify { yield &kept[0] }
    }
}
