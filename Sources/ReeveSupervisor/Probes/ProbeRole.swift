// SPDX-License-Identifier: Apache-2.0
//
// The role in which this binary makes one probe: it may wait for a name service, which the supervisor never
// does. The supervisor bounds its time, as that of every command.

internal import ReeveCore
internal import ReeveLinux

/// Makes the probe that its arguments say.
package enum ProbeRole {
    /// The value of REEVE_ROLE for the child.
    package static let name = "probe"

    /// The arguments for a probe, after the program.
    static func arguments(of probe: Probe) -> [String] {
        let target = ["\(probe.timeout.nanoseconds)", probe.target.host, "\(probe.target.port)"]
        switch probe.question {
        case .connects: return target
        case .responds(let path, let status):
            return target + [path, "\(status.lowerBound)", "\(status.upperBound)"]
        }
    }

    private static func probe(_ arguments: [String]) -> Probe? {
        guard arguments.count == 3 || arguments.count == 6, let timeout = Int64(arguments[0]),
            let port = UInt16(arguments[2])
        else { return nil }
        var question = Probe.Question.connects
        if arguments.count == 6 {
            guard let first = Int(arguments[4]), let last = Int(arguments[5]), first <= last else {
                return nil
            }
            question = .responds(path: arguments[3], status: first...last)
        }
        return Probe(
            for: SchedulerID(0), ProbeTarget(host: arguments[1], port: port), question,
            timeout: .nanoseconds(timeout))
    }

    /// Writes one line of words to standard output. Returns 0 where the probe passes, 1 where it fails, 75 where
    /// there was no room to ask.
    package static func run() -> Int32 {
        guard let probe = probe(Array(ProcessArguments.texts().dropFirst())) else { return 64 }
        let outcome: ProbeOutcome
        do {
            outcome = try answer(to: probe)
        } catch {
            outcome = .failed(words: error.words)
        }
        let (code, words): (Int32, String) =
            switch outcome {
            case .passed(let words): (0, words)
            case .failed(let words): (1, words)
            case .unasked(let words): (75, words)
            }
        // Where nobody reads any more the exit code is all that is left to tell.
        if let stream = try? StandardStream(.output) {
            _ = try? stream.write(Array((words + "\n").utf8).span)
        }
        return code
    }

    private static func answer(to probe: Probe) throws(SystemFailure) -> ProbeOutcome {
        let addresses =
            if let known = Prober.addresses(of: probe.target.host) {
                known
            } else {
                try InternetSocket.addresses(of: probe.target.host)
            }
        do throws(Errno) {
            let epoll = try Epoll()
            let prober = Prober(epoll: epoll)
            let id = CommandID(RunID(order: 0, origin: 0))
            var events: [Event] = []
            if let event = prober.start(id, probe, addresses: addresses, at: Clock.now()) {
                events = [event]
            }
            while events.isEmpty {
                try epoll.wait(until: prober.nextDeadline) { token, _ in
                    if let event = prober.ready(token) { events.append(event) }
                }
                events += prober.timePassed(at: Clock.now())
            }
            if case .probed(_, let outcome)? = events.first { return outcome }
            return .failed(words: "no answer")
        } catch {
            throw SystemFailure("the probe could not be made", error)
        }
    }
}

extension CommandOutcome {
    /// As the answer of the child that made a probe.
    func probeOutcome(within timeout: Duration) -> ProbeOutcome {
        switch self {
        case .ended(.exited(code: 0), let output): .passed(words: output)
        case .ended(.exited(code: 1), let output) where !output.isEmpty: .failed(words: output)
        case .ended(.exited(code: 75), let output): .unasked(words: output)
        case .ended(let status, _): .failed(words: "the process that probes ended by \(status)")
        case .timedOut: .failed(words: "no answer within \(timeout)")
        case .notStarted(let words, isShortage: true): .unasked(words: words)
        case .notStarted(let words, isShortage: false):
            .failed(words: "the process that probes could not be started: \(words)")
        }
    }
}
