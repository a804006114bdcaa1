// SPDX-License-Identifier: Apache-2.0

internal import ReeveControl

/// The version of the gateway, which is reeve's.
public enum GatewayVersion {
    /// Semantic version without a prefix.
    public static var text: String { Version.text }
}
