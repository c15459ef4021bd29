#define _GNU_SOURCE
#include "response.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LARGEST_HEADER = 16 * 1024 };

void response_reset(Response *response) {
  response->length = response->body_start = response->body_length = 0;
  response->status = 0;
  response->closes = false;
}

void response_reserve(Response *response, size_t size) {
  size_t needed = response->length + size + 1;
  if (needed <= response->capacity) return;
  response->capacity = needed * 2;
  response->bytes = realloc(response->bytes, response->capacity);
  if (response->bytes == NULL) {
    perror("loadgen");
    exit(2);
  }
}

static bool is_header(const char *line, const char *name) { return strncasecmp(line, name, strlen(name)) == 0; }

static bool parse_header(Response *response, const char *end) {
  const char *line = response->bytes;
  bool has_length = false;
  if (sscanf(line, "HTTP/1.1 %3d", &response->status) != 1) return false;
  if (response->status < 200 || response->status > 599) return false;
  while ((line = memmem(line, (size_t)(end - line), "\r\n", 2)) != NULL) {
    line += 2;
    if (is_header(line, "content-length:")) {
      response->body_length = strtoull(line + 15, NULL, 10);
      has_length = true;
    } else if (is_header(line, "connection:")) {
      response->closes = strncasecmp(line + 11 + strspn(line + 11, " "), "close", 5) == 0;
    } else if (is_header(line, "transfer-encoding:")) {
      return false;
    }
  }
  return has_length || response->status == 204 || response->status == 304;
}

ResponseState response_parse(Response *response) {
  if (response->body_start == 0) {
    char *end = memmem(response->bytes, response->length, "\r\n\r\n", 4);
    if (end == NULL) return response->length > LARGEST_HEADER ? RESPONSE_BROKEN : RESPONSE_PARTIAL;
    end[0] = '\0';
    if (!parse_header(response, end)) return RESPONSE_BROKEN;
    response->body_start = (size_t)(end - response->bytes) + 4;
  }
  size_t whole = response->body_start + response->body_length;
  if (response->length > whole) return RESPONSE_BROKEN;
  return response->length == whole ? RESPONSE_WHOLE : RESPONSE_PARTIAL;
}

bool response_matches(const Response *response, const char *key, const double *expected, size_t count, double tolerance) {
  char *at = response->bytes + response->body_start;
  char quoted[130];
  size_t quoted_length = (size_t)snprintf(quoted, sizeof quoted, "\"%s\":", key);
  response->bytes[response->length] = '\0';
  for (size_t index = 0; index < count; index++) {
    at = memmem(at, response->length - (size_t)(at - response->bytes), quoted, quoted_length);
    if (at == NULL) return false;
    double got = strtod(at + quoted_length, &at);
    /* Written so that NaN is a difference. */
    if (!(fabs(got - expected[index]) <= tolerance * fmax(1, fabs(expected[index])))) return false;
  }
  return true;
}
