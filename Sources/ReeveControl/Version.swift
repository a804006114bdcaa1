// SPDX-License-Identifier: Apache-2.0

/// The version of reeve, in one place for the command line, the greeting on the socket and the log.
package enum Version {
    /// Semantic version without a prefix.
    package static let text = "0.1.0"
}
