#ifndef REPORT_H
#define REPORT_H

#include <stdint.h>

#include "histogram.h"
#include "options.h"

/* All counts are of requests that were due (open loop) or answered (closed loop) within the measured time. */
typedef struct {
  uint64_t due, sent, answered;
  uint64_t by_status[600];
  /* Right 2xx within the limit; right 2xx beyond it; 2xx with another answer than expected. */
  uint64_t good, late, wrong;
  uint64_t timeouts, resets, broken;
  uint64_t body_bytes;
  /* From the first request to the last, warm-up and all. */
  uint64_t answered_in_all;
  Histogram ok, refused, all;
} Stats;

/* What the generator knows about itself during the measured time. */
typedef struct {
  double wall_s, cpu_s, idle_s;
  /* How long after a request was due the generator turned to it. */
  Histogram lag;
} Generator;

void print_report(const Options *options, const Stats *stats, const Generator *generator);

#endif
