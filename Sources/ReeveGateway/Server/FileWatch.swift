// SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import ServiceLifecycle

/// Looks at the files of tokens and TLS again and again, and takes what has changed. What cannot be used is
/// said once, and what was there before stays.
struct FileWatch: Service {
    let options: GatewayOptions
    let admission: GatewayAdmission
    let tls: CurrentTLS?
    let logger: Logger
    var tokens: GatewayTokens
    var files: TLSFiles?

    func run() async throws {
        var known = (tokens: tokens, files: files)
        var complaint: String?
        while !Task.isShuttingDownGracefully {
            do {
                try await cancelWhenGracefulShutdown {
                    try await Task.sleep(for: .seconds(GatewayLimits.filesSeconds))
                }
            } catch {
                return
            }
            do throws(GatewayError) {
                try look(&known)
                complaint = nil
            } catch {
                if complaint != error.description {
                    logger.error("\(error); what was read before stays in use")
                }
                complaint = error.description
            }
        }
    }

    private func look(
        _ known: inout (tokens: GatewayTokens, files: TLSFiles?)
    ) throws(GatewayError) {
        let tokens = try options.tokens()
        if tokens != known.tokens {
            admission.adopt(tokens)
            known.tokens = tokens
            logger.info("the tokens have changed")
        }
        guard let files = try options.tlsFiles(), files != known.files else { return }
        tls?.adopt(try files.context())
        known.files = files
        logger.info("the certificate has changed; new connections use it")
    }
}
