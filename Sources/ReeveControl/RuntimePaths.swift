// SPDX-License-Identifier: Apache-2.0

/// Where the supervisor and its command line meet. Pure: who asks looks at the file system.
package enum RuntimePaths {
    /// The name of the control socket in the runtime directory.
    package static let socketName = "control.sock"
    /// The longest path of a socket, in bytes (sockaddr_un without the terminating zero).
    package static let socketPathBytesMax = 107

    /// The runtime directories in the order in which they are tried when none is configured:
    /// `/run/reeve`, `$XDG_RUNTIME_DIR/reeve` (where that is set and absolute), `/tmp/reeve-UID`, and
    /// `/dev/shm/reeve-UID`, which a container with a read-only root still lets write. The supervisor takes the first that it can make or use; the command line the first with a supervisor.
    package static func directories(xdgRuntimeDirectory: String?, uid: UInt32) -> [String] {
        var directories = ["/run/reeve"]
        if let xdg = xdgRuntimeDirectory, xdg.utf8.first == UInt8(ascii: "/") {
            let end = xdg.utf8.count > 1 && xdg.utf8.last == UInt8(ascii: "/") ? "reeve" : "/reeve"
            directories.append(xdg + end)
        }
        directories.append("/tmp/reeve-\(uid)")
        directories.append("/dev/shm/reeve-\(uid)")
        return directories
    }

    /// The control socket in a runtime directory.
    package static func socket(in directory: String) -> String {
        directory.utf8.last == UInt8(ascii: "/")
            ? directory + socketName : directory + "/" + socketName
    }
}
