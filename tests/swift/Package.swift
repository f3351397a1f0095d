// swift-tools-version: 6.0
// Whole phones through the generated Swift, against the real library and a real relay. tests/swift/run prepares and calls it.

import PackageDescription

let package = Package(
    name: "scenario",
    dependencies: [.package(name: "CarnetKit", path: "../../ios")],
    targets: [
        .executableTarget(name: "scenario", dependencies: [
            .product(name: "CarnetKit", package: "CarnetKit"),
            .product(name: "CarnetSample", package: "CarnetKit"),
        ]),
    ],
    swiftLanguageModes: [.v6]
)
