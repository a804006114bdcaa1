// SPDX-License-Identifier: Apache-2.0
//
// What a client may ask for. One request is one JSON object on one line; see `ControlDecoder` for
// reading it and `ControlEncoder` for writing it.

package import ReeveCore

/// One line from a client to the supervisor.
package struct ControlRequest: Equatable, Sendable {
    /// Chosen by the client, 0 to `ControlLimits.idMax`; every line of the answer carries it.
    package var id: RequestID
    package var operation: ControlOperation

    package init(id: RequestID, operation: ControlOperation) {
        self.id = id
        self.operation = operation
    }
}

/// The operations, with the text of names as the client wrote it: the server looks them up.
package enum ControlOperation: Equatable, Sendable {
    /// `{"op":"start","name":"web","force":false}`; `force` may be absent.
    case start(name: String, force: Bool)
    case stop(name: String)
    case restart(name: String, force: Bool)
    case reset(name: String)
    /// Answered when the recovery is over; each outcome has the actions that were taken.
    case recover(name: String)
    /// `{"op":"signal","name":"web","signal":"HUP"}`: a name with or without SIG, or a number as text.
    case signal(name: String, Signal)
    /// `{"op":"run-now","name":"backup","force":false}`; `force` may be absent.
    case runNow(name: String, force: Bool)
    case pause(name: String)
    case resume(name: String)
    case startAll
    case stopAll
    /// Read the configuration file again; answered when what changed has been brought about.
    case reload
    /// `{"op":"register","name":"web","text":"[schedulers.web]\n…","file":"web.toml","restricted":false}`: the
    /// text is TOML with this one table, `file` is how errors name its place, and `restricted` leaves
    /// out what is more than to execute programs; both may be absent. Answered when what is registered has
    /// been brought about.
    case register(Registration)
    /// `{"op":"unregister","name":"web"}`
    case unregister(name: String)
    /// `{"op":"status"}` or `{"op":"status","name":"web"}`; nil is all.
    case status(name: String?)
    /// The head of the status, without its schedulers.
    case overview
    /// `{"op":"subscribe","after":"EPOCH-SEQ","follow":true}`; without `after` everything the ring holds
    /// comes first, without `follow` it is true.
    case subscribe(after: EventPosition?, follow: Bool)
    /// `{"op":"logs","name":"web","lines":100,"follow":false}`; without `lines` all that is kept.
    case logs(name: String, lines: Int?, follow: Bool)
    /// `{"op":"runs","name":"backup","last":20}`: its last entries in the ledger; without `last` all that
    /// are kept.
    case runs(name: String, last: Int?)
    /// `{"op":"metrics"}` or `{"op":"metrics","name":"web"}`; nil is all.
    case metrics(name: String?)
    /// `{"op":"alerts"}`: those that are on.
    case alerts
    /// `{"op":"failure","name":"web","run":"01…"}`: what is kept of a failed run; without `run` the last one.
    case failure(name: String, run: String?)
    /// What is in force: the settings of `[reeve]` and of each scheduler, and where each stands.
    case configuration
    /// `{"op":"next","name":"backup","count":5}`: coming occurrences; without `name` of every scheduled one.
    case next(name: String?, count: Int?)
    /// `{"op":"cancel","request":7}`: ends the stream that the client's request 7 began.
    case cancel(request: RequestID)
    /// What the supervisor itself takes.
    case usage
    /// Is anybody there, and who.
    case ping

    /// The value of `op`.
    package var word: String {
        switch self {
        case .start: "start"
        case .stop: "stop"
        case .restart: "restart"
        case .reset: "reset"
        case .recover: "recover"
        case .signal: "signal"
        case .runNow: "run-now"
        case .pause: "pause"
        case .resume: "resume"
        case .startAll: "start-all"
        case .stopAll: "stop-all"
        case .reload: "reload"
        case .register: "register"
        case .unregister: "unregister"
        case .status: "status"
        case .overview: "overview"
        case .subscribe: "subscribe"
        case .logs: "logs"
        case .runs: "runs"
        case .metrics: "metrics"
        case .alerts: "alerts"
        case .failure: "failure"
        case .configuration: "configuration"
        case .next: "next"
        case .cancel: "cancel"
        case .usage: "usage"
        case .ping: "ping"
        }
    }
}

/// Where an event stands in the stream of one supervisor instance, written "EPOCH-SEQ".
package struct EventPosition: Hashable, Sendable, CustomStringConvertible {
    /// Names the supervisor instance: 1 to 32 letters or digits of ASCII.
    package let epoch: String
    /// Counts from 1.
    package let sequence: UInt64

    /// Does not check `epoch`; the server makes it.
    package init(epoch: String, sequence: UInt64) {
        self.epoch = epoch
        self.sequence = sequence
    }

    /// Reads what `description` writes; nil for anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, (1...32).contains(parts[0].utf8.count),
            let first = parts[1].utf8.first,
            first != UInt8(ascii: "+"), let sequence = UInt64(parts[1])
        else { return nil }
        let isPlain = parts[0].utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        }
        guard isPlain else { return nil }
        self.init(epoch: String(parts[0]), sequence: sequence)
    }

    package var description: String { "\(epoch)-\(sequence)" }
}
