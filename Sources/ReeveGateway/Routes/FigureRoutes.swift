// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import ReeveClient
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

extension Gateway {
    /// What the schedulers do, and what reeve itself takes.
    func metrics() async throws -> Response {
        let status = try await link.status()
        let metrics = try await link.metrics()
        let usage = try await link.usage()
        return JSONBody.response(MetricsDocument(status, metrics, usage, figures))
    }

    /// Memory of all schedulers, and of reeve itself.
    func memoryHealth() async throws -> Response {
        let status = try await link.status()
        let metrics = try await link.metrics()
        let usage = try await link.usage()
        let document = MemoryHealthDocument(status, metrics, usage, figures)
        let isUnhealthy = document.status == Health.unhealthy.rawValue
        return JSONBody.response(document, status: isUnhealthy ? .serviceUnavailable : .ok)
    }

    /// What an operator looks at first.
    func diagnostics() async throws -> Response {
        let status = try await link.status()
        let usage = try await link.usage()
        return JSONBody.response(DiagnosticsDocument(status, usage, figures))
    }

    /// The figures for Prometheus.
    func prometheus() async throws -> Response {
        let status = try await link.status()
        let metrics = try await link.metrics()
        let usage = try await link.usage()
        var text = PrometheusText()
        text.write(status, metrics, usage, figures)
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/plain; version=0.0.4; charset=utf-8", .cacheControl: "no-store",
            ], body: ResponseBody(byteBuffer: text.buffer))
    }
}
