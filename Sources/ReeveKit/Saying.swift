// SPDX-License-Identifier: Apache-2.0

internal import ReeveLinux

/// Writes a line to standard error, which is all that this library ever says by itself.
func say(_ sentence: String) {
    StandardStreams.write(sentence + "\n", to: .error)
}
