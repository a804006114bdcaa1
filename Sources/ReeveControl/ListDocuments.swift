// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// The bodies of the HTTP interface that are lists of reports.
package enum ListDocuments {
    /// `{"name":"web","lines":[…],"gaps":[…]}`.
    package static func logs(
        of name: String, _ lines: [OutputReport], gaps: [GapReport], to buffer: inout [UInt8]
    ) {
        buffer.beginObject()
        buffer.field("name", name)
        buffer.beginArray("lines")
        for line in lines { line.write(to: &buffer) }
        buffer.endArray()
        buffer.beginArray("gaps")
        for gap in gaps { gap.write(to: &buffer) }
        buffer.endArray()
        buffer.endObject()
        buffer.endLine()
    }

    /// `{"name":"backup","runs":[…]}`.
    package static func runs(
        of name: String, _ entries: [LedgerReport], to buffer: inout [UInt8]
    ) {
        buffer.beginObject()
        buffer.field("name", name)
        buffer.beginArray("runs")
        for entry in entries { entry.write(to: &buffer) }
        buffer.endArray()
        buffer.endObject()
        buffer.endLine()
    }

    /// `{"alerts":[…],"timestamp":"…"}`.
    package static func alerts(
        _ alerts: [AlertReport], at: WallTime, to buffer: inout [UInt8]
    ) {
        buffer.beginObject()
        buffer.beginArray("alerts")
        for alert in alerts { alert.write(to: &buffer) }
        buffer.endArray()
        buffer.field("timestamp", at, fractionDigits: 0)
        buffer.endObject()
        buffer.endLine()
    }
}
