// SPDX-License-Identifier: Apache-2.0

/// What an init prints when asked.
package enum InitText {
    /// For `reeve init --help`.
    package static let help = """
        usage: reeve init [OPTIONS] [--] COMMAND [ARGUMENT...]
               NAME -- COMMAND [ARGUMENT...]          under any name

        Runs one command as an init should: forwards every signal to it, reaps every orphan, hands the
        terminal on, and ends with the command's exit code (128 and the number for a signal, 127 where
        there is no such command, 126 where it cannot be executed). When the command has ended the
        processes that it left get SIGTERM, and SIGKILL after a grace. Takes the place of tini and
        dumb-init with their options and variables; under the name dumb-init the command gets a session
        of its own and its whole group the signals.

          -g                 send signals to the command's whole process group
          -c, --single-child keep the command in this process's group and session
          -r, --rewrite S:R  forward R in place of S; R = 0 forwards nothing; repeatable
          -e CODE            exit 0 where the command exited with CODE; repeatable
          -p SIGNAL          get SIGNAL when the parent dies; with SIGKILL the command dies too
          --grace SECONDS    what others have between SIGTERM and SIGKILL at the end (5)
          -w                 say which orphans are reaped
          -v, --verbose      say more; repeatable
          -s                 accepted: orphans come to this process in any case
          -h, --help         this text
          -V, --version      the version
          -l, -L             the licence
          -P                 no command: reap, and end at SIGTERM or SIGINT; the pause process of a pod

        Variables: TINI_KILL_PROCESS_GROUP (as -g), TINI_VERBOSITY, TINI_SUBREAPER, DUMB_INIT_SETSID (0 as
        -c, else a session of its own), DUMB_INIT_DEBUG (1 as --verbose), REEVE_INIT_GRACE (as --grace).
        The command gets them too.

          ENTRYPOINT ["/usr/bin/reeve", "init", "--"]
          podman run --init --init-path /usr/bin/reeve IMAGE

        """

    /// For `reeve init -l`.
    package static let license = """
        reeve is distributed under the Apache License, Version 2.0; its text is at
        http://www.apache.org/licenses/LICENSE-2.0. There is no warranty of any kind.

        """
}
