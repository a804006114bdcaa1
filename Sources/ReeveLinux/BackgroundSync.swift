// SPDX-License-Identifier: Apache-2.0
//
// fdatasync(2) without waiting for it. A disk may take seconds to answer; the kernel's own
// asynchronous I/O (io_submit(2) with IOCB_CMD_FDSYNC, Linux 4.18) waits in a kernel thread and says
// through an eventfd when it is done. No thread of ours, no helper process, nothing to restart.
// The awkward case: a process that exits waits for what it has submitted.

internal import CReeveLinux

/// One synchronisation of a file at a time, in the background.
package final class BackgroundSync {
    /// For `Epoll.add`: readable when a synchronisation is over.
    package let descriptor: FileDescriptor
    private let context: UInt64

    /// Throws ENOSYS where the kernel was built without, EPERM or ENOSYS where a filter forbids it,
    /// EAGAIN at the system's limit (fs.aio-max-nr), EMFILE.
    package init() throws(Errno) {
        var context: UInt64 = 0
        let event = FileDescriptor(owning: try Errno.check(reeve_sync_event()))
        try Errno.check(unsafe reeve_sync_setup(&context))
        descriptor = event
        self.context = context
    }

    deinit {
        // Waits for what is in flight, as the exit of the process would. EINVAL cannot be.
        _ = reeve_sync_destroy(context)
    }

    /// Starts to bring a file's data to the storage, or, for a directory, its entries. At most one
    /// may be in flight. The file may be closed before it is over.
    ///
    /// Throws EINVAL where the file's kind cannot be synchronised (or before Linux 4.18), EAGAIN
    /// while another is in flight or memory is short.
    package func start(_ file: borrowing FileDescriptor) throws(Errno) {
        try Errno.check(reeve_sync_submit(context, file.number, descriptor.number))
    }

    /// Whether the one in flight is over. Throws what fdatasync would:
    /// EIO, ENOSPC, EDQUOT. The kernel then counts the data as written although it is not, so it
    /// has to be written again elsewhere.
    package func collect() throws(Errno) -> Bool {
        var result: Int64 = 0
        let found = unsafe reeve_sync_collect(context, descriptor.number, &result)
        guard try Errno.check(found) == 1 else { return false }
        try Errno.check(result)
        return true
    }
}
