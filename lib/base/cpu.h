/* cpu.h - the instruction sets that hot functions are compiled for.
 *
 * Such a function is written once, inline, and takes what differs as a function argument. It is
 * compiled for each instruction set; opening a vocabulary or a model chooses one. Results never
 * depend on the choice. */
#ifndef LP_BASE_CPU_H
#define LP_BASE_CPU_H

enum lp_cpu { LP_CPU_PORTABLE, LP_CPU_AVX2, LP_CPU_NEON, LP_CPUS };

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

/* Every CPU of this kind has it. */
#if defined(__aarch64__) && defined(__ARM_NEON) && defined(__GNUC__) && !defined(__AARCH64EB__)
#define LP_HAVE_NEON 1
#include <arm_neon.h>
#else
#define LP_HAVE_NEON 0
#endif

#endif
