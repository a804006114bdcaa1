// SPDX-License-Identifier: Apache-2.0

/// An error that knows which exit code the program shall have, for `no-retry-exit-codes` and
/// `success-exit-codes` in the configuration.
public protocol ExitCodeProviding: Error {
    /// 1 to 255; the program ends with 1 for any other.
    var exitCode: Int32 { get }
}

/// An error with a sentence and an exit code.
///
/// ```swift
/// throw SchedulerFailure("the archive is of an unknown format", exitCode: 65)
/// ```
public struct SchedulerFailure: ExitCodeProviding, Hashable, CustomStringConvertible {
    /// What failed, and why.
    public let message: String
    /// 1 to 255; the program ends with 1 for any other.
    public let exitCode: Int32

    /// A sentence, without a full stop, and a code.
    public init(_ message: String, exitCode: Int32 = 1) {
        self.message = message
        self.exitCode = exitCode
    }

    public var description: String { message }
}

/// How a program ends because of an error.
func exitCodeChosen(by error: any Error) -> Int32 {
    guard let code = (error as? any ExitCodeProviding)?.exitCode, (1...255).contains(code) else {
        return 1
    }
    return code
}
