// SPDX-License-Identifier: Apache-2.0

/// Every bound of the core, in one place.
package enum Limits {
    /// Least time between two spawns of one scheduler, whatever was configured.
    package static let spawnSpacing = Duration.milliseconds(100)
    /// From the signal to the leader until the rest of the run gets it too.
    package static let groupSignalDelay = Duration.seconds(1)
    /// A second shutdown signal within this time is taken for the same one.
    package static let duplicateSignalWindow = Duration.seconds(1)
    /// How often a shutdown says what it waits for.
    package static let shutdownReportInterval = Duration.seconds(2)
    /// How often a stopping run is looked at again where no exit tells.
    package static let surveyInterval = Duration.milliseconds(500)
    /// Requests that wait for an answer, over all clients.
    package static let waitingRequestsMax = 1_024
    /// Restart instants kept for the sliding window, for one scheduler.
    package static let restartsRememberedMax = 1_000
    /// Samples are due on whole multiples of this, so that many schedulers cost one wake-up.
    package static let sampleGrid = Duration.seconds(1)
    /// From SIGKILL until what is still seen alive is called a survivor, at least.
    package static let killGrace = Duration.milliseconds(100)
    /// Killed processes that one survey adds to what a stop remembers.
    package static let killedRememberedMax = 1_000
    /// How often survivors of a stop are looked at again.
    package static let survivorSurveyInterval = Duration.seconds(5)
    /// From SIGTERM to SIGKILL for processes that belong to no run, at reeve's own end.
    package static let strayGrace = Duration.seconds(2)
    /// How often those are looked at.
    package static let sweepInterval = Duration.milliseconds(50)
    /// How often they get SIGKILL before reeve leaves although some are alive.
    package static let strayKillsMin = 3
    /// Processes named in one record; the rest is counted.
    package static let processesNamedMax = 16
    /// From when on an occurrence that is late counts as missed rather than as due now.
    package static let misfireTolerance = Duration.seconds(10)
    /// Occurrences that are counted one by one; what lies beyond is passed over.
    package static let occurrencesCountedMax = 1_000
    /// Missed occurrences that `misfire = "run-all"` makes up for, the latest ones.
    package static let misfireRunsMax = 100
    /// Stretches of wall time that are remembered when the clock goes back.
    package static let stretchesMax = 8
    /// Places of schedulers that are gone which wait for these to come back, and how long each does at least: an
    /// answer about one may be on its way that long.
    package static let emptyPlacesMax = 256
    package static let emptyPlaceRest = Duration.minutes(1)
    /// How long a dependency's failure has to be over before its alert ends.
    package static let alertCalm = Duration.seconds(30)
    /// Registrations that wait for their turn; each may be as long as a request.
    package static let waitingChangesMax = 16
    /// What begins or ends within this time is delivered together.
    package static let alertGathering = Duration.seconds(1)
    /// From the end of one delivery to the next.
    package static let alertSpacing = Duration.seconds(5)
    /// How long the alert command may take.
    package static let alertTimeout = Duration.seconds(30)
    /// Attempts to deliver the same alerts, and the pause before the second; twice that before the third.
    package static let alertAttemptsMax = 3
    package static let alertRetryDelay = Duration.seconds(10)
    /// Alerts that wait for delivery; the oldest give way.
    package static let alertsWaitingMax = 256
    /// Alerts in one delivery.
    package static let alertsDeliveredMax = 64
    /// Answers of a health check that are kept.
    package static let checkResultsMax = 5
    /// Bytes of a check's output in the words of its answer.
    package static let checkWordsMax = 200
    /// From a start to the first check that is to make it ready, and from each to the next.
    package static let firstProbeDelay = Duration.milliseconds(100)
    package static let probeInterval = Duration.seconds(1)
    /// The longest that EXTEND_TIMEOUT_USEC puts off the end of a start or a stop, in all.
    package static let timeoutExtensionMax = Duration.minutes(30)
    /// The longest watchdog period that a program may ask for.
    package static let watchdogPeriodMax = Duration.minutes(1_440)
    /// From a cleanup until what it freed is measured, and the longest wait for that measurement.
    package static let cleanupSettleTime = Duration.seconds(10)
    /// A change between the two clocks from which on the wall clock was set.
    package static let clockStep = Duration.milliseconds(500)
}
