// SPDX-License-Identifier: Apache-2.0
//
// Who may use the control socket. The socket file's permission bits have let the peer in; this is
// the second look, which also holds where the file's mode was changed behind reeve's back.

internal import ReeveLinux

/// Who may use the control socket, besides root and reeve's own user.
package struct ControlAccess: Equatable, Sendable {
    /// Members of this group; nil: nobody else.
    package var group: UInt32?
    /// Everyone who gets through the socket's permission bits.
    package var isOpenToAll: Bool

    package init(group: UInt32? = nil, isOpenToAll: Bool = false) {
        self.group = group
        self.isOpenToAll = isOpenToAll
    }

    /// From the socket file's permission bits and group: writing is what connecting needs.
    package init(mode: UInt32, group: UInt32) {
        self.init(group: mode & 0o020 != 0 ? group : nil, isOpenToAll: mode & 0o002 != 0)
    }

    /// Whether this peer may. `groups` are its supplementary ones, asked for only where they
    /// decide.
    func allows(
        user: UInt32, group: UInt32, own: UInt32, groups: () -> [UInt32]
    ) -> Bool {
        if user == 0 || user == own || isOpenToAll { return true }
        guard let allowed = self.group else { return false }
        return group == allowed || groups().contains(allowed)
    }

    /// The same for whoever is at the other end.
    func allows(_ peer: PeerCredentials, at socket: borrowing FileDescriptor) -> Bool {
        // Where the kernel does not tell them, only the primary group counts.
        func groups() -> [UInt32] { (try? UnixSocket.groups(ofPeerOf: socket)) ?? [] }
        return allows(user: peer.user, group: peer.group, own: Host.user, groups: groups)
    }
}
