// SPDX-License-Identifier: Apache-2.0

import ReeveConfiguration
import ReeveCore
import Testing

/// Spans and sizes from text.
@Suite struct AmountsTests {
    @Test func `durations are read exactly`() {
        let table: [(String, Duration)] = [
            ("250ms", .milliseconds(250)), ("30s", .seconds(30)), ("0s", .zero), ("0ms", .zero),
            ("5m", .minutes(5)), ("1h30m", .minutes(90)), ("2d", .seconds(172_800)),
            ("1d2h3m4s5ms", Duration(nanoseconds: 93_784_005_000_000)),
            ("1.5s", .milliseconds(1_500)), ("0.25h", .minutes(15)), ("007s", .seconds(7)),
            ("1.000000001s", Duration(nanoseconds: 1_000_000_001)),
            ("1.0000000019s", Duration(nanoseconds: 1_000_000_001)),
            ("0.000000001ms", .zero), ("106751d", .seconds(106_751 * 86_400)),
        ]
        for (text, span) in table { #expect(Amounts.duration(text) == span, "\(text)") }
    }

    @Test func `what is no duration is none`() {
        let table = [
            "", " ", "s", "30", "30 s", " 30s", "30s ", "30S", "30sec", "1m1h", "1s1s", "1h 30m",
            "-1s", "+1s", "1e3s", ".5s", "5.s", "1..5s", "1.5.5s", "1,5s", "30s!", "1h30", "٣s",
            "1\u{301}s", "106752d", "9999999999999999999s", "1.9999999999999999999s", "1d106751d",
            "106751d23h59m59s999ms9",
        ]
        for text in table { #expect(Amounts.duration(text) == nil, "\(text)") }
    }

    /// What the core prints, the configuration reads.
    @Test func `a printed duration is read back`() {
        for nanoseconds: Int64 in [
            0, 1_000_000, 250_000_000, 1_250_000_000, 30_000_000_000, 90_000_000_000,
            5_400_000_000_000, 172_800_000_000_000, 183_600_000_000_000,
        ] {
            let span = Duration(nanoseconds: nanoseconds)
            #expect(Amounts.duration(span.description) == span, "\(span)")
        }
    }

    @Test func `sizes are read exactly`() {
        let table: [(String, Int64)] = [
            ("0B", 0), ("512B", 512), ("64kB", 64_000), ("64KB", 64_000), ("100MB", 100_000_000),
            ("100MiB", 104_857_600), ("1.5GB", 1_500_000_000), ("1.5GiB", 1_610_612_736),
            ("2TB", 2_000_000_000_000), ("8388607TiB", 8_388_607 << 40), ("1KiB", 1_024),
            ("0.0001kB", 0),
        ]
        for (text, count) in table { #expect(Amounts.bytes(text) == Bytes(count), "\(text)") }
    }

    @Test func `what is no size is none`() {
        let table = [
            "", "B", "100", "100M", "100Mb", "100mb", "100 MB", "-1MB", "1e3MB", ".5MB", "1.MB",
            "8388608TiB", "9223373TB", "100MBB", "100MB1B", "1,5GB", "100Mi", "0x10B",
        ]
        for text in table { #expect(Amounts.bytes(text) == nil, "\(text)") }
    }
}
