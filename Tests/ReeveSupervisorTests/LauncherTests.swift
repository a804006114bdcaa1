// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import Testing

@testable import ReeveSupervisor

@Suite struct LaunchOrderTests {
    @Test func `an order comes out as it went in, bytes that are no text too`() throws {
        var settings = LaunchSettings()
        settings.user = UserAccount(name: "web", number: 1_001, group: 1_002, groups: [1_002, 4])
        settings.group = GroupAccount(name: "www", number: 33)
        settings.umask = 0o27
        settings.nice = -3
        settings.oomScoreAdjustment = 200
        settings.limits = [
            ResourceLimit(.nofile, soft: 1, hard: nil), ResourceLimit(.core, soft: 0, hard: 7),
        ]
        settings.environmentFiles = [
            EnvironmentFile(path: "/a"), EnvironmentFile(path: "b", mayBeMissing: true),
        ]
        settings.secrets = [Secret(name: "TOKEN", path: "/run/t"), Secret(name: "B", path: "/b")]
        let order = LaunchOrder(
            scheduler: "web", arguments: ["/bin/x", "", "a\nb"],
            environment: [Array("A=1".utf8), [0x42, 0x3D, 0xFF, 0xFE]], workingDirectory: "/srv",
            settings: settings)
        #expect(LaunchOrder(order.encoded) == order)
        let plain = LaunchOrder(
            scheduler: "a", arguments: ["x"], environment: [], workingDirectory: nil,
            settings: LaunchSettings())
        #expect(LaunchOrder(plain.encoded) == plain)
    }

    @Test func `what is no order is refused`() {
        for bytes in [[], [0], Array("A".utf8), Array("Sa\0".utf8), Array("Ax\0Z1\0".utf8)] {
            #expect(LaunchOrder(bytes) == nil)
        }
        #expect(LaunchOrder(Array("Ax\0ux\0".utf8)) == nil)
        #expect(LaunchOrder(Array("Ax\0s5\0".utf8)) == nil)
        #expect(LaunchOrder(Array("Ax\0p/\0".utf8)) == nil)
    }

    @Test func `a report tells what was refused, and whether the program has begun`() {
        var settings = LaunchSettings()
        settings.limits = [ResourceLimit(.nofile, soft: 9, hard: nil)]
        let told = LaunchReport.line(note: "nice\nwas refused") + "limit 0 1 5 6\nexec\n"
        let report = LaunchReport(Array(told.utf8), settings)
        #expect(report.hasBegun && report.failure == nil)
        #expect(
            report.notes == [
                "nice?was refused",
                "limits: nofile is 5:6 instead of 9:unlimited, which was refused: "
                    + "operation not permitted (EPERM)",
            ])
        let failure = SpawnFailure(errno: 2, words: "no such\nfile (ENOENT)")
        let failed = LaunchReport(Array(("exec\n" + LaunchReport.line(failure)).utf8), settings)
        #expect(failed.failure == SpawnFailure(errno: 2, words: "no such?file (ENOENT)"))
        #expect(LaunchReport(Array("limit 9 1 2 3\nlimit\nfail\n".utf8), settings).notes == [])
        #expect(LaunchReport([], settings) == LaunchReport())
    }
}

@Suite struct EnvironmentTextTests {
    /// The right side is what systemd 252 made of the same file.
    private static let table: [(text: String, value: String)] = [
        ("A=1", "1"), ("A=1\n", "1"), ("  A  =  1  \n", "1"), ("A=", ""), ("A=   \n", ""),
        ("A=a b  c ", "a b  c"), ("A=a#b", "a#b"), ("A=a;b # c", "a;b # c"), ("A=a=b", "a=b"),
        ("A='x y'", "x y"), ("A='x' 'y'", "xy"), ("A=\"x\"'y'z", "xyz"), ("A=x'y'", "x'y'"),
        ("A=x\"y\"", "x\"y\""), ("A='a\\nb'", "a\\nb"), ("A=\"a\\nb\"", "a\\nb"),
        ("A=\"a\\\"b\\\\c\\$d\\`e\"", "a\"b\\c$d`e"), ("A='a\nb'", "a\nb"), ("A=\"a\nb\"", "a\nb"),
        ("A=a\\\nb", "ab"), ("A=\"a\\\nb\"", "ab"), ("A=a\\ b", "a b"), ("A=a\\  ", "a "),
        ("A=\\'", "'"),
        ("A=$HOME", "$HOME"), ("A=a\r\n", "a"), ("A= \\\n b", " b"), ("A=x\\", "x"),
    ]

    @Test func `values are read as systemd reads them`() throws {
        for (text, value) in Self.table {
            let found = try EnvironmentText(text.utf8).variables
            #expect(found.map(\.name) == ["A"], "\(text.debugDescription)")
            #expect(
                found.map { String(decoding: $0.value, as: UTF8.self) } == [value],
                "\(text.debugDescription)")
        }
    }

    @Test func `comments and blank lines are left out, and lines are counted`() throws {
        let text = "# a=1\n\n ; b=2\nC='x\ny'\n  \nD=4\n#"
        let found = try EnvironmentText(text.utf8).variables
        #expect(found.map(\.name) == ["C", "D"])
        #expect(found.map(\.line) == [4, 7])
        #expect(try EnvironmentText([]).variables == [])
    }

    @Test func `what is neither is an error with its line and none of its words`() {
        let table: [(String, Int)] = [
            ("A=1\nsecret", 2), ("root:$6$hash:1:::", 1), ("A=1\n\n1B=secret", 3), ("=secret", 1),
            ("export A=secret", 1), ("A-B=secret", 1), ("A='secret", 1), ("\nA=\"secret\nmore", 2),
            ("A=se\0cret", 1), ("A=\"secret\\", 1),
        ]
        for (text, line) in table {
            let fault = #expect(throws: EnvironmentText.Fault.self, "\(text.debugDescription)") {
                try EnvironmentText(text.utf8)
            }
            #expect(fault?.line == line, "\(text.debugDescription)")
            #expect(fault?.words.contains("secret") == false)
            #expect(fault?.words.contains("hash") == false)
        }
    }

    @Test func `no bytes make it trap`() {
        var state: UInt64 = 7
        func next(_ bound: UInt64) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % bound)
        }
        let pieces = Array("A=\\'\"\n\r #;$` \t\0x".utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<next(14)).map { _ in
                next(9) == 0 ? UInt8(next(256)) : pieces[next(UInt64(pieces.count))]
            }
            _ = try? EnvironmentText(bytes)
        }
    }
}
