// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

/// A server on a free port of 127.0.0.1 that answers each connection with fixed bytes.
private final class ScriptedPage {
    let port: UInt16
    private let listener: Int32
    private var clients: [Int32] = []
    private(set) var requests = ""

    init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = unsafe bind(listener, $0, length)
                _ = unsafe getsockname(listener, $0, &length)
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        try #require(listen(listener, 16) == 0)
        _ = fcntl(listener, F_SETFL, O_NONBLOCK)
    }

    /// Takes who is there and sends the answer; nil says nothing.
    func serve(_ answer: [UInt8]?, closing: Bool) {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            _ = fcntl(client, F_SETFL, O_NONBLOCK)
            clients.append(client)
            if let answer {
                _ = unsafe send(client, answer, answer.count, Int32(MSG_NOSIGNAL))
            }
            if closing { _ = shutdown(client, Int32(SHUT_WR)) }
        }
        for client in clients {
            var buffer = [UInt8](repeating: 0, count: 4_096)
            let count = unsafe recv(client, &buffer, buffer.count, 0)
            if count > 0 { requests += String(decoding: buffer[..<count], as: UTF8.self) }
        }
    }

    deinit {
        for client in clients { close(client) }
        close(listener)
    }
}

@Suite struct ProberTests {
    private static let id = CommandID(RunID(order: 1, origin: 1))

    private func ask(
        _ question: Probe.Question, host: String = "127.0.0.1", port: UInt16,
        timeout: ReeveCore.Duration = .seconds(5), addresses: [String]? = nil,
        meanwhile: () -> Void = {}
    ) throws -> ProbeOutcome? {
        let epoll = try Epoll()
        let prober = Prober(epoll: epoll)
        let probe = Probe(
            for: SchedulerID(0), ProbeTarget(host: host, port: port), question, timeout: timeout)
        let addresses = try #require(addresses ?? Prober.addresses(of: host))
        var events: [Event] = []
        if let event = prober.start(Self.id, probe, addresses: addresses, at: Clock.now()) {
            events.append(event)
        }
        let deadline = Clock.now().monotonic + .seconds(10)
        while events.isEmpty, Clock.now().monotonic < deadline {
            meanwhile()
            try epoll.wait(until: Clock.now().monotonic + .milliseconds(5)) { token, _ in
                if let event = prober.ready(token) { events.append(event) }
            }
            if let due = prober.nextDeadline, due <= Clock.now().monotonic {
                events += prober.timePassed(at: Clock.now())
            }
        }
        #expect(events.count == 1 && prober.count == 0 && prober.nextDeadline == nil)
        guard case .probed(Self.id, let outcome)? = events.first else { return nil }
        return outcome
    }

    private func page(
        _ answer: String?, closing: Bool = true, timeout: ReeveCore.Duration = .seconds(5)
    ) throws -> (outcome: ProbeOutcome?, requests: String) {
        let server = try ScriptedPage()
        let outcome = try ask(
            .responds(path: "/health?x=1", status: 200...299), port: server.port, timeout: timeout
        ) { server.serve(answer.map { Array($0.utf8) }, closing: closing) }
        server.serve(nil, closing: false)
        return (outcome, server.requests)
    }

    @Test func `a connection that is taken passes, one that is refused says so`() throws {
        let server = try ScriptedPage()
        let taken = try ask(.connects, port: server.port)
        #expect(taken == .passed(words: "127.0.0.1:\(server.port) took the connection"))
        // Nobody listens on a port that was just given up.
        let free = try ScriptedPage().port
        #expect(
            try ask(.connects, port: free)
                == .failed(words: "connection refused (ECONNREFUSED)"))
    }

    @Test func `localhost is tried by both addresses`() throws {
        let server = try ScriptedPage()
        #expect(Prober.addresses(of: "LocalHost") == ["127.0.0.1", "::1"])
        #expect(Prober.addresses(of: "example.org") == nil)
        #expect(Prober.addresses(of: "fe80::1%lo") == ["fe80::1%lo"])
        // The first refuses, the second takes it.
        let second = try ask(
            .connects, port: server.port, addresses: ["127.0.0.2", "127.0.0.1"])
        #expect(second?.isPassed == true)
    }

    @Test func `a page passes by its status`() throws {
        let good = try page("HTTP/1.1 204 No Content\r\nA: b\r\n\r\n")
        #expect(good.outcome == .passed(words: "status 204"))
        #expect(good.requests.hasPrefix("GET /health?x=1 HTTP/1.1\r\nHost: 127.0.0.1:"))
        #expect(good.requests.hasSuffix("\r\nConnection: close\r\n\r\n"))
        let bad = try page("HTTP/1.0 503 Busy\r\n\r\n")
        #expect(bad.outcome == .failed(words: "status 503, and 200-299 passes"))
        let early = try page("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n")
        #expect(early.outcome == .passed(words: "status 200"))
    }

    @Test func `what is no response fails in words`() throws {
        #expect(
            try page("").outcome
                == .failed(words: "the connection was closed without a response"))
        #expect(
            try page("SSH-2.0-OpenSSH\r\n").outcome
                == .failed(words: "the response is no HTTP: SSH-2.0-OpenSSH"))
        #expect(
            try page("HTTP/1.1 2x0 \u{1B}[2J\r\n").outcome
                == .failed(words: "the response is no HTTP: HTTP/1.1 2x0  [2J"))
        let endless = "HTTP/1.1 100 " + String(repeating: "x", count: 70_000)
        #expect(
            try page(endless).outcome == .failed(words: "no status within 65536 bytes of response"))
    }

    @Test func `who does not answer in time has failed`() throws {
        #expect(
            try page(nil, closing: false, timeout: .milliseconds(150)).outcome
                == .failed(words: "no response within 150ms"))
        #expect(
            try page("HTTP/1.1 ", closing: false, timeout: .milliseconds(150)).outcome
                == .failed(words: "no response within 150ms"))
    }

    @Test func `a probe that is not wanted any more is answered once`() throws {
        let prober = Prober(epoll: try Epoll())
        let server = try ScriptedPage()
        let probe = Probe(
            for: SchedulerID(0), ProbeTarget(host: "127.0.0.1", port: server.port), .connects,
            timeout: .seconds(5))
        #expect(
            prober.start(Self.id, probe, addresses: ["127.0.0.1"], at: Clock.now()) == nil)
        #expect(
            prober.end(Self.id)
                == .probed(Self.id, .failed(words: "it is not wanted any more")))
        #expect(prober.end(Self.id) == nil && prober.count == 0)
    }

    @Test func `the status is found wherever the response is cut`() {
        let whole = Array(
            "HTTP/1.1 102 Processing\r\nA: b\r\n\r\nHTTP/1.1 418 Teapot\r\n".utf8)
        for count in 0..<whole.count {
            let part = HTTPResponse.read(Array(whole[..<count]))
            #expect(part == .incomplete, "\(count)")
        }
        #expect(HTTPResponse.read(whole) == .status(418))
    }
}
