// SPDX-License-Identifier: Apache-2.0
//
// What a launcher does, in the hand-over. Of a secret only the name and the path are there to be carried.

internal import ReeveCore

extension LaunchSettings {
    func write(to buffer: inout [UInt8]) {
        buffer.beginObject("launch")
        if let user {
            user.write(to: &buffer)
        } else {
            buffer.nullField("user")
        }
        if let group {
            buffer.beginObject("group")
            buffer.field("name", group.name)
            buffer.field("number", Int64(group.number))
            buffer.endObject()
        } else {
            buffer.nullField("group")
        }
        buffer.field("umask", umask.map { Int64($0) })
        buffer.beginArray("limits")
        for limit in limits {
            buffer.beginObject()
            buffer.field("resource", limit.resource.rawValue)
            buffer.field("soft", limit.soft.map { Int64(bitPattern: $0) })
            buffer.field("hard", limit.hard.map { Int64(bitPattern: $0) })
            buffer.endObject()
        }
        buffer.endArray()
        buffer.field("nice", nice.map { Int64($0) })
        buffer.field("oomScoreAdjustment", oomScoreAdjustment.map { Int64($0) })
        buffer.beginArray("environmentFiles")
        for file in environmentFiles {
            buffer.beginObject()
            buffer.field("path", file.path)
            buffer.field("mayBeMissing", file.mayBeMissing)
            buffer.endObject()
        }
        buffer.endArray()
        buffer.beginArray("secrets")
        for secret in secrets {
            buffer.beginObject()
            buffer.field("name", secret.name)
            buffer.field("path", secret.path)
            buffer.endObject()
        }
        buffer.endArray()
        buffer.field("isForced", isForced)
        buffer.field("slowPlace", slowPlace)
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        self.init()
        user = try value.optional("user", UserAccount.init(reading:))
        group = try value.optional("group") { (group) throws(JSONFault) in
            GroupAccount(
                name: try group.optionalText("name"),
                number: try group.wholeNumber("number", as: UInt32.self))
        }
        umask = try value.optionalNumber("umask")
        limits = try value.list("limits") { (limit) throws(JSONFault) in
            ResourceLimit(
                try limit.word("resource", as: ResourceLimit.Resource.self),
                soft: try limit.optionalLimit("soft"), hard: try limit.optionalLimit("hard"))
        }
        nice = try value.optionalNumber("nice")
        oomScoreAdjustment = try value.optionalNumber("oomScoreAdjustment")
        environmentFiles = try value.list("environmentFiles") { (file) throws(JSONFault) in
            EnvironmentFile(
                path: try file.text("path"), mayBeMissing: try file.truth("mayBeMissing"))
        }
        secrets = try value.list("secrets") { (secret) throws(JSONFault) in
            Secret(name: try secret.text("name"), path: try secret.text("path"))
        }
        isForced = try value.truth("isForced")
        slowPlace = try value.optionalText("slowPlace")
    }
}

extension UserAccount {
    fileprivate func write(to buffer: inout [UInt8]) {
        buffer.beginObject("user")
        buffer.field("name", name)
        buffer.field("number", Int64(number))
        buffer.field("group", Int64(group))
        buffer.beginArray("groups")
        for group in groups { buffer.element(Int64(group)) }
        buffer.endArray()
        buffer.field("home", home)
        buffer.field("shell", shell)
        buffer.endObject()
    }

    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        self.init(
            name: try value.optionalText("name"),
            number: try value.wholeNumber("number", as: UInt32.self),
            group: try value.wholeNumber("group", as: UInt32.self),
            groups: try value.list("groups") { (group) throws(JSONFault) in
                try group.number(as: UInt32.self)
            }, home: try value.text("home"), shell: try value.text("shell"))
    }
}

extension JSONValue {
    fileprivate func number<Number: FixedWidthInteger>(
        as type: Number.Type
    ) throws(JSONFault) -> Number {
        let whole = try requireWholeNumber()
        guard let number = Number(exactly: whole) else {
            throw JSONFault(kind: .invalid, words: "\(whole) is out of range")
        }
        return number
    }

    fileprivate func optionalNumber<Number: FixedWidthInteger>(
        _ key: StaticString
    ) throws(JSONFault) -> Number? {
        try optional(key) { (value) throws(JSONFault) in try value.number(as: Number.self) }
    }

    /// Limits use the whole range of unsigned numbers, JSON that of signed ones.
    fileprivate func optionalLimit(_ key: StaticString) throws(JSONFault) -> UInt64? {
        try optional(key) { (value) throws(JSONFault) in
            UInt64(bitPattern: try value.requireWholeNumber())
        }
    }
}
