// SPDX-License-Identifier: Apache-2.0

internal import ReeveLinux

/// What a health check said.
enum HealthAnswer: Equatable, Sendable {
    case passed
    /// In words.
    case failed(String)
}

/// The scheduler's health check, asked by the watchdog and by who connects; all who ask while it is on its way
/// get the same answer.
actor HealthCheck {
    private let check: @Sendable () async throws -> Bool
    private var running: Task<HealthAnswer, Never>?
    private var last = HealthAnswer.passed

    init(_ check: @escaping @Sendable () async throws -> Bool) {
        self.check = check
    }

    /// Asks, for as long as the scheduler takes. A change is said on standard error.
    func answer() async -> HealthAnswer {
        if let running { return await running.value }
        let check = check
        let task = Task<HealthAnswer, Never>.detached(priority: .high) {
            do {
                return try await check() ? .passed : .failed("it is not well")
            } catch {
                return .failed("\(error)")
            }
        }
        running = task
        let answer = await task.value
        running = nil
        if answer != last {
            switch answer {
            case .passed: say("the health check passes again")
            case .failed(let words): say("the health check failed: \(words)")
            }
        }
        last = answer
        return answer
    }
}

/// Signs of life, as long as there is something to be said for it.
///
/// The check runs in Swift's own pool of threads, so that a program whose threads are all stuck gives none. It is
/// asked at half of the period; one that failed is asked again after a quarter, which leaves a passing trouble a
/// second chance before the supervisor misses anything.
struct Watchdog: Sendable {
    let period: Duration
    let health: HealthCheck
    let standing: Standing

    func run() async {
        while standing.phase == .ready {
            var pause = period / 2
            switch await health.answer() {
            case .passed: standing.notifier.send("WATCHDOG=1")
            case .failed: pause = period / 4
            }
            // Ends early only in a task that is cancelled, and this one is cancelled by nobody.
            try? await Task.sleep(for: pause)
        }
    }
}
