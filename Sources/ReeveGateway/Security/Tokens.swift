// SPDX-License-Identifier: Apache-2.0

/// The secrets that requests have to bring as `Authorization: Bearer TOKEN`.
///
/// Without any, everybody who gets through to the port may do everything. With one of them, every request but
/// those to `/healthz`, `/readyz` and the description needs one: the control token may everything, the read
/// token only look. Without a control token nobody may act.
public struct GatewayTokens: Sendable, Equatable {
    let control: [UInt8]?
    let read: [UInt8]?

    /// Shorter ones could be guessed.
    public static let bytesMin = 16

    /// No secrets.
    public static let none = GatewayTokens(checkedControl: nil, read: nil)

    /// Throws `GatewayError` for a token that is too short, holds anything but visible ASCII, or is both.
    public init(control: String? = nil, read: String? = nil) throws(GatewayError) {
        try GatewayTokens.check(control, "control")
        try GatewayTokens.check(read, "read")
        if let control, control == read {
            throw GatewayError(
                "the read token is the control token too; whoever may look could act: use two")
        }
        self.init(
            checkedControl: control.map { Array($0.utf8) }, read: read.map { Array($0.utf8) })
    }

    private init(checkedControl control: [UInt8]?, read: [UInt8]?) {
        self.control = control
        self.read = read
    }

    private static func check(_ token: String?, _ what: String) throws(GatewayError) {
        guard let token else { return }
        guard token.utf8.count >= bytesMin else {
            throw GatewayError(
                "the \(what) token has \(token.utf8.count) bytes; it needs at least \(bytesMin), for "
                    + "example from `openssl rand -hex 32`")
        }
        guard token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw GatewayError(
                "the \(what) token holds something that no HTTP header can carry; use visible ASCII "
                    + "without spaces")
        }
    }

    var isEmpty: Bool { control == nil && read == nil }

    /// What a token opens; nil: it is none of them. Takes as long for a wrong one as for a right one.
    func access(of presented: [UInt8]) -> Endpoint.Access? {
        let isControl = control.map { GatewayTokens.isEqual(presented, $0) } ?? false
        let isRead = read.map { GatewayTokens.isEqual(presented, $0) } ?? false
        if isControl { return .control }
        return isRead ? .read : nil
    }

    /// Looks at every byte, whatever the first difference: the time tells the length and nothing else.
    static func isEqual(_ presented: [UInt8], _ secret: [UInt8]) -> Bool {
        var difference: UInt8 = presented.count == secret.count ? 0 : 1
        for index in secret.indices {
            let byte = index < presented.count ? presented[index] : 0
            difference |= byte ^ secret[index]
        }
        return difference == 0
    }
}

/// Why the gateway cannot be used so; a sentence without a full stop.
public struct GatewayError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    /// From the sentence.
    public init(_ description: String) {
        self.description = description
    }
}
