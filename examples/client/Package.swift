// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let package = Package(
    name: "client",
    dependencies: [
        // Elsewhere: .package(url: "…/reeve", from: "0.1.0", traits: [])
        .package(name: "reeve", path: "../..", traits: [])
    ],
    targets: [
        .executableTarget(
            name: "restart-and-watch",
            dependencies: [.product(name: "ReeveClient", package: "reeve")])
    ]
)
