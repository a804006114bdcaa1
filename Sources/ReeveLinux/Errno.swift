// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux

/// An error number of the kernel, on Linux.
package struct Errno: Error, Hashable, Sendable, CustomStringConvertible {
    /// The number, above zero; see errno(3).
    package let code: Int32

    /// Takes a number over as it is.
    package init(_ code: Int32) {
        self.code = code
    }

    /// The symbolic name, "ENOENT"; "errno 4711" for a number that the C library does not know.
    package var name: String {
        guard let text = unsafe reeve_errno_name(code) else { return "errno \(code)" }
        return unsafe String(cString: text)
    }

    /// What it means, in lower case and without a full stop: "no such file or directory".
    package var words: String {
        guard let text = unsafe reeve_errno_words(code) else { return "unknown error" }
        let words = unsafe String(cString: text)
        // "RFS specific error" keeps its capitals.
        guard let second = words.dropFirst().first, !second.isUppercase else { return words }
        return words.prefix(1).lowercased() + words.dropFirst()
    }

    /// "no such file or directory (ENOENT)".
    package var description: String { "\(words) (\(name))" }

    /// The process, or its directory in /proc, is no longer there: ENOENT or ESRCH.
    package var isGone: Bool { self == .noEntry || self == .noProcess }

    /// EPERM.
    package static let notPermitted = Errno(1)
    /// ENOENT.
    package static let noEntry = Errno(2)
    /// ESRCH.
    package static let noProcess = Errno(3)
    /// EINTR.
    package static let interrupted = Errno(4)
    /// EIO.
    package static let inputOutput = Errno(5)
    /// ENXIO.
    package static let noDeviceOrAddress = Errno(6)
    /// E2BIG.
    package static let argumentListTooLong = Errno(7)
    /// ENOEXEC.
    package static let notExecutableFormat = Errno(8)
    /// EBADF.
    package static let badDescriptor = Errno(9)
    /// ECHILD.
    package static let noChild = Errno(10)
    /// EAGAIN.
    package static let tryAgain = Errno(11)
    /// ENOMEM.
    package static let noMemory = Errno(12)
    /// EACCES.
    package static let accessDenied = Errno(13)
    /// EBUSY.
    package static let busy = Errno(16)
    /// EEXIST.
    package static let exists = Errno(17)
    /// ENOTDIR.
    package static let notDirectory = Errno(20)
    /// EISDIR.
    package static let isDirectory = Errno(21)
    /// EINVAL.
    package static let invalid = Errno(22)
    /// ENFILE.
    package static let fileTableOverflow = Errno(23)
    /// EMFILE.
    package static let tooManyOpenFiles = Errno(24)
    /// ETXTBSY.
    package static let textFileBusy = Errno(26)
    /// EFBIG.
    package static let fileTooLarge = Errno(27)
    /// ENOSPC.
    package static let noSpace = Errno(28)
    /// EROFS.
    package static let readOnlyFileSystem = Errno(30)
    /// EPIPE.
    package static let brokenPipe = Errno(32)
    /// ERANGE.
    package static let range = Errno(34)
    /// ENAMETOOLONG.
    package static let nameTooLong = Errno(36)
    /// ENOSYS.
    package static let notImplemented = Errno(38)
    /// ELOOP.
    package static let tooManyLinks = Errno(40)
    /// ELIBBAD.
    package static let badLibrary = Errno(80)
    /// EADDRINUSE.
    package static let addressInUse = Errno(98)
    /// ECONNABORTED.
    package static let connectionAborted = Errno(103)
    /// ECONNRESET.
    package static let connectionReset = Errno(104)
    /// ETIMEDOUT.
    package static let timedOut = Errno(110)
    /// ECONNREFUSED.
    package static let connectionRefused = Errno(111)

    /// Turns the shim's result (below zero: a negated errno) into a value or a throw.
    @discardableResult
    static func check<Number: SignedInteger>(_ result: Number) throws(Errno) -> Number {
        guard result < 0 else { return result }
        throw Errno(Int32(truncatingIfNeeded: -result))
    }

    /// The same for calls that may find nothing to do: nil where the call would have blocked.
    static func checkUnlessBlocked(_ result: Int64) throws(Errno) -> Int? {
        if result == -Int64(Errno.tryAgain.code) { return nil }
        return Int(try check(result))
    }
}

/// An operation that failed, told to the operator.
package struct SystemFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kernel's reason; nil where reeve itself refused.
    package let errno: Errno?
    /// A sentence without a full stop: what failed, on what, and why.
    package let words: String

    /// Takes the whole sentence.
    package init(_ words: String, errno: Errno? = nil) {
        self.errno = errno
        self.words = words
    }

    /// "WHAT: no such file or directory (ENOENT)".
    package init(_ what: String, _ errno: Errno) {
        self.init("\(what): \(errno)", errno: errno)
    }

    package var description: String { words }
}
