// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// What the supervisor itself takes of the machine.
package struct UsageReport: Equatable, Sendable {
    /// Resident memory; nil where /proc does not tell.
    package var memoryBytes: Int64?
    /// Whole milliseconds of processor time since this program was started.
    package var processorTime: Int64
    /// Open descriptors; nil where /proc does not tell.
    package var descriptors: Int64?
    /// Clients of the control socket.
    package var clients: Int64

    /// `memory` and `descriptors` are nil where /proc does not tell.
    package init(
        memory: Bytes?, processorTime: Duration, descriptors: Int?, clients: Int
    ) {
        memoryBytes = memory?.count
        self.processorTime = processorTime.milliseconds
        self.descriptors = descriptors.map(Int64.init)
        self.clients = Int64(clients)
    }

    /// Appends the member `usage`.
    func write(to buffer: inout [UInt8]) {
        buffer.beginObject("usage")
        buffer.field("memoryBytes", memoryBytes)
        buffer.field("processorTime", processorTime)
        buffer.field("descriptors", descriptors)
        buffer.field("clients", clients)
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        memoryBytes = try value.optionalWhole("memoryBytes")
        processorTime = try value.wholeNumber("processorTime")
        descriptors = try value.optionalWhole("descriptors")
        clients = try value.wholeNumber("clients")
    }
}
