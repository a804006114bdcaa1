// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux
internal import Synchronization

/// What the gateway counts of itself.
final class GatewayFigures: Sendable {
    private struct Counts {
        var byClass: [Int: UInt64] = [:]
        var streams = 0
        var connections = 0
    }

    private let counts = Mutex(Counts())
    /// When this gateway began.
    let startedAt = Clock.now()

    /// A request was answered with this status.
    func count(_ status: Int) {
        counts.withLock { $0.byClass[status / 100, default: 0] &+= 1 }
    }

    /// Requests by the first digit of their status, in its order.
    var requests: [(statusClass: Int, count: UInt64)] {
        counts.withLock { counts in
            counts.byClass.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }
    }

    /// Streams that are open.
    var streams: Int { counts.withLock { $0.streams } }
    /// Connections that are open.
    var connections: Int { counts.withLock { $0.connections } }

    /// False: there are as many as may be. Else `giveStream` has to follow.
    func takeStream() -> Bool {
        counts.withLock { counts in
            guard counts.streams < GatewayLimits.streamsMax else { return false }
            counts.streams += 1
            return true
        }
    }

    func giveStream() { counts.withLock { $0.streams -= 1 } }

    /// The same for connections; `giveConnection` has to follow in any case.
    func takeConnection() -> Bool {
        counts.withLock { counts in
            counts.connections += 1
            return counts.connections <= GatewayLimits.connectionsMax
        }
    }

    func giveConnection() { counts.withLock { $0.connections -= 1 } }
}
