// SPDX-License-Identifier: Apache-2.0

package import ReeveControl

/// Why a request did not get what it asked for.
package struct ClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind, for the exit code.
    package enum Kind: Hashable, Sendable {
        /// The supervisor did not do it, or could not.
        case failed
        /// Something in the call itself is wrong, such as the socket's path.
        case usage
        /// Nobody listens, or whoever did went away in the middle.
        case noSupervisor
        case timedOut
        case notPermitted
    }

    /// Decides the exit code.
    package var kind: Kind
    /// A sentence without a full stop.
    package var message: String
    /// What the supervisor itself answered; nil where it did not.
    package var code: ControlError.Code?

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// What the supervisor refused.
    package init(_ error: ControlError) {
        switch error.code {
        case .notPermitted: self.init(.notPermitted, error.message)
        case .idle: self.init(.timedOut, error.message)
        default: self.init(.failed, error.message)
        }
        code = error.code
    }

    package var description: String { message }

    /// The command line's exit code: 1, 64 (EX_USAGE), 69 (EX_UNAVAILABLE), 75 (EX_TEMPFAIL) or
    /// 77 (EX_NOPERM).
    package var exitCode: Int32 {
        switch kind {
        case .failed: 1
        case .usage: 64
        case .noSupervisor: 69
        case .timedOut: 75
        case .notPermitted: 77
        }
    }
}
