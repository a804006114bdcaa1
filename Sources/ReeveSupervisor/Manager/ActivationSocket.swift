// SPDX-License-Identifier: Apache-2.0
//
// The control socket, where a service manager opened it (socket activation, sd_listen_fds(3)): it exists
// before reeve does and while reeve is started anew, and clients wait in it instead of failing.

internal import ReeveCore
internal import ReeveLinux

#if Systemd
    internal import CSystemd
#endif

/// What the service manager handed over.
enum ActivationSocket {
    /// The name by which the control socket is told from others (`FileDescriptorName=`).
    static let name = "control"

    /// Takes the sockets that were handed over: returns the listening one that is named "control", else
    /// the only one there is, and closes all others. Says what it did. nil where there is none.
    static func take(_ notices: inout [StartNotice]) -> FileDescriptor? {
        guard let count = Environment.value(of: "LISTEN_FDS"), !count.isEmpty else { return nil }
        return receive(&notices)
    }

    /// libsystemd's first descriptor, SD_LISTEN_FDS_START.
    private static let first: Int32 = 3

    #if Systemd
        private static func receive(_ notices: inout [StartNotice]) -> FileDescriptor? {
            if let words = unsafe reeve_systemd_load() {
                let why = unsafe String(cString: words)
                notices.append(
                    .warning(
                        "libsystemd cannot be loaded (\(why)); the sockets of the service manager "
                            + "are not used"))
                return nil
            }
            let count = reeve_systemd_listen()
            guard count > 0 else {
                if count < 0 {
                    notices.append(
                        .warning("LISTEN_FDS cannot be read (\(Errno(-count))); ignored"))
                }
                return nil
            }
            let names = (0..<count).map { index in
                let text = unsafe reeve_systemd_listen_name(index)
                return unsafe text.map { unsafe String(cString: $0) } ?? "unknown"
            }
            let chosen = names.firstIndex(of: name) ?? (count == 1 ? 0 : nil)
            var taken: FileDescriptor?
            for (index, name) in names.enumerated() {
                let descriptor = FileDescriptor(owning: first + Int32(index))
                guard index == chosen, reeve_systemd_is_listening(descriptor.number) != 0 else {
                    notices.append(
                        .warning(
                            "the service manager handed over a socket named \(name), which reeve "
                                + "has no use for; it is closed"))
                    continue
                }
                // F_SETFL fails for no socket.
                try? descriptor.setNonblocking()
                taken = consume descriptor
            }
            if taken != nil {
                notices.append(.info("the control socket is the service manager's"))
            }
            return taken
        }
    #else
        private static func receive(_ notices: inout [StartNotice]) -> FileDescriptor? {
            notices.append(
                .warning(
                    "this reeve was built without libsystemd; the sockets of the service manager "
                        + "are not used"))
            return nil
        }
    #endif
}
