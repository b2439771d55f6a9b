#if !defined(_WIN32)
#define _GNU_SOURCE
#endif
#include "threads.h"
#include "../include/fastfit.h"
#include <stdlib.h>

typedef struct start {
    ff_thread_fn *fn;
    void *arg;
} start;

#if defined(_WIN32)

static DWORD WINAPI enter(LPVOID p)
{
    const start s = *(start *)p;
    ff_free(p);
    s.fn(s.arg);
    return 0;
}
int ff_thread_start(ff_thread *thread, ff_thread_fn *fn, void *arg)
{
    start *const s = ff_alloc(sizeof *s);
    if (!s) return -1;
    s->fn = fn;
    s->arg = arg;
    thread->h = CreateThread(NULL, 0, enter, s, 0, NULL);
    if (thread->h) return 0;
    ff_free(s);
    return -1;
}
void ff_thread_join(ff_thread *thread) { WaitForSingleObject(thread->h, INFINITE); CloseHandle(thread->h); }
void ff_mutex_init(ff_mutex *m) { InitializeSRWLock(m); }
void ff_mutex_lock(ff_mutex *m) { AcquireSRWLockExclusive(m); }
void ff_mutex_unlock(ff_mutex *m) { ReleaseSRWLockExclusive(m); }
void ff_mutex_destroy(ff_mutex *m) { (void)m; }
void ff_cond_init(ff_cond *c) { InitializeConditionVariable(c); }
void ff_cond_wait(ff_cond *c, ff_mutex *m) { SleepConditionVariableSRW(c, m, INFINITE, 0); }
void ff_cond_broadcast(ff_cond *c) { WakeAllConditionVariable(c); }
void ff_cond_destroy(ff_cond *c) { (void)c; }
void ff_thread_yield(void) { SwitchToThread(); }
unsigned ff_fork_count(void) { return 0; }
uint64_t ff_now_ns(void)
{
    LARGE_INTEGER f, t;
    QueryPerformanceFrequency(&f);
    QueryPerformanceCounter(&t);
    return (uint64_t)((double)t.QuadPart * 1e9 / (double)f.QuadPart);
}

#else

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

static void *enter(void *p)
{
    const start s = *(start *)p;
    ff_free(p);
    s.fn(s.arg);
    return NULL;
}

int ff_thread_start(ff_thread *thread, ff_thread_fn *fn, void *arg)
{
    start *const s = ff_alloc(sizeof *s);
    if (!s) return -1;
    s->fn = fn;
    s->arg = arg;
    /* Signals belong to the caller's threads: Python's handlers must not run on ours. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&thread->t, NULL, enter, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) ff_free(s);
    return failed;
}
void ff_thread_join(ff_thread *thread) { pthread_join(thread->t, NULL); }
void ff_mutex_init(ff_mutex *m) { pthread_mutex_init(m, NULL); }
void ff_mutex_lock(ff_mutex *m) { pthread_mutex_lock(m); }
void ff_mutex_unlock(ff_mutex *m) { pthread_mutex_unlock(m); }
void ff_mutex_destroy(ff_mutex *m) { pthread_mutex_destroy(m); }
void ff_cond_init(ff_cond *c) { pthread_cond_init(c, NULL); }
void ff_cond_wait(ff_cond *c, ff_mutex *m) { pthread_cond_wait(c, m); }
void ff_cond_broadcast(ff_cond *c) { pthread_cond_broadcast(c); }
void ff_cond_destroy(ff_cond *c) { pthread_cond_destroy(c); }
void ff_thread_yield(void) { sched_yield(); }
uint64_t ff_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The only mutable globals: a fork has no other way to reach us. */
static atomic_uint fork_count;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static void in_child(void) { atomic_fetch_add(&fork_count, 1); }
static void watch_forks(void) { pthread_atfork(NULL, NULL, in_child); }
unsigned ff_fork_count(void)
{
    pthread_once(&fork_once, watch_forks);
    return atomic_load(&fork_count);
}

#endif
