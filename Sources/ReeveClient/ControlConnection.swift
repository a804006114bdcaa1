// SPDX-License-Identifier: Apache-2.0
//
// One connection to the supervisor. Lines go out at once and come in one by one, each wait bounded by a
// deadline. Nothing is retried: a request that timed out may still be carried out, and the operator is
// told so.

package import ReeveControl
package import ReeveCore
internal import ReeveLinux

/// A connected control socket; synchronous, for one thread.
package final class ControlConnection {
    private let socket: FileDescriptor
    private let epoll: Epoll
    private var received: [UInt8] = []
    /// Where the first line that was not yet read begins in `received`.
    private var lineStart = 0
    /// Up to here `received` has no newline.
    private var searchStart = 0
    private var chunk = [UInt8](repeating: 0, count: 64 * 1_024)
    private var nextID: UInt64 = 1

    /// Connects. Throws where nobody listens (69), we may not (77), or nobody takes the connection
    /// within `timeout` (75).
    package init(to location: SocketLocation, timeout: Duration) throws(ClientError) {
        socket = try location.connect(timeout: timeout)
        do {
            epoll = try Epoll()
            try epoll.add(socket, token: Token(source: 0, slot: 0), interest: .readable)
        } catch {
            throw ClientError(.failed, "cannot wait for the supervisor's answer: \(error)")
        }
    }

    /// Another descriptor of the socket, by which another thread can end the connection. Throws where there are
    /// no more.
    func duplicateSocket() throws(ClientError) -> FileDescriptor {
        do {
            return try socket.duplicate()
        } catch {
            throw ClientError(.failed, "cannot speak to the supervisor: \(error)")
        }
    }

    /// Sends one request and returns its id, which all lines of its answer carry.
    package func send(_ operation: ControlOperation) throws(ClientError) -> RequestID {
        let id = RequestID(nextID)
        nextID += 1
        var line: [UInt8] = []
        ControlEncoder.request(ControlRequest(id: id, operation: operation), to: &line)
        guard line.count <= ControlLimits.requestBytesMax else {
            throw ClientError(.usage, "the request is longer than the supervisor takes")
        }
        do {
            try UnixSocket.sendAll(line.span, to: socket)
        } catch .tryAgain {
            throw ClientError(.timedOut, "the supervisor does not read what is sent to it")
        } catch .brokenPipe, .connectionReset {
            // It may have said why before it closed; that is found when the answer is read.
            return id
        } catch {
            throw ClientError(.failed, "the request could not be sent: \(error)")
        }
        return id
    }

    /// The next line. Throws at the deadline (75; nil waits for ever), where the supervisor closes the
    /// connection (69), and where it cannot be understood (1).
    package func receive(until deadline: Instant?) throws(ClientError) -> ServerMessage {
        let line = try receiveLine(until: deadline)
        do {
            return try ControlDecoder.message(line)
        } catch {
            throw ClientError(.failed, error.description)
        }
    }

    private func receiveLine(until deadline: Instant?) throws(ClientError) -> ArraySlice<UInt8> {
        while true {
            if let end = received[searchStart...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = received[lineStart..<end]
                lineStart = end + 1
                searchStart = lineStart
                return line
            }
            searchStart = received.count
            guard received.count - lineStart <= 2 * ControlLimits.lineBytesMax else {
                throw ClientError(.failed, "the supervisor's answer has a line without an end")
            }
            if lineStart > 0 {
                received.removeFirst(lineStart)
                searchStart -= lineStart
                lineStart = 0
            }
            try fill(until: deadline)
        }
    }

    /// Reads what is there, waiting until something is.
    private func fill(until deadline: Instant?) throws(ClientError) {
        do throws(Errno) {
            while true {
                if let count = try UnixSocket.receive(into: &chunk, from: socket) {
                    guard count > 0 else { throw .connectionReset }
                    received.append(contentsOf: chunk[..<count])
                    return
                }
                if try epoll.wait(until: deadline, { _, _ in }) == 0 { throw .tryAgain }
            }
        } catch .tryAgain {
            throw ClientError(.timedOut, "the supervisor did not answer in time")
        } catch .connectionReset {
            throw ClientError(
                .noSupervisor, "the supervisor closed the connection before it had answered")
        } catch {
            throw ClientError(.failed, "the supervisor's answer could not be read: \(error)")
        }
    }
}
