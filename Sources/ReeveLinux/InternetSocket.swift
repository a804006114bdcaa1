// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux

/// Stream connections to a numeric address, of IPv4 or IPv6.
package enum InternetSocket {
    /// Whether it is an address that needs no name service; "::1" without brackets, "fe80::1%eth0".
    package static func isNumeric(_ host: String) -> Bool {
        unsafe host.withCString { unsafe reeve_is_numeric_address($0) } != 0
    }

    /// A connection that is under way, or made already.
    package struct Connection: ~Copyable, Sendable {
        /// Non-blocking; writable when the connection is made, or has failed.
        package let descriptor: FileDescriptor
        package let isConnected: Bool

        /// Gives the descriptor away.
        package consuming func take() -> FileDescriptor { descriptor }
    }

    /// Begins to connect. Throws EINVAL where the host is no numeric address, ECONNREFUSED or ENETUNREACH
    /// where that is known at once, EMFILE, ENFILE, EADDRNOTAVAIL where no local port is left.
    package static func connect(to host: String, port: UInt16) throws(Errno) -> Connection {
        var isConnected: Int32 = 0
        let result = unsafe host.withCString {
            unsafe reeve_connect_numeric($0, port, &isConnected)
        }
        let descriptor = FileDescriptor(owning: try Errno.check(result))
        return Connection(descriptor: descriptor, isConnected: isConnected != 0)
    }

    /// Throws what a connection that was under way failed with: ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH.
    package static func checkConnected(_ socket: borrowing FileDescriptor) throws(Errno) {
        try Errno.check(reeve_socket_error(socket.number))
    }

    /// The numeric addresses of a name, in the order in which to try them. Blocks as long as the name
    /// services take. Throws a sentence.
    package static func addresses(of host: String) throws(SystemFailure) -> [String] {
        var buffer = [CChar](repeating: 0, count: 32_768)
        var why: UnsafePointer<CChar>?
        let count = unsafe host.withCString { host in
            unsafe buffer.withUnsafeMutableBufferPointer { buffer in
                unsafe reeve_resolve(host, buffer.baseAddress, buffer.count, &why)
            }
        }
        guard count > 0 else {
            let words = unsafe why.map { unsafe String(cString: $0) } ?? "it has no address"
            throw SystemFailure("\(host) cannot be resolved: \(words)")
        }
        return buffer.map { UInt8(bitPattern: $0) }.split(separator: 0).prefix(Int(count))
            .map { String(decoding: $0, as: UTF8.self) }
    }
}
