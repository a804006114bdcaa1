// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// How the runs of one scheduler behave: percentages from which each run draws its script.
struct Temperament: Equatable, Sendable {
    var kind: SchedulerSpecification.Kind
    var successCodes: [Int32]
    /// Runs that cannot be started: the program is missing, or the process limit is reached.
    var failsToSpawn = 0
    /// Starts that fail at the command before the program.
    var failsBefore = 0
    /// Runs that a launcher starts, which takes its time.
    var launches = 0
    /// Daemons that end by themselves; tasks that fail.
    var fails = 0
    /// Tasks that never end.
    var hangs = 0
    /// How long a run lives that ends by itself.
    var lifetimeMax = Duration.seconds(2)
    var ignoresSignals = 0
    var endsSlowly = 0
    var forks = 0
    var forksStubborn = 0
    var grows = 0
    var ignoresCleanup = 0
    var unreadable = 0
    var blocks = 0
    var blocksForever = 0
    var foreign = 0
    var stopCommandFails = 0
    /// Runs that fail checks, answer late, give no sign of readiness, or stop giving signs of life.
    var isSick = 0
    var watchdog: Duration?

    /// A program as its author meant it.
    init(calm specification: SchedulerSpecification) {
        kind = specification.kind
        successCodes = specification.successExitCodes
        forks = 20
        watchdog = specification.notify.watchdog
    }

    init(of specification: SchedulerSpecification, _ random: inout Randomness) {
        self.init(calm: specification)
        guard random.chance(75) else { return }
        fails = random.pick(0, 20, 60, 100)
        lifetimeMax = random.pick(
            .seconds(2), .milliseconds(5), .milliseconds(400), .seconds(8), .seconds(90))
        failsToSpawn = random.pick(0, 0, 0, 30, 100)
        hangs = random.pick(0, 20)
        ignoresSignals = random.pick(0, 0, 30, 100)
        endsSlowly = random.pick(0, 30, 80)
        forks = random.pick(0, 40, 100)
        forksStubborn = random.pick(0, 30, 100)
        grows = specification.memory.isWatched ? random.pick(0, 50, 100) : 0
        ignoresCleanup = random.pick(0, 30, 100)
        unreadable = random.pick(0, 0, 10)
        blocks = random.pick(0, 0, 0, 10)
        blocksForever = random.pick(0, 50)
        foreign = random.pick(0, 0, 0, 0, 10)
        stopCommandFails = random.pick(0, 60)
        isSick = random.pick(0, 30, 80)
        launches = random.pick(0, 0, 50, 100)
    }

    func script(_ random: inout Randomness) -> RunScript {
        var script = RunScript()
        if random.chance(failsToSpawn) {
            script.failure = random.pick(
                SpawnFailure(errno: 2, words: "/bin/s: no such file or directory (ENOENT)"),
                SpawnFailure(errno: 11, words: "/bin/s: the process limit is reached (EAGAIN)"))
            return script
        }
        if random.chance(launches) {
            script.launching = random.pick(
                random.span(.zero, .milliseconds(20)), random.span(.zero, .seconds(1)),
                random.span(.zero, .seconds(59)))
        }
        ending(of: &script, &random)
        script.reaction = reaction(&random)
        if random.chance(forks) {
            for _ in 0...random.below(3) { script.forks.append(fork(&random)) }
        }
        if random.chance(unreadable) {
            script.memory = .unreadable
        } else if random.chance(grows) {
            script.memory = .grows(
                from: Bytes(20_000_000), perSecond: random.pick(Bytes(1_000_000), Bytes(20_000_000))
            )
        }
        script.reactsToCleanup = !random.chance(ignoresCleanup)
        script.blocked = random.chance(blocks) ? blocking(&random) : nil
        script.isForeign = random.chance(foreign)
        script.health = health(&random)
        script.stopCommand =
            random.chance(stopCommandFails)
            ? random.pick(.fails(after: random.span(.zero, .milliseconds(500))), .hangs)
            : .works(after: random.span(.zero, .milliseconds(100)))
        return script
    }

    private func health(_ random: inout Randomness) -> HealthScript {
        var health = HealthScript()
        health.signEvery = watchdog.map { $0 / 2 }
        guard random.chance(isSick) else { return health }
        health.passesAfter = random.pick(.zero, random.span(.zero, .seconds(8)))
        if random.chance(60) {
            let from = random.span(.zero, .seconds(30))
            health.failsFrom = from
            health.failsUntil = from + random.span(.zero, .seconds(60))
        }
        health.takes = random.pick(
            .milliseconds(3), random.span(.zero, .seconds(2)), .seconds(10))
        health.readyAfter = random.pick(
            .milliseconds(50), random.span(.zero, .seconds(12)), nil)
        health.extends = random.pick(nil, nil, .seconds(2), .seconds(20))
        health.saysStatus = random.chance(50)
        if random.chance(40) { health.signsUntil = random.span(.zero, .seconds(40)) }
        if random.chance(10) { health.triggersAfter = random.span(.zero, .seconds(40)) }
        return health
    }

    private func ending(of script: inout RunScript, _ random: inout Randomness) {
        let failure = random.pick(
            ExitStatus.exited(code: 1), .exited(code: 127), .exited(code: 255),
            .signalled(.segmentationViolation, coreDumped: true),
            .signalled(.kill, coreDumped: false), .signalled(.terminate, coreDumped: false))
        let success = ExitStatus.exited(code: successCodes[random.below(successCodes.count)])
        let isFailing = random.chance(fails)
        let lifetime = random.span(.zero, lifetimeMax)
        switch kind {
        case .daemon:
            script.lifetime = isFailing ? lifetime : nil
            script.status = random.chance(75) ? failure : success
        case .task, .scheduled:
            script.lifetime = random.chance(hangs) ? nil : lifetime
            script.status = isFailing ? failure : success
        }
    }

    private func reaction(_ random: inout Randomness) -> Reaction {
        if random.chance(ignoresSignals) { return .ignores }
        let after =
            random.chance(endsSlowly)
            ? random.span(.milliseconds(100), .seconds(12)) : random.span(.zero, .milliseconds(50))
        return .ends(
            after: after,
            random.pick(
                .signalled(.terminate, coreDumped: false), .exited(code: 0), .exited(code: 143)))
    }

    private func fork(_ random: inout Randomness) -> Fork {
        let isStubborn = random.chance(forksStubborn)
        return Fork(
            kind: random.pick(.member, .escapee, .daemonized),
            after: random.span(.zero, random.pick(.milliseconds(100), .seconds(20))),
            lifetime: random.chance(30) ? random.span(.zero, .seconds(30)) : nil,
            reaction: isStubborn
                ? .ignores
                : .ends(
                    after: random.span(.zero, .seconds(1)),
                    .signalled(.terminate, coreDumped: false)),
            blocked: random.chance(blocks) ? blocking(&random) : nil)
    }

    private func blocking(_ random: inout Randomness) -> Blocking {
        Blocking(
            after: random.span(.zero, .seconds(5)),
            lasts: random.chance(blocksForever) ? nil : random.span(.seconds(1), .seconds(30)))
    }
}
