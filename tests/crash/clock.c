/* Preloaded into a program that shall believe another day: CARNET_CLOCK_DAYS days later than it is. Only the clock of the
 * wall moves; what measures how long something takes does not.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    const char *days = getenv("CARNET_CLOCK_DAYS");
    if (!failed && clock == CLOCK_REALTIME && days) now->tv_sec += atol(days) * 86400;
    return failed;
}
