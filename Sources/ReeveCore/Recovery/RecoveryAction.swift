// SPDX-License-Identifier: Apache-2.0
//
// What a recovery did: one value per action, with what was measured before and after it. The words are
// the founding document's: memory cleanup before error reset and dependency check, and these before
// a restart.

/// Why a recovery began.
package enum RecoveryTrigger: String, Equatable, Sendable, CaseIterable {
    /// Its memory is above the threshold.
    case memory
    /// Its health check turned failed.
    case healthCheck = "health-check"
    /// Its consecutive failures have come to `error-threshold`.
    case errors
    /// `reeve recover`.
    case `operator`
}

/// One action of a recovery, and what came of it.
package struct RecoveryAction: Equatable, Sendable {
    /// From the cheapest to the dearest: a recovery takes them in this order.
    package enum Kind: String, Equatable, Sendable, CaseIterable {
        case memoryCleanup = "memory-cleanup"
        case errorReset = "error-reset"
        case dependencyCheck = "dependency-check"
        case restart
    }

    /// How an action went.
    package enum Result: String, Equatable, Sendable, CaseIterable {
        /// What it was for is reached: the recovery ends with it.
        case helped
        /// It was done; a dearer action may follow.
        case done
        /// There was nothing for it to do.
        case skipped
        /// It could not be done, or did not help.
        case failed
        /// It was not done, by cooldown, limit or configuration.
        case refused
    }

    /// What was done.
    package var kind: Kind
    /// Why the recovery began.
    package var trigger: RecoveryTrigger
    /// What was measured before: "80MB", "5 failures"; nil where nothing is measured.
    package var before: String?
    /// What was measured after.
    package var after: String?
    /// How it went.
    package var result: Result
    /// A sentence without a full stop: why it went so.
    package var reason: String

    package init(
        _ kind: Kind, because trigger: RecoveryTrigger, before: String? = nil,
        after: String? = nil, _ result: Result, _ reason: String
    ) {
        self.kind = kind
        self.trigger = trigger
        self.before = before
        self.after = after
        self.result = result
        self.reason = reason
    }
}

extension RecoveryTrigger {
    /// "memory above its threshold".
    package var words: String {
        switch self {
        case .memory: "its memory is above the threshold"
        case .healthCheck: "its health check failed"
        case .errors: "it failed too often in a row"
        case .operator: "asked by the operator"
        }
    }
}

extension RecoveryAction.Kind {
    /// "memory cleanup".
    package var words: String {
        switch self {
        case .memoryCleanup: "memory cleanup"
        case .errorReset: "error reset"
        case .dependencyCheck: "dependency check"
        case .restart: "restart"
        }
    }
}

extension RecoveryAction {
    /// "memory cleanup helped (120MB -> 40MB): it is below the threshold of 100MB again".
    package var words: String {
        let verb =
            switch result {
            case .helped: "helped"
            // The restart itself comes after this is said.
            case .done where kind == .restart: ""
            case .done: "done"
            case .skipped: "skipped"
            case .failed: "did not help"
            case .refused: "refused"
            }
        let measured =
            switch (before, after) {
            case (let before?, let after?): " (\(before) -> \(after))"
            case (let before?, nil): " (\(before) before)"
            case (nil, let after?): " (\(after) after)"
            case (nil, nil): ""
            }
        return kind.words + (verb.isEmpty ? "" : " \(verb)") + "\(measured): \(reason)"
    }
}
