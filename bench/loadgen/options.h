#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One request as it goes over the wire, and the numbers that its answer must hold. */
typedef struct {
  char *bytes;
  size_t length;
  double *expected;
  size_t expected_count;
} Request;

typedef struct {
  const char *host;
  int port;
  const char *path;
  const char *bodies_file;
  const char *expect_file;
  const char *expect_key;
  double tolerance;
  const char *headers[32];
  size_t header_count;
  /* Requests a second; unused when `closed`. */
  double rate;
  bool closed;
  double duration_s, warmup_s;
  int connections;
  uint64_t seed;
  double limit_ms, timeout_ms;
  /* Sleep in epoll instead of polling: for background load that must leave the core to others. */
  bool relaxed;
  bool histograms;
  Request *requests;
  size_t request_count;
} Options;

/* Ends the process with a message on standard error when something is wrong. */
Options parse_options(int argc, char **argv);

#endif
