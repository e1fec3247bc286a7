#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/process_reads.h"

enum {
    LOOK_MS = 100,   /* between two looks at the child and at the interrupt flag */
    LISTEN_MS = 500, /* between two looks at what it read */
    GENTLE_MS = 600, /* between SIGTERM and SIGKILL: the two together stay below a second */
    READ_SIZE = 16384,
    EXIT_NOT_FOUND = 127,
};

enum { OUT, ERR, STREAMS };

struct running {
    const struct process *process;
    pid_t pid;
    int fds[STREAMS]; /* what the child prints; -1 once it is read to its end */
    int64_t ask_ms;   /* when it was asked to end; 0: not yet */
    uint64_t bytes;   /* that it had read */
    int64_t read_ms;  /* when that had become more */
    int64_t look_ms;  /* when that was looked at */
    bool is_silent;
};

const char *process_describe_end(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status)) {
        snprintf(text, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        snprintf(text, size, "exit code %d", WEXITSTATUS(status));
    }
    return text;
}

/* In the child: becomes the program, or ends. It has a group of its own, so that Ctrl-C reaches it by
 * us alone and its helpers end with it. SIGTERM, which comes when our process ends, is reset first: our
 * handler would only note it. */
static void become(const struct process *process, const int *write_fds, pid_t parent)
{
    int null_fd = open("/dev/null", O_RDONLY);
    sigset_t none;

    signal(SIGTERM, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent || setpgid(0, 0) != 0 ||
        null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(write_fds[OUT], STDOUT_FILENO) < 0 ||
        dup2(write_fds[ERR], STDERR_FILENO) < 0) {
        _exit(EXIT_NOT_FOUND - 1);
    }
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL); /* what the thread that runs it blocks, it shall hear */
    setenv("LC_ALL", "C", 1); /* its messages are read by us; only one thread is alive here */
    execvp(process->arguments[0], (char *const *)process->arguments);
    _exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_FOUND - 1);
}

/* An inherited "ignore" would reap the child behind our back, and its end be waited for for ever. */
static void keep_children(void)
{
    struct sigaction action;

    if (sigaction(SIGCHLD, NULL, &action) == 0 &&
        (action.sa_handler == SIG_IGN || ((unsigned)action.sa_flags & SA_NOCLDWAIT) != 0)) {
        signal(SIGCHLD, SIG_DFL);
    }
}

static void close_fds(int *fds)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
            fds[i] = -1;
        }
    }
}

static enum err start(struct running *running, struct errmsg *msg)
{
    const char *name = running->process->arguments[0];
    int write_fds[STREAMS] = {-1, -1};
    pid_t parent = getpid();
    enum err rc = ERR_NONE;

    for (unsigned i = 0; i < STREAMS; i++) {
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) != 0) {
            rc = err_sys(msg, errno, "make a pipe for %s", name);
            goto out;
        }
        running->fds[i] = ends[0];
        write_fds[i] = ends[1];
    }
    keep_children();
    running->pid = fork();
    if (running->pid < 0) {
        rc = err_sys(msg, errno, "start %s", name);
    } else if (running->pid == 0) {
        become(running->process, write_fds, parent);
    }
out:
    close_fds(write_fds);
    if (rc != ERR_NONE) {
        close_fds(running->fds);
    }
    return rc;
}

/* Hands on what STREAM has now; false when there is no more for the moment. */
static bool take_output(struct running *running, unsigned stream)
{
    const struct process *process = running->process;
    process_output take = stream == OUT ? process->on_stdout : process->on_stderr;
    struct pollfd ready = {.fd = running->fds[stream], .events = POLLIN};
    char bytes[READ_SIZE];
    ssize_t got;

    if (ready.fd < 0 || poll(&ready, 1, 0) <= 0) {
        return false;
    }
    got = read(ready.fd, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) {
        return true;
    }
    if (got <= 0) {
        close(ready.fd);
        running->fds[stream] = -1;
        return false;
    }
    if (take != NULL) {
        take(process->context, slice_of(bytes, (size_t)got));
    }
    return true;
}

static void drain(struct running *running)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        while (take_output(running, i)) {
        }
    }
}

/* Notes when the child has read nothing for too long. Where that cannot be known, it has read. */
static void listen_to(struct running *running, int64_t now_ms)
{
    uint64_t bytes = 0;

    if (running->process->silence_ms == 0 || running->ask_ms != 0 ||
        now_ms - running->look_ms < LISTEN_MS) {
        return;
    }
    running->look_ms = now_ms;
    if (!process_reads(running->pid, &bytes) || bytes != running->bytes) {
        running->bytes = bytes;
        running->read_ms = now_ms;
    } else if (now_ms - running->read_ms >= running->process->silence_ms) {
        running->is_silent = true;
    }
}

/* Asks the child to end when it is to end, and insists when it does not. */
static void end_in_time(struct running *running)
{
    int64_t now_ms = monotonic_ms();

    listen_to(running, now_ms);
    if (!interrupt_requested() && !running->is_silent) {
        return;
    }
    if (running->ask_ms == 0) {
        running->ask_ms = now_ms;
        kill(running->pid, SIGTERM);
    } else if (now_ms - running->ask_ms >= GENTLE_MS) {
        kill(-running->pid, SIGKILL); /* and what it started */
    }
}

static void wait_for_output(const struct running *running)
{
    struct pollfd fds[STREAMS];

    for (unsigned i = 0; i < STREAMS; i++) {
        fds[i] = (struct pollfd){.fd = running->fds[i], .events = POLLIN};
    }
    poll(fds, STREAMS, LOOK_MS); /* a failure is a signal: the caller looks around anyway */
}

/* Whether the child has ended; then its group is killed, while the child, not yet waited for, keeps the
 * number of the group from becoming somebody else's. */
static bool has_ended(const struct running *running, int *status)
{
    siginfo_t info = {.si_pid = 0};

    if (waitid(P_PID, (id_t)running->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid != running->pid) {
        return false;
    }
    kill(-running->pid, SIGKILL);
    return waitpid(running->pid, status, 0) == running->pid;
}

enum err process_run(const struct process *process, int *status, struct errmsg *msg)
{
    struct running running = {.process = process, .fds = {-1, -1}, .read_ms = monotonic_ms()};
    enum err rc = start(&running, msg);
    int ended = 0;

    if (rc != ERR_NONE) {
        return rc;
    }
    while (!has_ended(&running, &ended)) {
        end_in_time(&running);
        wait_for_output(&running);
        drain(&running);
    }
    drain(&running);
    close_fds(running.fds);
    if (running.ask_ms != 0 && !running.is_silent) {
        return err_set(msg, ERR_INTERRUPTED, "stopped while %s was at work", process->arguments[0]);
    }
    if (WIFEXITED(ended) && WEXITSTATUS(ended) == EXIT_NOT_FOUND) {
        return err_set(msg, ERR_NOT_FOUND, "there is no program %s; install it",
                       process->arguments[0]);
    }
    *status = running.is_silent ? PROCESS_SILENT : ended;
    return ERR_NONE;
}
