/* Asks for a line of memory that is needed soon, in the first cache or, when much is read before it, in the second. Any
 * address will do, also one that is nobody's. */
#ifndef FASTENT_PREFETCH_H
#define FASTENT_PREFETCH_H

#if defined(__GNUC__) || defined(__clang__)
#define PREFETCH(address) __builtin_prefetch(address)
#define PREFETCH_SECOND(address) __builtin_prefetch(address, 0, 2)
#else
#define PREFETCH(address) ((void)(address))
#define PREFETCH_SECOND(address) ((void)(address))
#endif

#endif
