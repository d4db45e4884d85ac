/* Asks for a line of memory that is needed soon. Any address will do, also one that is nobody's. */
#ifndef FASTENT_PREFETCH_H
#define FASTENT_PREFETCH_H

#if defined(__GNUC__) || defined(__clang__)
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)(address))
#endif

#endif
