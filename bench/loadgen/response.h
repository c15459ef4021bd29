/* Incremental reader of one HTTP/1.1 response that is framed by Content-Length. */
#ifndef RESPONSE_H
#define RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
  char *bytes;
  size_t length, capacity;
  /* 0 until the header is whole; then where the body starts. */
  size_t body_start;
  size_t body_length;
  int status;
  bool closes;
} Response;

typedef enum { RESPONSE_PARTIAL, RESPONSE_WHOLE, RESPONSE_BROKEN } ResponseState;

void response_reset(Response *response);
/* Room for at least `size` more bytes at response->bytes + response->length; the caller adds to `length` what it wrote. */
void response_reserve(Response *response, size_t size);
/* To be called after bytes were added. BROKEN: not HTTP/1.1, no Content-Length, or bytes beyond the answer. */
ResponseState response_parse(Response *response);
/* The 2xx body holds the expected numbers, in order: each is what follows the next occurrence of "key": in the body. */
bool response_matches(const Response *response, const char *key, const double *expected, size_t count, double tolerance);

#endif
