// SPDX-License-Identifier: Apache-2.0
//
// Which records of the file are still needed, and where they are: 16 bytes each, however long they
// are. A compaction copies exactly these; `reeve runs` reads through them. Needed are, for each
// scheduler, its last records, and whatever tells a supervisor that starts what was due and ran: the
// latest of its schedule, each start without an end, the latest of a boot, the last success, the operator's
// wish.

internal import DequeModule
internal import ReeveControl
internal import ReeveCore

/// The places of the records that are kept.
struct LedgerIndex {
    /// Records kept at most for one scheduler, besides those that a start needs.
    static let recentMax = 100
    /// The same for all schedulers together; each gets an equal share, and at least four.
    static let recentInAllMax = 32_768
    /// Schedulers that are remembered, those of earlier configurations included.
    static let namesMax = 16_384
    /// Of those, what is kept of who is gone for good: it would be missed where they come back, and is little.
    static let departedMax = 4_096
    /// Starts without an end that are remembered of one scheduler.
    static let unfinishedMax = 256
    private static let gapsMax = 16

    /// What is kept of one scheduler.
    private struct Shelf {
        var recent = Deque<LedgerPlace>()
        var lastDue: (through: WallTime, place: LedgerPlace)?
        var lastBoot: LedgerPlace?
        var lastSuccess: LedgerPlace?
        var unfinished: [(key: Key, place: LedgerPlace)] = []
        var wish: (wish: Wish, place: LedgerPlace)?

        mutating func move(_ move: (inout LedgerPlace) -> Void) {
            for index in recent.indices { move(&recent[index]) }
            for index in unfinished.indices { move(&unfinished[index].place) }
            if var place = lastDue?.place {
                move(&place)
                lastDue?.place = place
            }
            if var place = lastBoot {
                move(&place)
                lastBoot = place
            }
            if var place = lastSuccess {
                move(&place)
                lastSuccess = place
            }
            if var place = wish?.place {
                move(&place)
                wish?.place = place
            }
        }

        /// Where the last of its records begins.
        var last: Int64 {
            [recent.last?.offset, wish?.place.offset].compactMap(\.self).max() ?? 0
        }

        var needed: [LedgerPlace] {
            [lastDue?.place, lastBoot, lastSuccess].compactMap { $0 } + unfinished.map(\.place)
        }
    }

    private struct Key: Equatable {
        let trigger: LedgerEntry.Trigger
        let occurrence: WallTime
    }

    private var ids: [SchedulerName: Int] = [:]
    private var shelves: [Shelf] = []
    /// Shelves of forgotten ones, for others.
    private var free: [Int] = []
    private var gaps = Deque<LedgerPlace>()
    /// Records about schedulers that there was no room to remember.
    private(set) var forgotten = 0

    /// Takes note of a record that was written, or read, at a place.
    mutating func note(_ record: LedgerRecord, at place: LedgerPlace) {
        guard let name = record.scheduler else {
            if case .gap = record {
                gaps.append(place)
                if gaps.count > LedgerIndex.gapsMax { gaps.removeFirst() }
            }
            return
        }
        guard let id = id(of: name) else {
            forgotten += 1
            return
        }
        if case .wish(_, let wish, at: _) = record {
            shelves[id].wish = wish.map { ($0, place) }
            return
        }
        shelves[id].recent.append(place)
        let share = max(4, LedgerIndex.recentInAllMax / max(1, shelves.count))
        while shelves[id].recent.count > min(LedgerIndex.recentMax, share) {
            shelves[id].recent.removeFirst()
        }
        if case .entry(let entry) = record { note(entry, at: place, id) }
    }

    private mutating func note(_ entry: LedgerEntry, at place: LedgerPlace, _ id: Int) {
        let key = Key(trigger: entry.trigger, occurrence: entry.occurrence)
        switch entry.event {
        case .started:
            shelves[id].unfinished.append((key, place))
            if shelves[id].unfinished.count > LedgerIndex.unfinishedMax {
                shelves[id].unfinished.removeFirst()
            }
        case .ended(let outcome, reason: _, run: _):
            shelves[id].unfinished.removeAll { $0.key == key }
            if outcome == .succeeded { shelves[id].lastSuccess = place }
        }
        switch entry.trigger {
        case .schedule:
            if let last = shelves[id].lastDue, last.through > entry.through { return }
            shelves[id].lastDue = (entry.through, place)
        case .boot: shelves[id].lastBoot = place
        case .manual, .start: break
        }
    }

    private mutating func id(of name: SchedulerName) -> Int? {
        if let id = ids[name] { return id }
        if let id = free.popLast() {
            ids[name] = id
            return id
        }
        guard shelves.count < LedgerIndex.namesMax else { return nil }
        ids[name] = shelves.count
        shelves.append(Shelf())
        return shelves.count - 1
    }

    /// Nothing of this scheduler is needed any more.
    mutating func forget(_ name: SchedulerName) {
        guard let id = ids.removeValue(forKey: name) else { return }
        shelves[id] = Shelf()
        free.append(id)
    }

    /// Forgets all but these and, of the others, those that were written of last.
    mutating func forgetOthers(than names: Set<SchedulerName>, keeping count: Int) {
        let others = ids.filter { !names.contains($0.key) }
            .map { (name: $0.key, last: shelves[$0.value].last) }
            .sorted { ($0.last, $0.name) < ($1.last, $1.name) }
        for other in others.dropLast(count) { forget(other.name) }
    }

    // MARK: Reading

    /// The last records of one scheduler, oldest first.
    func recent(of name: SchedulerName) -> [LedgerPlace] {
        ids[name].map { Array(shelves[$0].recent) } ?? []
    }

    /// What a supervisor that starts has to know: the needed records and the last one of each.
    var needed: [LedgerPlace] {
        var places: Set<LedgerPlace> = []
        for shelf in shelves {
            places.formUnion(shelf.needed)
            if let last = shelf.recent.last { places.insert(last) }
        }
        return places.sorted()
    }

    /// What operators want of whom, in the order of names.
    var wishes: [(name: SchedulerName, wish: Wish)] {
        ids.compactMap { name, id in shelves[id].wish.map { (name, $0.wish) } }
            .sorted { $0.name < $1.name }
    }

    /// Everything that is kept, in the order of the file.
    var kept: [LedgerPlace] {
        var places = Set(gaps)
        for shelf in shelves {
            places.formUnion(shelf.recent)
            places.formUnion(shelf.needed)
            if let place = shelf.wish?.place { places.insert(place) }
        }
        return places.sorted()
    }

    /// An upper bound of how many bytes the kept records take.
    var keptBytes: Int64 {
        var sum: Int64 = 0
        for shelf in shelves {
            for place in shelf.recent { sum += Int64(place.length) + 1 }
            for place in shelf.needed { sum += Int64(place.length) + 1 }
            if let place = shelf.wish?.place { sum += Int64(place.length) + 1 }
        }
        return sum
    }

    /// The records lie elsewhere now.
    mutating func move(_ move: (inout LedgerPlace) -> Void) {
        for id in shelves.indices { shelves[id].move(move) }
        for index in gaps.indices { move(&gaps[index]) }
    }
}
