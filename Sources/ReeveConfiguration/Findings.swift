// SPDX-License-Identifier: Apache-2.0

/// What was found so far. Bounded, so that a file of nothing but errors costs no more than that.
struct Findings {
    /// More errors than anybody reads.
    static let countMax = 1_000

    let source: SourceText
    private var diagnostics: [Diagnostic] = []
    private var seen: Set<Diagnostic> = []
    private(set) var hasErrors = false
    private var left = 0

    init(source: SourceText) {
        self.source = source
    }

    /// Reports what makes the configuration unusable.
    mutating func error(_ message: String, at span: SourceSpan?, help: String? = nil) {
        hasErrors = true
        add(.error, message, at: span, help: help)
    }

    /// Reports what is probably not meant, and works.
    mutating func warning(_ message: String, at span: SourceSpan?, help: String? = nil) {
        add(.warning, message, at: span, help: help)
    }

    /// Reports an error of reeve's own environment.
    mutating func error(variable: String, _ message: String, help: String) {
        hasErrors = true
        diagnostics.append(
            Diagnostic(
                severity: .error, file: "environment variable " + variable, location: nil,
                message: message, help: help))
    }

    /// Reports what of reeve's own environment is probably not meant, and works.
    mutating func warning(variable: String, _ message: String, help: String?) {
        diagnostics.append(
            Diagnostic(
                severity: .warning, file: "environment variable " + variable, location: nil,
                message: message, help: help))
    }

    /// Reports what is wrong with a secret: of its line nothing is shown but the name at `span`.
    mutating func error(secret message: String, at span: SourceSpan?, help: String) {
        hasErrors = true
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
        var location = span.map(source.location(of:))
        if isSecret { location?.excerpt.keepMarked() }
        let diagnostic = Diagnostic(
            severity: severity, file: source.name, location: location, message: message, help: help)
        if seen.insert(diagnostic).inserted { diagnostics.append(diagnostic) }
    }

    /// All, by place; what has none comes first, what is at one place stays in the order found.
    var sorted: [Diagnostic] {
        func key(_ diagnostic: Diagnostic) -> (Int, Int) {
            (diagnostic.location?.line ?? 0, diagnostic.location?.column ?? 0)
        }
        var all = diagnostics.enumerated().sorted { left, right in
            let (first, second) = (key(left.element), key(right.element))
            return first == second ? left.offset < right.offset : first < second
        }.map(\.element)
        if left > 0 {
            all.append(
                Diagnostic(
                    severity: hasErrors ? .error : .warning, file: source.name, location: nil,
                    message: "\(left) more are not shown", help: "mend these first"))
        }
        return all
    }
}
