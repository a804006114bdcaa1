// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveTestSupport
import Testing

@Suite struct SecurityTests {
    private static let one: @Sendable (Place) -> String = { place in
        """
        [schedulers.web]
        command = \(place.child("forever"))
        ready = "spawn"
        """
    }

    @Test func `a network address without a token is refused, with a sentence`() async throws {
        let place = try Place()
        defer { place.remove() }
        try place.write("short", "too-short\n")
        try place.write("good", String(repeating: "x", count: 32) + "\n")
        let refused: [([String], String)] = [
            (["--listen", "0.0.0.0:0"], "name a --token-file"),
            (["--listen", "[::]:0"], "can be reached from the network"),
            (["--listen", "nonsense"], "no address to listen on"),
            (["--listen", ":5000"], "names no host"),
            (["--token-file", place.file("absent")], "absent cannot be read"),
            (["--token-file", place.file("short")], "needs at least 16"),
            (
                ["--token-file", place.file("good"), "--read-token-file", place.file("good")],
                "use two"
            ),
            (["--tls-key", place.file("good")], "only one of them is named"),
            (
                ["--tls-key", place.file("good"), "--tls-certificate", place.file("good")],
                "good cannot be read as a certificate"
            ),
        ]
        for (index, (arguments, words)) in refused.enumerated() {
            let process = try Guarded(
                [Tree.product("reeve-gateway")] + arguments, directory: place.directory,
                name: "refused-\(index)")
            #expect(try await process.ended() == .exit(78), "\(arguments)")
            #expect(process.errors.contains(words), "\(arguments): \(process.errors)")
        }
    }

    @Test func `the control token may everything, the read token only look`() async throws {
        try await Reeve.supervising(Self.one) { reeve in
            let place = Place(at: reeve.directory)
            let (control, read) = ("control-token-0123456789", "read-token-0123456789abc")
            try place.write("control", control + "\n", mode: 0o600)
            try place.write("read", "  " + read + "  \n", mode: 0o600)
            let arguments = [
                "--token-file", place.file("control"), "--read-token-file", place.file("read"),
            ]
            try await reeve.withGateway(arguments) { gateway in
                func status(_ method: String, _ path: String, _ token: String?) async throws -> Int
                {
                    let fields = token.map { ["Authorization: Bearer \($0)"] } ?? []
                    return try await gateway.send(method, path, fields).status
                }
                for (method, path, token, wanted) in [
                    ("GET", "/api/scheduler/health", nil, 401),
                    ("GET", "/api/scheduler/health", read, 200),
                    ("GET", "/api/scheduler/health", control, 200),
                    ("GET", "/metrics", nil, 401), ("GET", "/metrics", read, 200),
                    ("GET", "/api/events?follow=false", nil, 401),
                    ("POST", "/api/scheduler/web/restart", nil, 401),
                    ("POST", "/api/scheduler/web/restart", read, 403),
                    ("POST", "/api/scheduler/stop-all", read, 403),
                    ("POST", "/api/scheduler/web/restart", control, 200),
                    ("GET", "/healthz", nil, 200), ("GET", "/readyz", nil, 200),
                    ("GET", "/healthz?verbose", nil, 401), ("GET", "/healthz?verbose", read, 200),
                    ("GET", "/api/openapi.json", nil, 200),
                ] as [(String, String, String?, Int)] {
                    #expect(try await status(method, path, token) == wanted, "\(method) \(path)")
                }
                // What is nearly the token is not the token.
                for wrong in [
                    control.dropLast() + "x", control + "x", String(control.dropLast()), "x", "",
                    control.uppercased(),
                ] as [any StringProtocol] {
                    #expect(try await status("GET", "/metrics", "\(wrong)") == 401, "\(wrong)")
                }
                let basic = try await gateway.get("/metrics", ["Authorization: Basic \(control)"])
                #expect(basic.status == 401)
                #expect(basic.fields["www-authenticate"] == "Bearer realm=\"reeve\"")
                // With a token the name in Host says nothing.
                let named = try await gateway.get(
                    "/metrics", ["Host: reeve.example", "Authorization: Bearer \(read)"])
                #expect(named.status == 200)
                // A token that is changed holds within seconds.
                let other = "another-token-0123456789"
                try place.write("control", other, mode: 0o600)
                try await eventually("the new token", within: 20) {
                    try await status("GET", "/metrics", other) == 200
                }
                #expect(try await status("GET", "/metrics", control) == 401)
                // A file that holds none any more changes nothing.
                try place.write("control", "", mode: 0o600)
                try await eventually("the complaint", within: 20) {
                    gateway.process.errors.contains("holds no token")
                }
                #expect(try await status("GET", "/metrics", other) == 200)
                #expect(!gateway.process.errors.contains(other))
            }
        }
    }

    @Test func `pages of other sites, and names that lead here, get nothing`() async throws {
        try await Reeve.supervising(Self.one) { reeve in
            try await reeve.withGateway(["--host", "reeve.example"]) { gateway in
                let path = "/api/scheduler/health"
                let own = "127.0.0.1:\(gateway.port)"
                for (fields, wanted) in [
                    (["Host: localhost"], 200), (["Host: [::1]:5000"], 200),
                    (["Host: 192.0.2.7"], 200), (["Host: reeve.example:99"], 200),
                    (["Host: REEVE.Example."], 200), (["Host: evil.example"], 421),
                    (["Host: 127.0.0.1.evil.example"], 421), (["Host: "], 421),
                    (["Origin: http://\(own)"], 200), (["Origin: http://evil.example"], 403),
                    (["Origin: null"], 403), (["Origin: http://127.0.0.1:1"], 403),
                    (["Sec-Fetch-Site: cross-site"], 403), (["Sec-Fetch-Site: same-origin"], 200),
                    (["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"], 200),
                ] {
                    #expect(try await gateway.get(path, fields).status == wanted, "\(fields)")
                }
                let form = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"]
                #expect(try await gateway.post("/api/scheduler/web/stop", form).status == 403)
                #expect(try await reeve.scheduler("web").pid != nil)
                let answer = try await gateway.get(path, ["Origin: http://\(own)"])
                #expect(answer.fields.keys.allSatisfy { !$0.hasPrefix("access-control-") })
            }
        }
    }

    @Test func `TLS, with a certificate that is changed while it runs`() async throws {
        try await Reeve.supervising(Self.one) { reeve in
            let place = Place(at: reeve.directory)
            try await certificate("first", place)
            let arguments = [
                "--tls-certificate", place.file("chain.pem"), "--tls-key", place.file("key.pem"),
            ]
            try await reeve.withGateway(arguments) { gateway in
                let url = "https://localhost:\(gateway.port)/readyz"
                #expect(try await curl(url, place) == "first")
                #expect(gateway.process.errors.contains("listening on https://"))
                try await certificate("second", place)
                try await eventually("the new certificate", within: 30) {
                    try await curl(url, place) == "second"
                }
                // Half of a pair: the old one stays.
                try place.write("key.pem", "nonsense")
                try await eventually("the complaint", within: 20) {
                    gateway.process.errors.contains("key.pem cannot be read as a private key")
                }
                #expect(try await curl(url, place) == "second")
                let plain = try HTTPConnection(port: gateway.port)
                try await plain.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                try await plain.end()
                #expect(!plain.text.contains("ready"))
            }
        }
    }

    /// Makes a certificate with this organization.
    private func certificate(_ organization: String, _ place: Place) async throws {
        let process = try Guarded(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-keyout", place.file("new.key"), "-out", place.file("new.pem"), "-days",
                "1", "-subj", "/O=\(organization)/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost",
            ], directory: place.directory, name: "openssl-\(organization)")
        guard try await process.ended(within: 30) == .exit(0) else {
            throw HarnessFailure("openssl: \(process.errors)")
        }
        for (from, to) in [("new.key", "key.pem"), ("new.pem", "chain.pem")] {
            let data = try Data(contentsOf: URL(fileURLWithPath: place.file(from)))
            try data.write(to: URL(fileURLWithPath: place.file(to)))
        }
    }

    /// The organization in the certificate of whoever answers; throws where the answer is none.
    private func curl(_ url: String, _ place: Place) async throws -> String {
        let name = "curl-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        let process = try Guarded(
            ["curl", "-sSkv", url], directory: place.directory, name: name)
        guard try await process.ended(within: 30) == .exit(0),
            process.output.contains("\"ready\":true")
        else { throw HarnessFailure("curl: \(process.errors)") }
        let found = process.errors.firstMatch(of: /subject: .*O=(\w+)/)
        return (found?.output.1).map { String($0) } ?? ""
    }
}
