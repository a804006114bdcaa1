// SPDX-License-Identifier: Apache-2.0
//
// What a container's operator should know before the engine finds out.

internal import ReeveCore
internal import ReeveLinux

extension Specification {
    /// What the memory thresholds of all enabled schedulers come to; a hard limit counts where it is all
    /// that there is.
    var memoryThresholds: Bytes {
        schedulers.filter(\.enabled).reduce(Bytes.zero) { sum, scheduler in
            sum + (scheduler.memory.threshold ?? scheduler.memory.hardLimit ?? .zero)
        }
    }
}

/// What is said about the container at start.
enum ContainerNotices {
    /// How long the usual engines wait between their stop signal and SIGKILL.
    static let engineGrace = Duration.seconds(10)

    /// Says nothing where there is no limit, and nothing about the stop where reeve is not PID 1.
    static func make(
        for specification: Specification, memory: ContainerMemory?, isFirst: Bool
    ) -> [StartNotice] {
        var notices: [StartNotice] = []
        if let memory {
            notices.append(.info("memory limit of this container \(memory.limit) (\(memory.file))"))
            let sum = specification.memoryThresholds
            if sum > memory.limit {
                notices.append(
                    .warning(
                        "the memory thresholds add up to \(sum), above the container's limit of "
                            + "\(memory.limit); the kernel may kill a scheduler before reeve acts"))
            }
        }
        let settings = specification.supervisor
        let budget = settings.gracefulTimeout + settings.forceTimeout
        if isFirst && budget > engineGrace {
            notices.append(
                .info(
                    "a stop may take \(budget), and container engines kill after "
                        + "\(engineGrace) unless told otherwise (docker stop -t)"))
        }
        return notices
    }
}
