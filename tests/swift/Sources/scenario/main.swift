// Runs every test, or one step of the record that a Kotlin and a Swift phone share (`shared STEP FOLDER RELAY`).

import Foundation

let arguments = Array(CommandLine.arguments.dropFirst())
if arguments.first == "shared" {
    try await Shared(folder: URL(fileURLWithPath: arguments[2]), relay: arguments[3]).step(arguments[1])
    exit(0)
}

var failed = 0
let tests = pureTests + exampleTests + scenarioTests + hostileTests + cancelTests
for (name, test) in tests {
    do {
        try await test()
        say("ok      \(name)")
    } catch {
        failed += 1
        say("FAILED  \(name): \(error)")
    }
}
say("Swift: \(tests.count - failed) passed, \(failed) failed")
exit(failed == 0 ? 0 : 1)
