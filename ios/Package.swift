// swift-tools-version: 6.0
// The Swift library of Carnet. `Carnet` is generated (ios/build-bindings or tests/swift/run put it below Generated/, it is not
// committed); `CarnetKit` is what apps use beside it. On a Mac the Rust library comes as an XCFramework (ios/build-xcframework);
// on Linux, where the tests run, as a shared library.

import PackageDescription

#if os(Linux)
let library: Target = .systemLibrary(name: "CarnetFFI", path: "Generated/CarnetFFI")
#else
let library: Target = .binaryTarget(name: "CarnetFFI", path: "Generated/CarnetFFI.xcframework")
#endif

let package = Package(
    name: "CarnetKit",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
        .library(name: "CarnetKit", targets: ["CarnetKit", "Carnet"]),
        .library(name: "CarnetSample", targets: ["CarnetSample"]),
    ],
    targets: [
        library,
        // UniFFI's Swift is of language mode 5; what is written by hand is of 6.
        .target(name: "Carnet", dependencies: ["CarnetFFI"], path: "Generated/Carnet", swiftSettings: [.swiftLanguageMode(.v5)]),
        .target(name: "CarnetKit", dependencies: ["Carnet"]),
        .target(name: "CarnetSample", dependencies: ["CarnetKit", "Carnet"]),
    ],
    swiftLanguageModes: [.v6]
)
