/* Waiting for commits and signals. */
#include "cli/follow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "base/clock.h"

static volatile sig_atomic_t caught;
static sigset_t waiting_mask; /* what is blocked while waiting: not our two */

static void on_signal(int number)
{
    caught = number;
}

int rc_follow_start(rc_reader *reader, rc_error *err)
{
    int fd = -1;
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t ours;
    (void)sigemptyset(&ours);
    (void)sigaddset(&ours, SIGINT);
    (void)sigaddset(&ours, SIGTERM);
    /* Blocked but while waiting: one that comes in between is not missed. */
    (void)sigprocmask(SIG_BLOCK, &ours, &waiting_mask);
    (void)sigdelset(&waiting_mask, SIGINT);
    (void)sigdelset(&waiting_mask, SIGTERM);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    return rc_reader_fd(reader, &fd, err);
}

static struct timespec time_left(int64_t deadline_ns)
{
    int64_t left = deadline_ns - rc_clock_mono();
    if (left > RC_NS_PER_SEC)
        left = RC_NS_PER_SEC;
    if (left < 0)
        left = 0;
    return (struct timespec){.tv_sec = left / RC_NS_PER_SEC, .tv_nsec = left % RC_NS_PER_SEC};
}

int rc_follow_wait(rc_reader *reader, int out_fd, int64_t deadline_ns, rc_error *err)
{
    int fd = -1;
    int code = rc_reader_fd(reader, &fd, err);
    if (code)
        return code;
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = out_fd}};
    struct timespec left = time_left(deadline_ns);
    int n = ppoll(fds, 2, &left, &waiting_mask);
    if (n < 0 && errno != EINTR)
        return rc_fail_errno(err, RC_IO, errno, "poll");
    if (caught)
        return rc_fail(err, RC_CANCELLED, "interrupted");
    if (n > 0 && fds[1].revents & (POLLERR | POLLHUP))
        return rc_fail(err, RC_CLOSED, "%s", "");
    if (n > 0 && fds[0].revents)
        rc_reader_drain(reader);
    else if (rc_clock_mono() >= deadline_ns)
        return rc_fail(err, RC_TIMEOUT, "the time is over");
    return RC_OK;
}

void rc_follow_raise(void)
{
    if (!caught)
        return;
    sigset_t ours;
    (void)sigemptyset(&ours);
    (void)sigaddset(&ours, caught);
    (void)signal(caught, SIG_DFL);
    (void)raise(caught);
    (void)sigprocmask(SIG_UNBLOCK, &ours, NULL);
}
