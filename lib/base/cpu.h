/* cpu.h - the instruction sets that hot functions are written for. Each such function
 * is written once, inline, with what differs passed as a function; it is compiled for
 * each set, and which of them runs is chosen when a vocabulary is opened. All give the
 * same. */
#ifndef LP_BASE_CPU_H
#define LP_BASE_CPU_H

enum lp_cpu { LP_CPU_PORTABLE, LP_CPU_AVX2, LP_CPUS };

#if defined(__GNUC__)
#define LP_INLINE static inline __attribute__((always_inline))
#define LP_APART  static __attribute__((noinline))
#define LP_COLD   __attribute__((cold))
#else
#define LP_INLINE static inline
#define LP_APART  static
#define LP_COLD
#endif

#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
#define LP_HAVE_AVX2 1
#define LP_AVX2      __attribute__((target("avx2,bmi,bmi2,lzcnt")))
#include <immintrin.h>
#else
#define LP_HAVE_AVX2 0
#endif

#endif
