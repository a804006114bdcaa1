// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// Draws configurations that the configuration's own checks would let pass.
enum SpecificationGenerator {
    /// `start` is the wall clock at the beginning.
    static func specification(
        at start: WallTime, _ random: inout Randomness
    ) -> Specification {
        var result = Specification(zones: SimulatedZone.allCases.map(\.file))
        let scheduledPercent = random.pick(0, 0, 40, 100)
        result.supervisor = supervisor(&random)
        let count = random.pick(1, 2, 3, 4, 5, 6, 8, 12)
        for index in 0..<count {
            guard random.chance(scheduledPercent) else {
                result.schedulers.append(scheduler(index, before: result.schedulers, &random))
                continue
            }
            guard let name = SchedulerName("s\(index)") else { continue }
            var scheduler = scheduled(name, at: start, &random)
            amend(&scheduler, after: result.schedulers, &random)
            result.schedulers.append(scheduler)
        }
        if random.chance(20) {
            // One that may end for good, where there is one.
            let tasks = result.schedulers.filter { $0.kind == .task && $0.enabled }
            let chosen = tasks.isEmpty ? result.schedulers : tasks
            result.supervisor.exitWith = chosen[random.below(chosen.count)].name
        }
        // The order of the file says nothing about the order of dependencies.
        for index in stride(from: count - 1, to: 0, by: -1) {
            result.schedulers.swapAt(index, random.below(index + 1))
        }
        return result
    }

    /// What a scheduled one has in common with the others.
    private static func amend(
        _ scheduler: inout SchedulerSpecification, after earlier: [SchedulerSpecification],
        _ random: inout Randomness
    ) {
        scheduler.enabled = random.chance(96)
        scheduler.order.priority = random.pick(0, 0, 3, 9, 10)
        scheduler.order.dependencyTimeout = random.pick(.seconds(60), .seconds(5), .seconds(1))
        if random.chance(50) {
            scheduler.order.dependencies = dependencies(on: earlier, &random)
        }
        scheduler.errorThreshold = random.pick(5, 2, 1)
        scheduler.healthCheckInterval = random.pick(.seconds(30), .seconds(5))
        scheduler.stop = stop(&random)
        if random.chance(20) { scheduler.memory = memory(&random) }
    }

    private static func supervisor(_ random: inout Randomness) -> SupervisorSettings {
        var settings = SupervisorSettings()
        settings.gracefulTimeout = random.pick(.seconds(30), .seconds(10), .seconds(3), .seconds(1))
        settings.forceTimeout = random.pick(.seconds(5), .seconds(1))
        settings.staggeredStartup = random.chance(70)
        settings.phaseTimeout = random.pick(.seconds(60), .seconds(10), .seconds(3))
        settings.autoRecovery = random.chance(80)
        return settings
    }

    static func alerts(_ random: inout Randomness) -> AlertSettings {
        var settings = AlertSettings()
        settings.errorRate = random.pick(0.2, 0.2, 0.0, 0.5, 1.0)
        settings.errorRateWindow = random.pick(.minutes(5), .seconds(10), .seconds(60))
        settings.leakWindow = random.pick(.minutes(15), .seconds(15), .seconds(15), nil)
        settings.watchesAllMemory = settings.leakWindow != nil && random.chance(20)
        settings.frequentRestarts = random.pick(3, 3, 1, 5)
        settings.restartAlertWindow = random.pick(.minutes(10), .seconds(30))
        settings.timeouts = random.pick(3, 2, 1)
        settings.exec = random.chance(60) ? ["/bin/alert"] : nil
        settings.repeatAfter = random.pick(.minutes(60), .seconds(20), nil)
        return settings
    }

    private static func scheduler(
        _ index: Int, before earlier: [SchedulerSpecification], _ random: inout Randomness
    ) -> SchedulerSpecification {
        guard let name = SchedulerName("s\(index)") else { return earlier[0] }
        let kind: SchedulerSpecification.Kind = random.chance(70) ? .daemon : .task
        var result = SchedulerSpecification(
            name: name, kind: kind, program: Program(arguments: ["/bin/\(name)"]))
        result.enabled = random.chance(94)
        result.order.priority = random.pick(0, 0, 1, 3, 5, 9, 10, 20, -1)
        result.order.dependencyTimeout = random.pick(.seconds(60), .seconds(5), .seconds(1))
        result.order.dependencies = dependencies(on: earlier, &random)
        result.restart = restart(kind, &random)
        readiness(of: &result, &random)
        health(of: &result, &random)
        result.healthCheckInterval = random.pick(.seconds(30), .seconds(5), .seconds(1))
        result.errorThreshold = random.pick(5, 2, 1)
        result.stop = stop(&random)
        if random.chance(40) {
            result.memory = memory(&random)
            if random.chance(50) {
                result.recovery.cleanup = random.pick(
                    .signal(.windowChange), .command(["/bin/cleanup"]))
            }
        }
        result.recovery.hookTimeout = random.pick(.seconds(10), .seconds(2))
        if random.chance(15) { result.recovery.onStart = ["/bin/prepare"] }
        if random.chance(15) { result.recovery.onStop = ["/bin/tidy"] }
        if kind == .task {
            result.timeout = random.chance(50) ? random.pick(.seconds(2), .seconds(20)) : nil
            if random.chance(20) { result.successExitCodes = [0, 3] }
        }
        return result
    }

    private static func dependencies(
        on earlier: [SchedulerSpecification], _ random: inout Randomness
    ) -> [Dependency] {
        // Who depends on a schedule is a matter of scenes: what it follows is not seen from outside.
        let earlier = earlier.filter { $0.kind != .scheduled }
        guard !earlier.isEmpty, random.chance(60) else { return [] }
        var result: [Dependency] = []
        for _ in 0...random.below(3) {
            let target = earlier[random.below(earlier.count)]
            guard !result.contains(where: { $0.name == target.name }) else { continue }
            var dependency = Dependency(name: target.name)
            dependency.condition =
                switch target.kind {
                case .task, .scheduled:
                    random.pick(.completed, .completed, .started, .ready, .healthy)
                case .daemon: random.pick(.healthy, .ready, .started)
                }
            dependency.onFailure = random.pick(.stop, .restart, .ignore)
            result.append(dependency)
        }
        return result
    }

    private static func restart(
        _ kind: SchedulerSpecification.Kind, _ random: inout Randomness
    ) -> RestartPolicy {
        var policy = RestartPolicy(mode: kind == .daemon ? .always : .onFailure)
        // A task that restarts always never completes: the configuration refuses that.
        policy.mode =
            kind == .daemon
            ? random.pick(.always, .always, .onFailure, .never)
            : random.pick(.onFailure, .onFailure, .never)
        policy.delay = random.pick(.seconds(1), .milliseconds(10), .milliseconds(300), .zero)
        policy.factor = random.pick(2.0, 1.0, 1.5, 10.0)
        policy.delayMax = random.pick(.seconds(60), .seconds(2), .seconds(5))
        policy.jitter = random.pick(0.25, 0.0, 1.0)
        policy.resetAfter = random.pick(.seconds(60), .seconds(5), .seconds(1))
        policy.maxRestarts = random.pick(10, 3, 1, 0, nil)
        policy.window = random.pick(.minutes(10), .seconds(30), .seconds(5))
        policy.cooldown = random.pick(.seconds(30), .seconds(1))
        policy.whenExhausted = random.pick(.retry, .retry, .fail, .fail, .exit)
        return policy
    }

    private static func readiness(
        of scheduler: inout SchedulerSpecification, _ random: inout Randomness
    ) {
        guard scheduler.kind == .daemon else {
            if random.chance(10) { scheduler.readiness.rule = .uptime(.milliseconds(100)) }
            return
        }
        scheduler.readiness.rule = random.pick(
            .uptime(.seconds(1)), .spawn, .uptime(.milliseconds(50)), .uptime(.seconds(5)))
    }

    private static func health(
        of scheduler: inout SchedulerSpecification, _ random: inout Randomness
    ) {
        if random.chance(35) {
            let target = ProbeTarget(host: "localhost", port: 80)
            var settings = HealthCheckSettings(
                random.pick(
                    .exec(["/bin/check"]), .tcp(target),
                    .http(target, path: "/", status: 200...399)))
            settings.timeout = random.pick(.seconds(3), .seconds(1))
            settings.failures = random.pick(3, 1, 2)
            settings.successes = random.pick(1, 1, 2)
            settings.startPeriod = random.pick(.zero, .zero, .seconds(4))
            scheduler.healthCheck = settings
            if scheduler.kind == .daemon, random.chance(40) { scheduler.readiness.rule = .probe }
        }
        guard scheduler.kind == .daemon else { return }
        if random.chance(15) { scheduler.readiness.rule = .notify }
        scheduler.readiness.startTimeout = random.pick(.seconds(60), .seconds(3), .seconds(10))
        if random.chance(30) { scheduler.notify.watchdog = random.pick(.seconds(5), .seconds(20)) }
        if random.chance(10) { scheduler.notify.socket = .path }
    }

    private static func stop(_ random: inout Randomness) -> StopSettings {
        var settings = StopSettings()
        settings.signal = random.pick(.terminate, .terminate, .interrupt, .quit)
        settings.timeout = random.pick(
            .seconds(10), .seconds(2), .milliseconds(200), .seconds(1), .zero)
        settings.scope = random.pick(.leaderThenGroup, .leaderThenGroup, .group, .leader)
        settings.leftovers = random.pick(.stop, .stop, .keep)
        if random.chance(20) { settings.command = ["/bin/stop"] }
        return settings
    }

    private static func memory(_ random: inout Randomness) -> MemorySettings {
        var settings = MemorySettings()
        if random.chance(80) { settings.threshold = Bytes(50_000_000) }
        if settings.threshold == nil || random.chance(40) {
            settings.hardLimit = Bytes(90_000_000)
        }
        settings.samples = random.pick(3, 1, 2)
        settings.action = random.pick(.recover, .recover, .restart, .alert, .restartWhenIdle)
        return settings
    }
}
