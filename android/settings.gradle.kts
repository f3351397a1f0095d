// The library apps use, and a sample app. `android/build` makes the native library first and calls Gradle.

pluginManagement {
    repositories {
        google()
        mavenCentral()
    }
}

dependencyResolutionManagement {
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "carnet"
include(":library", ":app")
