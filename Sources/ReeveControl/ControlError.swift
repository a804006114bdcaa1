// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// Why a request was refused or failed: a code for programs and a sentence for the operator.
package struct ControlError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The word that programs compare. A code of a newer supervisor is kept as it is.
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        // The request could not be read.

        /// No JSON, no object, not UTF-8, nested too deeply, a key twice, a number out of range.
        package static let malformed = Code(rawValue: "malformed")
        /// Longer than `ControlLimits.requestBytesMax`; the connection is closed after it.
        package static let tooLong = Code(rawValue: "too-long")
        package static let unknownOperation = Code(rawValue: "unknown-operation")
        package static let unknownField = Code(rawValue: "unknown-field")
        package static let missingField = Code(rawValue: "missing-field")
        package static let wrongType = Code(rawValue: "wrong-type")
        /// Of the right type, but no such value is allowed.
        package static let invalidValue = Code(rawValue: "invalid-value")

        /// No scheduler has this name; the message has the nearest ones.
        package static let unknownScheduler = Code(rawValue: "unknown-scheduler")
        /// At least one outcome is `failed`.
        package static let failed = Code(rawValue: "failed")
        // The raw values of `Reply.Refusal` follow.
        package static let shuttingDown = Code(rawValue: "shutting-down")
        package static let survivors = Code(rawValue: "survivors")
        package static let notRunning = Code(rawValue: "not-running")
        package static let notScheduled = Code(rawValue: "not-scheduled")
        package static let configuration = Code(rawValue: "configuration")
        package static let tooManyRequests = Code(rawValue: "too-many-requests")
        package static let conflict = Code(rawValue: "conflict")
        package static let notKept = Code(rawValue: "not-kept")

        /// The gateway may not register (`allow-register`).
        package static let mayNotRegister = Code(rawValue: "may-not-register")

        // The connection.

        /// The peer's user may not use the socket.
        package static let notPermitted = Code(rawValue: "not-permitted")
        package static let tooManyClients = Code(rawValue: "too-many-clients")
        /// A reader that was too slow, and is dropped.
        package static let tooSlow = Code(rawValue: "too-slow")
        /// Nothing was asked for too long.
        package static let idle = Code(rawValue: "idle")
        /// No tail is kept for this scheduler (`log`, `log-tail`).
        package static let noLog = Code(rawValue: "no-log")
        /// Nothing is kept of a failed run of this scheduler.
        package static let noFailure = Code(rawValue: "no-failure")
        /// What is kept could not be read: a disk that does not answer.
        package static let notRead = Code(rawValue: "not-read")
        /// A defect of reeve.
        package static let defect = Code(rawValue: "defect")
    }

    /// The word that programs compare.
    package var code: Code
    /// A sentence without a full stop.
    package var message: String
    /// The id of the request, as far as it could be read; nil otherwise.
    package var id: RequestID?

    package init(_ code: Code, _ message: String, id: RequestID? = nil) {
        self.code = code
        self.message = message
        self.id = id
    }

    package var description: String { message }
}

extension ControlError {
    /// The refusal of a name that no scheduler has, with up to three names that look like it.
    package static func unknownScheduler(
        _ name: String, among names: some Sequence<String>, id: RequestID? = nil
    ) -> ControlError {
        let shown = name.shortened(toBytes: 80)
        let nearest = nearestNames(to: name, among: names)
        let hint =
            switch nearest.count {
            case 0: "`reeve status` lists those there are"
            case 1: "did you mean \"\(nearest[0])\"?"
            default:
                "did you mean one of " + nearest.map { "\"\($0)\"" }.joined(separator: ", ") + "?"
            }
        return ControlError(
            .unknownScheduler, "no scheduler is named \"\(shown)\"; \(hint)", id: id)
    }
}

extension String {
    /// At most `limit` bytes of UTF-8, whole characters only, with "…" where it was cut.
    package func shortened(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var kept = ""
        var size = 3
        for character in self {
            size += character.utf8.count
            if size > limit { break }
            kept.append(character)
        }
        return kept + "…"
    }
}
