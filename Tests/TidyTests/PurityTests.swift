// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveTestSupport
import Testing

/// The core is a value: it reads no clock, makes no system call and draws no random number. Its object files
/// say so themselves, by what they leave undefined.
@Suite struct PurityTests {
    /// C functions that only touch memory which the caller already has, or that the compiler itself calls.
    private let harmless: Set<String> = [
        "memcpy", "memmove", "memset", "memcmp", "bzero", "bcmp", "malloc", "free", "strlen",
        "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_", "__extendhfsf2", "__truncsfhf2", "fmod",
    ]

    /// Parts of mangled names that lead out of the core, or to what the standard library has of clocks,
    /// random numbers, printing and tasks. Every other Swift symbol is the language's or a collection's.
    private let forbidden = [
        "SystemRandomNumberGenerator", "ContinuousClock", "SuspendingClock", "s5print", "readLine",
        "CommandLine", "sSc", "swift_task_", "swift_get_time", "swift_get_clock",
        "swift_stdlib_random", "swift_stdlib_getUnsafeArgv", "So", "5Glibc", "10Foundation",
        "8Dispatch", "15Synchronization", "10ReeveLinux", "12ReeveControl", "14ReeveSimulator",
    ]

    @Test func `the core's objects call nothing but the language and memory`() async throws {
        let objects = try objectFiles(of: "ReeveCore")
        try #require(!objects.isEmpty)
        let undefined = try await symbols(["-u"], in: objects)
        let defined = Set(try await symbols(["--defined-only"], in: objects))
        try #require(!defined.isEmpty && !undefined.isEmpty)
        for symbol in undefined where !defined.contains(symbol) {
            #expect(isPure(symbol), "the core uses \(symbol)")
        }
    }

    @Test func `a clock, a system call and a random number would be seen`() {
        for symbol in [
            "clock_gettime", "getpid", "write", "getrandom", "$ss27SystemRandomNumberGeneratorVN",
            "$ss15ContinuousClockV3nowAB7InstantVvgZ", "swift_stdlib_random", "swift_task_create",
            "$s10Foundation4DateV", "$s10ReeveLinux5EpollC", "getenv", "arc4random",
        ] {
            #expect(!isPure(symbol), "\(symbol)")
        }
        for symbol in ["memcpy", "$sSayxGSHsMc", "swift_release", "$s11DequeModule0A0VMa"] {
            #expect(isPure(symbol), "\(symbol)")
        }
    }

    private func isPure(_ symbol: String) -> Bool {
        // "So" is what comes from C, where it stands at the beginning of a name.
        for part in forbidden where part == "So" ? symbol.hasPrefix("$sSo") : symbol.contains(part)
        {
            return false
        }
        if harmless.contains(symbol) { return true }
        let prefixes = ["$s", "$S", "swift_", "_swift_", "__swift_", "symbolic "]
        return prefixes.contains { symbol.hasPrefix($0) }
    }

    private func objectFiles(of target: String) throws -> [String] {
        let folder = Tree.product(target + ".build")
        return try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { $0.hasSuffix(".o") }.map { folder + "/" + $0 }
    }

    /// The names that `nm` lists.
    private func symbols(_ options: [String], in objects: [String]) async throws -> [String] {
        let place = try Place()
        defer { place.remove() }
        let nm = try Guarded(
            ["nm", "--format=posix"] + options + objects, directory: place.directory, name: "nm")
        try #require(try await nm.ended(within: 60) == .exit(0), "\(nm.errors)")
        return nm.output.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            return fields.count >= 2 ? String(fields[0]) : nil
        }
    }
}
