// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A scheduler as a program: what reeve starts, asks and stops.
///
/// A type that says what `execute` does is a whole program:
///
/// ```swift
/// import ReeveKit
///
/// @main struct DataProcessor: Scheduler {
///     func execute(_ context: ExecutionContext) async throws {
///         while !context.isCancelled {
///             try await processData()
///             try await Task.sleep(for: .seconds(1))
///         }
///     }
/// }
/// ```
///
/// It lives through `init()`, `onStart()`, readiness, `execute(_:)`, `onStop()`, `cleanup()`, in this order.
/// `healthCheck()` and, at SIGUSR1, `cleanup()` are called meanwhile, at the same time as `execute(_:)`: what
/// they share belongs in an actor or a `Mutex`, or the scheduler itself is an actor.
///
/// SIGTERM and SIGINT ask it to end: the task of what runs at the moment is cancelled, as `Task.isCancelled` and
/// ``ExecutionContext/isCancelled`` say, and whatever it calls that heeds cancellation ends by itself. How
/// long that may take is the supervisor's to say; see <doc:WritingSchedulers>.
public protocol Scheduler: Sendable {
    /// Makes the one instance of a program. What it throws ends the program as what `onStart()` throws.
    init() async throws

    /// Does the work, once. A daemon goes on until it is cancelled; a task and an execution of a scheduled one
    /// return when they are done.
    ///
    /// Returning is success, exit code 0; so is ending with `CancellationError` after SIGTERM. Any other error is
    /// a sentence on standard error and exit code 1, or the one that it names: ``ExitCodeProviding``.
    func execute(_ context: ExecutionContext) async throws

    /// Whether all is well. Asked for the watchdog, at half of its period, and by `PROGRAM --health-check`;
    /// never twice at the same time. False and an error are the same, save that an error has words, which
    /// reeve shows.
    ///
    /// Not asked before the program is ready, nor once it is stopping. True where it is not written.
    func healthCheck() async throws -> Bool

    /// Gives up memory that the work can do without, such as caches. Called when SIGUSR1 comes, which reeve sends
    /// with `cleanup = { signal = "USR1" }`, and once more as the last thing of all; never twice at the
    /// same time. Afterwards freed memory is given back to the kernel, so that reeve sees what it brought.
    ///
    /// An error is said on standard error, and nothing follows from it. Nothing where it is not written.
    func cleanup() async throws

    /// What has to happen before the work. An error ends the program as one of `execute(_:)` does, and then
    /// neither that nor `onStop()` is called. Nothing where it is not written.
    func onStart() async throws

    /// What has to happen after the work, however that ended: it is called whenever `onStart()` has come to its
    /// end, in a task that is not cancelled. An error makes a success a failure. Nothing where it is not
    /// written.
    func onStop() async throws

    /// When the program says that it is ready: after `onStart()` where it is not written.
    static var readiness: Readiness { get }
}

/// When a scheduler is ready, as its supervisor is told (`READY=1`).
public enum Readiness: Sendable {
    /// As soon as `onStart()` has ended.
    case afterStart
    /// When ``ExecutionContext/ready()`` is called.
    case whenCalled
}

extension Scheduler {
    /// True.
    public func healthCheck() async throws -> Bool { true }
    /// Nothing.
    public func cleanup() async throws {}
    /// Nothing.
    public func onStart() async throws {}
    /// Nothing.
    public func onStop() async throws {}
    /// ``Readiness/afterStart``.
    public static var readiness: Readiness { .afterStart }

    /// Runs the whole program, for `@main`; comes back to nobody.
    ///
    /// With `--health-check` as its only argument it asks the program that runs already: <doc:WritingSchedulers>.
    public static func main() async {
        exit(await Program<Self>().run())
    }
}
