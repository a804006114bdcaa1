// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux

/// The memory that this process occupies.
package enum ResidentMemory {
    /// Gives back what a start needed and running does not: freed heap (malloc_trim(3)), and the pages of
    /// programs and libraries that are mapped read-only, which the kernel brings back from the page cache
    /// when they are touched (madvise(2), MADV_DONTNEED).
    ///
    /// Takes about a millisecond, so it is for the moment after the start, when nothing is left to do.
    package static func release() {
        reeve_release_memory()
    }

    /// Gives freed heap back to the kernel, and nothing else (malloc_trim(3)).
    package static func releaseHeap() {
        reeve_trim_heap()
    }
}
