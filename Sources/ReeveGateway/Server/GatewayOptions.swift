// SPDX-License-Identifier: Apache-2.0

internal import ReeveLinux

/// What the program `reeve-gateway` is told.
public struct GatewayOptions: Sendable, Equatable {
    /// Where to listen.
    public var listen: ListenAddress
    /// The supervisor's control socket; nil looks for it.
    public var socket: String?
    /// A connection to it that this process was given, in place of `socket`.
    public var controlDescriptor: Int32?
    /// The tokens themselves, where the supervisor has read their files.
    public var token: String?
    public var readToken: String?
    /// A file whose first line is the control token.
    public var tokenFile: String?
    /// The same of the read token.
    public var readTokenFile: String?
    /// Files in PEM; both or none.
    public var tlsCertificate: String?
    public var tlsKey: String?
    /// Names by which clients call the gateway; see `GatewayAdmission`.
    public var hosts: [String] = []
    /// Whether a network address may be listened on without a token.
    public var allowsUnauthenticatedNetwork = false
    /// Whether whoever has the control token may register schedulers.
    public var allowsRegistration = false

    /// Loopback, without tokens and TLS.
    public init(listen: ListenAddress) {
        self.listen = listen
    }

    /// Takes the tokens that the supervisor passes in the environment.
    public mutating func takeTokensOfEnvironment() {
        let environment = EnvironmentBlock.current()
        token = environment.value(of: "REEVE_GATEWAY_TOKEN")
        readToken = environment.value(of: "REEVE_GATEWAY_READ_TOKEN")
    }

    /// Throws `GatewayError` for what must not be.
    func check() throws(GatewayError) {
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw GatewayError(
                "TLS needs both, a certificate and its key; only one of them is named")
        }
        guard !allowsRegistration || tokenFile != nil || token != nil else {
            throw GatewayError(
                "--allow-register lets whoever reaches the gateway execute programs, and there is no "
                    + "control token; name a --token-file")
        }
        guard listen.isLoopback || hasToken || allowsUnauthenticatedNetwork else {
            throw GatewayError(
                "\(listen) can be reached from the network, and without a token everybody there could "
                    + "stop every scheduler; name a --token-file, or listen on 127.0.0.1, or say "
                    + "--allow-unauthenticated-network")
        }
    }

    private var hasToken: Bool {
        tokenFile != nil || readTokenFile != nil || token != nil || readToken != nil
    }

    /// What the operator has to know about a gateway that is set up so.
    var warnings: [String] {
        var found: [String] = []
        if !hasToken {
            found.append(
                listen.isLoopback
                    ? "there is no token: every user and program of this machine may start and stop "
                        + "schedulers through \(listen)"
                    : "there is no token: everybody who reaches \(listen) may start and stop schedulers"
            )
        }
        if allowsRegistration {
            found.append(
                "whoever has the control token may register schedulers, and so execute programs")
        }
        if !listen.isLoopback, tlsCertificate == nil {
            found.append(
                "there is no TLS: tokens go over the network as they are, unless something in front of "
                    + "\(listen) encrypts")
        }
        return found
    }

    /// Reads the tokens. Throws `GatewayError`.
    func tokens() throws(GatewayError) -> GatewayTokens {
        var control = token
        var read = readToken
        if let tokenFile { control = try SecretFile(tokenFile).token() }
        if let readTokenFile { read = try SecretFile(readTokenFile).token() }
        return try GatewayTokens(control: control, read: read)
    }

    /// Reads certificate and key; nil without TLS. Throws `GatewayError`.
    func tlsFiles() throws(GatewayError) -> TLSFiles? {
        guard let tlsCertificate, let tlsKey else { return nil }
        return try TLSFiles(certificate: tlsCertificate, key: tlsKey)
    }
}
