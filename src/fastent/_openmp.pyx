"""What the engines share of OpenMP: its thread count, one parallel region at a time, and surviving fork.

libgomp keeps a pool of threads per calling thread, and a child forked after a parallel region waits forever for
threads that were not copied. So a parallel region is entered by one Python thread at a time (others compute serially),
and before a fork the pool of the forking thread is given back; the next region starts a new one, in parent and child.
"""

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #define OPENMP_VERSION _OPENMP
    #else
    #define OPENMP_VERSION 0
    static int omp_get_max_threads(void) { return 1; }
    #endif

    static int region_taken = 0;

    #if defined(__GNUC__) && !defined(_WIN32)
    #include <pthread.h>
    static int take_region(void) { return !__atomic_test_and_set(&region_taken, __ATOMIC_ACQUIRE); }
    static void give_region(void) { __atomic_clear(&region_taken, __ATOMIC_RELEASE); }

    #ifdef _OPENMP
    /* OpenMP 5.0; weak, because older run-time libraries lack it */
    #pragma weak omp_pause_resource_all
    extern int omp_pause_resource_all(omp_pause_resource_t);
    static int fork_is_safe(void) { return omp_pause_resource_all != 0; }
    static void before_fork(void) {
        if (omp_pause_resource_all)
            omp_pause_resource_all(omp_pause_hard);
    }
    #else
    static int fork_is_safe(void) { return 1; }
    static void before_fork(void) {}
    #endif

    static int forked_unsafely = 0;
    static void in_child(void) {
        give_region(); /* the thread that held it, if any, is not in the child */
        forked_unsafely = !fork_is_safe();
    }
    static void watch_forks(void) {
        static int watching = 0;
        if (!__atomic_exchange_n(&watching, 1, __ATOMIC_RELAXED))
            pthread_atfork(before_fork, NULL, in_child);
    }
    static int try_region(void) {
        if (forked_unsafely)
            return 0;
        watch_forks();
        return take_region();
    }
    #else
    #include <intrin.h>
    static int try_region(void) { return _InterlockedExchange((volatile long *)&region_taken, 1) == 0; }
    static void give_region(void) { _InterlockedExchange((volatile long *)&region_taken, 0); }
    #endif

    #if defined(__clang__)
    #define COMPILER "Clang " __clang_version__
    #elif defined(__GNUC__)
    #define COMPILER "GCC " __VERSION__
    #else
    #define COMPILER "MSVC"
    #endif
    """
    int OPENMP_VERSION
    const char *COMPILER
    int omp_get_max_threads() nogil
    int try_region() nogil
    void give_region() nogil


cdef int enter_region(int workers) noexcept:
    """Workers of a parallel region: one region at a time, whoever comes second computes serially."""
    return workers if workers > 1 and try_region() else 1


cdef void leave_region(int workers) noexcept:
    """Let others run parallel regions again, if these workers were one."""
    if workers > 1:
        give_region()


def max_threads():
    """Threads that OpenMP would use now: its environment, and limits set at run time for the calling thread."""
    return omp_get_max_threads()


def openmp_version():
    """The date of the OpenMP standard the build supports, as yyyymm; 0 without OpenMP."""
    return OPENMP_VERSION


def compiler():
    """The compiler of the extensions."""
    return COMPILER.decode()


def enter():
    """Try to become the one thread that runs a parallel region; False if another one does, or a fork made it unsafe."""
    return bool(try_region())


def leave():
    """Let others run parallel regions again."""
    give_region()
