// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux

/// Threads for what may wait in the kernel, which no thread of Swift's own pool may. Not for the supervisor,
/// where one thread does everything.
package enum BackgroundThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }

    /// Starts one that gets no signals and ends with its body. Throws EAGAIN at the limit of threads, or ENOMEM.
    package static func start(_ body: @escaping @Sendable () -> Void) throws(Errno) {
        let context = unsafe Unmanaged.passRetained(Body(body))
        let result = unsafe reeve_thread_start(
            { context in
                guard let context = unsafe context else { return }
                unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
            }, context.toOpaque())
        guard result < 0 else { return }
        unsafe context.release()
        throw Errno(-result)
    }
}
