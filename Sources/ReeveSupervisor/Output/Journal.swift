// SPDX-License-Identifier: Apache-2.0

internal import ReeveLinux

/// Whether the journal reads what we write.
enum Journal {
    /// JOURNAL_STREAM ("DEVICE:INODE", systemd.exec(5)) names the stream that systemd connected to
    /// the journal; stderr may have been redirected since, hence the comparison.
    static func isConnected(toStandardErrorAs text: String?) -> Bool {
        guard let parts = text?.split(separator: ":"), parts.count == 2,
            let device = UInt64(parts[0]), let inode = UInt64(parts[1]),
            let own = StandardStreams.identity(of: .error)
        else { return false }
        return own == (device, inode)
    }
}
