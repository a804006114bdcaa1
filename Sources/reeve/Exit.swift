// SPDX-License-Identifier: Apache-2.0
//
// How the command line ends: the exit codes, and sentences on standard error.

internal import ReeveClient
internal import ReeveLinux

/// Why a command ends without success.
struct Exit: Error {
    let code: Int32
    /// A sentence without a full stop; nil where everything has been said.
    let message: String?

    /// The operation failed, or part of it; nothing more is to be said.
    static let failed = Exit(code: 1, message: nil)
    /// EX_USAGE.
    static let usage = Exit(code: 64, message: nil)
    /// EX_OSERR.
    static func system(_ message: String) -> Exit { Exit(code: 71, message: message) }
    /// EX_CONFIG.
    static func configuration(_ message: String?) -> Exit { Exit(code: 78, message: message) }

    init(code: Int32, message: String?) {
        self.code = code
        self.message = message
    }

    init(_ error: ClientError) {
        self.init(code: error.exitCode, message: error.message)
    }

    /// Says why, and returns the code.
    func report(_ words: String? = nil) -> Int32 {
        if let words = words ?? message { StandardError.say(words) }
        return code
    }
}

/// Sentences for whoever called.
enum StandardError {
    /// "reeve: WORDS", on one line.
    static func say(_ words: String) {
        write("reeve: \(words.printable)\n")
    }

    /// Text as it is.
    static func write(_ text: String) {
        let stream = FileDescriptor(owning: 2)
        // Nobody is left to be told that this could not be said.
        try? stream.writeAll(Array(text.utf8).span)
        // Descriptor 2 stays open: it is not ours.
        _ = stream.release()
    }
}
