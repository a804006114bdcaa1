// SPDX-License-Identifier: Apache-2.0

package import ReeveControl
package import ReeveCore

/// What the shell's components may read of the core, without being able to change it.
///
/// The loop makes one for its whole life; the functions read the core as it is at the call. It must
/// not be called from within `Supervisor.handle`, which no component can do, since the core calls
/// nobody. Tests make their own from closures.
package struct CoreView {
    private let overall: (Moment) -> SupervisorStatus
    private let one: (SchedulerID, Moment) -> SchedulerStatus?
    private let count: () -> Int
    private let find: (String) -> SchedulerID?
    private let owner: (RunID) -> SchedulerID?
    private let settings: (SchedulerID) -> SchedulerSpecification?
    private let memory: (SchedulerID) -> MemoryReading?
    private let memoryOfRun: (RunID) -> MemoryReading?
    private let next: (SchedulerID, Int, Moment) -> ComingOccurrences?
    private let strangers: () -> Orphans
    private let ledger: (SchedulerID, Int) -> [LedgerEntry]
    private let measures: (SchedulerID, Moment) -> SchedulerMetrics?
    private let troubles: (SchedulerID?, Moment) -> [Alert]
    private let failures: (SchedulerID, String?) -> FoundFailure?
    private let inForce: () -> SupervisorSettings
    private let standings: (SchedulerID) -> SchedulerStanding?
    private let parts: () -> [SchedulerID]
    private let ownParts: (Moment) -> [ComponentReport]

    /// Each closure answers the method of the same sense below.
    package init(
        status: @escaping (Moment) -> SupervisorStatus,
        schedulerStatus: @escaping (SchedulerID, Moment) -> SchedulerStatus?,
        schedulerCount: @escaping () -> Int,
        schedulerNamed: @escaping (String) -> SchedulerID?,
        schedulerOfRun: @escaping (RunID) -> SchedulerID?,
        specification: @escaping (SchedulerID) -> SchedulerSpecification?,
        sampleMemory: @escaping (SchedulerID) -> MemoryReading?,
        sampleRun: @escaping (RunID) -> MemoryReading? = { _ in nil },
        coming: @escaping (SchedulerID, Int, Moment) -> ComingOccurrences? = { _, _, _ in nil },
        orphans: @escaping () -> Orphans = { Orphans() },
        entries: @escaping (SchedulerID, Int) -> [LedgerEntry] = { _, _ in [] },
        metrics: @escaping (SchedulerID, Moment) -> SchedulerMetrics? = { _, _ in nil },
        alerts: @escaping (SchedulerID?, Moment) -> [Alert] = { _, _ in [] },
        failure: @escaping (SchedulerID, String?) -> FoundFailure? = { _, _ in nil },
        supervisorSettings: @escaping () -> SupervisorSettings = { SupervisorSettings() },
        standing: @escaping (SchedulerID) -> SchedulerStanding? = { _ in nil },
        components: @escaping () -> [SchedulerID] = { [] },
        shellComponents: @escaping (Moment) -> [ComponentReport] = { _ in [] }
    ) {
        overall = status
        one = schedulerStatus
        count = schedulerCount
        find = schedulerNamed
        owner = schedulerOfRun
        settings = specification
        memory = sampleMemory
        memoryOfRun = sampleRun
        next = coming
        strangers = orphans
        ledger = entries
        measures = metrics
        troubles = alerts
        failures = failure
        inForce = supervisorSettings
        standings = standing
        parts = components
        ownParts = shellComponents
    }

    /// The whole, as `reeve status` heads it.
    package func status(at now: Moment) -> SupervisorStatus { overall(now) }

    /// One scheduler; nil for an id out of range. `memory` in it is the last sample, which may be
    /// old or missing: ask `sampleMemory(of:)` where a fresh one is wanted.
    package func status(of id: SchedulerID, at now: Moment) -> SchedulerStatus? { one(id, now) }

    /// How many schedulers there are; their ids are 0 to this, exclusive.
    package var schedulerCount: Int { count() }

    /// Finds a scheduler by name.
    package func scheduler(named name: String) -> SchedulerID? { find(name) }

    /// The scheduler of a run that the core still knows.
    package func scheduler(of run: RunID) -> SchedulerID? { owner(run) }

    /// What was configured; nil for an id out of range.
    package func specification(of id: SchedulerID) -> SchedulerSpecification? { settings(id) }

    /// The settings of `[reeve]` that are in force.
    package var supervisorSettings: SupervisorSettings { inForce() }

    /// What a reload would meet; nil for one that is not configured, or out of range.
    package func standing(of id: SchedulerID) -> SchedulerStanding? { standings(id) }

    /// The parts of reeve itself that are supervised: no list of schedulers holds them.
    package var components: [SchedulerID] { parts() }

    /// Parts of reeve that the core knows nothing of: the scribe, where it has something to do.
    package func shellComponents(at now: Moment) -> [ComponentReport] { ownParts(now) }

    /// The last entries of a scheduler in the ledger, oldest first: a read of at most 100 records.
    package func entries(of id: SchedulerID, last count: Int) -> [LedgerEntry] { ledger(id, count) }

    /// The metrics of one scheduler; nil for an id out of range. The memory in it is the last sample; the
    /// processor time of what runs is read now: two system calls per process, and a few more.
    package func metrics(of id: SchedulerID, at now: Moment) -> SchedulerMetrics? {
        measures(id, now)
    }

    /// The alerts that are on, of one scheduler or of all.
    package func alerts(of id: SchedulerID? = nil, at now: Moment) -> [Alert] { troubles(id, now) }

    /// What is kept of a failed run, of the last one where `run` is nil; nil: nothing is. Begins to look where that
    /// takes a disk.
    package func failure(of id: SchedulerID, run: String?) -> FoundFailure? { failures(id, run) }

    /// Reads the memory of the scheduler's current process tree now: a few system calls per
    /// process. nil when nothing of it runs.
    package func sampleMemory(of id: SchedulerID) -> MemoryReading? { memory(id) }

    /// Its next occurrences; nil for what has no schedule.
    package func coming(_ count: Int, of id: SchedulerID, at now: Moment) -> ComingOccurrences? {
        next(id, count, now)
    }

    /// The same as `sampleMemory(of:)` for one of several runs of a scheduler.
    package func sampleMemory(of run: RunID) -> MemoryReading? { memoryOfRun(run) }

    /// Reads which children of reeve belong to no run: a system call, and a few per orphan.
    package func orphans() -> Orphans { strangers() }
}

/// Where what is kept of a failed run is.
package enum FoundFailure {
    case kept(KeptFailure)
    /// It is being looked for; `ControlServer.readingEnded` tells the end.
    case reading(BundleReading)
}

/// What is kept of one failed run.
package struct KeptFailure {
    package let bundle: FailureBundle
    /// Its log, in the form of a tail, without line breaks.
    package let lines: [ArraySlice<UInt8>]

    /// The bytes of `log` are copied, so that no more of a file is held than this.
    package init(bundle: FailureBundle, log: ArraySlice<UInt8>) {
        self.bundle = bundle
        lines = Array(log).split(separator: UInt8(ascii: "\n"))
    }

    /// As it is in its file: a line of JSON, and the log. nil where the line is no bundle.
    init?(_ bytes: [UInt8]) {
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        guard let bundle = FailureBundle(json: line) else { return nil }
        self.init(bundle: bundle, log: bytes[line.endIndex...])
    }
}
