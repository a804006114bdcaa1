// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

private func options(
    _ words: String..., name: String = "reeve", variables: [String: String] = [:]
) -> InitOptions {
    InitOptions(name: name, arguments: [name] + words, from: 1) { variables[$0] }
}

private func signal(_ text: String) throws -> Signal { try #require(Signal(text)) }

@Suite struct InitOptionTests {
    @Test func `without options it is as tini: a group of its own, signals to the program alone`() {
        let plain = options("--", "web", "--port", "80")
        #expect(plain.task == .run(at: 2))
        #expect(plain.placement == .group)
        #expect(!plain.isGroupSignalled)
        #expect(plain.rewrites.isEmpty)
        #expect(plain.verbosity == 1)
        #expect(options("web", "--", "x").task == .run(at: 1))
        #expect(options("-", "x").task == .run(at: 1))
    }

    @Test func `tini's letters, alone, in a cluster, and with values`() throws {
        let all = options("-swvv", "-g", "-e", "143", "-e7", "-p", "SIGKILL", "--", "web")
        #expect(all.task == .run(at: 9))
        #expect(all.warnsOfReaping)
        #expect(all.isGroupSignalled)
        #expect(all.verbosity == 3)
        #expect(all.forgiven == [143, 7])
        #expect(all.parentDeath == .kill)
        #expect(options("-h").task == .help)
        #expect(options("-l").task == .license)
        #expect(options("--version").task == .version)
    }

    @Test func `tini's variables`() {
        let variables = [
            "TINI_SUBREAPER": "", "TINI_KILL_PROCESS_GROUP": "", "TINI_VERBOSITY": "3",
        ]
        let read = options("web", variables: variables)
        #expect(read.isGroupSignalled)
        #expect(read.verbosity == 3)
        #expect(read.task == .run(at: 1))
    }

    @Test func `under the name dumb-init: a session, signals to its group, stops as SIGSTOP`()
        throws
    {
        let plain = options("web", name: "dumb-init")
        #expect(plain.placement == .session)
        #expect(plain.isGroupSignalled)
        for name in ["TSTP", "TTIN", "TTOU"] {
            #expect(plain.rewrites[try signal(name)] == .some(.stop))
        }
        let kept = options("-r", "20:20", "web", name: "dumb-init")
        #expect(kept.rewrites[try signal("TSTP")] == .some(try signal("TSTP")))
    }

    @Test func `dumb-init's options and variables`() throws {
        let words = ["-r", "15:3", "--rewrite=2:0", "--rewrite", "HUP:USR1", "-c", "-v"]
        let read = InitOptions(
            name: "dumb-init", arguments: ["x"] + words + ["web"], from: 1
        ) { _ in nil }
        #expect(read.placement == .shared)
        #expect(!read.isGroupSignalled)
        #expect(read.rewrites[.terminate] == .some(.quit))
        #expect(read.rewrites[.interrupt] == .some(nil))
        #expect(read.rewrites[.hangup] == .some(.user1))
        #expect(options("-V").task == .version)
        let single = options("web", name: "dumb-init", variables: ["DUMB_INIT_SETSID": "0"])
        #expect(single.placement == .shared)
        #expect(options("web", variables: ["DUMB_INIT_SETSID": "1"]).placement == .session)
        #expect(options("web", variables: ["DUMB_INIT_DEBUG": "1"]).verbosity == 3)
        #expect(options("web", variables: ["DUMB_INIT_DEBUG": "0"]).verbosity == 1)
    }

    @Test func `the grace is whole seconds, by option or variable`() {
        #expect(options("--grace", "7", "web").grace == .seconds(7))
        #expect(options("--grace=0", "web").grace == .zero)
        #expect(options("web", variables: ["REEVE_INIT_GRACE": "9"]).grace == .seconds(9))
        #expect(options("web").grace == .seconds(5))
    }

    @Test(arguments: [
        [], ["-x", "web"], ["--wrong", "web"], ["-e", "256", "web"], ["-e", "", "web"], ["-e"],
        ["-p", "SIGNOT", "web"], ["-r", "15", "web"], ["-r", "15:x", "web"], ["-r", "99:1", "web"],
        ["--grace", "-1", "web"], ["--grace", "soon", "web"], ["--"],
        ["-e", "99999999999999999999", "web"],
    ])
    func `what makes no sense is refused with a sentence`(_ words: [String]) {
        let read = InitOptions(name: "reeve", arguments: ["reeve"] + words, from: 1) { _ in nil }
        guard case .refuse(let sentence) = read.task else {
            Issue.record("\(words) was taken: \(read.task)")
            return
        }
        #expect(!sentence.isEmpty)
    }

    @Test func `an init is recognised by its first argument, and by its name`() throws {
        func start(_ words: String...) throws -> Int? {
            InitRole.start(in: try CStringArray(words))
        }
        #expect(try start("/usr/bin/reeve", "init", "--", "web") == 2)
        #expect(try start("/run/podman-init", "--", "web") == 1)
        #expect(try start("reeve", "--", "web") == 1)
        #expect(try start("/sbin/tini", "-g", "web") == 1)
        #expect(try start("dumb-init", "web") == 1)
        #expect(try start("my-init", "-g", "--", "web") == 1)
        #expect(try start("my-reeve", "--help") == nil)
        #expect(try start("reeve", "-h") == nil)
        #expect(try start("reeve", "run", "--", "x") == nil)
        #expect(try start("reeve") == nil)
        #expect(try start("") == nil)
    }
}

@Suite struct InitCoreTests {
    private let start = Instant.zero
    private let shell = InitSituation(isFirst: false, hasTerminal: true, isWithoutShell: false)
    private let first = InitSituation(isFirst: true, hasTerminal: false, isWithoutShell: true)

    private func core(
        _ words: String..., name: String = "reeve", in situation: InitSituation
    ) -> InitCore {
        let options = InitOptions(name: name, arguments: [name] + words + ["web"], from: 1) { _ in
            nil
        }
        return InitCore(options, situation)
    }

    @Test func `every signal goes on as it is`() {
        var core = core(in: first)
        for number: Int32 in 1...64 where ![9, 17, 19].contains(number) {
            guard let signal = Signal(number: number) else { continue }
            let effects = core.received(signal, isFromTerminal: false, at: start)
            #expect(effects == [.forward(signal)])
        }
    }

    @Test func `signals are rewritten and swallowed as asked`() {
        var core = core("-r", "15:3", "-r", "1:0", in: first)
        #expect(
            core.received(.terminate, isFromTerminal: false, at: start) == [.forward(.quit)])
        #expect(core.received(.hangup, isFromTerminal: false, at: start) == [])
    }

    @Test func `a program in our own group has had the terminal's signals already`() {
        var shared = core("-c", in: shell)
        #expect(shared.received(.interrupt, isFromTerminal: true, at: start) == [])
        #expect(
            shared.received(.interrupt, isFromTerminal: false, at: start)
                == [.forward(.interrupt)])
        var own = core(in: shell)
        #expect(
            own.received(.interrupt, isFromTerminal: true, at: start) == [.forward(.interrupt)])
    }

    @Test func `a suspended init stops after its program and goes on before it`() {
        var core = core(in: shell)
        #expect(
            core.received(.terminalStop, isFromTerminal: false, at: start)
                == [.forward(.terminalStop), .suspend(ownGroup: nil)])
        #expect(core.resumed() == [.lendTerminal, .forward(.continue)])
    }

    @Test func `with dumb-init's session a stop is SIGSTOP, and PID 1 cannot stop itself`() {
        var session = core(name: "dumb-init", in: shell)
        #expect(
            session.received(.terminalStop, isFromTerminal: false, at: start)
                == [.forward(.stop), .suspend(ownGroup: nil)])
        var one = core(name: "dumb-init", in: first)
        #expect(
            one.received(.terminalStop, isFromTerminal: false, at: start) == [.forward(.stop)])
    }

    @Test func `a program stopped at the terminal stops its init, and its job with it`() {
        var own = core(in: shell)
        #expect(
            own.programStopped(by: .terminalStop)
                == [.takeTerminalBack, .suspend(ownGroup: .terminalStop)])
        var shared = core("-c", in: shell)
        #expect(
            shared.programStopped(by: .terminalStop)
                == [.takeTerminalBack, .suspend(ownGroup: nil)])
    }

    @Test func `what nobody could resume is not left stopped`() {
        let alone = InitSituation(isFirst: true, hasTerminal: true, isWithoutShell: true)
        var core = core(in: alone)
        #expect(core.programStopped(by: .terminalStop) == [.forward(.continue)])
        // Somebody meant this one.
        #expect(core.programStopped(by: .stop) == [])
        var deaf = self.core(in: first)
        #expect(deaf.programStopped(by: .terminalStop) == [])
    }

    @Test func `the program's end is the init's where nobody is left`() throws {
        let killed = try signal("KILL")
        let ends: [(ReeveCore.ExitStatus, Int32)] = [
            (.exited(code: 0), 0), (.exited(code: 7), 7),
            (.signalled(killed, coreDumped: false), 137),
            (.signalled(.segmentationViolation, coreDumped: true), 139),
        ]
        for (status, code) in ends {
            var core = core(in: first)
            let effects = core.programEnded(status, areOthersThere: false, at: start)
            #expect(effects == [.exit(code)])
            #expect(core.deadline == nil)
        }
    }

    @Test func `a forgiven exit code is 0, that of a signal too`() {
        var core = core("-e", "143", in: first)
        let status = ReeveCore.ExitStatus.signalled(.terminate, coreDumped: false)
        #expect(core.programEnded(status, areOthersThere: false, at: start) == [.exit(0)])
    }

    @Test func `the others are asked, get their grace, and are killed`() {
        var core = core("--grace", "3", in: first)
        #expect(
            core.programEnded(.exited(code: 5), areOthersThere: true, at: start)
                == [.signalOthers(.terminate), .signalOthers(.continue)])
        #expect(core.isEnding)
        #expect(core.deadline == start + .seconds(3))
        #expect(core.timePassed(at: start + .seconds(2)) == [])
        let killed = core.timePassed(at: start + .seconds(3))
        #expect(killed.last == .signalOthers(.kill))
        #expect(killed.count == 2)
        #expect(core.othersGone() == [.exit(5)])
        #expect(core.deadline == nil)
        #expect(core.othersGone() == [])
    }

    @Test func `the others that cannot be killed do not hold it up`() {
        var core = core("--grace", "0", in: first)
        #expect(
            core.programEnded(.exited(code: 5), areOthersThere: true, at: start)
                == [.signalOthers(.kill)])
        let end = core.timePassed(at: start + InitCore.reapTime)
        #expect(end.last == .exit(5))
    }

    @Test func `a second request to end shortens the grace, a duplicate does not`() {
        var core = core(in: first)
        _ = core.programEnded(.exited(code: 0), areOthersThere: true, at: start)
        let soon = start + .milliseconds(300)
        #expect(core.received(.terminate, isFromTerminal: false, at: soon) == [])
        let later = start + .seconds(2)
        #expect(core.received(.user1, isFromTerminal: false, at: later) == [])
        #expect(
            core.received(.terminate, isFromTerminal: false, at: later) == [.signalOthers(.kill)])
        #expect(core.received(.terminate, isFromTerminal: false, at: later) == [])
    }
}

@Suite struct ContainerNoticeTests {
    private func words(
        thresholds: [Int64], graceful: ReeveCore.Duration, limit: Int64?, isFirst: Bool
    ) -> [String] {
        var specification = Specification()
        specification.supervisor.gracefulTimeout = graceful
        specification.supervisor.forceTimeout = .seconds(2)
        for (index, threshold) in thresholds.enumerated() {
            guard let name = SchedulerName("s\(index)") else { continue }
            var one = SchedulerSpecification(
                name: name, program: Program(arguments: ["true"]))
            one.memory.threshold = Bytes(threshold)
            specification.schedulers.append(one)
        }
        let memory = limit.map { ContainerMemory(limit: Bytes($0), file: "/x") }
        return ContainerNotices.make(for: specification, memory: memory, isFirst: isFirst)
            .map { "\($0.level) \($0.words)" }
    }

    @Test func `the limit is said, and a warning where the thresholds add up to more`() {
        let enough = words(
            thresholds: [40_000_000, 30_000_000], graceful: .seconds(5), limit: 64_000_000,
            isFirst: true)
        #expect(enough.count == 2)
        #expect(enough.last?.hasPrefix("warning the memory thresholds add up to 70MB") == true)
        let fine = words(
            thresholds: [30_000_000], graceful: .seconds(5), limit: 64_000_000, isFirst: true)
        #expect(fine == ["info memory limit of this container 64MB (/x)"])
        #expect(words(thresholds: [1], graceful: .seconds(5), limit: nil, isFirst: true) == [])
    }

    @Test func `a long stop is said where reeve is PID 1, and nowhere else`() {
        let first = words(thresholds: [], graceful: .seconds(30), limit: nil, isFirst: true)
        #expect(first.first?.contains("a stop may take 32s") == true)
        #expect(words(thresholds: [], graceful: .seconds(8), limit: nil, isFirst: true) == [])
        #expect(words(thresholds: [], graceful: .seconds(30), limit: nil, isFirst: false) == [])
    }
}
