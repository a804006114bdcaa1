// SPDX-License-Identifier: Apache-2.0
//
// Who gets in. Tokens say what a client may do; Host and Origin keep browsers from being made the tool of a
// page somewhere else: a page whose name was pointed at this machine (DNS rebinding) has a Host that is not
// ours, and a page of another site has another Origin. No CORS header is ever sent.

internal import HTTPTypes
internal import Hummingbird
internal import ReeveControl
internal import Synchronization

/// Decides on each request before anything else looks at it.
public final class GatewayAdmission: Sendable {
    private let tokens: Mutex<GatewayTokens>
    private let hosts: Set<String>

    /// - Parameters:
    ///   - tokens: what requests have to bring.
    ///   - hosts: names by which clients may call the gateway, besides numeric addresses and `localhost`.
    ///     Looked at only where no token is asked for: a page that was let in by its name has none.
    public init(tokens: GatewayTokens = .none, hosts: [String] = []) {
        self.tokens = Mutex(tokens)
        self.hosts = Set(hosts.map { $0.lowercased() })
    }

    /// Other tokens from now on.
    public func adopt(_ new: GatewayTokens) {
        tokens.withLock { $0 = new }
    }

    /// Throws a `Problem` where the request may not do what it asks for.
    func admit(_ request: Request, for access: Endpoint.Access) throws(Problem) {
        let tokens = tokens.withLock { $0 }
        if tokens.isEmpty { try checkHost(request) }
        try checkOrigin(request)
        guard !tokens.isEmpty else { return }
        switch access {
        case .open: return
        case .read:
            guard presented(request, tokens) != nil else { throw Admission.unauthorized(request) }
        case .control:
            guard let found = presented(request, tokens) else {
                throw Admission.unauthorized(request)
            }
            guard case .control = found else { throw Admission.forbidden(tokens) }
        case .register: try admit(request, for: .control)
        }
    }

    /// Whether there is a token without which nobody may act.
    var hasControlToken: Bool { tokens.withLock { $0.control != nil } }

    private func presented(_ request: Request, _ tokens: GatewayTokens) -> Endpoint.Access? {
        guard let field = request.headers[.authorization] else { return nil }
        let parts = field.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return tokens.access(of: Array(parts[1].utf8))
    }

    // MARK: Browsers

    private func checkHost(_ request: Request) throws(Problem) {
        let authority = request.head.authority ?? ""
        let host = HostName(authority)
        guard !host.isNumeric, !host.isLocal, !hosts.contains(host.text) else { return }
        throw Problem(
            421, "unknown-host", "The gateway is not called by this name",
            "the Host \"\(authority.shortened(toBytes: 80))\" is none of the gateway's; "
                + "use its address, or name it with --host")
    }

    private func checkOrigin(_ request: Request) throws(Problem) {
        if let origin = request.headers[.origin] {
            let own = request.head.authority ?? ""
            let isOwn = ["http://", "https://"].contains {
                origin.lowercased() == ($0 + own).lowercased()
            }
            guard isOwn else { throw Admission.foreignPage }
        }
        // A link on another page may lead here; nothing else of it may.
        if let site = request.headers[Admission.fetchSite],
            ["cross-site", "same-site"].contains(site),
            request.method != .get || request.headers[Admission.fetchMode] != "navigate"
        {
            throw Admission.foreignPage
        }
    }
}

private enum Admission {
    static let fetchSite = HTTPField.Name("Sec-Fetch-Site") ?? .origin
    static let fetchMode = HTTPField.Name("Sec-Fetch-Mode") ?? .origin

    static let foreignPage = Problem(
        403, "foreign-origin", "Pages of other sites may not use the gateway",
        "the request comes from a page of another origin")

    static func unauthorized(_ request: Request) -> Problem {
        let isThere = request.headers[.authorization] != nil
        var problem = Problem(
            401, "unauthorized", "A token is needed",
            isThere
                ? "the token is not one of the gateway's"
                : "send the token as \"Authorization: Bearer TOKEN\"")
        problem.fields["www-authenticate"] = "Bearer realm=\"reeve\""
        return problem
    }

    static func forbidden(_ tokens: GatewayTokens) -> Problem {
        Problem(
            403, "forbidden", "This token may not do this",
            tokens.control == nil
                ? "the gateway has no control token, so that nobody may act through it"
                : "acting needs the control token")
    }
}

/// The name in a Host field or an address, without its port.
struct HostName: Equatable {
    /// In lower case, without brackets and the dot at its end.
    let text: String

    init(_ authority: String) {
        var rest = authority[...]
        if rest.first == "[", let end = rest.firstIndex(of: "]") {
            rest = rest[rest.index(after: rest.startIndex)..<end]
        } else if let colon = rest.lastIndex(of: ":"), rest.firstIndex(of: ":") == colon {
            rest = rest[..<colon]
        }
        if rest.last == "." { rest = rest.dropLast() }
        text = rest.lowercased()
    }

    /// A numeric address: no DNS server could have been made to lead here.
    var isNumeric: Bool {
        if text.contains(":") {
            return text.utf8.allSatisfy {
                isxdigit($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
            }
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }

    /// `localhost`, which browsers resolve by themselves.
    var isLocal: Bool { text == "localhost" || text.hasSuffix(".localhost") }

    /// Reaches only this machine.
    var isLoopback: Bool {
        isLocal || text == "::1" || (isNumeric && text.hasPrefix("127."))
    }

    private func isxdigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
