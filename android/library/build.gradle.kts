// No AndroidX: what the library needs of Android is in the framework since API 26.

plugins {
    id("com.android.library")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "health.carnet.android"
    compileSdk = 35

    defaultConfig {
        minSdk = 26
        consumerProguardFiles("consumer-rules.pro")
    }

    sourceSets["main"].kotlin.srcDir("../../target/bindings/kotlin")
    // Filled by android/build, one folder for each kind of processor.
    sourceSets["main"].jniLibs.srcDir("../../target/android/jniLibs")

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

kotlin.jvmToolchain(17)

dependencies {
    api("org.jetbrains.kotlinx:kotlinx-coroutines-core:1.10.2")
    // 5.17 is the first with libraries for pages of 16 KiB.
    implementation("net.java.dev.jna:jna:5.19.1@aar")
    testImplementation(kotlin("test-junit5"))
}
