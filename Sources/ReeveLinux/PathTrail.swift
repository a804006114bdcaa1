// SPDX-License-Identifier: Apache-2.0
//
// How a path is resolved, step by step, as the kernel does it (path_resolution(7)): every directory that
// is gone through and every name that is looked up in it, symbolic links followed. What the path leads
// to can change at each of these places: a file is replaced, a link is pointed elsewhere (the `..data` of
// a mounted ConfigMap), a directory is renamed away.

internal import CReeveLinux

/// The way from a path to its file.
package struct PathTrail: Equatable, Sendable {
    /// A name, and the directory in which it is looked up.
    package struct Place: Equatable, Sendable {
        package var directory: String
        package var name: String
        package var kind: Kind

        /// As a path.
        package var path: String {
            directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
        }
    }
    /// What is found at a place.
    package enum Kind: Equatable, Sendable {
        /// A directory, or anything else that is no symbolic link.
        case plain
        case link
        /// Nothing, or nothing that may be looked at. Always the last place.
        case missing
    }

    /// In the order of the resolution; the last one's name is the file's own.
    package private(set) var places: [Place] = []

    /// Longest path that is followed; symbolic links included.
    private static let placesMax = 128
    private static let linksMax = 40

    /// Follows a path as far as it leads; relative ones begin at the working directory.
    package init(of path: String) {
        var rest = path.split(separator: "/").map(String.init).reversed() as [String]
        var directory = path.hasPrefix("/") ? "/" : "."
        var links = 0
        while let name = rest.popLast() {
            if name == "." { continue }
            guard places.count < PathTrail.placesMax else { return }
            var place = Place(directory: directory, name: name, kind: .plain)
            if let target = PathTrail.target(of: place.path) {
                place.kind = .link
                places.append(place)
                links += 1
                guard links <= PathTrail.linksMax else { return }
                if target.hasPrefix("/") { directory = "/" }
                rest += target.split(separator: "/").map(String.init).reversed() as [String]
                continue
            }
            guard FileStamp(of: place.path) != nil else {
                place.kind = .missing
                places.append(place)
                return
            }
            places.append(place)
            directory = place.path
        }
    }

    /// nil for what is no symbolic link.
    private static func target(of path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4_096)
        let length = unsafe path.withCString { path in
            unsafe buffer.withUnsafeMutableBufferPointer { buffer in
                unsafe reeve_read_link(path, buffer.baseAddress, buffer.count)
            }
        }
        guard length > 0, length < buffer.count else { return nil }
        return String(
            decoding: buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Which file, and in which state: two that are equal have the same contents, unless somebody took pains
/// to hide that they have not.
package struct FileStamp: Equatable, Sendable, CustomStringConvertible {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int64
    private let modified: Int64
    private let changed: Int64

    /// nil where there is no such file, or none that may be looked at.
    package init?(of path: String) {
        var stamp = reeve_file_stamp()
        let result = unsafe path.withCString { unsafe reeve_file_stamp($0, &stamp) }
        guard result == 0 else { return nil }
        device = stamp.device
        inode = stamp.inode
        size = stamp.size
        modified = stamp.modified
        changed = stamp.changed
    }

    /// For comparison only.
    package var description: String { "\(device):\(inode):\(size):\(modified):\(changed)" }
}
