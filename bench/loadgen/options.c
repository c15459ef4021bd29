#define _GNU_SOURCE
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *USAGE =
    "usage: loadgen --port N --bodies FILE (--rate R | --closed) [options]\n"
    "  --bodies FILE       one JSON body a line, taken in turn\n"
    "  --rate R            open loop: R requests a second on average, Poisson arrivals\n"
    "  --closed            closed loop: each connection sends as soon as it was answered\n"
    "  --host H            IPv4 address (127.0.0.1)\n"
    "  --path P            request target (/v1/predict)\n"
    "  --header 'K: V'     further request header; may be repeated\n"
    "  --connections N     keep-alive connections (32)\n"
    "  --duration S        seconds that are measured (10)\n"
    "  --warmup S          seconds before that, not counted (2)\n"
    "  --limit-ms M        an answer counts as good within this time (100)\n"
    "  --timeout-ms M      a request not sent by then, or sent so long ago, counts as missing (1000)\n"
    "  --expect FILE       a line a body: the numbers that a 2xx answer must hold, separated by spaces\n"
    "  --expect-key NAME   the JSON key that those numbers follow (probability)\n"
    "  --tolerance T       largest |got - want| / max(1, |want|) (0.00001)\n"
    "  --seed N            of the arrival times (1)\n"
    "  --relaxed           sleep between events instead of polling; adds up to 1 ms\n"
    "  --histograms        add the histograms to the output: [[ns, count], ...]\n";

static void fail(const char *message, const char *detail) {
  fprintf(stderr, "loadgen: %s%s\n%s", message, detail, USAGE);
  exit(2);
}

static double number(const char *text, const char *name) {
  char *end;
  double value = strtod(text, &end);
  if (*text == '\0' || *end != '\0' || !(value >= 0)) fail("not a number of at least 0: ", name);
  return value;
}

static FILE *open_file(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) fail("cannot read ", path);
  return file;
}

static void *must(void *memory) {
  if (memory == NULL) fail("out of memory", "");
  return memory;
}

static Request make_request(const Options *options, const char *body, size_t length) {
  char head[8192];
  int at = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/json\r\n", options->path,
                    options->host, options->port);
  for (size_t index = 0; index < options->header_count; index++) {
    at += snprintf(head + at, sizeof head - (size_t)at, "%s\r\n", options->headers[index]);
    if (at > (int)sizeof head - 64) fail("the headers are too long", "");
  }
  at += snprintf(head + at, sizeof head - (size_t)at, "Content-Length: %zu\r\n\r\n", length);
  Request request = {.length = (size_t)at + length};
  request.bytes = must(malloc(request.length));
  memcpy(request.bytes, head, (size_t)at);
  memcpy(request.bytes + at, body, length);
  return request;
}

static void read_bodies(Options *options) {
  FILE *file = open_file(options->bodies_file);
  char *line = NULL;
  size_t capacity = 0;
  ssize_t length;
  while ((length = getline(&line, &capacity, file)) > 0) {
    if (line[length - 1] == '\n') length--;
    if (length == 0) continue;
    options->requests = must(realloc(options->requests, (options->request_count + 1) * sizeof(Request)));
    options->requests[options->request_count++] = make_request(options, line, (size_t)length);
  }
  free(line);
  fclose(file);
  if (options->request_count == 0) fail("no body in ", options->bodies_file);
}

static void read_numbers(Request *request, char *line) {
  char *end;
  for (double value = strtod(line, &end); end != line; value = strtod(line, &end)) {
    request->expected = must(realloc(request->expected, (request->expected_count + 1) * sizeof(double)));
    request->expected[request->expected_count++] = value;
    line = end;
  }
}

static void read_expected(Options *options) {
  FILE *file = open_file(options->expect_file);
  char *line = NULL;
  size_t capacity = 0;
  size_t index = 0;
  for (; getline(&line, &capacity, file) > 0 && index < options->request_count; index++)
    read_numbers(&options->requests[index], line);
  free(line);
  fclose(file);
  if (index != options->request_count) fail("fewer lines than bodies in ", options->expect_file);
}

static void check(const Options *options) {
  if (options->port == 0) fail("--port is needed", "");
  if (options->bodies_file == NULL) fail("--bodies is needed", "");
  if (options->closed == (options->rate > 0)) fail("either --rate or --closed", "");
  if (options->connections < 1 || options->connections > 20000) fail("--connections must be 1 to 20000", "");
  if (options->duration_s <= 0) fail("--duration must be above 0", "");
  if (options->timeout_ms <= 0 || options->timeout_ms > 60000) fail("--timeout-ms must be above 0, at most 60000", "");
}

static const struct option LONG_OPTIONS[] = {
    {"host", 1, 0, 'h'},     {"port", 1, 0, 'p'},        {"path", 1, 0, 'P'},      {"bodies", 1, 0, 'b'},
    {"header", 1, 0, 'H'},   {"rate", 1, 0, 'r'},        {"closed", 0, 0, 'c'},    {"duration", 1, 0, 'd'},
    {"warmup", 1, 0, 'w'},   {"connections", 1, 0, 'n'}, {"seed", 1, 0, 's'},      {"limit-ms", 1, 0, 'l'},
    {"timeout-ms", 1, 0, 't'}, {"expect", 1, 0, 'e'},    {"expect-key", 1, 0, 'k'}, {"tolerance", 1, 0, 'T'},
    {"relaxed", 0, 0, 'x'},  {"histograms", 0, 0, 'g'},  {0, 0, 0, 0},
};

static void set_text(Options *options, int option) {
  switch (option) {
    case 'h': options->host = optarg; break;
    case 'P': options->path = optarg; break;
    case 'b': options->bodies_file = optarg; break;
    case 'e': options->expect_file = optarg; break;
    case 'k': options->expect_key = optarg; break;
    case 'H':
      if (options->header_count == 32) fail("too many headers", "");
      options->headers[options->header_count++] = optarg;
      break;
    case 'c': options->closed = true; break;
    case 'x': options->relaxed = true; break;
    case 'g': options->histograms = true; break;
    default: exit(2);
  }
}

static void set(Options *options, int option) {
  switch (option) {
    case 'p': options->port = (int)number(optarg, "--port"); break;
    case 'r': options->rate = number(optarg, "--rate"); break;
    case 'd': options->duration_s = number(optarg, "--duration"); break;
    case 'w': options->warmup_s = number(optarg, "--warmup"); break;
    case 'n': options->connections = (int)number(optarg, "--connections"); break;
    case 's': options->seed = (uint64_t)number(optarg, "--seed"); break;
    case 'l': options->limit_ms = number(optarg, "--limit-ms"); break;
    case 't': options->timeout_ms = number(optarg, "--timeout-ms"); break;
    case 'T': options->tolerance = number(optarg, "--tolerance"); break;
    default: set_text(options, option);
  }
}

Options parse_options(int argc, char **argv) {
  Options options = {.host = "127.0.0.1", .path = "/v1/predict", .expect_key = "probability", .tolerance = 1e-5, .duration_s = 10,
                     .warmup_s = 2, .connections = 32, .seed = 1, .limit_ms = 100, .timeout_ms = 1000};
  if (argc == 1) fail("no options", "");
  for (int option; (option = getopt_long(argc, argv, "", LONG_OPTIONS, NULL)) != -1;) set(&options, option);
  if (optind < argc) fail("unexpected argument: ", argv[optind]);
  check(&options);
  read_bodies(&options);
  if (options.expect_file != NULL) read_expected(&options);
  return options;
}
