// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import ReeveKit

/// Counts the words of each text that is moved to STORE/inbox, and files it with its count in STORE/done.
///
/// An actor, since `healthCheck` and `cleanup` are called while `execute` is at work.
@main actor DataProcessor: Scheduler {
    private let inbox, done: String
    /// Counts of texts that came before: the same text often comes again.
    private var known: [String: Int] = [:]
    private var counted = 0

    init() throws {
        guard let store = ProcessInfo.processInfo.environment["STORE"] else {
            // 78 is EX_CONFIG: no restart can help.
            throw SchedulerFailure("STORE does not say where the texts are", exitCode: 78)
        }
        inbox = store + "/inbox"
        done = store + "/done"
    }

    func onStart() throws {
        for folder in [inbox, done] {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
        }
    }

    func execute(_ context: ExecutionContext) async throws {
        print("execution \(context.executionID)")
        while true {
            for name in try FileManager.default.contentsOfDirectory(atPath: inbox).sorted() {
                // A text that has been begun is finished; the next is for whoever comes after us.
                try context.checkCancellation()
                try process(name)
            }
            context.report(status: "\(counted) counted, \(known.count) remembered")
            // Throws when reeve asks us to end, and so ends the loop.
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private func process(_ name: String) throws {
        let text = try String(contentsOfFile: inbox + "/" + name, encoding: .utf8)
        let count = known[text] ?? text.split(whereSeparator: \.isWhitespace).count
        known[text] = count
        try Data("\(count)\n".utf8).write(to: URL(filePath: done + "/" + name + ".count"))
        // One of that name may have come before: it has been counted anew.
        try? FileManager.default.removeItem(atPath: done + "/" + name)
        try FileManager.default.moveItem(atPath: inbox + "/" + name, toPath: done + "/" + name)
        counted += 1
        print("\(name): \(count) words")
    }

    /// Without a place for the results it can do nothing; the next start makes one.
    func healthCheck() -> Bool {
        FileManager.default.isWritableFile(atPath: done)
    }

    /// What can be counted again need not be remembered.
    func cleanup() {
        print("forgets \(known.count) texts")
        known = [:]
    }

    func onStop() {
        print("stops, \(counted) counted")
    }
}
