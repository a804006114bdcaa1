// SPDX-License-Identifier: Apache-2.0
//
// Reading requests. Whoever may connect may send anything: a request is taken only when every byte of
// it means something, and otherwise refused with a sentence that says which part and what would do.

internal import ReeveCore

/// Reads lines of the protocol.
package enum ControlDecoder {
    /// Reads one request, without its newline. Strict: an unknown field, a missing one, or one of the
    /// wrong type is refused by name. The error carries the request's id wherever it could be read.
    package static func request(
        _ line: some Collection<UInt8>
    ) throws(ControlError) -> ControlRequest {
        guard line.count < ControlLimits.requestBytesMax else { throw .requestTooLong }
        let document: JSONDocument
        do {
            document = try JSONDocument(line)
        } catch {
            throw ControlError(.malformed, "the request \(error.words)")
        }
        let root = document.root
        guard root.isObject else {
            throw ControlError(
                .malformed, "a request is one JSON object on one line, this is \(root.typeName)")
        }
        let id: RequestID
        do {
            id = try root.requestID("id")
        } catch {
            throw ControlError(error, id: nil)
        }
        do {
            return ControlRequest(id: id, operation: try operation(root))
        } catch {
            throw ControlError(error, id: id)
        }
    }

    private static func operation(_ root: JSONValue) throws(JSONFault) -> ControlOperation {
        let word = try root.text("op")
        guard let form = RequestForm.all.first(where: { $0.word == word }) else {
            throw JSONFault(kind: .unknownOperation, words: unknownOperation(word))
        }
        if let key = root.firstKey(notAmong: ["id", "op"] + form.fields) {
            let takes =
                form.fields.isEmpty
                ? "takes no further fields"
                : "takes " + form.fields.map { "\"\($0)\"" }.joined(separator: ", ")
            let name = key.shortened(toBytes: 80)
            throw JSONFault(
                kind: .unknownField,
                words: "unknown field \"\(name)\": \(word) \(takes)")
        }
        return try form.read(root)
    }

    private static func unknownOperation(_ word: String) -> String {
        let known = RequestForm.all.map(\.word)
        let nearest = nearestNames(to: word, among: known)
        let hint =
            nearest.first.map { "did you mean \"\($0)\"?" }
            ?? "known are " + known.joined(separator: ", ")
        return "unknown operation \"\(word.shortened(toBytes: 80))\"; \(hint)"
    }
}

extension JSONValue {
    fileprivate func requestID(_ key: StaticString) throws(JSONFault) -> RequestID {
        let number = try wholeNumber(key)
        guard (0...ControlLimits.idMax).contains(number), let id = UInt64(exactly: number) else {
            throw JSONFault(
                kind: .invalid,
                words: "\"\(key)\" must be 0 to \(ControlLimits.idMax), it is \(number)")
        }
        return RequestID(id)
    }
}

extension ControlError {
    /// A line of 64 kB without an end; the connection cannot go on after it.
    package static var requestTooLong: ControlError {
        ControlError(
            .tooLong, "a request has at most \(ControlLimits.requestBytesMax) bytes; closing")
    }

    fileprivate init(_ fault: JSONFault, id: RequestID?) {
        let code: Code =
            switch fault.kind {
            case .malformed: .malformed
            case .missing: .missingField
            case .wrongType: .wrongType
            case .invalid: .invalidValue
            case .unknownField: .unknownField
            case .unknownOperation: .unknownOperation
            }
        self.init(code, fault.sentence, id: id)
    }
}

/// How one operation is written: its word, the fields it knows, and how they are read.
private struct RequestForm: Sendable {
    let word: String
    let fields: [String]
    let read: @Sendable (JSONValue) throws(JSONFault) -> ControlOperation

    static let all: [RequestForm] = [
        RequestForm(word: "start", fields: ["name", "force"]) { root throws(JSONFault) in
            .start(name: try name(root), force: try flag(root, "force", default: false))
        },
        RequestForm(word: "stop", fields: ["name"]) { root throws(JSONFault) in
            .stop(name: try name(root))
        },
        RequestForm(word: "restart", fields: ["name", "force"]) { root throws(JSONFault) in
            .restart(name: try name(root), force: try flag(root, "force", default: false))
        },
        RequestForm(word: "reset", fields: ["name"]) { root throws(JSONFault) in
            .reset(name: try name(root))
        },
        RequestForm(word: "recover", fields: ["name"]) { root throws(JSONFault) in
            .recover(name: try name(root))
        },
        RequestForm(word: "signal", fields: ["name", "signal"]) { root throws(JSONFault) in
            .signal(name: try name(root), try signal(root))
        },
        RequestForm(word: "run-now", fields: ["name", "force"]) { root throws(JSONFault) in
            .runNow(name: try name(root), force: try flag(root, "force", default: false))
        },
        RequestForm(word: "pause", fields: ["name"]) { root throws(JSONFault) in
            .pause(name: try name(root))
        },
        RequestForm(word: "resume", fields: ["name"]) { root throws(JSONFault) in
            .resume(name: try name(root))
        },
        RequestForm(word: "start-all", fields: []) { _ in .startAll },
        RequestForm(word: "stop-all", fields: []) { _ in .stopAll },
        RequestForm(word: "reload", fields: []) { _ in .reload },
        RequestForm(word: "register", fields: ["name", "text", "file", "restricted"]) {
            root throws(JSONFault) in
            .register(
                Registration(
                    name: try newName(root), text: try root.text("text"), file: try file(root),
                    isRestricted: try flag(root, "restricted", default: false)))
        },
        RequestForm(word: "unregister", fields: ["name"]) { root throws(JSONFault) in
            .unregister(name: try name(root))
        },
        RequestForm(word: "status", fields: ["name"]) { root throws(JSONFault) in
            .status(name: root["name"] == nil ? nil : try name(root))
        },
        RequestForm(word: "overview", fields: []) { _ in .overview },
        RequestForm(word: "subscribe", fields: ["after", "follow"]) { root throws(JSONFault) in
            .subscribe(after: try position(root), follow: try flag(root, "follow", default: true))
        },
        RequestForm(word: "logs", fields: ["name", "lines", "follow"]) { root throws(JSONFault) in
            .logs(
                name: try name(root), lines: try count(root, "lines"),
                follow: try flag(root, "follow", default: false))
        },
        RequestForm(word: "runs", fields: ["name", "last"]) { root throws(JSONFault) in
            .runs(name: try name(root), last: try count(root, "last"))
        },
        RequestForm(word: "metrics", fields: ["name"]) { root throws(JSONFault) in
            .metrics(name: root["name"] == nil ? nil : try name(root))
        },
        RequestForm(word: "alerts", fields: []) { _ in .alerts },
        RequestForm(word: "failure", fields: ["name", "run"]) { root throws(JSONFault) in
            .failure(name: try name(root), run: root["run"] == nil ? nil : try root.text("run"))
        },
        RequestForm(word: "configuration", fields: []) { _ in .configuration },
        RequestForm(word: "next", fields: ["name", "count"]) { root throws(JSONFault) in
            .next(
                name: root["name"] == nil ? nil : try name(root), count: try count(root, "count"))
        },
        RequestForm(word: "cancel", fields: ["request"]) { root throws(JSONFault) in
            .cancel(request: try root.requestID("request"))
        },
        RequestForm(word: "usage", fields: []) { _ in .usage },
        RequestForm(word: "ping", fields: []) { _ in .ping },
    ]

    private static func name(_ root: JSONValue) throws(JSONFault) -> String {
        let name = try root.text("name")
        guard !name.isEmpty else { throw JSONFault(kind: .invalid, words: "\"name\" is empty") }
        return name
    }

    /// One that a scheduler may be given.
    private static func newName(_ root: JSONValue) throws(JSONFault) -> SchedulerName {
        let text = try name(root)
        if let words = SchedulerName.objection(to: text) {
            throw JSONFault(kind: .invalid, words: words)
        }
        guard let name = SchedulerName(text) else {
            throw JSONFault(kind: .invalid, words: "\"name\" is no name for a scheduler")
        }
        return name
    }

    private static func file(_ root: JSONValue) throws(JSONFault) -> String? {
        guard root["file"] != nil else { return nil }
        return try root.text("file").shortened(toBytes: ControlLimits.fileBytesMax)
    }

    private static func flag(
        _ root: JSONValue, _ key: StaticString, default: Bool
    ) throws(JSONFault) -> Bool {
        root[key] == nil ? `default` : try root.truth(key)
    }

    private static func signal(_ root: JSONValue) throws(JSONFault) -> Signal {
        let text = try root.text("signal")
        guard text.utf8.count <= 16, let signal = Signal(text) else {
            throw JSONFault(
                kind: .invalid,
                words: "\"signal\" is \"\(text.shortened(toBytes: 80))\", which names no signal; "
                    + "write \"HUP\", \"SIGHUP\" or \"1\"")
        }
        return signal
    }

    private static func position(_ root: JSONValue) throws(JSONFault) -> EventPosition? {
        guard root["after"] != nil else { return nil }
        let text = try root.text("after")
        guard let position = EventPosition(text) else {
            throw JSONFault(
                kind: .invalid,
                words: "\"after\" must be an event's position, EPOCH-SEQ, it is "
                    + "\"\(text.shortened(toBytes: 80))\"")
        }
        return position
    }

    private static func count(
        _ root: JSONValue, _ key: StaticString
    ) throws(JSONFault) -> Int? {
        guard root[key] != nil else { return nil }
        let count = try root.wholeNumber(key)
        guard (0...Int64(ControlLimits.logLinesMax)).contains(count) else {
            throw JSONFault(
                kind: .invalid,
                words: "\"\(key)\" must be 0 to \(ControlLimits.logLinesMax), it is \(count)")
        }
        return Int(count)
    }
}
