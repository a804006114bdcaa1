// SPDX-License-Identifier: Apache-2.0

/// What an operator wants to hold beyond the end of reeve, kept in the state directory. Nothing kept
/// means: as the configuration says.
package enum Wish: String, Hashable, Sendable, CaseIterable {
    /// Stopped by `reeve stop` or `stop-all`; until the next `start`, `restart` or `start-all`.
    case stopped
}
