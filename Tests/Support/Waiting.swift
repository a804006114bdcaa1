// SPDX-License-Identifier: Apache-2.0

/// Something was waited for and did not come.
package struct TimedOut: Error, CustomStringConvertible {
    package let description: String
}

/// Something went wrong around a test: the sentence says what.
package struct HarnessFailure: Error, CustomStringConvertible {
    package let description: String

    /// The sentence that a failed test shows.
    package init(_ description: String) {
        self.description = description
    }
}

/// Waits until the closure gives a value, asking every few milliseconds.
///
/// - Parameters:
///   - what: what is waited for; a failure says it.
///   - seconds: how long at most.
package func eventually<Value>(
    _ what: String, within seconds: Double = 15,
    _ probe: () async throws -> Value?
) async throws -> Value {
    var pause = Swift.Duration.milliseconds(2)
    var waited = Swift.Duration.zero
    while true {
        let begin = ContinuousClock.now
        if let value = try await probe() { return value }
        if waited > .seconds(seconds) {
            throw TimedOut(description: "\(what): not within \(seconds) s")
        }
        try await Task.sleep(for: pause)
        // On a machine that is far behind, a pause takes much longer than it should. That is not the fault
        // of what is waited for, which is behind as well.
        waited += min(ContinuousClock.now - begin, pause * 8)
        pause = min(pause * 2, .milliseconds(25))
    }
}

/// Waits until the condition holds, asking every few milliseconds.
package func eventually(
    _ what: String, within seconds: Double = 15,
    holds condition: () async throws -> Bool
) async throws {
    let _: Bool = try await eventually(what, within: seconds) {
        try await condition() ? true : nil
    }
}

/// Lets few tests with real processes run at once, so that each keeps its time limits on a small machine.
package actor Gate {
    /// For tests that start a supervisor.
    package static let supervisors = Gate(places: 5)

    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    private init(places: Int) {
        free = places
    }

    /// Carries out the body when a place is free, on a thread that nothing else uses.
    nonisolated package func pass<Result: Sendable>(
        _ body: () async throws -> Result
    ) async throws -> Result {
        await enter()
        do {
            let result = try await withTaskExecutorPreference(Lane.shared, operation: body)
            await leave()
            return result
        } catch {
            await leave()
            throw error
        }
    }

    private func enter() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    private func leave() {
        if waiting.isEmpty {
            free += 1
        } else {
            waiting.removeFirst().resume()
        }
    }
}
