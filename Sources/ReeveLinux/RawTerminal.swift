// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import ReeveCore

/// The terminal of a command that draws a screen of its own: keys come one by one and are not echoed, until it
/// is given back. See termios(3), "raw mode"; the output's processing is left as it is.
package struct RawTerminal: ~Copyable {
    private let number: Int32
    private var before = termios()

    /// Takes over the terminal on standard input. Throws ENOTTY where it is none.
    package init() throws(Errno) {
        number = 0
        guard unsafe tcgetattr(number, &before) == 0 else { throw Errno(errno) }
        var raw = before
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN)
        raw.c_iflag &= ~tcflag_t(IXON | ICRNL)
        guard unsafe tcsetattr(number, TCSANOW, &raw) == 0 else { throw Errno(errno) }
    }

    /// Puts back what was before. A terminal that has gone needs nothing.
    deinit {
        var settings = before
        _ = unsafe tcsetattr(number, TCSANOW, &settings)
    }

    /// Columns and rows of the terminal on standard output; nil where the kernel does not know them.
    package static func size() -> (columns: Int, rows: Int)? {
        var size = winsize()
        guard unsafe ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return nil
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }
}
