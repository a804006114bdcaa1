// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// Draws schedules that are due often enough for a simulation of minutes.
extension SpecificationGenerator {
    /// A scheduled one; `start` is the wall clock at the beginning.
    static func scheduled(
        _ name: SchedulerName, at start: WallTime, _ random: inout Randomness
    ) -> SchedulerSpecification {
        var settings = ScheduleSettings(rule(&random))
        settings.intervalFrom = random.pick(.start, .start, .end)
        settings.zone = zone(&random)
        settings.hash = random.next()
        settings.jitter = random.pick(.zero, .zero, .zero, .seconds(3), .seconds(20))
        settings.spread = random.pick(.zero, .zero, .seconds(5))
        settings.overlap = random.pick(.skip, .queue, .replace, .allow)
        settings.maxParallel = random.pick(1, 2, 3, 5)
        settings.misfire = random.pick(.runOnce, .skip, .runAll)
        settings.misfireDeadline = random.pick(nil, nil, .seconds(30), .minutes(10))
        settings.runOnStart = random.chance(20)
        if random.chance(10) { settings.startsAt = start + random.span(.zero, .minutes(3)) }
        if random.chance(10) {
            settings.expiresAt = start + random.span(.minutes(1), .minutes(20))
        }
        settings.maxRetries = random.pick(0, 0, 1, 3)
        settings.retryDelay = random.pick(.seconds(1), .milliseconds(100), .seconds(10), .zero)
        settings.retryFactor = random.pick(2.0, 1.0, 5.0)
        settings.retryDelayMax = random.pick(.seconds(60), .seconds(3))
        settings.noRetryExitCodes = random.chance(40) ? [1, 127, 255] : []
        settings.drainTimeout = random.pick(.seconds(10), .zero, .seconds(2))
        var result = SchedulerSpecification(
            name: name, schedule: settings, program: Program(arguments: ["/bin/\(name)"]))
        result.timeout = random.chance(60) ? random.pick(.seconds(2), .seconds(20)) : nil
        return result
    }

    static func zone(_ random: inout Randomness) -> String {
        random.pick(SimulatedZone.utc, .fixed, .central).rawValue
    }

    static func rule(_ random: inout Randomness) -> ScheduleSettings.Rule {
        switch random.below(100) {
        case 0..<20: .cron(random.pick("*/5 * * * * *", "*/20 * * * * *", "7,30 * * * * *"))
        case 20..<55:
            .cron(random.pick("* * * * *", "*/2 * * * *", "15 * * * * *", "1,2,58 * * * *"))
        // Around the changes of the clock.
        case 55..<72:
            .cron(random.pick("30 2 * * *", "1,59 1,2,3 * * *", "0 3 * * *", "30 * * * *"))
        case 72..<90:
            .interval(random.pick(.seconds(7), .seconds(30), .milliseconds(1_500), .minutes(3)))
        case 90..<93: .cron("@every 20s")
        case 93..<97: .cron("@start")
        default: .cron("@reboot")
        }
    }
}
