// SPDX-License-Identifier: Apache-2.0
//
// One program for all targets: libFuzzer brings `main`, and calls what stands here with each input. The
// variable REEVE_FUZZ names the target. A trap is a finding; so is what a target itself finds to be wrong.

internal import Glibc

/// The targets by name.
private let targets: [String: @Sendable ([UInt8]) -> Void] = [
    "cron": fuzzCron, "zone": fuzzZone, "crontab": fuzzCrontab, "ledger": fuzzLedger,
    "control": fuzzControl, "notify": fuzzNotify, "configuration": fuzzConfiguration,
]

private let target: @Sendable ([UInt8]) -> Void = {
    let name = unsafe getenv("REEVE_FUZZ").map { unsafe String(cString: $0) } ?? ""
    guard let target = targets[name] else {
        say("REEVE_FUZZ: \(targets.keys.sorted().joined(separator: ", "))\n")
        exit(64)
    }
    return target
}()

/// libFuzzer's hook.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    target(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

/// Something is wrong although nothing trapped.
func finding(_ words: String) -> Never {
    say("finding: \(words)\n")
    abort()
}

private func say(_ words: String) {
    let bytes = Array(words.utf8)
    _ = unsafe write(2, bytes, bytes.count)
}
