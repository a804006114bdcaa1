// SPDX-License-Identifier: Apache-2.0
//
// Schedulers beside those of the file: added while reeve runs, and taken away again.

internal import ArgumentParser
internal import ReeveClient
internal import ReeveConfiguration
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// `reeve register`.
struct RegisterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "register",
        abstract: "Add a scheduler to a running reeve, or change one that was added so.",
        discussion: """
            The file has one table, [schedulers.NAME], as in a configuration; "-" reads it from standard \
            input. It is checked together with everything else, started, and kept in the state \
            directory, so that it is there when reeve is started again. Nothing else is touched, \
            whatever has changed in the configuration's own file. Registered once more with other \
            settings, it takes them as by a reload; with the same, nothing happens. A name of the \
            configuration's own file is refused.

              $ reeve register worker.toml
              $ reeve register - < worker.toml

            `reeve status NAME` tells which were registered. The exit code is 78 where the file has \
            errors, and then nothing has changed.
            """)

    @Argument(
        help: ArgumentHelp("The file with the scheduler.", valueName: "file"), completion: .file())
    var file: String
    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        let shown = file == "-" ? "standard input" : file
        let bytes = try read()
        let (text, errors) = ConfigurationLoader.registeredName(in: bytes, file: shown)
        StandardError.write(errors.rendered)
        guard let text, let name = SchedulerName(text) else { throw Exit.configuration(nil) }
        let registration = Registration(
            name: name, text: String(decoding: bytes, as: UTF8.self), file: shown)
        try RegisterCommand.checkSize(of: registration)
        try perform([.register(registration)], connection, exitCodes: [.configuration: 78])
    }

    /// The whole file, or all of standard input.
    private func read() throws(Exit) -> [UInt8] {
        let max = ConfigurationLoader.registeredBytesMax
        do throws(Errno) {
            let source = file == "-" ? FileDescriptor(owning: 0) : try .openForReading(file)
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 16_384)
            while let count = try source.read(into: &chunk), count > 0, bytes.count <= max {
                bytes += chunk.prefix(count)
            }
            if file == "-" { _ = source.release() }
            guard bytes.count <= max else { throw .fileTooLarge }
            return bytes
        } catch .fileTooLarge {
            throw Exit.configuration("\(file): is longer than \(max) bytes, which no scheduler is")
        } catch {
            throw Exit.configuration("\(file): cannot be read: \(error)")
        }
    }

    /// It goes out as one request, in which some characters take more room than in the file.
    private static func checkSize(of registration: Registration) throws(Exit) {
        var line: [UInt8] = []
        ControlEncoder.request(
            ControlRequest(
                id: RequestID(UInt64(ControlLimits.idMax)), operation: .register(registration)),
            to: &line)
        guard line.count > ControlLimits.requestBytesMax else { return }
        throw Exit.configuration(
            "\(registration.name) takes \(line.count) bytes as a request, and a request has at most "
                + "\(ControlLimits.requestBytesMax)")
    }
}

/// `reeve unregister`.
struct UnregisterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unregister",
        abstract:
            "Take schedulers away that were registered, and wait until nothing of them is left.",
        discussion: """
            What runs of it is stopped; what is being executed of a scheduled one goes on to its end. It \
            is refused where others depend on it. Schedulers of the configuration's file are removed \
            there, and by `reeve reload`.

              $ reeve unregister worker
            """)

    @OptionGroup var names: NamesArgument
    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        try perform(names.distinct.map { .unregister(name: $0) }, connection)
    }
}
