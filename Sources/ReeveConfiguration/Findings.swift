// SPDX-License-Identifier: Apache-2.0

/// What was found so far. Bounded, so that a file of nothing but errors costs no more than that.
struct Findings {
    /// More errors than anybody reads.
    static let countMax = 1_000

    /// The file, and what is read with it.
    private(set) var sources: [SourceText]
    private var diagnostics: [(diagnostic: Diagnostic, source: Int)] = []
    private var seen: Set<Diagnostic> = []
    /// The numbers of the sources with errors.
    private(set) var failedSources: Set<Int> = []
    private var left = 0

    init(source: SourceText) {
        sources = [source]
    }

    /// None yet, about the same sources.
    private init(sources: [SourceText]) {
        self.sources = sources
    }

    /// Findings of an attempt, which need not be taken over.
    var attempt: Findings { Findings(sources: sources) }

    /// The file itself.
    var source: SourceText { sources[0] }
    var hasErrors: Bool { !failedSources.isEmpty }

    /// Takes another text, to be read with the file.
    mutating func add(name: String?, bytes: [UInt8]) -> SourceText {
        let source = SourceText(name: name, bytes: bytes, index: sources.count)
        sources.append(source)
        return source
    }

    /// Reports what makes the configuration unusable.
    mutating func error(_ message: String, at span: SourceSpan?, help: String? = nil) {
        failedSources.insert(span?.source ?? 0)
        add(.error, message, at: span, help: help)
    }

    /// Reports what is probably not meant, and works.
    mutating func warning(_ message: String, at span: SourceSpan?, help: String? = nil) {
        add(.warning, message, at: span, help: help)
    }

    /// Reports an error of reeve's own environment.
    mutating func error(variable: String, _ message: String, help: String) {
        failedSources.insert(0)
        let diagnostic = Diagnostic(
            severity: .error, file: "environment variable " + variable, location: nil,
            message: message, help: help)
        diagnostics.append((diagnostic, 0))
    }

    /// Reports what of reeve's own environment is probably not meant, and works.
    mutating func warning(variable: String, _ message: String, help: String?) {
        let diagnostic = Diagnostic(
            severity: .warning, file: "environment variable " + variable, location: nil,
            message: message, help: help)
        diagnostics.append((diagnostic, 0))
    }

    /// Reports what is wrong with a secret: of its line nothing is shown but the name at `span`.
    mutating func error(secret message: String, at span: SourceSpan?, help: String) {
        failedSources.insert(span?.source ?? 0)
        add(.error, message, at: span, help: help, isSecret: true)
    }

    private mutating func add(
        _ severity: Diagnostic.Severity, _ message: String, at span: SourceSpan?, help: String?,
        isSecret: Bool = false
    ) {
        guard diagnostics.count < Findings.countMax else {
            left += 1
            return
        }
        let source = sources[span?.source ?? 0]
        var location = source.name == nil ? nil : span.map(source.location(of:))
        if isSecret { location?.excerpt.keepMarked() }
        let diagnostic = Diagnostic(
            severity: severity, file: source.name ?? "", location: location, message: message,
            help: help)
        if seen.insert(diagnostic).inserted { diagnostics.append((diagnostic, source.index)) }
    }

    /// All of one source, by place; what has none comes first, what is at one place stays in the order found.
    func sorted(of source: Int) -> [Diagnostic] {
        func key(_ diagnostic: Diagnostic) -> (Int, Int) {
            (diagnostic.location?.line ?? 0, diagnostic.location?.column ?? 0)
        }
        var all = diagnostics.filter { $0.source == source }.map(\.diagnostic).enumerated()
            .sorted { left, right in
                let (first, second) = (key(left.element), key(right.element))
                return first == second ? left.offset < right.offset : first < second
            }.map(\.element)
        if left > 0, source == 0 {
            all.append(
                Diagnostic(
                    severity: hasErrors ? .error : .warning, file: self.source.name ?? "",
                    location: nil, message: "\(left) more are not shown", help: "mend these first"))
        }
        return all
    }

    /// All of the file, then all of each text that is read with it.
    var sorted: [Diagnostic] { sources.flatMap { sorted(of: $0.index) } }
}
