// SPDX-License-Identifier: Apache-2.0
//
// What follows the end of a run. Guards from the most special to the most general, each with its reason.

/// How a run ended, as far as restarting is concerned.
enum RunEnd: Equatable, Sendable {
    case exited(ExitStatus)
    case spawnFailed(SpawnFailure)
}

/// What a run's end means.
struct Verdict: Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        case success
        case failure
        /// Somebody ended it: it neither did what it was for nor failed at it.
        case ended
    }

    let kind: Kind
    var isFailure: Bool { kind == .failure }
    /// As the list of past runs has it.
    var outcome: PastRun.Outcome {
        switch kind {
        case .success: .succeeded
        case .failure: .failed
        case .ended: .ended
        }
    }
    /// What is said after "it", without a full stop: "failed with exit code 3".
    let meaning: String
}

extension Verdict {
    /// The program does not handle the signal that is to make it free memory.
    static func killedByCleanup(_ signal: Signal) -> Verdict {
        let meaning = "was killed by its own cleanup signal \(signal), which it does not handle"
        return Verdict(kind: .failure, meaning: meaning)
    }
}

extension SchedulerSpecification {
    /// Whether an end is a failure, and its plain reading.
    ///
    /// A daemon's success before it was ready is a failure (it was started to stay); a death by the
    /// signal that an operator sent through reeve is none.
    func verdict(on end: RunEnd, wasReady: Bool, operatorSignal: Signal?) -> Verdict {
        switch end {
        case .spawnFailed(let failure):
            return Verdict(kind: .failure, meaning: "could not be started: \(failure)")
        case .exited(.signalled(let signal, let coreDumped)):
            if signal == operatorSignal {
                return Verdict(kind: .ended, meaning: "was ended by the operator's \(signal)")
            }
            let core = coreDumped ? " and dumped core" : ""
            let origin = signal == .kill ? ", not sent by reeve" : ""
            return Verdict(kind: .failure, meaning: "was killed by \(signal)\(origin)\(core)")
        case .exited(.exited(let code)):
            guard successExitCodes.contains(code) else {
                return Verdict(kind: .failure, meaning: "failed with exit code \(code)")
            }
            if kind == .daemon && !wasReady {
                return Verdict(
                    kind: .failure, meaning: "ended with exit code \(code) before it was ready")
            }
            return Verdict(kind: .success, meaning: "ended with exit code \(code)")
        }
    }
}

/// What follows.
enum RestartDecision: Equatable, Sendable {
    /// Start again at `delay` from now.
    case restart(after: Duration, overLimit: Bool)
    /// It is done, and well.
    case complete
    /// Somebody ended it, and its policy restarts only failures.
    case rest
    /// No restart follows, and the last run failed.
    case giveUp(reason: String)
    /// As `giveUp`, and reeve is to end with this scheduler's code.
    case giveUpAndExit(reason: String)
}

extension RestartPolicy {
    /// Decides. `n` counts this restart among those without good time in between, from 1;
    /// `restartsInWindow` are the automatic ones before it.
    func decide(
        _ verdict: Verdict, n: Int, restartsInWindow: Int, forced: Bool, random: inout SplitMix64
    ) -> RestartDecision {
        if !forced {
            switch (mode, verdict.kind) {
            case (.never, .failure):
                return .giveUp(reason: "\(verdict.meaning), and restart is \"never\"")
            case (.never, .success), (.onFailure, .success): return .complete
            case (.never, .ended), (.onFailure, .ended): return .rest
            case (.always, _), (.onFailure, .failure): break
            }
        }
        if let maxRestarts, restartsInWindow >= maxRestarts {
            let reason =
                "\(verdict.meaning), after \(counted(maxRestarts, "restart")) within \(window)"
            switch whenExhausted {
            case .fail: return .giveUp(reason: reason)
            case .exit: return .giveUpAndExit(reason: reason)
            case .retry: return .restart(after: jittered(delayMax, &random), overLimit: true)
            }
        }
        return .restart(after: jittered(plainDelay(n), &random), overLimit: false)
    }
}
