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

/// A product that only the gateway needs: without the trait `Gateway` it is not even fetched.
func gateway(_ product: String, _ package: String) -> Target.Dependency {
    .product(name: product, package: package, condition: .when(traits: ["Gateway"]))
}

let package = Package(
    name: "reeve",
    products: [
        .executable(name: "reeve", targets: ["reeve"]),
        .executable(name: "reeve-gateway", targets: ["reeve-gateway"]),
        .library(name: "ReeveClient", targets: ["ReeveClient"]),
        .library(name: "ReeveGateway", targets: ["ReeveGateway"]),
        .library(name: "ReeveKit", targets: ["ReeveKit"]),
    ],
    traits: [
        .trait(
            name: "Systemd", description: "Speak to systemd through libsystemd, loaded on demand."),
        .trait(
            name: "Gateway",
            description:
                "Build reeve-gateway and its library, and fetch the packages that they need."),
        .default(enabledTraits: ["Systemd", "Gateway"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
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
        .executableTarget(
            name: "reeve-gateway",
            dependencies: [
                "ReeveGateway", gateway("Logging", "swift-log"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .target(
            name: "ReeveGateway",
            dependencies: [
                "ReeveClient", "ReeveControl", "ReeveCore", "ReeveLinux",
                gateway("Hummingbird", "hummingbird"), gateway("HummingbirdCore", "hummingbird"),
                gateway("HTTPTypes", "swift-http-types"), gateway("Logging", "swift-log"),
                gateway("NIOCore", "swift-nio"), gateway("NIOPosix", "swift-nio"),
                gateway("NIOHTTPTypes", "swift-nio-extras"), gateway("NIOSSL", "swift-nio-ssl"),
                gateway("ServiceLifecycle", "swift-service-lifecycle"),
                gateway("UnixSignals", "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .target(
            name: "ReeveClient", dependencies: ["ReeveControl", "ReeveCore", "ReeveLinux"],
            swiftSettings: strict),
        .target(
            name: "ReeveKit", dependencies: ["ReeveCore", "ReeveLinux"], swiftSettings: strict),
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

        // Examples: the very sources that their own packages build.
        .executableTarget(
            name: "data-processor", dependencies: ["ReeveKit"],
            path: "examples/swift-scheduler/Sources/data-processor", swiftSettings: strict),
        .executableTarget(
            name: "daily-report", dependencies: ["ReeveKit"],
            path: "examples/swift-scheduler/Sources/daily-report", swiftSettings: strict),
        .executableTarget(
            name: "restart-and-watch", dependencies: ["ReeveClient"],
            path: "examples/client/Sources/restart-and-watch", swiftSettings: strict),
        .executableTarget(
            name: "shop",
            dependencies: [
                "ReeveGateway", gateway("Hummingbird", "hummingbird"),
                gateway("Logging", "swift-log"),
            ],
            path: "examples/embedding/Sources/shop", swiftSettings: strict),

        // What only the tests need: three programs and a harness around the built `reeve`.
        .executableTarget(name: "reeve-test-child", path: "Tests/Fixtures/Child"),
        .executableTarget(name: "reeve-test-machine", path: "Tests/Fixtures/Machine"),
        .executableTarget(name: "reeve-test-warden", path: "Tests/Fixtures/Warden"),
        .executableTarget(
            name: "reeve-test-scheduler", dependencies: ["ReeveKit"],
            path: "Tests/Fixtures/Scheduler", swiftSettings: strict),
        .target(name: "ReeveTestSupport", path: "Tests/Support", swiftSettings: strict),
        .testTarget(
            name: "TidyTests", dependencies: ["ReeveConfiguration", "ReeveTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "EndToEndTests", dependencies: ["ReeveClient", "ReeveTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "GatewayTests",
            dependencies: ["ReeveTestSupport"], swiftSettings: strict),

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
            name: "ReeveKitTests",
            dependencies: ["ReeveKit", "ReeveLinux", "ReeveCore", "ReeveTestSupport"],
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
