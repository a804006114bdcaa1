// SPDX-License-Identifier: Apache-2.0

internal import Dispatch

/// A thread of its own for tests that wait on real processes.
///
/// Tests that compute, such as the simulation, keep every thread of the shared pool busy for many seconds. A
/// test that measures time, or waits for at most so long, must not queue behind them.
final class Lane: TaskExecutor {
    static let shared = Lane()

    // A serial queue always gets a thread, however many are busy.
    private let queue = DispatchQueue(label: "reeve.end-to-end")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async {
            unsafe job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
    }
}
