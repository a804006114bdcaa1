// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let package = Package(
    name: "swift-scheduler",
    dependencies: [
        // Elsewhere: .package(url: "…/reeve", from: "0.1.0", traits: [])
        .package(name: "reeve", path: "../..", traits: [])
    ],
    targets: [
        .executableTarget(
            name: "data-processor", dependencies: [.product(name: "ReeveKit", package: "reeve")]),
        .executableTarget(
            name: "daily-report", dependencies: [.product(name: "ReeveKit", package: "reeve")]),
    ]
)
