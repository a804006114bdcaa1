// SPDX-License-Identifier: Apache-2.0
//
// The kernel keeps the children of a process by the thread that made them, and gives orphans to the first
// living thread of the process that takes them over (`find_new_reaper` in kernel/exit.c): the main thread, as
// long as that lives. So where everything is done on another thread, the main thread's list of children is
// the list of those that nobody here made.

internal import CReeveLinux

/// Two lists of children: those that this process makes, and those that it takes over.
package enum ChildrenApart {
    private struct Body {
        let run: () -> Int32
        var result: Int32?
    }

    /// Runs `body` on a thread of its own while the calling one, which must be the main thread, does nothing
    /// but wait for its end, without taking signals; what `body` returns. From then on
    /// `ProcFS.inheritedChildren` costs what there is of those, however many children `body` makes. Where no
    /// thread can be had, `body` runs on the main thread, and both kinds are in that list.
    package static func run(_ body: () -> Int32) -> Int32 {
        // The caller waits, so that the body does not outlive this call, and nothing runs beside it.
        withoutActuallyEscaping(body) { body in
            var body = Body(run: body)
            let result = unsafe withUnsafeMutablePointer(to: &body) { pointer in
                unsafe reeve_thread_run(
                    { context in
                        guard let context = unsafe context else { return }
                        let body = unsafe context.assumingMemoryBound(to: Body.self)
                        unsafe body.pointee.result = body.pointee.run()
                    }, pointer)
            }
            return result == 0 ? body.result ?? body.run() : body.run()
        }
    }
}
