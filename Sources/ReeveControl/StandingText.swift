// SPDX-License-Identifier: Apache-2.0
//
// The configuration in force, as the control socket tells it to `reeve plan`: one JSON object a line,
// first the settings of `[reeve]`, then a line for each scheduler with where it stands. Both ends have to
// be of the same version, which is said where they are not. Values of environments are fingerprints.

package import ReeveCore

/// Lines of the configuration in force.
package enum StandingText {
    /// The first line.
    package static func line(of settings: SupervisorSettings) -> [UInt8] {
        var buffer: [UInt8] = []
        buffer.beginObject()
        buffer.field("handover", Handover.version)
        settings.write(to: &buffer)
        buffer.endObject()
        buffer.endLine()
        return buffer
    }

    /// The line of one scheduler.
    package static func line(of standing: SchedulerStanding) -> [UInt8] {
        var buffer: [UInt8] = []
        buffer.beginObject()
        buffer.field("presence", standing.presence.rawValue)
        buffer.field("wanted", standing.isWanted)
        standing.specification.withoutSecrets.write("specification", to: &buffer)
        buffer.endObject()
        buffer.endLine()
        return buffer
    }

    /// Reads all lines.
    package static func read(
        _ text: [UInt8]
    ) throws(HandoverError) -> (settings: SupervisorSettings, standings: [SchedulerStanding]) {
        var lines = text.split(separator: UInt8(ascii: "\n"))[...]
        do throws(JSONFault) {
            guard let first = lines.popFirst() else {
                throw JSONFault(kind: .malformed, words: "it is empty")
            }
            let root = try JSONDocument(first).root
            let version = try root.wholeNumber("handover")
            guard version == Handover.version else {
                throw JSONFault(
                    kind: .invalid,
                    words: "it is of another version; use the reeve that the supervisor was "
                        + "started with")
            }
            let settings = try root.object("supervisor", SupervisorSettings.init(reading:))
            var standings: [SchedulerStanding] = []
            standings.reserveCapacity(lines.count)
            for line in lines { standings.append(try standing(try JSONDocument(line).root)) }
            return (settings, standings)
        } catch {
            throw HandoverError("the configuration in force cannot be read: \(error.sentence)")
        }
    }

    private static func standing(_ root: JSONValue) throws(JSONFault) -> SchedulerStanding {
        SchedulerStanding(
            specification: try root.object(
                "specification", SchedulerSpecification.init(reading:)),
            presence: try root.word("presence", as: SchedulerStanding.Presence.self),
            isWanted: try root.truth("wanted"))
    }
}
