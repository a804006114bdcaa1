// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What became of reading a file.
enum FileContents {
    case bytes([UInt8])
    case tooLarge
    /// Two sentences without full stops: why not, and what to do.
    case failed(String, help: String?)
}

/// Reads a whole file, or a pipe to its end; at most `bytesMax` bytes. The corresponding C
/// functions are `open`, `fstat` and `read`.
func readFile(_ path: String, bytesMax: Int) -> FileContents {
    if path.isEmpty {
        return .failed("the name of the file is empty", help: "name the configuration's file")
    }
    if path.utf8.contains(0) {
        return .failed("the name of the file holds a NUL character", help: nil)
    }
    var descriptor: Int32
    repeat {
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    } while descriptor < 0 && errno == EINTR
    guard descriptor >= 0 else { return failed(errno) }
    // Nothing was written, so nothing can be lost by an error of close.
    defer { _ = close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { return failed(errno) }
    if status.st_mode & S_IFMT == S_IFDIR {
        return .failed("this is a directory, not a file", help: "name the file in it")
    }
    var bytes: [UInt8] = []
    var chunk = Array(repeating: UInt8(0), count: 65_536)
    while true {
        let count = unsafe chunk.withUnsafeMutableBytes { buffer in
            unsafe read(descriptor, buffer.baseAddress, buffer.count)
        }
        if count == 0 { return .bytes(bytes) }
        if count < 0 {
            if errno == EINTR { continue }
            return failed(errno)
        }
        bytes += chunk[..<count]
        if bytes.count > bytesMax { return .tooLarge }
    }
}

private func failed(_ code: Int32) -> FileContents {
    switch code {
    case ENOENT:
        .failed("there is no such file", help: "check the name and the directory you are in")
    case ENOTDIR:
        .failed("a part of this path is no directory", help: "check the path")
    case EACCES, EPERM:
        .failed(
            "the file may not be read by this user (id \(geteuid()))",
            help: "give that user leave to read the file and to enter its directories")
    case ELOOP:
        .failed("its symbolic links lead in a circle", help: "check the path")
    case ENAMETOOLONG:
        .failed("the name of the file is too long", help: "a path has at most 4095 bytes")
    case EMFILE, ENFILE:
        .failed("no further file can be opened", help: "raise the limit of open files")
    case EISDIR:
        .failed("this is a directory, not a file", help: "name the file in it")
    case EIO:
        .failed("reading the file failed: input/output error (EIO)", help: "check the disk")
    case ENXIO, ENODEV:
        .failed("this is no file that can be read", help: "name a file or a pipe")
    default:
        .failed("reading the file failed with error number \(code)", help: nil)
    }
}
