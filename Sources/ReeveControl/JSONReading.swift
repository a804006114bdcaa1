// SPDX-License-Identifier: Apache-2.0
//
// Reading JSON, through jansson. The parser's flags, and what they keep out:
//
// * `JSON_REJECT_DUPLICATES`: a key twice is an error; two readers must not see two different requests.
// * `JSON_ALLOW_NUL` only where a client reads what children wrote. Elsewhere "\u0000" is an error, so
//   that no text is cut short where C reads it.
// * no `JSON_DECODE_ANY`: the whole is an object or an array, never a bare value.
// * no `JSON_DISABLE_EOF_CHECK`: nothing may follow the value.
// * no `JSON_DECODE_INT_AS_REAL`: a whole number stays one; outside of 64 bits it is an error.
//
// jansson itself refuses what is no UTF-8, surrogates without partner, numbers that overflow, and more
// than 2,048 levels of nesting (it is recursive; that many levels fit any stack reeve has). Its hash
// table is seeded from the kernel's random numbers, so that no client can choose colliding keys.

internal import CJansson

/// Why a JSON text was refused: where, and a sentence without a full stop.
struct JSONFault: Error, Equatable {
    /// What kind of fault, for the protocol's codes.
    enum Kind { case malformed, missing, wrongType, invalid, unknownField, unknownOperation }

    var kind: Kind
    /// The members that lead to it, outermost first: `schedulers[2].stop`; empty at the top.
    var path = ""
    var words: String

    /// The same fault, seen from one level further out.
    func within(_ outer: String) -> JSONFault {
        var fault = self
        fault.path = path.isEmpty ? outer : (path.first == "[" ? outer + path : outer + "." + path)
        return fault
    }

    /// `in schedulers[2].stop: "timeout" is missing`
    var sentence: String { path.isEmpty ? words : "in \(path): \(words)" }
}

/// A parsed text; its values live as long as it does.
@safe
final class JSONDocument {
    private let pointer: UnsafeMutablePointer<json_t>

    init(_ bytes: some Collection<UInt8>, allowsNUL: Bool = false) throws(JSONFault) {
        let flags = Int(JSON_REJECT_DUPLICATES) | (allowsNUL ? Int(JSON_ALLOW_NUL) : 0)
        var error = json_error_t()
        let parsed = unsafe Self.withBytes(of: bytes) { buffer in
            unsafe json_loadb(
                buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count,
                flags, &error)
        }
        guard let parsed = unsafe parsed else { throw JSONFault(error) }
        unsafe pointer = parsed
    }

    deinit {
        unsafe json_decref(pointer)
    }

    /// The outermost value.
    var root: JSONValue { unsafe JSONValue(document: self, pointer: pointer) }

    private static func withBytes<Result>(
        of bytes: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        let read = bytes.withContiguousStorageIfAvailable { buffer in
            unsafe body(UnsafeRawBufferPointer(buffer))
        }
        if let read { return read }
        return unsafe Array(bytes).withUnsafeBytes(body)
    }
}

extension JSONFault {
    /// jansson's error, in reeve's words.
    fileprivate init(_ error: json_error_t) {
        var copy = error
        let code = unsafe json_error_code(&copy)
        let place = "at byte \(max(0, error.position))"
        let words =
            switch code {
            case json_error_stack_overflow: "is nested too deeply"
            case json_error_invalid_utf8: "is not UTF-8 \(place)"
            case json_error_premature_end_of_input: "ends in the middle of a value"
            case json_error_end_of_input_expected: "goes on after its end \(place)"
            case json_error_duplicate_key: "has a key twice \(place)"
            case json_error_numeric_overflow: "has a number out of range \(place)"
            case json_error_null_character, json_error_null_byte_in_key, json_error_null_value:
                "has a NUL character in a text \(place)"
            case json_error_out_of_memory: "does not fit into memory"
            default: "is not valid JSON \(place)"
            }
        self.init(kind: .malformed, words: words)
    }
}

/// One value of a document.
@safe
struct JSONValue {
    private let document: JSONDocument
    private let pointer: UnsafeMutablePointer<json_t>

    fileprivate init(document: JSONDocument, pointer: UnsafeMutablePointer<json_t>) {
        self.document = document
        unsafe self.pointer = pointer
    }

    // MARK: What it is

    /// "an object", "a whole number": what a fault says of a value of the wrong type.
    var typeName: String {
        switch unsafe pointer.pointee.type {
        case JSON_OBJECT: "an object"
        case JSON_ARRAY: "an array"
        case JSON_STRING: "a text"
        case JSON_INTEGER: "a whole number"
        case JSON_REAL: "a number with a fraction"
        case JSON_TRUE, JSON_FALSE: "true or false"
        default: "null"
        }
    }

    var isObject: Bool { unsafe pointer.pointee.type == JSON_OBJECT }
    var isArray: Bool { unsafe pointer.pointee.type == JSON_ARRAY }
    var isNull: Bool { unsafe pointer.pointee.type == JSON_NULL }

    var text: String? {
        guard unsafe pointer.pointee.type == JSON_STRING,
            let start = unsafe json_string_value(pointer)
        else { return nil }
        let length = unsafe json_string_length(pointer)
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: length)
        return unsafe String(decoding: bytes, as: UTF8.self)
    }

    var wholeNumber: Int64? {
        guard unsafe pointer.pointee.type == JSON_INTEGER else { return nil }
        return unsafe json_integer_value(pointer)
    }

    /// A number with or without a fraction.
    var number: Double? {
        switch unsafe pointer.pointee.type {
        case JSON_INTEGER: Double(unsafe json_integer_value(pointer))
        case JSON_REAL: unsafe json_real_value(pointer)
        default: nil
        }
    }

    var truth: Bool? {
        switch unsafe pointer.pointee.type {
        case JSON_TRUE: true
        case JSON_FALSE: false
        default: nil
        }
    }

    // MARK: Members

    /// The member of an object; nil where it has none, or is no object.
    subscript(_ key: StaticString) -> JSONValue? {
        let name = unsafe UnsafeRawPointer(key.utf8Start).assumingMemoryBound(to: CChar.self)
        guard let member = unsafe json_object_get(pointer, name) else { return nil }
        return unsafe JSONValue(document: document, pointer: member)
    }

    /// The first key of an object that is none of those allowed; nil where all are.
    func firstKey(notAmong allowed: [String]) -> String? {
        firstMember { !allowed.contains($0) }?.key
    }

    /// The member of an object; nil where it has none, or is no object.
    func member(named name: String) -> JSONValue? { firstMember { $0 == name }?.value }

    /// The members of an object, in their order.
    var members: [(key: String, value: JSONValue)] {
        var found: [(key: String, value: JSONValue)] = []
        _ = firstMember { _ in
            false
        } each: {
            found.append(($0, $1))
        }
        return found
    }

    private func firstMember(
        where matches: (String) -> Bool, each: (String, JSONValue) -> Void = { _, _ in }
    ) -> (key: String, value: JSONValue)? {
        var iterator = unsafe json_object_iter(pointer)
        while unsafe iterator != nil {
            if let start = unsafe json_object_iter_key(iterator),
                let member = unsafe json_object_iter_value(iterator)
            {
                let length = unsafe json_object_iter_key_len(iterator)
                let bytes = unsafe UnsafeRawBufferPointer(start: start, count: length)
                let key = unsafe String(decoding: bytes, as: UTF8.self)
                let value = unsafe JSONValue(document: document, pointer: member)
                if matches(key) { return (key, value) }
                each(key, value)
            }
            unsafe iterator = json_object_iter_next(pointer, iterator)
        }
        return nil
    }

    /// How many elements an array has; 0 for anything else.
    var elementCount: Int { Int(clamping: unsafe json_array_size(pointer)) }

    /// The element of an array; nil past its end.
    func element(_ index: Int) -> JSONValue? {
        guard index >= 0, let element = unsafe json_array_get(pointer, index) else { return nil }
        return unsafe JSONValue(document: document, pointer: element)
    }
}

// MARK: - Members that must be there

extension JSONValue {
    /// The member, which may be null but not missing.
    func member(_ key: StaticString) throws(JSONFault) -> JSONValue {
        guard let member = self[key] else {
            throw JSONFault(kind: .missing, words: "\"\(key)\" is missing")
        }
        return member
    }

    func text(_ key: StaticString) throws(JSONFault) -> String {
        let member = try member(key)
        guard let text = member.text else { throw member.fault(key, expected: "a text") }
        return text
    }

    func wholeNumber(_ key: StaticString) throws(JSONFault) -> Int64 {
        let member = try member(key)
        guard let number = member.wholeNumber else {
            throw member.fault(key, expected: "a whole number")
        }
        return number
    }

    /// A whole number that has to fit a narrower type.
    func wholeNumber<Narrow: FixedWidthInteger>(
        _ key: StaticString, as type: Narrow.Type
    ) throws(JSONFault) -> Narrow {
        let wide = try wholeNumber(key)
        guard let number = Narrow(exactly: wide) else {
            throw JSONFault(kind: .invalid, words: "\"\(key)\" is out of range: \(wide)")
        }
        return number
    }

    func number(_ key: StaticString) throws(JSONFault) -> Double {
        let member = try member(key)
        guard let number = member.number else { throw member.fault(key, expected: "a number") }
        return number
    }

    func optionalTruth(_ key: StaticString) throws(JSONFault) -> Bool? {
        try member(key).isNull ? nil : try truth(key)
    }

    func truth(_ key: StaticString) throws(JSONFault) -> Bool {
        let member = try member(key)
        guard let truth = member.truth else { throw member.fault(key, expected: "true or false") }
        return truth
    }

    /// A text that is one of an enumeration's raw values.
    func word<Word: RawRepresentable<String>>(
        _ key: StaticString, as type: Word.Type
    ) throws(JSONFault) -> Word {
        let text = try text(key)
        guard let word = Word(rawValue: text) else {
            throw JSONFault(
                kind: .invalid, words: "\"\(key)\" cannot be \"\(text.shortened(toBytes: 80))\"")
        }
        return word
    }

    /// What `read` makes of the member; nil where it is null.
    func optional<Result>(
        _ key: StaticString, _ read: (JSONValue) throws(JSONFault) -> Result
    ) throws(JSONFault) -> Result? {
        let member = try member(key)
        if member.isNull { return nil }
        do {
            return try read(member)
        } catch {
            throw error.within("\(key)")
        }
    }

    /// What `read` makes of the member, which must be an object.
    func object<Result>(
        _ key: StaticString, _ read: (JSONValue) throws(JSONFault) -> Result
    ) throws(JSONFault) -> Result {
        let member = try member(key)
        guard member.isObject else { throw member.fault(key, expected: "an object") }
        do {
            return try read(member)
        } catch {
            throw error.within("\(key)")
        }
    }

    /// What `read` makes of each element of the member, which must be an array.
    func list<Element>(
        _ key: StaticString, _ read: (JSONValue) throws(JSONFault) -> Element
    ) throws(JSONFault) -> [Element] {
        let member = try member(key)
        guard member.isArray else { throw member.fault(key, expected: "an array") }
        do {
            return try member.elements(read)
        } catch {
            throw error.within("\(key)")
        }
    }

    /// What `read` makes of each element of this value, which must be an array.
    func elements<Element>(
        _ read: (JSONValue) throws(JSONFault) -> Element
    ) throws(JSONFault) -> [Element] {
        guard isArray else { throw fault(nil, expected: "an array") }
        var elements: [Element] = []
        elements.reserveCapacity(elementCount)
        for index in 0..<elementCount {
            guard let element = element(index) else { break }
            do {
                elements.append(try read(element))
            } catch {
                throw error.within("[\(index)]")
            }
        }
        return elements
    }

    // MARK: Values without a name

    func requireText() throws(JSONFault) -> String {
        guard let text else { throw fault(nil, expected: "a text") }
        return text
    }

    func requireWholeNumber() throws(JSONFault) -> Int64 {
        guard let wholeNumber else { throw fault(nil, expected: "a whole number") }
        return wholeNumber
    }

    /// What is said of a value of the wrong type.
    func fault(_ key: StaticString?, expected: String) -> JSONFault {
        let name = key.map { "\"\($0)\"" } ?? "the value"
        return JSONFault(kind: .wrongType, words: "\(name) must be \(expected), it is \(typeName)")
    }
}
