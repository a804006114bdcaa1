// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// What every Swift target is compiled with: warnings are errors, unsafe operations are marked.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "reeve",
    products: [
        .executable(name: "reeve", targets: ["reeve"]),
        .library(name: "ReeveClient", targets: ["ReeveClient"]),
    ],
    traits: [
        .trait(
            name: "Systemd", description: "Speak to systemd through libsystemd, loaded on demand."),
        .default(enabledTraits: ["Systemd"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    ],
    targets: [
        .executableTarget(
            name: "reeve",
            dependencies: [
                "ReeveClient", "ReeveConfiguration", "ReeveControl", "ReeveCore", "ReeveLinux",
                "ReeveSupervisor",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .target(
            name: "ReeveClient", dependencies: ["ReeveControl", "ReeveCore", "ReeveLinux"],
            swiftSettings: strict),
        .target(
            name: "ReeveSupervisor",
            dependencies: [
                "ReeveControl", "ReeveCore", "ReeveLinux",
                .target(name: "CSystemd", condition: .when(traits: ["Systemd"])),
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: strict),
        .target(
            name: "ReeveConfiguration", dependencies: ["CToml", "ReeveCore"],
            swiftSettings: strict),
        .target(
            name: "ReeveControl", dependencies: ["CJansson", "ReeveCore"],
            swiftSettings: strict),
        .target(
            name: "ReeveLinux", dependencies: ["CReeveLinux", "ReeveCore"],
            swiftSettings: strict),
        .target(name: "ReeveSimulator", dependencies: ["ReeveCore"], swiftSettings: strict),
        .target(
            name: "ReeveCore",
            dependencies: [
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            swiftSettings: strict),
        .target(name: "CReeveLinux"),
        .target(name: "CToml", cxxSettings: [.define("TOML_HEADER_ONLY", to: "1")]),
        .target(name: "CSystemd", linkerSettings: [.linkedLibrary("dl")]),
        .systemLibrary(
            name: "CJansson", pkgConfig: "jansson", providers: [.apt(["libjansson-dev"])]),

        // What only the tests need: two programs and a harness around the built `reeve`.
        .executableTarget(name: "reeve-test-child", path: "Tests/Fixtures/Child"),
        .executableTarget(name: "reeve-test-warden", path: "Tests/Fixtures/Warden"),
        .target(name: "ReeveTestSupport", path: "Tests/Support", swiftSettings: strict),
        .testTarget(
            name: "TidyTests", dependencies: ["ReeveConfiguration", "ReeveTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "EndToEndTests", dependencies: ["ReeveTestSupport"], swiftSettings: strict),

        .testTarget(
            name: "ReeveCoreTests", dependencies: ["ReeveCore"], swiftSettings: strict),
        .testTarget(
            name: "ReeveSimulatorTests", dependencies: ["ReeveCore", "ReeveSimulator"],
            swiftSettings: strict),
        .testTarget(
            name: "ReeveConfigurationTests",
            dependencies: ["ReeveConfiguration", "ReeveCore", "ReeveTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "ReeveControlTests",
            dependencies: ["ReeveClient", "ReeveControl", "ReeveCore", "ReeveLinux"],
            swiftSettings: strict),
        .testTarget(
            name: "ReeveLinuxTests", dependencies: ["ReeveLinux", "ReeveCore", "ReeveTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "ReeveSupervisorTests",
            dependencies: [
                "ReeveSupervisor", "ReeveControl", "ReeveLinux", "ReeveCore", "ReeveTestSupport",
            ],
            swiftSettings: strict),
    ],
    cxxLanguageStandard: .cxx17
)
