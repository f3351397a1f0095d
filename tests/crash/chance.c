/* Preloaded into the simulation: what the operating system calls random comes from a seed, thread by thread, so that a play
 * goes the same way every time. The program under test is not changed for it, and ships without any such door.
 *
 * A thread says its seed by asking for 40 random bytes into a buffer that begins with the words below; the last eight are
 * the seed. A thread that never did gets what the system gives.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char words[32] = "carnet: this thread's chance is ";
static __thread int seeded;
static __thread uint64_t state;

static uint64_t next(void) { /* splitmix64 */
    uint64_t mixed = (state += 0x9e3779b97f4a7c15u);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

/* Not from <sys/random.h>, which promises that the buffer is only written. */
ssize_t getrandom(void *to, size_t length, unsigned flags);
ssize_t getrandom(void *to, size_t length, unsigned flags) {
    if (length == 40 && memcmp(to, words, sizeof words) == 0) {
        memcpy(&state, (char *)to + 32, 8);
        seeded = 1;
        return 40;
    }
    if (!seeded) return syscall(SYS_getrandom, to, length, flags);
    for (size_t at = 0; at < length; at += 8) {
        uint64_t eight = next();
        memcpy((char *)to + at, &eight, length - at < 8 ? length - at : 8);
    }
    return (ssize_t)length;
}
