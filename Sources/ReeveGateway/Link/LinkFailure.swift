// SPDX-License-Identifier: Apache-2.0

internal import ReeveClient
internal import ReeveControl

/// Why the supervisor gave no answer, or refused.
enum LinkFailure: Error, Equatable, Sendable {
    /// Nobody answers on the socket, or it may not be used; a sentence without a full stop.
    case unreachable(String)
    /// The connection ended before the answer was complete.
    case interrupted(String)
    /// The answer did not come in time; what was asked for may still be done.
    case timedOut
    /// The supervisor refused, or what it did failed.
    case refused(ControlError)
    /// The reader of a stream was too slow.
    case readerTooSlow

    /// A sentence without a full stop.
    var words: String {
        switch self {
        case .unreachable(let words), .interrupted(let words): words
        case .timedOut: "the supervisor did not answer in time"
        case .refused(let error): error.message
        case .readerTooSlow: "the stream was not read fast enough, and is closed"
        }
    }
}
