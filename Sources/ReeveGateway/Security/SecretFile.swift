// SPDX-License-Identifier: Apache-2.0

internal import ReeveLinux

/// A small file with a secret, or with what belongs to one.
struct SecretFile: Equatable, Sendable {
    let path: String
    let bytes: [UInt8]

    private static let bytesMax = 1 << 20

    /// Reads the whole file. Throws `GatewayError` where it cannot be read, or is longer than 1 MiB.
    init(_ path: String) throws(GatewayError) {
        self.path = path
        do throws(Errno) {
            let file = try FileDescriptor.openForReading(path)
            var buffer = [UInt8](repeating: 0, count: 16 * 1_024)
            var found: [UInt8] = []
            while let count = try file.read(into: &buffer), count > 0 {
                found += buffer[..<count]
                guard found.count <= Self.bytesMax else { break }
            }
            bytes = found
        } catch {
            throw GatewayError("\(path) cannot be read: \(error)")
        }
        guard bytes.count <= Self.bytesMax else {
            throw GatewayError("\(path) is longer than 1 MiB, which no token or certificate is")
        }
    }

    /// The first line without what surrounds it. Throws `GatewayError` for an empty one.
    func token() throws(GatewayError) -> String {
        let line =
            String(decoding: bytes, as: UTF8.self).split(
                separator: "\n", omittingEmptySubsequences: false
            ).first ?? ""
        var token = line[...]
        while let last = token.last, last.isWhitespace { token = token.dropLast() }
        while let first = token.first, first.isWhitespace { token = token.dropFirst() }
        guard !token.isEmpty else { throw GatewayError("\(path) holds no token in its first line") }
        return String(token)
    }
}
