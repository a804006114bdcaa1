// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux

/// `PROGRAM --health-check`: asks the one that runs, for `health-check = { exec = [...] }`. A check that was made
/// in a process of its own would say nothing of the one that it is about.
enum HealthQuestion {
    /// Its only argument.
    static let argument = "--health-check"
    /// How long an answer is waited for. reeve has a limit of its own, 3 s unless configured.
    private static let patience = ReeveCore.Duration.seconds(30)

    /// Names of the socket at which a program can be asked, the best first.
    static func ownNames(_ environment: EnvironmentBlock) -> [String] {
        names(run: environment.value(of: "REEVE_RUN_ID"), pid: "\(Host.pid)")
    }

    private static func names(run: String?, pid: String?) -> [String] {
        [run, pid].compactMap { name in
            name.flatMap { $0.isEmpty ? nil : "reeve-kit/" + $0 }
        }
    }

    /// Asks the program that `REEVE_ABOUT_RUN` or `MAINPID` names, as reeve and systemd set them; the answer's
    /// words go to standard output. Returns the exit code: 0 passed, 1 failed or nobody there, 64 where
    /// nothing says whom to ask.
    static func ask(_ environment: EnvironmentBlock = .current()) -> Int32 {
        let names = names(
            run: environment.value(of: "REEVE_ABOUT_RUN"), pid: environment.value(of: "MAINPID"))
        guard !names.isEmpty else {
            say(
                "\(argument): nothing says whose health is meant: reeve sets REEVE_ABOUT_RUN, "
                    + "and by hand MAINPID is the pid of the program")
            return 64
        }
        var isTaken = false
        for name in names {
            guard let socket = try? AbstractSocket.connect(to: name) else { continue }
            if isTrusted(socket) { return report(answer(on: socket)) }
            // The program has another name then.
            isTaken = true
        }
        guard !isTaken else {
            say("\(argument): another user answers for the program")
            return 1
        }
        say("\(argument): the program does not run, or has not begun to")
        return 1
    }

    /// The name is anybody's to take: so it must be root or this user; to root anybody, since it may ask
    /// about any user's.
    private static func isTrusted(_ socket: borrowing FileDescriptor) -> Bool {
        guard let peer = try? UnixSocket.peer(of: socket) else { return false }
        return peer.user == 0 || peer.user == Host.user || Host.user == 0
    }

    private static func answer(on socket: borrowing FileDescriptor) -> String? {
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1_024)
        do throws(Errno) {
            try UnixSocket.setTimeout(patience, of: socket)
            while let count = try socket.read(into: &chunk), count > 0, text.count < 4_096 {
                text += chunk[..<count]
                if text.last == UInt8(ascii: "\n") {
                    return String(decoding: text.dropLast(), as: UTF8.self)
                }
            }
        } catch {
            // It ended meanwhile, as the missing answer says.
            return nil
        }
        return nil
    }

    private static func report(_ answer: String?) -> Int32 {
        guard let answer else {
            say("\(argument): the program gave no answer")
            return 1
        }
        StandardStreams.write(answer + "\n", to: .output)
        return answer == "passed" ? 0 : 1
    }
}
