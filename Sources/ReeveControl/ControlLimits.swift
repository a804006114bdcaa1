// SPDX-License-Identifier: Apache-2.0

/// The bounds of the control socket's protocol (both ends keep them).
package enum ControlLimits {
    /// Longest request, its newline included.
    package static let requestBytesMax = 64 * 1_024
    /// Longest line of an answer, its newline included.
    package static let lineBytesMax = 64 * 1_024
    /// Clients at once; the next one takes the place of one that never asked for anything, or is told and
    /// closed.
    package static let clientsMax = 64
    /// Requests of one client that may wait for their answers at once, streams included.
    package static let openRequestsMax = 256
    /// Unsent bytes kept for one client; one that reads too slowly is told and dropped.
    package static let bufferBytesMax = 128 * 1_024
    /// The largest id of a request: whole numbers that every JSON reader keeps exact.
    package static let idMax: Int64 = 9_007_199_254_740_991
    /// Longest name of a file that a registration comes from; longer ones are cut.
    package static let fileBytesMax = 256
    /// Most lines that `logs` can ask for.
    package static let logLinesMax = 100_000
    /// Longest piece of a configuration in a line; escaped it still fits.
    package static let partBytesMax = 8 * 1_024
    /// Longest sentence of an error, a reason or a result, in bytes; longer ones are cut. Escaped, the
    /// longest scheduler (two sentences and its lists) still fits a line.
    package static let messageBytesMax = 2 * 1_024
}
