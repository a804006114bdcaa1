// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// What a simulation drives: the core itself, or a core that a test has broken on purpose.
package protocol SimulatedCore {
    /// As `Supervisor.handle(_:at:)`.
    mutating func handle(_ event: Event, at now: Moment) -> [Effect]
    /// As `Supervisor.nextDeadline`.
    var nextDeadline: Instant? { get }
    /// As `Supervisor.nextWallDeadline`.
    var nextWallDeadline: WallTime? { get }
    /// As `Supervisor.status(of:at:)`.
    func status(of scheduler: SchedulerID, at now: Moment) -> SchedulerStatus?
    /// As `Supervisor.status(at:)`.
    func status(at now: Moment) -> SupervisorStatus
    /// As `Supervisor.alerts(of:at:)`, of all.
    func alerts(at now: Moment) -> [Alert]
}

extension Supervisor: SimulatedCore {
    /// Those of all.
    package func alerts(at now: Moment) -> [Alert] { alerts(of: nil, at: now) }
}

/// What a supervisor begins with.
package struct Beginning {
    /// The configuration.
    package let specification: Specification
    /// What operators wanted to hold.
    package let wishes: [(name: SchedulerName, wish: Wish)]
    /// What earlier supervisors wrote.
    package let history: LedgerHistory
    /// The origin of run ids.
    package let origin: UInt64
    /// The only source of jitter.
    package let seed: UInt64
    /// The first moment.
    package let now: Moment
}
