// SPDX-License-Identifier: Apache-2.0
//
// What a reload does with one scheduler: one decision, by which the supervisor acts and of which
// `reeve plan` tells beforehand.

/// Where a scheduler stands when a new configuration meets it.
package struct SchedulerStanding: Equatable, Sendable {
    /// What of it there is.
    package enum Presence: String, Equatable, Sendable, CaseIterable {
        /// A run is being started, or runs.
        case running
        /// Its run is being ended, or could not be.
        case ending
        /// It is wanted and has no run: it backs off, or has given up.
        case due
        /// It has done its work.
        case completed
        /// Nothing of it is there: stopped, idle, or waiting for its turn.
        case resting
    }

    /// What was configured last.
    package var specification: SchedulerSpecification
    package var presence: Presence
    /// Neither an operator nor the configuration wants it down.
    package var isWanted: Bool

    package init(
        specification: SchedulerSpecification, presence: Presence = .resting, isWanted: Bool = true
    ) {
        self.specification = specification
        self.presence = presence
        self.isWanted = isWanted
    }
}

/// What a reload does with one scheduler.
package enum ReloadStep: String, Equatable, Sendable, CaseIterable {
    /// It is new and not enabled: it is there, and nothing starts.
    case add
    /// It is new, newly enabled, begins or ceases to be scheduled, or gets another chance: it starts in
    /// its phase.
    case start
    /// What runs is stopped, and started with the new settings.
    case restart
    /// The new settings hold without anything being stopped; what they cannot change in a run that is
    /// there holds from the next one on.
    case adopt
    /// What runs is stopped. It is no longer configured, or not enabled.
    case stop
    /// An execution of a scheduled one goes on to its end, and none follows.
    case finish
    /// Nothing of it runs, and it is dropped.
    case remove

    /// `new` is nil for one that is no longer configured.
    package init(from old: SchedulerStanding, to new: SchedulerSpecification?) {
        let isExecution = old.specification.kind == .scheduled && old.presence == .running
        guard let new else {
            self =
                switch old.presence {
                case .running, .ending: isExecution ? .finish : .stop
                case .due, .completed, .resting: .remove
                }
            return
        }
        if old.specification.enabled && !new.enabled {
            self =
                switch old.presence {
                case .running, .ending: isExecution ? .finish : .stop
                case .due, .completed, .resting: .adopt
                }
            return
        }
        if !old.specification.enabled && new.enabled && !old.isWanted {
            self = .start
            return
        }
        guard old.isWanted, old.specification.needsRestart(for: new) else {
            self = .adopt
            return
        }
        switch old.presence {
        // A reload ends no execution: the next one has the new settings.
        case .running: self = isExecution && new.kind == .scheduled ? .adopt : .restart
        case .ending: self = .adopt
        // It waits for something else from now on: its time, or its turn.
        case .resting:
            self = old.specification.kind.isScheduled == new.kind.isScheduled ? .adopt : .start
        case .due: self = .start
        // A task that is done has done what it was for: other settings are no reason to do it again.
        case .completed:
            self = old.specification.kind == .task && new.kind == .task ? .adopt : .start
        }
    }

    /// For one that is new.
    package init(toNew new: SchedulerSpecification) {
        self = new.enabled ? .start : .add
    }
}

extension Scheduler {
    /// What a new configuration meets.
    var standing: SchedulerStanding {
        let presence: SchedulerStanding.Presence =
            switch lifecycle {
            // One that is to be stopped anyway comes back, if at all, with the new settings.
            case .starting, .running: pendingStop == nil ? .running : .ending
            case .stopping, .stopped(.survivors): .ending
            // The next attempt of an execution has the new settings.
            case .backingOff, .idle: schedule == nil ? .due : .resting
            case .exhausted: .due
            case .completed: .completed
            case .stopped, .waitingForPhase, .waitingForDependencies: .resting
            }
        return SchedulerStanding(
            specification: configured, presence: presence, isWanted: desired == .up)
    }
}
