// SPDX-License-Identifier: Apache-2.0

internal import ReeveControl
internal import ReeveCore

/// Any bytes as a line of the control socket, at either end: a request that is taken is written and read
/// again as the same.
func fuzzControl(_ bytes: [UInt8]) {
    _ = try? ControlDecoder.message(bytes)
    _ = try? StandingText.read(bytes)
    do throws(ControlError) {
        let request = try ControlDecoder.request(bytes)
        var line: [UInt8] = []
        ControlEncoder.request(request, to: &line)
        guard let again = try? ControlDecoder.request(line.dropLast()), again == request else {
            finding("\(request) is another when it is read again")
        }
    } catch {
        if error.message.isEmpty { finding("refused without a word") }
    }
}
