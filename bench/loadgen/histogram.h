/* Log-linear histogram of durations in nanoseconds: exact below 2048 ns, above that 1024 buckets a power of two, so any value is
 * known to within 0.1 % (three digits). Holds up to 2^37 ns (137 s); longer ones land in the last bucket. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 28 * 1024 };

typedef struct {
  uint64_t total;
  uint64_t max;
  double sum;
  uint64_t buckets[HISTOGRAM_BUCKETS];
} Histogram;

static inline uint32_t histogram_index(uint64_t ns) {
  if (ns < 2048) return (uint32_t)ns;
  uint32_t shift = (uint32_t)(63 - __builtin_clzll(ns)) - 10;
  uint64_t index = (uint64_t)shift * 1024 + (ns >> shift);
  return index < HISTOGRAM_BUCKETS ? (uint32_t)index : HISTOGRAM_BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
static inline uint64_t histogram_value(uint32_t index) {
  if (index < 2048) return index;
  uint32_t shift = index / 1024 - 1;
  uint64_t lowest = (uint64_t)(index - shift * 1024) << shift;
  return lowest + ((uint64_t)1 << shift) - 1;
}

static inline void histogram_record(Histogram *histogram, uint64_t ns) {
  histogram->buckets[histogram_index(ns)]++;
  histogram->total++;
  histogram->sum += (double)ns;
  if (ns > histogram->max) histogram->max = ns;
}

/* The smallest value that at least the share `quantile` of the recorded ones do not exceed; 0 when nothing was recorded. */
static inline uint64_t histogram_quantile(const Histogram *histogram, double quantile) {
  uint64_t wanted = (uint64_t)(quantile * (double)histogram->total + 0.999999);
  uint64_t seen = 0;
  if (histogram->total == 0) return 0;
  for (uint32_t index = 0; index < HISTOGRAM_BUCKETS; index++) {
    seen += histogram->buckets[index];
    if (seen >= wanted && seen > 0) {
      uint64_t value = histogram_value(index);
      return value < histogram->max ? value : histogram->max;
    }
  }
  return histogram->max;
}

#endif
