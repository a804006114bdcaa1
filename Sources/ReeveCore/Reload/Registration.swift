// SPDX-License-Identifier: Apache-2.0
//
// Schedulers that are added, changed and taken away while reeve runs, without a change of the file. What
// is registered is read, checked together with everything else, and kept, by the process that reads
// configurations; here it is a reload in which nothing changes but the one scheduler, whatever else the
// file says by now. One is brought about at a time.

/// A scheduler as whoever registers it has written it.
package struct Registration: Equatable, Sendable {
    package var name: SchedulerName
    /// `[schedulers.NAME]` and its keys, in TOML; not looked at here.
    package var text: String
    /// How messages name the place that the text came from; nil: it has none.
    package var file: String?
    /// Only keys by which nobody becomes more than one who may execute a program.
    package var isRestricted: Bool

    package init(
        name: SchedulerName, text: String, file: String? = nil, isRestricted: Bool = false
    ) {
        self.name = name
        self.text = text
        self.file = file
        self.isRestricted = isRestricted
    }
}

/// One change of what is registered.
package enum RegistrationChange: Equatable, Sendable {
    /// Add it, or give the one of its name these settings.
    case register(Registration)
    case unregister(SchedulerName)

    /// Whom it is about.
    package var name: SchedulerName {
        switch self {
        case .register(let registration): registration.name
        case .unregister(let name): name
        }
    }

    /// What is written down where it cannot be made.
    func failure(_ words: String) -> Fact {
        switch self {
        case .register(let registration):
            .registrationFailed(registration.name, isRemoval: false, words: words)
        case .unregister(let name): .registrationFailed(name, isRemoval: true, words: words)
        }
    }

    fileprivate var reason: String {
        switch self {
        case .register(let registration): "\(registration.name) is to be registered"
        case .unregister(let name): "\(name) is to be unregistered"
        }
    }
}

/// A change that waits for its turn.
struct WaitingChange: Equatable, Sendable {
    /// nil: whoever asked for it has gone.
    var request: RequestID?
    let change: RegistrationChange
}

extension Supervisor {
    /// Brings a change about, when what is being read and what was asked for before is done.
    mutating func requestChange(
        _ request: RequestID, _ change: RegistrationChange, _ turn: inout Turn
    ) {
        guard reload != nil else { return begin(change, for: request, &turn) }
        guard waitingChanges.count < Limits.waitingChangesMax else {
            let words =
                "\(Limits.waitingChangesMax) registrations wait for their turn, which is the limit; "
                + "try again later"
            return refuse(request, .tooManyRequests, words, &turn)
        }
        waitingChanges.append(WaitingChange(request: request, change: change))
    }

    /// Nothing is being read: the next of those that wait has its turn.
    mutating func beginNextChange(_ turn: inout Turn) {
        while reload == nil, !waitingChanges.isEmpty {
            let next = waitingChanges.removeFirst()
            begin(next.change, for: next.request, &turn)
        }
    }

    private mutating func begin(
        _ change: RegistrationChange, for request: RequestID?, _ turn: inout Turn
    ) {
        if let words = objection(to: change) {
            if let request { refuse(request, .conflict, words, &turn) }
            return
        }
        beginReload(
            Reload(
                requests: request.map { [$0] } ?? [], change: change,
                isTold: startup.hasAnnouncedReady),
            because: change.reason, &turn)
    }

    /// Why the name cannot be registered, or is not to be unregistered; nil where it may.
    private func objection(to change: RegistrationChange) -> String? {
        let name = change.name
        let file = settings.source ?? "the configuration"
        guard let id = configuredScheduler(named: name.text) else { return nil }
        let specification = schedulers[id.index].configured
        if specification.isComponent {
            return "\(name) is a part of reeve itself, which [gateway] in \(file) is about"
        }
        switch change {
        case .register:
            guard specification.origin == .file else { return nil }
            return "\(name) is in \(file) already: change it there, and reload"
        case .unregister:
            guard specification.origin == .registered else {
                return "\(name) was not registered, it is in \(file): remove it there, and reload"
            }
            // Also what does not fit the file as it is by now, and is in force still.
            let dependents = specificationInForce.schedulers.filter { scheduler in
                scheduler.order.dependencies.contains { $0.name == name }
            }
            guard !dependents.isEmpty else { return nil }
            return "\"\(name)\" is depended on by \(listed(dependents.map(\.name))), "
                + "which would have to be unregistered or changed first"
        }
    }

    private func refuse(
        _ request: RequestID, _ refusal: Reply.Refusal, _ words: String, _ turn: inout Turn
    ) {
        let reply = Reply(refusal: refusal, outcomes: [], words: words)
        turn.effects.append(.reply(request, reply))
    }

    /// What is in force with the one change; `loaded` is what the file and everything registered say.
    func inForce(
        with change: RegistrationChange, from loaded: Specification
    ) -> Specification {
        var new = specificationInForce
        let place = new.schedulers.firstIndex { $0.name == change.name }
        switch change {
        case .unregister:
            if let place { new.schedulers.remove(at: place) }
        case .register:
            guard let found = loaded.schedulers.first(where: { $0.name == change.name }) else {
                return new
            }
            if let place {
                new.schedulers[place] = found
            } else {
                new.schedulers.append(found)
            }
        }
        // Of those that both have, what was read last.
        new.zones =
            loaded.zones
            + zones.filter { known in !loaded.zones.contains { $0.name == known.name } }
        return new
    }

    /// Answers whoever asked for a change that is in force now. `concerned` are started or stopped by it.
    mutating func answer(
        _ request: RequestID, _ change: RegistrationChange, _ changes: SpecificationChanges,
        _ concerned: [SchedulerID], _ turn: inout Turn
    ) {
        let name = change.name
        switch change {
        case .register:
            let result: Reply.Change
            let words: String
            if let changed = changes.changed.first {
                result = .changed
                words = "\(name) is registered anew: \(listed(changed.keys))"
            } else if changes.added.isEmpty {
                result = .unchanged
                words = "\(name) was registered like this before"
            } else {
                result = .added
                words = "\(name) is registered"
            }
            var targets = configuredScheduler(named: name.text).map { [$0] } ?? []
            // Disabled, it goes on to its end: nothing is done that could be waited for.
            var rest = ""
            targets.removeAll { id in
                let scheduler = schedulers[id.index]
                guard concerned.isEmpty, scheduler.desired == .down, scheduler.lifecycle.isLive
                else { return false }
                rest = "; what of it is being executed goes on to its end"
                return true
            }
            wait(request, .reloaded, targets, words: words + rest, change: result, &turn)
        case .unregister:
            var words = "\(name) is unregistered"
            if changes.removed.isEmpty {
                words += "; it was not in force"
            } else if let id = idsByName[name.text], concerned.isEmpty,
                schedulers[id.index].lifecycle.isLive
            {
                words += "; what of it is being executed goes on to its end"
            }
            wait(request, .reloaded, concerned, words: words, change: .removed, &turn)
        }
    }
}
