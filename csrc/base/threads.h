/* The thin layer over the system's threads: thread, lock, wake-up, clock, fork. */
#ifndef FF_THREADS_H
#define FF_THREADS_H
#include <stddef.h>
#include <stdint.h>
#if defined(_WIN32)
#include <windows.h>
typedef struct ff_thread { HANDLE h; } ff_thread;
typedef SRWLOCK ff_mutex;
typedef CONDITION_VARIABLE ff_cond;
#else
#include <pthread.h>
typedef struct ff_thread { pthread_t t; } ff_thread;
typedef pthread_mutex_t ff_mutex;
typedef pthread_cond_t ff_cond;
#endif

typedef void ff_thread_fn(void *arg);
int ff_thread_start(ff_thread *thread, ff_thread_fn *fn, void *arg); /* 0 is success */
void ff_thread_join(ff_thread *thread);
void ff_mutex_init(ff_mutex *m);
void ff_mutex_lock(ff_mutex *m);
void ff_mutex_unlock(ff_mutex *m);
void ff_mutex_destroy(ff_mutex *m);
void ff_cond_init(ff_cond *c);
void ff_cond_wait(ff_cond *c, ff_mutex *m);
void ff_cond_broadcast(ff_cond *c);
void ff_cond_destroy(ff_cond *c);
void ff_thread_yield(void);
uint64_t ff_now_ns(void); /* monotonic */
/* Counts the forks that led to this process: helper threads of another count are gone. */
unsigned ff_fork_count(void);

/* Tells the core that this is a spin loop. */
static inline void ff_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
#endif
