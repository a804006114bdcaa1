// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveTestSupport
import Testing

@Suite struct PrometheusTests {
    private struct Sample {
        let name: String
        let labels: [String: String]
        let value: Double
    }

    /// Every sample, and what is wrong with the text by the rules of its format.
    private func parse(_ text: String) -> (samples: [Sample], faults: [String]) {
        var samples: [Sample] = []
        var faults: [String] = []
        var types: [String: String] = [:]
        var seen: Set<String> = []
        var current = ""
        for line in text.split(separator: "\n") {
            if let help = line.wholeMatch(of: /# HELP (\w+) \S.*\./) {
                current = String(help.output.1)
                if types[current] != nil { faults.append("\(current) is there twice") }
            } else if let type = line.wholeMatch(of: /# TYPE (\w+) (counter|gauge|histogram)/) {
                if String(type.output.1) != current { faults.append("\(line)") }
                types[current] = String(type.output.2)
            } else if let match = line.wholeMatch(of: /(\w+)(\{(.*)\})? (\S+)/) {
                let name = String(match.output.1)
                let isHistogram = types[current] == "histogram"
                let own =
                    isHistogram
                    ? ["_bucket", "_sum", "_count"].map { current + $0 } : [current]
                if !own.contains(name) { faults.append("\(line) is below \(current)") }
                if types[current] == "counter", !current.hasSuffix("_total") {
                    faults.append("\(current) is a counter")
                }
                if !seen.insert(String(line.prefix { $0 != " " })).inserted {
                    faults.append("twice: \(line)")
                }
                var labels: [String: String] = [:]
                for pair in (match.output.3 ?? "").matches(of: /(\w+)="([^"\\]*)"/) {
                    labels[String(pair.output.1)] = String(pair.output.2)
                }
                guard let value = Double(match.output.4) else {
                    faults.append("\(line) has no value")
                    continue
                }
                samples.append(Sample(name: name, labels: labels, value: value))
            } else {
                faults.append("\(line)")
            }
        }
        return (samples, faults)
    }

    @Test func `the figures have their form, bounded labels, and outlive the gateway`() async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.backup]
            command = "echo a secret argument; exit 3"
            interval = "1h"
            run-on-start = true
            [schedulers.good]
            command = "true"
            interval = "1h"
            run-on-start = true
            [schedulers.web]
            command = \(place.child("forever"))
            ready = "spawn"
            """
        }) { reeve in
            try await reeve.scheduler("backup", becomes: "failed") { $0.lastOutcome == "failed" }
            try await reeve.scheduler("good", becomes: "executed") { $0.lastOutcome == "succeeded" }
            var counters: [Double] = []
            for _ in 0..<2 {
                try await reeve.withGateway { gateway in
                    let answer = try await gateway.get("/metrics")
                    #expect(
                        answer.fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
                    let (samples, faults) = parse(answer.text)
                    #expect(faults == [])
                    #expect(!answer.text.contains("secret"))
                    let known: Set = [
                        "scheduler", "health", "result", "outcome", "end", "action", "status",
                        "version", "le",
                    ]
                    #expect(Set(samples.flatMap(\.labels.keys)).isSubset(of: known))
                    func value(_ name: String, _ labels: [String: String]) -> Double? {
                        samples.first { $0.name == "reeve_" + name && $0.labels == labels }?.value
                    }
                    let failed = value(
                        "scheduler_executions_total", ["scheduler": "backup", "result": "failure"])
                    counters.append(failed ?? -1)
                    #expect(value("schedulers", ["health": "healthy"]) == 2)
                    #expect(
                        value("scheduler_health", ["scheduler": "web", "health": "healthy"]) == 1)
                    #expect(
                        value(
                            "scheduler_occurrences_total",
                            ["scheduler": "good", "outcome": "missed"]) == 0)
                    for (name, count) in [("backup", 1.0), ("web", 0)] {
                        let buckets = samples.filter {
                            $0.name == "reeve_scheduler_run_duration_seconds_bucket"
                                && $0.labels["scheduler"] == name
                        }.map(\.value)
                        #expect(buckets.count == 12 && buckets == buckets.sorted())
                        #expect(buckets.last == count)
                    }
                    let now = Double(time(nil))
                    let last = value(
                        "scheduler_last_success_timestamp_seconds", ["scheduler": "good"])
                    #expect((now - 60...now + 1).contains(last ?? 0))
                    let expected = value(
                        "scheduler_expected_by_timestamp_seconds", ["scheduler": "good"])
                    #expect((now + 3_500...now + 3_601).contains(expected ?? 0))
                    #expect(
                        value("scheduler_last_success_timestamp_seconds", ["scheduler": "backup"])
                            == nil)
                    #expect(value("supervisor_resident_memory_bytes", [:]) ?? 0 > 1_000_000)
                }
            }
            #expect(counters == [1, 1])
        }
    }
}
