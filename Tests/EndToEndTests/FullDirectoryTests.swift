// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ReeveTestSupport
import Testing

@Suite(.needs("root and unshare", if: Machine.isRoot && Machine.has("unshare")))
struct FullDirectoryTests {
    @Test func `a runtime directory without room for anything does not keep reeve from starting`()
        async throws
    {
        let mount = """
            mkdir run && mount -t tmpfs -o size=64k,mode=700 none run || exit 5
            dd if=/dev/zero of=run/fill 2>/dev/null
            exec "$@"
            """
        try await Reeve.supervising(
            { place in
                """
                [schedulers.web]
                command = \(place.child("forever"))
                """
            },
            setup: {
                $0.prefix = [
                    "unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh",
                ]
                $0.waitsForSocket = false
            }
        ) { reeve in
            try await reeve.log(says: "web: started")
            #expect(reeve.log.contains("reeve's pid could not be noted"))
        }
    }
}
