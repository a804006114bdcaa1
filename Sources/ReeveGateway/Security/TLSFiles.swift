// SPDX-License-Identifier: Apache-2.0

internal import NIOSSL

/// A certificate and its key, as their files hold them.
struct TLSFiles: Equatable, Sendable {
    private let certificate: SecretFile
    private let key: SecretFile

    /// Reads both. Throws `GatewayError`.
    init(certificate: String, key: String) throws(GatewayError) {
        self.certificate = try SecretFile(certificate)
        self.key = try SecretFile(key)
    }

    /// What connections are made with. Throws `GatewayError` for what is no certificate or key, or where
    /// the two do not fit together.
    func context() throws(GatewayError) -> NIOSSLContext {
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMBytes(certificate.bytes)
        } catch {
            throw GatewayError(
                "\(certificate.path) cannot be read as a certificate in PEM: \(error)")
        }
        guard !chain.isEmpty else {
            throw GatewayError("\(certificate.path) holds no certificate in PEM")
        }
        let privateKey: NIOSSLPrivateKey
        do {
            privateKey = try NIOSSLPrivateKey(bytes: key.bytes, format: .pem)
        } catch {
            throw GatewayError("\(key.path) cannot be read as a private key in PEM: \(error)")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw GatewayError(
                "\(certificate.path) and \(key.path) do not fit together: \(error)")
        }
    }
}
