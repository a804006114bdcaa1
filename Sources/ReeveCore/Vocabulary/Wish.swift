// SPDX-License-Identifier: Apache-2.0

/// What an operator wants to hold beyond the end of reeve, kept in the state directory. Nothing kept
/// means: as the configuration says.
package enum Wish: String, Hashable, Sendable, CaseIterable {
    /// Stopped by `reeve stop` or `stop-all`; until the next `start`, `restart` or `start-all`.
    case stopped
    /// Its schedule paused by `reeve pause`; until the next `resume`.
    case paused
    /// Both.
    case stoppedAndPaused = "stopped-and-paused"

    /// nil where neither is wanted.
    package init?(stopped isStopped: Bool, paused isPaused: Bool) {
        switch (isStopped, isPaused) {
        case (true, true): self = .stoppedAndPaused
        case (true, false): self = .stopped
        case (false, true): self = .paused
        case (false, false): return nil
        }
    }

    /// Whether it stays stopped.
    package var isStopped: Bool { self != .paused }
    /// Whether it stays paused.
    package var isPaused: Bool { self != .stopped }
}
