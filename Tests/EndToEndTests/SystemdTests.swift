// SPDX-License-Identifier: Apache-2.0
//
// reeve under a real systemd, which is booted in namespaces of its own (Tests/Fixtures/Systemd/boot). Each
// test is a script that runs beside it; its first line that fails ends it, with what reeve said.

import Foundation
import ReeveTestSupport
import Testing

@Suite(.serialized) struct SystemdTests {
    /// What every script begins with.
    private static let prelude = """
        fail() {
            echo "FAILED: $*"
            systemctl status reeve --no-pager
            journalctl --no-pager -n 40
            exit 1
        }
        eventually() { # SECONDS COMMAND...
            local end=$((SECONDS + $1))
            shift
            until "$@"; do
                [ $SECONDS -lt $end ] || fail "not in time: $*"
                sleep 0.1
            done
        }
        show() { systemctl show reeve -P "$1"; }
        shows() { [ "$(show "$1")" = "$2" ]; }
        pids() { cat /sys/fs/cgroup/system.slice/reeve.service/cgroup.procs 2>/dev/null; }
        said() { journalctl -u reeve --no-pager -o cat | grep -q -- "$1"; }
        dropin() {
            mkdir -p /etc/systemd/system/reeve.service.d
            printf '[Service]\\n%s\\n' "$@" >/etc/systemd/system/reeve.service.d/test-$RANDOM.conf
            systemctl daemon-reload
        }

        """

    /// Boots, runs the script, and fails with all that it printed where it fails.
    private func boot(_ configuration: String, _ script: String) async throws {
        let place = try Place()
        defer { place.remove() }
        let root = URL(fileURLWithPath: place.file("root"))
        let files = FileManager.default
        for folder in ["usr/bin", "etc/reeve", "etc/systemd/system"] {
            try files.createDirectory(
                at: root.appendingPathComponent(folder), withIntermediateDirectories: true)
        }
        // Copies: inside, only the directory of the test is what it is outside.
        for program in ["reeve", "reeve-gateway"] {
            try files.copyItem(
                atPath: Tree.product(program), toPath: root.path + "/usr/bin/" + program)
        }
        try files.copyItem(atPath: Tree.root + "/units", toPath: place.file("units"))
        for unit in ["reeve.service", "reeve@.service", "reeve.socket", "reeve-gateway.service"] {
            try files.copyItem(
                atPath: "\(Tree.root)/units/\(unit)",
                toPath: root.path + "/etc/systemd/system/" + unit)
        }
        try place.write("root/etc/reeve/reeve.toml", configuration + "\n")
        let units = "units=\(place.file("units"))\n"
        try place.write("script", Self.prelude + units + script)
        let boot = try Guarded(
            [Tree.root + "/Tests/Fixtures/Systemd/boot", place.directory, place.file("script")],
            directory: place.directory, name: "boot")
        let ending = try await boot.ended(within: 170)
        if ending == .exit(77), !Machine.hasToHaveAll {
            return withKnownIssue("a real systemd cannot be booted here", isIntermittent: true) {
                Issue.record("\(boot.errors)")
            }
        }
        #expect(ending == .exit(0), "\(boot.output.suffix(8_000))\n\(boot.errors.suffix(4_000))")
    }

    @Test func `the units are in order, and reeve is active once its phases are over`() async throws
    {
        try await boot(
            """
            [schedulers.first]
            command = ["sleep", "1000"]
            priority = 10
            ready = "2s"
            [schedulers.second]
            command = ["sleep", "1000"]
            ready = "spawn"
            """,
            """
            mkdir -p /etc/systemd/system/reeve.service.d
            for dropin in "" $units/reeve.service.d/*.conf; do
                [ -z "$dropin" ] || cp $dropin /etc/systemd/system/reeve.service.d/
                systemd-analyze verify /etc/systemd/system/reeve{,@}.service \\
                    /etc/systemd/system/reeve.socket || fail "a unit is not in order"
            done
            rm -r /etc/systemd/system/reeve.service.d
            systemd-sysusers --dry-run $units/sysusers.d/reeve.conf || fail "sysusers"
            systemd-tmpfiles --create $units/tmpfiles.d/reeve.conf || fail "tmpfiles"
            reeve unit /etc/reeve/reeve.toml >/etc/systemd/system/own.service || fail "reeve unit"
            systemd-analyze verify /etc/systemd/system/own.service || fail "own.service"
            systemctl daemon-reload
            systemctl start --no-block reeve
            eventually 10 shows StatusText "phase 1: 0 of 2 schedulers healthy, 2 starting"
            shows ActiveState activating || fail "it is $(show ActiveState) in phase 1"
            eventually 10 shows ActiveState active
            eventually 5 shows StatusText "2 of 2 schedulers healthy"
            reeve stop second || fail "stop"
            eventually 5 shows StatusText "1 of 2 schedulers healthy, 1 stopped"
            """)
    }

    @Test func `a loop that hangs is ended by the watchdog, and nothing is doubled`() async throws {
        try await boot(
            """
            [schedulers.web]
            command = ["sleep", "1234"]
            ready = "spawn"
            """,
            """
            dropin WatchdogSec=2s
            systemctl start reeve || fail "start"
            sleep 5
            shows NRestarts 0 || fail "restarted although it was alive"
            first=$(show MainPID)
            kill -STOP $first
            eventually 20 shows NRestarts 1
            eventually 10 shows ActiveState active
            [ "$(show MainPID)" != $first ] || fail "the same process"
            eventually 5 said 'Watchdog timeout'
            [ "$(pgrep -cx -f 'sleep 1234')" = 1 ] || fail "$(pgrep -cx -f 'sleep 1234') sleeps"
            """)
    }

    @Test func `a reload is over when it is brought about, and fails where the file does`()
        async throws
    {
        try await boot(
            """
            [schedulers.same]
            command = ["sleep", "1000"]
            ready = "spawn"
            [schedulers.other]
            command = ["sleep", "1001"]
            ready = "spawn"
            """,
            """
            dropin WatchdogSec=3s
            systemctl start reeve || fail "start"
            same=$(pgrep -f 'sleep 1000')
            sed -i s/1001/1002/ /etc/reeve/reeve.toml
            systemctl reload reeve || fail "reload"
            pgrep -f 'sleep 1002' >/dev/null || fail "not in force when reload came back"
            pgrep -f 'sleep 1001' >/dev/null && fail "the old one runs"
            [ "$(pgrep -f 'sleep 1000')" = $same ] || fail "the other was touched"
            echo 'bad = 1' >>/etc/reeve/reeve.toml
            systemctl reload reeve && fail "reloaded a bad file"
            said 'reeve.toml:7:1: .*has no key `bad`' || fail "does not say where"
            sed -i '$d' /etc/reeve/reeve.toml
            kill -HUP $(show MainPID)
            eventually 5 said 'SIGHUP'
            eventually 5 shows SubState running
            shows NRestarts 0 || fail "restarted"
            [ "$(pgrep -f 'sleep 1000')" = $same ] || fail "the other was touched"
            """)
    }

    @Test func `a stop is over in time and leaves nothing in the unit's group`() async throws {
        try await boot(
            """
            [reeve]
            graceful-timeout = "4s"
            force-timeout = "1s"
            [schedulers.stubborn]
            command = "trap '' TERM; setsid sleep 1235 & while :; do sleep 1; done"
            ready = "spawn"
            [schedulers.web]
            command = ["sleep", "1236"]
            ready = "spawn"
            """,
            """
            dropin TimeoutStopSec=20s
            systemctl start reeve || fail "start"
            begin=$SECONDS
            systemctl stop reeve || fail "stop"
            [ $((SECONDS - begin)) -le 8 ] || fail "took $((SECONDS - begin)) s"
            shows Result success || fail "ended by $(show Result)"
            [ -z "$(pids)" ] || fail "left: $(pids)"
            pgrep -f 'sleep 123[56]' >/dev/null && fail "a sleep is left"
            said 'with signal SIGKILL' && fail "systemd had to kill"
            true
            """)
    }

    @Test func `a long start and a long stop get the time they need`() async throws {
        try await boot(
            """
            [schedulers.slow]
            command = "trap 'sleep 6; exit 0' TERM; sleep 1000 & wait"
            ready = "6s"
            stop-timeout = "20s"
            """,
            """
            dropin TimeoutStartSec=2s TimeoutStopSec=2s
            systemctl start reeve || fail "the start was cut off"
            systemctl stop reeve || fail "stop"
            shows Result success || fail "the stop was cut off: $(show Result)"
            said 'ended with exit code 0 when it was stopped' || fail "was killed"
            """)
    }

    @Test func `the control socket may be systemd's, and no child hears of it`() async throws {
        try await boot(
            """
            [schedulers.web]
            command = ["sleep", "1237"]
            ready = "spawn"
            """,
            """
            systemctl start reeve.socket || fail "socket"
            shows ActiveState inactive || fail "runs already"
            reeve status >/dev/null || fail "the first command does not start it"
            eventually 10 shows ActiveState active
            said "the control socket is the service manager's" || fail "another socket"
            variables=$(tr '\\0' '\\n' </proc/$(pgrep -f 'sleep 1237')/environ)
            echo "$variables" | grep -E '^(LISTEN_|NOTIFY_|WATCHDOG_|RUNTIME_DIR|STATE_DIR)' \\
                && fail "inherited"
            [ "$(ls /proc/$(pgrep -f 'sleep 1237')/fd | wc -l)" = 3 ] || fail "descriptors"
            inode=$(stat -c %i /run/reeve/control.sock)
            systemctl restart reeve || fail "restart"
            [ "$(stat -c %i /run/reeve/control.sock)" = $inode ] || fail "another socket"
            reeve status | grep -q '^healthy: 1 scheduler' || fail "status after the restart"
            systemctl stop reeve.service
            [ -S /run/reeve/control.sock ] || fail "the socket is gone"
            """)
    }

    @Test func `lines in the journal have fields, and a journal that is away stalls nothing`()
        async throws
    {
        try await boot(
            """
            [reeve]
            log-format = "journal"
            [schedulers.talk]
            command = "echo '<3>it is bad'; echo 'it is plain'; exec sleep 1000"
            ready = "spawn"
            [schedulers.flood]
            command = "yes | head -n 50000; exec sleep 1000"
            enabled = false
            """,
            """
            systemctl start reeve || fail "start"
            field() { journalctl REEVE_SCHEDULER=talk --no-pager -o json | grep "$1"; }
            eventually 5 field 'it is plain' >/dev/null
            field '"MESSAGE":"it is bad"' | grep -q '"PRIORITY":"3"' || fail "priority of <3>"
            field '"MESSAGE":"it is plain"' | grep -q '"PRIORITY":"6"' || fail "priority"
            run=$(reeve status talk --json | grep -o '"runId": *"[^"]*"' | grep -o '[0-9A-Z]\\{26\\}' | head -n 1)
            journalctl REEVE_RUN_ID=$run -o cat --no-pager | grep -qx 'it is plain' || fail "run id"
            journalctl REEVE_EVENT=started -o cat --no-pager | grep -q 'talk: started' || fail "event"
            reeve logs talk | grep -q 'it is plain' || fail "no tail is kept"
            journal=$(systemctl show systemd-journald -P MainPID)
            kill -STOP $journal
            reeve start flood --timeout 15s || fail "a journal that hangs stalls reeve"
            reeve status --timeout 15s >/dev/null || fail "a journal that hangs stalls reeve"
            kill -CONT $journal
            eventually 10 said 'the journal does not keep up; lines go to standard error'
            systemctl stop systemd-journald{,-dev-log}.socket systemd-journald.service
            reeve restart talk --timeout 15s || fail "a journal that is away stalls reeve"
            systemctl start systemd-journald.socket systemd-journald.service
            reeve restart talk --timeout 15s || fail "restart"
            eventually 5 field 'it is plain' >/dev/null
            """)
    }

    @Test func `without libsystemd it runs all the same and says what is missing`() async throws {
        try await boot(
            """
            [schedulers.web]
            command = "echo '<4>hear me'; exec sleep 1238"
            log = "journal"
            ready = "spawn"
            """,
            """
            rm /usr/lib/*/libsystemd.so.0*
            dropin Type=exec WatchdogSec=0
            systemctl start reeve || fail "start"
            running() { reeve status --json | grep -q '"healthySchedulers": *1'; }
            eventually 10 running
            eventually 5 said 'libsystemd cannot be loaded'
            eventually 5 said 'the service manager is not told'
            eventually 5 said 'web | <4>hear me'
            systemctl stop reeve || fail "stop"
            """)
    }

    @Test func `with KillMode=process the next reeve ends what a killed one left`() async throws {
        try await boot(
            """
            [schedulers.web]
            command = ["sleep", "1239"]
            ready = "spawn"
            """,
            """
            mkdir -p /etc/systemd/system/reeve.service.d
            cp $units/reeve.service.d/kill-process.conf /etc/systemd/system/reeve.service.d/
            systemctl daemon-reload
            systemctl start reeve || fail "start"
            kill -KILL $(show MainPID)
            eventually 10 shows NRestarts 1
            eventually 10 shows ActiveState active
            eventually 5 said 'an earlier reeve .* was killed and left sleep'
            [ "$(pgrep -cx -f 'sleep 1239')" = 1 ] || fail "$(pgrep -cx -f 'sleep 1239') sleeps"
            said 'with signal SIGKILL' && fail "systemd ended it"
            true
            """)
    }

    @Test func `a credential reaches the one program that it is for, and nobody else`() async throws
    {
        try await boot(
            """
            [schedulers.web]
            command = "env >/tmp/web.env; exec sleep 1240"
            secrets = { TOKEN = "$CREDENTIALS_DIRECTORY/token" }
            user = "nobody"
            ready = "spawn"
            [schedulers.other]
            command = "env >/tmp/other.env; exec sleep 1241"
            ready = "spawn"
            [schedulers.lost]
            command = ["sleep", "1242"]
            secrets = { TOKEN = "${CREDENTIALS_DIRECTORY}/none" }
            """,
            """
            printf 't0p-s3cr3t\\n' >/etc/reeve/token
            chmod 600 /etc/reeve/token
            dropin LoadCredential=token:/etc/reeve/token
            systemctl start reeve || fail "start"
            eventually 10 test -s /tmp/web.env
            eventually 10 test -s /tmp/other.env
            grep -qx 'TOKEN=t0p-s3cr3t' /tmp/web.env || fail "$(cat /tmp/web.env)"
            [ "$(stat -c %U /proc/$(pgrep -f 'sleep 1240'))" = nobody ] || fail "not its user"
            grep -q t0p-s3cr3t /tmp/other.env && fail "another program has it"
            grep -h CREDENTIALS_DIRECTORY /tmp/*.env && fail "the directory is handed on"
            directory=$(tr '\\0' '\\n' </proc/$(show MainPID)/environ | sed -n s/^CREDENTIALS_DIRECTORY=//p)
            [ -r "$directory/token" ] || fail "systemd gave no credential"
            eventually 5 said "secret TOKEN: $directory/none: no such file or directory"
            for words in status 'status --json' events 'logs web' 'check /etc/reeve/reeve.toml --explain'; do
                reeve $words >>/tmp/shown 2>&1
            done
            [ -s /tmp/shown ] || fail "nothing is shown"
            journalctl --no-pager -o export >>/tmp/shown
            grep -a t0p-s3cr3t /tmp/shown && fail "it is shown"
            grep -ra t0p-s3cr3t /run/reeve /var/lib/reeve && fail "it is kept"
            tr '\\0' '\\n' </proc/$(show MainPID)/environ | grep t0p-s3cr3t && fail "reeve has it"
            # A new value is for the next start, of the program and not of reeve.
            systemctl stop reeve
            rm /etc/systemd/system/reeve.service.d/test-*.conf
            systemctl daemon-reload
            systemctl start reeve || fail "start without credentials"
            eventually 5 said 'there is no CREDENTIALS_DIRECTORY'
            """)
    }

    @Test func `a user's reeve runs under the user's manager`() async throws {
        try await boot(
            """
            [schedulers.unused]
            command = ["true"]
            kind = "task"
            """,
            """
            home=/srv/rv runtime=/run/user/4242
            echo "rv:x:4242:4242::$home:/bin/sh" >>/etc/passwd
            echo "rv:x:4242:" >>/etc/group
            mkdir -p $home/.config/reeve $home/.config/systemd/user $runtime
            cp $units/user/reeve.service $home/.config/systemd/user/
            cat >$home/.config/reeve/reeve.toml <<'END'
            [schedulers.web]
            command = ["sleep", "1243"]
            ready = "2s"
            END
            chown -R 4242:4242 $home $runtime
            chmod 700 $runtime
            user() {
                setpriv --reuid=4242 --regid=4242 --clear-groups env -i PATH=$PATH HOME=$home USER=rv \
                    XDG_RUNTIME_DIR=$runtime "$@"
            }
            user systemd-analyze --user verify $home/.config/systemd/user/reeve.service \
                || fail "the unit is not in order"
            user reeve unit --user $home/.config/reeve/reeve.toml >$home/.config/systemd/user/own.service \
                || fail "reeve unit --user"
            user systemd-analyze --user verify $home/.config/systemd/user/own.service \
                || fail "what reeve unit --user prints is not in order"
            systemd-run -q --unit=manager -p User=4242 -p Type=notify -p Delegate=yes -E HOME=$home \
                -E XDG_RUNTIME_DIR=$runtime /lib/systemd/systemd --user --unit=basic.target \
                || fail "no manager of a user: $(journalctl -u manager --no-pager -n 20)"
            ctl() { user systemctl --user "$@"; }
            state() { ctl show reeve -P "$1"; }
            is() { [ "$(state "$1")" = "$2" ]; }
            ctl start --no-block reeve || fail "start"
            eventually 10 is ActiveState activating
            eventually 10 is ActiveState active
            is StatusText "1 of 1 scheduler healthy" || fail "status text: $(state StatusText)"
            user reeve status | grep -q '^healthy: 1 scheduler' || fail "reeve status"
            [ -S $runtime/reeve/control.sock ] || fail "the socket is elsewhere"
            [ -d $home/.local/state/reeve ] || fail "the state is elsewhere"
            [ "$(stat -c %u /proc/$(pgrep -f 'sleep 1243'))" = 4242 ] || fail "user of the child"
            first=$(pgrep -f 'sleep 1243')
            sed -i s/1243/1244/ $home/.config/reeve/reeve.toml
            ctl reload reeve || fail "reload"
            pgrep -f 'sleep 1244' >/dev/null || fail "not in force when reload came back"
            [ ! -d /proc/$first ] || fail "the old one runs"
            ctl stop reeve || fail "stop"
            is Result success || fail "ended by $(state Result)"
            pgrep -f 'sleep 124[34]' && fail "a sleep is left"
            ctl enable reeve 2>/dev/null || fail "enable"
            [ -L $home/.config/systemd/user/default.target.wants/reeve.service ] || fail "wanted by"
            """)
    }

    @Test func `in the sandbox of its drop-in reeve does all that it does`() async throws {
        try await boot(
            """
            [schedulers.web]
            command = "id -u >/run/web/id; (setsid sleep 1246 &); exec sleep 1245"
            user = "nobody"
            limits = { nofile = "100:200" }
            nice = 5
            env-file = "/etc/reeve/web.env"
            ready = "spawn"
            memory-threshold = "500MB"
            health-check-interval = "1s"
            [schedulers.job]
            interval = "1s"
            command = ["/bin/true"]
            """,
            """
            cp -r $units/reeve.service.d /etc/systemd/system/
            rm /etc/systemd/system/reeve.service.d/kill-process.conf
            mkdir -p /run/web
            chown nobody /run/web
            echo A=1 >/etc/reeve/web.env
            chmod 600 /etc/reeve/web.env
            dropin ReadWritePaths=/run/web WatchdogSec=3s
            systemctl start reeve || fail "start"
            eventually 10 test -s /run/web/id
            [ "$(cat /run/web/id)" = 65534 ] || fail "ran as $(cat /run/web/id)"
            healthy() { reeve status | grep -q '^healthy: 2 schedulers'; }
            eventually 10 healthy
            eventually 10 said 'job: the execution of .* succeeded'
            said refused && fail "something was refused"
            reeve restart web || fail "restart"
            one() { [ "$(pgrep -cx -f 'sleep 1246')" = 1 ]; }
            eventually 5 one
            echo A=2 >>/etc/reeve/web.env
            sed -i s/1245/1247/ /etc/reeve/reeve.toml
            systemctl reload reeve || fail "reload"
            pgrep -f 'sleep 1247' >/dev/null || fail "not in force"
            eventually 5 reeve status web --json | grep -q memoryBytes || fail "memory"
            sleep 4
            shows NRestarts 0 || fail "the watchdog starved"
            systemd-analyze security --no-pager reeve | tail -n 1
            systemctl stop reeve || fail "stop"
            shows Result success || fail "ended by $(show Result)"
            pgrep -f 'sleep 124[567]' && fail "a sleep is left"
            true
            """)
    }

    @Test func `on a kernel that lacks calls a stop still leaves nothing`() async throws {
        try await boot(
            """
            [defaults]
            ready = "spawn"
            [schedulers.tree]
            command = "setsid sleep 1251 & sleep 1251; true"
            [schedulers.crashes]
            command = "setsid sleep 1252 & sleep 0.2; exit 1"
            [schedulers.other]
            command = ["sleep", "1253"]
            user = "daemon"
            """,
            """
            dropin 'SystemCallFilter=~pidfd_open pidfd_send_signal clone3 close_range' \\
                SystemCallErrorNumber=ENOSYS
            systemctl start reeve || fail "start"
            eventually 10 said "crashes: stopped after .*, nothing of it is left"
            reeve status tree --json | grep -q '"memoryBytes":[0-9]' || fail "memory"
            reeve stop tree other || fail "stop"
            pgrep -f 'sleep 125[13]' && fail "a process is left"
            reeve start tree || fail "start of one"
            systemctl stop reeve || fail "stop of reeve"
            shows Result success || fail "ended by $(show Result)"
            pgrep -f 'sleep 125[123]' && fail "a process is left"
            true
            """)
    }

    @Test func `the gateway is a service of its own, with nothing but the socket`() async throws {
        try await boot(
            """
            [reeve]
            control-group = "reeve"
            control-mode = "0660"
            [gateway]
            managed = "external"
            [schedulers.web]
            command = ["sleep", "1248"]
            ready = "spawn"
            """,
            """
            systemd-sysusers $units/sysusers.d/reeve.conf || fail "sysusers"
            systemd-analyze verify /etc/systemd/system/reeve-gateway.service 2>&1 |
                grep reeve-gateway && fail "verify"
            printf 'a-token-of-the-test-0123456789\\n' >/etc/reeve/token
            chmod 600 /etc/reeve/token
            systemctl start reeve reeve-gateway || fail "start"
            ask() {
                curl -sS -o /dev/null -w '%{http_code}' \\
                    -H "Authorization: Bearer ${TOKEN-a-token-of-the-test-0123456789}" "$@"
            }
            answers() { [ "$(ask "${@:2}")" = "$1" ]; }
            api=http://127.0.0.1:5000/api/scheduler
            eventually 10 answers 200 $api/health
            TOKEN=wrong-token-0123456789 answers 401 $api/health || fail "without its token"
            answers 200 -X POST $api/web/restart || fail "restart"
            pid=$(systemctl show reeve-gateway -P MainPID)
            [ "$(stat -c %u /proc/$pid)" != 0 ] || fail "it is root"
            grep -q 'CapEff:.0000000000000000' /proc/$pid/status || fail "capabilities"
            grep -q 'Seccomp:.2' /proc/$pid/status || fail "no filter"
            # Killed under the eyes of its clients it is back, and nothing of reeve is touched.
            sleeps=$(pgrep -f 'sleep 1248')
            for round in 1 2 3; do
                kill -KILL $(systemctl show reeve-gateway -P MainPID)
                eventually 10 answers 200 $api/health
            done
            [ "$(pgrep -f 'sleep 1248')" = "$sleeps" ] || fail "the scheduler was disturbed"
            # A reeve that comes back is found again.
            systemctl restart reeve || fail "restart of reeve"
            eventually 10 answers 200 $api/web/health
            systemd-analyze security --no-pager reeve-gateway | tail -n 1 | tee /dev/stderr |
                grep -qE 'level for reeve-gateway.service: [01]\\.' || fail "too open"
            systemctl stop reeve-gateway reeve || fail "stop"
            systemctl is-failed reeve-gateway && fail "it failed"
            true
            """)
    }

    @Test(.needs("systemd-analyze", if: Machine.has("systemd-analyze")))
    func `each point that systemd's analysis finds open is explained`() async throws {
        let place = try Place()
        defer { place.remove() }
        // Alone: beside its drop-ins it would be judged with them.
        let unit = try String(contentsOfFile: Tree.root + "/units/reeve.service", encoding: .utf8)
        try place.write("reeve.service", unit)
        let analysis = try Guarded(
            [
                "systemd-analyze", "security", "--offline=true", "--no-pager",
                place.file("reeve.service"),
            ], directory: place.directory, name: "analysis")
        _ = try await analysis.ended(within: 60)
        let open = analysis.output.split(separator: "\n").filter { $0.contains("✗") }
            .compactMap { line in line.split(separator: " ").dropFirst().first.map(String.init) }
        #expect(open.count > 50, "\(analysis.output)\n\(analysis.errors)")
        let article =
            "\(Tree.root)/Sources/ReeveConfiguration/Documentation.docc/SystemdSecurity.md"
        let text = try String(contentsOfFile: article, encoding: .utf8).replacing("\\|", with: "|")
        for name in open { #expect(text.contains("`\(name)`"), "\(name)") }
    }
}
