// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import ReeveKit

/// Adds up what the data processor has counted. It runs once for each occurrence of its schedule.
@main struct DailyReport: Scheduler {
    func execute(_ context: ExecutionContext) async throws {
        let store = ProcessInfo.processInfo.environment["STORE"] ?? "."
        let files = try FileManager.default.contentsOfDirectory(atPath: store + "/done")
            .filter { $0.hasSuffix(".count") }
        if files.isEmpty {
            // 75 is EX_TEMPFAIL: the processor may be a little late, and the next attempt finds something.
            throw SchedulerFailure("nothing has been counted yet", exitCode: 75)
        }
        var sum = 0
        for file in files {
            try Task.checkCancellation()
            let text = try String(contentsOfFile: store + "/done/" + file, encoding: .utf8)
            guard let count = Int(text.prefix { $0.isNumber }) else {
                // 65 is EX_DATAERR: another attempt finds the same, and reeve.toml says so.
                throw SchedulerFailure("\(file) holds no number", exitCode: 65)
            }
            sum += count
        }
        print("execution \(context.executionID)")
        let due = context.scheduledAt?.text ?? "by hand"
        print("\(due), attempt \(context.attempt): \(sum) words in \(files.count) texts")
    }
}
