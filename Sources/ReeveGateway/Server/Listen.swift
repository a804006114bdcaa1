// SPDX-License-Identifier: Apache-2.0

/// Where the gateway listens.
public struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// A name or a numeric address, without brackets.
    public let host: String
    /// 0: the kernel chooses one, which is said at the start.
    public let port: Int

    /// Reads `127.0.0.1:5000`, `[::1]:5000` or `localhost:5000`. Throws `GatewayError`.
    public init(_ text: String) throws(GatewayError) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else {
            throw GatewayError(
                "\"\(text)\" is no address to listen on; write 127.0.0.1:5000 or [::1]:5000")
        }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw GatewayError("\"\(text)\": write an IPv6 address in brackets, as in [::1]:5000")
        }
        guard !host.isEmpty else {
            throw GatewayError(
                "\"\(text)\" names no host; write 127.0.0.1:\(port), or 0.0.0.0:\(port) for all")
        }
        self.host = String(host)
        self.port = Int(port)
    }

    /// Reaches only this machine.
    public var isLoopback: Bool { HostName(host.contains(":") ? "[\(host)]" : host).isLoopback }

    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
