// SPDX-License-Identifier: Apache-2.0

/// The bounds of the gateway, in one place.
enum GatewayLimits {
    /// Longest body of a request.
    static let bodyBytesMax = 64 * 1_024
    /// Seconds within which a body has to be complete.
    static let bodySeconds = 10
    /// Longest header field, name and value, and all of them together.
    static let headerBytesMax = 16 * 1_024
    /// Header fields of a request.
    static let headerFieldsMax = 100
    /// Seconds for which a connection may send no whole request head, and take nothing of an answer.
    static let idleSeconds = 30
    /// Connections at once; the next is told 503 and closed.
    static let connectionsMax = 1_024
    /// Streams (events and logs that are followed) at once.
    static let streamsMax = 64
    /// Seconds for which an action is waited for where the request names no other.
    static let actionSeconds = 30
    /// The longest that a request may name.
    static let actionSecondsMax = 600
    /// Lines of a log in one answer.
    static let logLinesMax = 10_000
    /// Entries of the ledger in one answer: what the supervisor keeps at hand.
    static let runsMax = 100
    /// Coming occurrences in one answer.
    static let occurrencesMax = 100
    /// Seconds between two looks at the files of TLS and tokens.
    static let filesSeconds = 5
}
