// SPDX-License-Identifier: Apache-2.0

/// An optional value that few schedulers have and that is large: those without it pay for a pointer, and no
/// copy of a scheduler moves it. It behaves as any optional; what is shared is copied when it is changed.
@propertyWrapper
struct Rare<Value: Sendable>: Sendable {
    /// None or one: an array is a value on the heap, with the copying that is wanted.
    private var kept: [Value] = []

    init(wrappedValue: Value?) {
        self.wrappedValue = wrappedValue
    }

    var wrappedValue: Value? {
        get { kept.first }
        _modify {
            // Out of the array while it is changed, so that what it holds is not shared meanwhile.
            var value = kept.popLast()
            defer { if let value { kept.append(value) } }
            yield &value
        }
    }
}
