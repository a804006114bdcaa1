// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import ReeveControl

/// An error as RFC 9457 has it: `application/problem+json`.
struct Problem: Error, Equatable, Sendable {
    /// The HTTP status.
    var status: Int
    /// The word that programs compare; the last part of `type`.
    var code: String
    /// What kind of problem it is, the same each time.
    var title: String
    /// A sentence about this one, without a full stop.
    var detail: String
    /// Of an action on all: what became of each that was touched.
    var results: [SchedulersResultDocument.Result]?
    /// Further header fields, by name.
    var fields: [String: String] = [:]

    init(_ status: Int, _ code: String, _ title: String, _ detail: String) {
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
    }

    /// Said when the connection cannot go on, because the request was not read to its end.
    var closingConnection: Problem {
        var problem = self
        problem.fields["connection"] = "close"
        return problem
    }

    /// The body; `results` is missing where the action was not one on all.
    struct Document: Codable, Equatable, Sendable {
        var type: String
        var title: String
        var status: Int
        var detail: String
        var code: String
        var results: [SchedulersResultDocument.Result]?
    }

    var document: Document {
        Document(
            type: "urn:reeve:problem:\(code)", title: title, status: status, detail: detail,
            code: code, results: results)
    }

    var response: Response {
        var response = JSONBody.response(document, status: .init(code: status))
        response.headers[.contentType] = "application/problem+json"
        for (name, value) in fields {
            if let name = HTTPField.Name(name) { response.headers[name] = value }
        }
        return response
    }
}

extension Problem {
    static func badRequest(_ code: String, _ detail: String) -> Problem {
        Problem(400, code, "The request is not valid", detail)
    }

    static let noSuchPath = Problem(
        404, "not-found", "There is nothing at this path",
        "see /api/openapi.json for the paths that there are")

    static func methodNotAllowed(_ method: String, allowed: [String]) -> Problem {
        let list = allowed.joined(separator: ", ")
        var problem = Problem(
            405, "method-not-allowed", "The path does not take this method",
            "\(method) is not possible here, but \(list)")
        problem.fields["allow"] = list
        return problem
    }

    static let bodyTooLarge = Problem(
        413, "body-too-large", "The request's body is too large",
        "a body has at most \(GatewayLimits.bodyBytesMax) bytes"
    ).closingConnection

    static let registrationTooLarge = Problem(
        413, "body-too-large", "The request's body is too large",
        "what is registered has more than \(ControlLimits.requestBytesMax) bytes as the supervisor "
            + "gets it")

    static let mayNotRegister = Problem(
        403, "may-not-register", "Nobody may register schedulers here",
        "the gateway takes no registrations: `allow-register` in [gateway] is not set")

    static let malformedBody = Problem.badRequest(
        "malformed-body", "the body is not as its header says"
    ).closingConnection

    static let bodyTooSlow = Problem(
        408, "request-timeout", "The request's body did not come in time",
        "a body has to be complete within \(GatewayLimits.bodySeconds) s"
    ).closingConnection

    /// A gateway that is asked to end itself.
    static func ownEnd(_ word: String) -> Problem {
        Problem(
            409, "own-end", "The gateway does not end itself",
            "who is asked is the gateway, which could not answer any more; "
                + "use the command `reeve \(word) gateway`")
    }

    static let defect = Problem(
        500, "defect", "The gateway has a defect",
        "the request could not be answered; the gateway's log says why")

    static let tooManyStreams: Problem = {
        var problem = Problem(
            503, "too-many-streams", "Too many streams are open",
            "\(GatewayLimits.streamsMax) streams are open, which is the limit; try again later")
        problem.fields["retry-after"] = "5"
        return problem
    }()

    /// What the supervisor, or the way to it, has to say.
    init(_ failure: LinkFailure) {
        switch failure {
        case .unreachable(let words), .interrupted(let words):
            self.init(503, "no-supervisor", "The supervisor does not answer", words)
            fields["retry-after"] = "1"
        case .timedOut:
            self.init(504, "timed-out", "The supervisor did not answer in time", failure.words)
        case .readerTooSlow:
            self.init(503, "too-slow", "The stream was not read fast enough", failure.words)
        case .refused(let error):
            self.init(error)
        }
    }

    /// What the supervisor refused, or could not do.
    init(_ error: ControlError) {
        let (status, title): (Int, String) =
            switch error.code {
            case .unknownScheduler: (404, "There is no such scheduler")
            case .noLog, .noFailure: (404, "Nothing of this is kept")
            case .shuttingDown: (409, "The supervisor is shutting down")
            case .survivors: (409, "Processes of an earlier run are still alive")
            case .notScheduled: (409, "The scheduler has no schedule")
            case .notRunning: (409, "The scheduler is not running")
            case .tooManyRequests, .tooManyClients, .tooSlow, .idle:
                (503, "The supervisor has too much to do")
            case .notPermitted: (503, "The gateway may not use the control socket")
            case .malformed, .invalidValue, .tooLong: (400, "The request is not valid")
            case .conflict: (409, "The name is another's, or others depend on it")
            case .configuration: (422, "What is to be registered is not right")
            case .mayNotRegister: (403, "Nobody may register schedulers here")
            case .notKept: (500, "What is registered cannot be kept")
            case .failed: (500, "What was asked for did not succeed")
            default: (500, "The supervisor could not do it")
            }
        self.init(status, error.code.rawValue, title, error.message)
    }
}
