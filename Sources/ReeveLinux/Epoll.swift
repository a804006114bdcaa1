// SPDX-License-Identifier: Apache-2.0
//
// Waiting for descriptors. Each registration has a token that comes back with its events. A token
// has a generation, so that an event of a registration that was dropped earlier in the same turn,
// whose slot already has a new owner, is recognised as stale.

internal import CReeveLinux
package import ReeveCore

/// What a registration is: 8 bits of source, 24 of generation, 32 of slot.
package struct Token: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Only the lower 24 bits of the generation are kept; it wraps around.
    package init(source: UInt8, slot: UInt32, generation: UInt32 = 0) {
        let generation = UInt64(generation & Token.generationMask)
        rawValue = UInt64(source) << 56 | generation << 32 | UInt64(slot)
    }

    /// Which kind of source registered it.
    package var source: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 56) }
    /// Where that source keeps it.
    package var slot: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
    /// Which owner of the slot; 0 to 16,777,215.
    package var generation: UInt32 {
        UInt32(truncatingIfNeeded: rawValue >> 32) & Token.generationMask
    }

    /// What follows a generation: counts up and wraps around to zero.
    package static func generation(after generation: UInt32) -> UInt32 {
        (generation &+ 1) & generationMask
    }

    package var description: String { "\(source)/\(slot)#\(generation)" }

    private static let generationMask: UInt32 = 0xFF_FFFF
}

/// What is waited for, and what was found; epoll_ctl(2).
package struct PollEvents: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// EPOLLIN.
    package static let readable = PollEvents(rawValue: 0x001)
    /// EPOLLOUT.
    package static let writable = PollEvents(rawValue: 0x004)
    /// EPOLLERR; always waited for. The reading end of a pipe that we write to is gone.
    package static let failed = PollEvents(rawValue: 0x008)
    /// EPOLLHUP; always waited for. Nobody writes any more; there may be something left to read.
    package static let closed = PollEvents(rawValue: 0x010)
    /// EPOLLRDHUP: the peer of a stream socket sends no more.
    package static let peerClosed = PollEvents(rawValue: 0x2000)
    /// To be told once at most, and then no more until `Epoll.modify` asks again: EPOLLONESHOT. Alone it asks for
    /// nothing but `failed` and `closed`, once.
    package static let oneShot = PollEvents(rawValue: 0x4000_0000)
}

/// A set of descriptors that are waited for, level-triggered.
package final class Epoll {
    private let descriptor: FileDescriptor
    private var found: [reeve_epoll_event]

    /// Throws EMFILE, ENFILE or ENOMEM.
    package init() throws(Errno) {
        descriptor = FileDescriptor(owning: try Errno.check(reeve_epoll_create()))
        found = Array(repeating: reeve_epoll_event(), count: Epoll.eventsMax)
    }

    /// Starts to wait. Throws EPERM for what is always ready (a regular file), EEXIST for a second
    /// registration, ENOSPC at the user's limit (fs.epoll.max_user_watches).
    package func add(
        _ target: borrowing FileDescriptor, token: Token, interest: PollEvents
    ) throws(Errno) {
        try Errno.check(
            reeve_epoll_add(descriptor.number, target.number, interest.rawValue, token.rawValue))
    }

    /// Changes what is waited for; an empty interest still reports `failed` and `closed`.
    package func modify(
        _ target: borrowing FileDescriptor, token: Token, interest: PollEvents
    ) throws(Errno) {
        try Errno.check(
            reeve_epoll_modify(descriptor.number, target.number, interest.rawValue, token.rawValue))
    }

    /// Stops to wait. To be called before the descriptor is closed wherever another process or a
    /// duplicate keeps the open file alive, since the kernel drops a registration only with the
    /// file.
    package func remove(_ target: borrowing FileDescriptor) {
        // ENOENT and EBADF: it was not registered, or has gone with its file. Both are what we
        // want.
        _ = reeve_epoll_remove(descriptor.number, target.number)
    }

    /// Waits until something is ready or the deadline (nil: for ever) has come, and hands each
    /// event to `handler`, at most 128 in one call; what was left comes with the next.
    ///
    /// Returns the number of events, 0 at the deadline. A signal handler does not end the wait. A
    /// handler may add, change and remove registrations; an event that was found before its
    /// registration was removed is still delivered.
    @discardableResult
    package func wait(
        until deadline: Instant?, _ handler: (Token, PollEvents) -> Void
    ) throws(Errno) -> Int {
        let count = try find(until: deadline)
        for index in 0..<count {
            let event = found[index]
            handler(Token(rawValue: event.token), PollEvents(rawValue: event.events))
        }
        return count
    }

    private func find(until deadline: Instant?) throws(Errno) -> Int {
        while true {
            var left: Int64 = -1
            if let deadline, deadline != .distantFuture {
                left = max(0, (deadline - Clock.now().monotonic).nanoseconds)
            }
            let epoll = descriptor.number
            let result = unsafe found.withUnsafeMutableBufferPointer { events in
                unsafe reeve_epoll_wait(epoll, events.baseAddress, Int32(events.count), left)
            }
            if result != -Errno.interrupted.code { return Int(try Errno.check(result)) }
        }
    }

    private static let eventsMax = 128
}
