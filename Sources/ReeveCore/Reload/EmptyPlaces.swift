// SPDX-License-Identifier: Apache-2.0
//
// The places that schedulers left. Whoever comes back soon takes its own again, with what is remembered of it. But
// programs may be registered under ever new names, and a table that only grew would grow without bound: so beyond
// some, the one that was left first is given to the next newcomer, and whoever was there before is forgotten.

internal import DequeModule

/// The places of the table that stand empty.
struct EmptyPlaces: Sendable {
    private struct Place: Sendable {
        let id: SchedulerID
        let since: Instant
    }

    /// The one that was left first at the front.
    private var places = Deque<Place>()

    var count: Int { places.count }

    mutating func add(_ id: SchedulerID, at now: Instant) {
        places.append(Place(id: id, since: now))
    }

    /// It is taken again.
    mutating func remove(_ id: SchedulerID) {
        places.removeAll { $0.id == id }
    }

    /// The one that may be given away: the first that was left, where there are more than are kept and nobody can be
    /// about to say something of it.
    func spare(at now: Instant) -> SchedulerID? {
        guard places.count > Limits.emptyPlacesMax, let first = places.first,
            now - first.since >= Limits.emptyPlaceRest
        else { return nil }
        return first.id
    }
}

extension Supervisor {
    /// The place of a scheduler that is new: one that stands empty, or one more.
    mutating func place(_ scheduler: (SchedulerID) -> Scheduler, _ turn: inout Turn) -> SchedulerID
    {
        guard let id = emptyPlaces.spare(at: turn.now.monotonic), isForgettable(id) else {
            let id = SchedulerID(schedulers.count)
            schedulers.append(scheduler(id))
            views.append(schedulers[id.index].view)
            deadlines.add()
            wallDeadlines.add()
            startup.isAwaited.append(false)
            return id
        }
        emptyPlaces.remove(id)
        let former = schedulers[id.index].specification.name
        turn.effects.append(.forgetScheduler(id, former))
        idsByName[former.text] = nil
        otherWishes[former.text] = nil
        bootsSeen.remove(id)
        schedulers[id.index] = scheduler(id)
        views[id.index] = schedulers[id.index].view
        deadlines.set(nil, for: id)
        wallDeadlines.set(nil, for: id)
        return id
    }

    /// Whether nothing is under way that is about who was there.
    private func isForgettable(_ id: SchedulerID) -> Bool {
        let former = schedulers[id.index]
        return former.isDropped && former.alarms.isEmpty && former.sufferers.isEmpty
            && former.failedDependencies.isEmpty && requests.waiters(for: id).isEmpty
            && !commands.concerns(id) && !startup.awaits(id)
    }
}
