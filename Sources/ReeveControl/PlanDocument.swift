// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// What `reeve plan --json` prints: one object. Values are texts as a configuration has them.
package enum PlanDocument {
    /// Appends the object and a newline; `words` say what becomes of a scheduler.
    package static func write(
        _ plan: ReloadPlan, words: (ReloadPlan.Entry) -> String, to buffer: inout [UInt8]
    ) {
        buffer.beginObject()
        buffer.field("changes", !plan.isEmpty)
        buffer.field("unchanged", plan.unchanged)
        buffer.beginArray("schedulers")
        for entry in plan.entries {
            buffer.beginObject()
            buffer.field("name", entry.name.text)
            buffer.field("action", entry.step.rawValue)
            buffer.field("message", words(entry))
            write(entry.differences, "differences", to: &buffer)
            buffer.endObject()
        }
        buffer.endArray()
        write(plan.settings, "settings", to: &buffer)
        write(plan.fixedSettings, "fixedSettings", to: &buffer)
        buffer.endObject()
        buffer.endLine()
    }

    private static func write(
        _ differences: [SettingDifference], _ key: StaticString, to buffer: inout [UInt8]
    ) {
        buffer.beginArray(key)
        for difference in differences {
            buffer.beginObject()
            buffer.field("key", difference.key)
            buffer.field("old", difference.old)
            buffer.field("new", difference.new)
            buffer.endObject()
        }
        buffer.endArray()
    }
}
