// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import ReeveClient
internal import ReeveControl
internal import ReeveCore

extension Gateway {
    /// Registers the scheduler in the body, and answers with how it is then: also where its program did not
    /// start, which its object tells.
    func register(_ body: [UInt8], _ query: Query) async throws -> Response {
        let configuration: SchedulerConfiguration
        do throws(ControlError) {
            configuration = try SchedulerConfiguration(json: body)
        } catch {
            throw Problem(error)
        }
        let name = configuration.name.text
        let operation = ControlOperation.register(
            Registration(name: configuration.name, text: configuration.toml, isRestricted: true))
        // A longer one would end the connection that all requests share.
        guard fits(operation) else { throw Problem.registrationTooLarge }
        let answer: ActionAnswer
        do {
            answer = try await link.act(operation, within: limit(query))
        } catch LinkFailure.timedOut {
            return outOfTime(operation)
        }
        guard let change = answer.change else {
            throw answer.error.map { Problem($0) } ?? Problem.defect
        }
        let report = try await link.scheduler(name)
        var response = response(to: report, status: change == .added ? .created : .ok)
        if change == .added { response.headers[.location] = "/api/scheduler/\(name)/health" }
        return response
    }

    /// Removes a scheduler that was registered.
    func unregister(_ name: String, _ query: Query) async throws -> Response {
        let operation = ControlOperation.unregister(name: name)
        let answer: ActionAnswer
        do {
            answer = try await link.act(operation, within: limit(query))
        } catch LinkFailure.timedOut {
            return outOfTime(operation)
        }
        if let error = answer.error { throw Problem(error) }
        return Response(status: .noContent)
    }

    private func fits(_ operation: ControlOperation) -> Bool {
        var line: [UInt8] = []
        ControlEncoder.request(
            ControlRequest(id: RequestID(UInt64(ControlLimits.idMax)), operation: operation),
            to: &line)
        return line.count <= ControlLimits.requestBytesMax
    }
}
