/* SPDX-License-Identifier: Apache-2.0 */
#include "core/process.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/exit_codes.h"

static volatile sig_atomic_t stopping;
static volatile sig_atomic_t reloading;

static void on_stop(int signal_number)
{
    if (stopping)
        _exit(128 + signal_number);
    stopping = 1;
}

void process_start(void)
{
    struct sigaction action = {.sa_handler = on_stop};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    prctl(PR_SET_DUMPABLE, 0);
}

static void on_hangup(int signal_number)
{
    (void)signal_number;
    reloading = 1;
}

void process_reload_on_hangup(void)
{
    struct sigaction action = {.sa_handler = on_hangup};

    sigaction(SIGHUP, &action, NULL);
}

bool process_take_reload(void)
{
    bool asked = reloading != 0;

    reloading = 0;
    return asked;
}

bool process_stopping(void)
{
    return stopping != 0;
}

void process_stop(void)
{
    stopping = 1;
}

void process_crash_point(const char *name)
{
    static const char *armed;
    static long left = -1;

    if (left == -1) {
        armed = getenv("DUALRUN_CRASH_AT");
        const char *colon = armed != NULL ? strrchr(armed, ':') : NULL;
        left = colon != NULL ? strtol(colon + 1, NULL, 10) : 0;
    }
    if (left <= 0)
        return;
    size_t size = strlen(name);
    if (strncmp(armed, name, size) == 0 && armed[size] == ':' && --left == 0)
        kill(getpid(), SIGKILL);
}

void process_limit_heaps(int count)
{
    (void)mallopt(M_ARENA_MAX, count > 0 ? count : 1);
}
