// SPDX-License-Identifier: Apache-2.0
//
// Debian's cron as a child, in mounts of its own: the machine's crontabs and /run are not touched.

import Foundation
import ReeveTestSupport
import Testing

@Suite(
    .needs(
        "root, Debian's cron and unshare", if: Machine.isRoot && Machine.has("cron", "unshare")))
struct CronTests {
    /// Makes private mounts, a crontab of one job that runs when cron starts, and executes the rest.
    private let preparation = """
        set -e
        mount -t tmpfs none /run
        mount -t tmpfs none /var/spool
        mkdir -p /var/spool/cron/crontabs
        cp "$1" /var/spool/cron/crontabs/root
        chmod 1730 /var/spool/cron/crontabs
        chmod 600 /var/spool/cron/crontabs/root
        mount -t tmpfs none /etc/cron.d
        mount --bind /dev/null /etc/crontab
        shift
        exec "$@"
        """

    @Test func `stopping cron leaves no process of the job that it runs`() async throws {
        let base = try Place()
        defer { base.remove() }
        let child = Tree.product("reeve-test-child")
        let stamps = base.file("pids")
        try base.write("prepare.sh", preparation)
        try base.write(
            "crontab",
            """
            @reboot \(child) fork session name cron-deaf ignore 15 stamp \(stamps) deaf forever end \
            fork name cron-helper stamp \(stamps) helper forever end \
            name cron-job stamp \(stamps) job forever

            """)
        let files = (base.file("prepare.sh"), base.file("crontab"))
        try await Reeve.supervising(
            { _ in
                """
                [schedulers.cron]
                command = ["cron", "-f"]
                stop-timeout = "1500ms"
                """
            },
            setup: {
                $0.prefix = [
                    "unshare", "--mount", "--propagation", "private", "sh", files.0, files.1,
                ]
            }
        ) { reeve in
            let job = try await eventually("the job of cron") { () -> [Stamp]? in
                let found = Place.stamps(stamps)
                return found.count == 3 ? found : nil
            }
            let before = try await reeve.scheduler("cron", becomes: "healthy") {
                $0.status == "healthy"
            }
            let stop = try await reeve.command("stop", "cron")
            #expect(stop.code == 0, "\(stop)")
            for stamp in job {
                #expect(!Processes.isAlive(stamp.pid), "\(stamp.word) outlived the stop of cron")
            }
            #expect(!Processes.isAlive(before.pid ?? 0))
            #expect(Processes.children(of: reeve.pid).isEmpty)
            #expect(stop.output.contains("cron-deaf"), "\(stop)\n\(reeve.log)")
        }
    }
}
