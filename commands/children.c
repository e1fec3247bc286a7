#include "commands/children.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"

enum {
    FIRST_PAUSE_MS = 1000,
    MOST_PAUSE_MS = 30000,
    LONG_LIFE_MS = 60000, /* whoever ran that long is restarted quickly again */
    STOP_MS = 10000,      /* between SIGTERM and SIGKILL */
};

static void waited_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGCHLD);
}

void children_begin(void)
{
    sigset_t set;

    waited_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGCHLD, SIG_DFL); /* an inherited "ignore" would reap children behind our back */
}

void child_init(struct child *child, const char *command)
{
    *child = (struct child){.arguments = {"vitrine", command}, .argument_count = 2};
    child->pause_ms = FIRST_PAUSE_MS;
}

void child_add(struct child *child, const char *name, const char *value)
{
    assert(child->argument_count + 3 <= CHILD_ARGUMENTS_MAX);
    if (name != NULL) {
        child->arguments[child->argument_count++] = name;
    }
    child->arguments[child->argument_count++] = value;
}

/* In the child: becomes the command, or ends. Only calls that are safe after fork. */
static void become(const struct child *child, pid_t parent)
{
    sigset_t set;
    int null_fd = open("/dev/null", O_RDONLY);

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || null_fd < 0 ||
        dup2(null_fd, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        _exit(127);
    }
    if (null_fd > STDERR_FILENO) {
        close(null_fd);
    }
    waited_signals(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    execv("/proc/self/exe", (char *const *)child->arguments);
    _exit(127);
}

enum err child_start(struct child *child, struct errmsg *msg)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid < 0) {
        return err_sys(msg, errno, "start vitrine %s", child->arguments[1]);
    }
    if (pid == 0) {
        become(child, parent);
    }
    child->pid = pid;
    child->started_ms = monotonic_ms();
    child->restart_ms = 0;
    return ERR_NONE;
}

bool child_reap(struct child *child)
{
    int status;

    if (child->pid == 0 || waitpid(child->pid, &status, WNOHANG) != child->pid) {
        return false;
    }
    child->status = status;
    child->pid = 0;
    return true;
}

const char *child_describe_end(const struct child *child, char *text, size_t size)
{
    return process_describe_end(child->status, text, size);
}

void children_wait(int64_t timeout_ms, bool *stop)
{
    struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000};
    sigset_t set;
    int number;

    waited_signals(&set);
    number = timeout_ms < 0 ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &timeout);
    *stop = number == SIGINT || number == SIGTERM || number == SIGHUP;
}

static unsigned signal_all(struct child *const *children, unsigned count, int number)
{
    unsigned alive = 0;

    for (unsigned i = 0; i < count; i++) {
        child_reap(children[i]);
        if (children[i]->pid != 0) {
            alive++;
            if (number != 0) {
                kill(children[i]->pid, number);
            }
        }
    }
    return alive;
}

void children_stop(struct child *const *children, unsigned count)
{
    int64_t deadline_ms = monotonic_ms() + STOP_MS;
    int64_t left_ms = STOP_MS;
    bool in_a_hurry = false;
    unsigned alive;

    signal_all(children, count, SIGTERM);
    while (signal_all(children, count, 0) > 0 && !in_a_hurry && left_ms > 0) {
        children_wait(left_ms, &in_a_hurry);
        left_ms = deadline_ms - monotonic_ms();
    }
    alive = signal_all(children, count, SIGKILL);
    if (alive > 0) {
        log_warn("children_killed", "count=%u reason=\"did not end by themselves\"", alive);
    }
    for (unsigned i = 0; i < count; i++) {
        while (children[i]->pid != 0 && !child_reap(children[i])) {
            bool stop;

            children_wait(100, &stop);
        }
    }
}

enum err child_run(struct child *child, struct errmsg *msg)
{
    char end[64];
    enum err rc = child_start(child, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    while (!child_reap(child)) {
        bool stop;

        children_wait(-1, &stop);
        if (stop) {
            children_stop(&child, 1);
            return err_set(msg, ERR_INTERRUPTED, "stopped while vitrine %s was at work",
                           child->arguments[1]);
        }
    }
    if (child->status == 0) {
        return ERR_NONE;
    }
    rc = WIFEXITED(child->status) && WEXITSTATUS(child->status) == err_exit_code(ERR_REFUSED)
             ? ERR_REFUSED
             : ERR_SYSTEM;
    return err_set(msg, rc, "vitrine %s ended with %s", child->arguments[1],
                   child_describe_end(child, end, sizeof end));
}

static void plan_restart(struct child *child, int64_t now_ms)
{
    char end[64];

    if (now_ms - child->started_ms >= LONG_LIFE_MS) {
        child->pause_ms = FIRST_PAUSE_MS;
    }
    log_warn("child_ended", "command=%s end=\"%s\" restart_in_ms=%d", child->arguments[1],
             child_describe_end(child, end, sizeof end), (int)child->pause_ms);
    child->restart_ms = now_ms + child->pause_ms;
    child->pause_ms = child->pause_ms * 2 < MOST_PAUSE_MS ? child->pause_ms * 2 : MOST_PAUSE_MS;
}

int64_t children_keep(struct child *const *children, unsigned count)
{
    int64_t next_ms = -1;

    for (unsigned i = 0; i < count; i++) {
        struct child *child = children[i];
        int64_t now_ms = monotonic_ms();
        struct errmsg msg;

        if (child_reap(child)) {
            plan_restart(child, now_ms);
        }
        if (child->restart_ms != 0 && child->restart_ms <= now_ms) {
            if (child_start(child, &msg) == ERR_NONE) {
                log_info("child_restarted", "command=%s pid=%d", child->arguments[1],
                         (int)child->pid);
            } else {
                log_error("child_not_started", "reason=\"%s\"", msg.text);
                child->restart_ms = now_ms + child->pause_ms;
            }
        }
        if (child->restart_ms != 0 && (next_ms < 0 || child->restart_ms - now_ms < next_ms)) {
            next_ms = child->restart_ms - now_ms;
        }
    }
    return next_ms;
}
